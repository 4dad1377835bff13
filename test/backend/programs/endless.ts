/** Runs tasks that never end on two processes, and says which these are. */
import { Parallel } from "effect-parallel"
import * as Processes from "effect-parallel/backend/Processes"
import * as Effect from "effect/Effect"
import * as tasks from "../workerTasks.ts"

const [file, how] = process.argv.slice(2)
const act = how === "spin" ? { do: "spin", millis: 600_000 } as const : { do: "hang" } as const
const who = { do: "note", file: file!, line: "" } as const

const program = Effect.andThen(
  Parallel.forEach(
    [1, 2],
    () => Effect.flatMap(tasks.act({ do: "who" }), (me) => tasks.act({ ...who, line: String(me) })),
    {
      concurrency: 2
    }
  ),
  Parallel.forEach([act, act], tasks.act)
)

const fiber = Effect.runFork(Effect.provide(program, Processes.layer({ workers: 2, grace: "200 millis" })))
const alive = setInterval(() => {}, 1000)
fiber.addObserver(() => clearInterval(alive))
if (how === "heeds") process.once("SIGINT", () => fiber.interruptUnsafe())
