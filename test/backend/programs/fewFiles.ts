/**
 * Runs tasks while almost no file can be opened, and again afterwards. Prints the results of both.
 */
import { Parallel } from "effect-parallel"
import * as Processes from "effect-parallel/backend/Processes"
import * as Threads from "effect-parallel/backend/Threads"
import * as Effect from "effect/Effect"
import { closeSync, openSync } from "node:fs"
import * as tasks from "../workerTasks.ts"

const layers = { threads: Threads.layer, processes: Processes.layer }
const kind = process.argv[2] as keyof typeof layers
const left = Number(process.argv[3])

/** Opens files until only this many more can be opened. */
const exhaust = (): ReadonlyArray<number> => {
  const files: Array<number> = []
  try {
    for (;;) files.push(openSync("/dev/null", "r"))
  } catch {
    for (const file of files.splice(0, left)) closeSync(file)
    return files
  }
}

const run = Parallel.partition([4, 9, 16], tasks.tiny, { batchSize: 1 })
await Effect.runPromise(
  Effect.gen(function*() {
    const files = exhaust()
    const [values, failures] = yield* run
    for (const file of files) closeSync(file)
    const after = yield* run
    const reasons = failures.map(({ cause }) => cause.reasons.map(({ _tag }) => _tag).join())
    console.log(JSON.stringify({ settled: values.length + failures.length, reasons, after: after[0] }))
  }).pipe(Effect.provide(layers[kind]({ workers: 2 })))
)
