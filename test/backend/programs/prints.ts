/** Makes a worker print many lines, once while it continues and once right before it exits. */
import { Parallel } from "effect-parallel"
import * as Processes from "effect-parallel/backend/Processes"
import * as Threads from "effect-parallel/backend/Threads"
import * as Effect from "effect/Effect"
import * as tasks from "../workerTasks.ts"

const layers = { threads: Threads.layer, processes: Processes.layer }
const layer = layers[process.argv[2] as keyof typeof layers]({ workers: 1 })
const acts = [{ do: "print", lines: 500 }, { do: "print", lines: 500, exit: 3 }] as const

await Effect.runPromise(Effect.provide(Parallel.partition(acts, tasks.act, { concurrency: 1 }), layer))
