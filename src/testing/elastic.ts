/**
 * Cases of the conformance suite for backends whose workers come and go.
 */
import { assert } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Backend from "../Backend.ts"
import * as Parallel from "../Parallel.ts"
import { until, withFile } from "./files.ts"
import * as tasks from "./tasks.ts"

/** Number of inputs of a run, and how long each takes, in milliseconds. */
const many = 24
const millisOfEach = 100

/** Makes the cases of a backend from a function that changes the number of its workers. */
export const elastic = <R>(resize: (workers: number) => Effect.Effect<void, never, R>) => {
  /** Runs inputs with `before` workers, and with `after` workers once the first inputs are done. */
  const changing = (before: number, after: number) =>
    withFile((file, lines) =>
      Effect.gen(function*() {
        yield* resize(before)
        const inputs = Array.from({ length: many }, (_, n) => ({ file, line: `${n}`, millis: millisOfEach }))
        const fiber = yield* Effect.forkChild(Parallel.run(inputs, tasks.notes, { batchSize: 1 }))
        yield* until(Effect.map(lines, (lines) => lines.length >= 3))
        yield* resize(after)
        const report = yield* Fiber.join(fiber)
        return { report, noted: yield* lines }
      })
    )
  return {
    "workers that come while a run goes on get work": Effect.gen(function*() {
      const { report } = yield* changing(1, 4)

      assert.strictEqual(report.values.length, many)
      assert.isAtLeast(new Set(report.outcomes.map(({ worker }) => worker)).size, 2)
      assert.isBelow(Duration.toMillis(report.elapsed), many * millisOfEach)
    }),

    "workers that leave while a run goes on lose nothing": Effect.gen(function*() {
      const { noted, report } = yield* changing(4, 1)

      assert.strictEqual(report.values.length, many)
      assert.strictEqual(new Set(noted).size, many)
    }),

    "the number of workers is told when it changes": Effect.gen(function*() {
      const backend = yield* Backend.Backend
      yield* resize(1)
      yield* until(Effect.sync(() => backend.workers === 1))
      let changes = 0
      const stop = backend.onResize?.(() => changes++)
      yield* resize(3)
      yield* until(Effect.sync(() => backend.workers === 3))
      stop?.()

      assert.isAtLeast(changes, 1)
    })
  }
}
