/** Runs tasks that never end on two processes. Each writes down its identifier. */
import { Parallel } from "effect-parallel"
import * as Processes from "effect-parallel/backend/Processes"
import * as Effect from "effect/Effect"
import * as tasks from "../workerTasks.ts"

const [file, how] = process.argv.slice(2)
const noting = file!
const act = how === "spin" ? { do: "spin", millis: 600_000, noting } as const : { do: "hang", noting } as const
const program = Parallel.forEach([act, act], tasks.act, { batchSize: 1, concurrency: 2 })

const fiber = Effect.runFork(Effect.provide(program, Processes.layer({ workers: 2, grace: "200 millis" })))
const alive = setInterval(() => {}, 1000)
fiber.addObserver(() => clearInterval(alive))
if (how === "heeds") process.once("SIGINT", () => fiber.interruptUnsafe())
