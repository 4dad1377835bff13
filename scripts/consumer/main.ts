/**
 * A program of a user who has installed the package. It runs tasks on every backend, one that fails and one that
 * crashes.
 */
import { Cause, Effect } from "effect"
import { Backend, Parallel } from "effect-parallel"
import * as Processes from "effect-parallel/backend/Processes"
import * as Threads from "effect-parallel/backend/Threads"
import { deepStrictEqual } from "node:assert/strict"
import { exits, half } from "./tasks.ts"

const backends = {
  async: Backend.layer(Backend.async),
  threads: Threads.layer(),
  processes: Processes.layer({ workers: 2 })
}

for (const [name, layer] of Object.entries(backends)) {
  const program = Effect.gen(function*() {
    const [values, failures] = yield* Parallel.partition([2, 3, 4], half)
    deepStrictEqual(values, [1, 2])
    deepStrictEqual(failures.map(({ cause, index }) => [index, (Cause.squash(cause) as { _tag: string })._tag]), [[
      1,
      "Odd"
    ]])
    if (name === "async") return
    const [zeros, crashes] = yield* Parallel.partition([0, 5, 0], exits)
    deepStrictEqual(zeros, [0, 0])
    deepStrictEqual(crashes.map(({ cause }) => (Cause.squash(cause) as Backend.BackendError).reason._tag), [
      "WorkerCrashed"
    ])
  })
  await Effect.runPromise(Effect.provide(program, layer))
  console.log(`${name} works`)
}
