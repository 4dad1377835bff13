import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Layer } from "effect"
import { Outcome, Parallel, Progress, Report } from "effect-parallel"
import * as Threads from "effect-parallel/backend/Threads"
import { echo, half, sleeps } from "../../../src/testing/tasks.ts"
import { range } from "../../helpers.ts"

const millis = Duration.toMillis

/** Runs an effect on two threads. Returns its result and all snapshots of a progress. */
const onThreads = <A, E>(effect: Effect.Effect<A, E>) =>
  Effect.suspend(() => {
    const told: Array<Progress.Snapshot> = []
    const watch = Progress.layerCallback((snapshots) => Effect.sync(() => void told.push(...snapshots)))
    return Effect.map(
      Effect.provide(effect, Layer.mergeAll(Threads.layer({ workers: 2 }), watch)),
      (value) => ({ value, told })
    )
  })

describe("a run on threads", () => {
  it.live("reports the attempts of each worker as sequential, within the run", () =>
    Effect.gen(function*() {
      const { value: report } = yield* onThreads(Parallel.run(range(300).map((n) => n % 4), sleeps, { name: "naps" }))
      const { outcomes } = Report.toJson(report)

      for (const worker of new Set(outcomes.map((outcome) => outcome.worker))) {
        const row = outcomes.filter((outcome) => outcome.worker === worker).toSorted((a, b) =>
          a.startedAt - b.startedAt
        )
        for (const [i, { elapsed, startedAt }] of row.entries()) {
          assert.isAtLeast(startedAt, 0)
          assert.isAtMost(startedAt + elapsed, millis(report.elapsed) + 0.01)
          if (i > 0) assert.isAtLeast(startedAt + 0.01, row[i - 1]!.startedAt + row[i - 1]!.elapsed)
        }
      }
      assert.strictEqual(outcomes.length, 300)
    }))

  it.live("is counted by its progress as by its report, with the failed attempts", () =>
    Effect.gen(function*() {
      const { told, value: report } = yield* onThreads(
        Parallel.run(range(100), half, { name: "halves", retry: { times: 2 } })
      )
      const { failed, retried, total } = Report.tally(report)
      const last = told.at(-1)!

      assert.deepStrictEqual([last.done, last.failed, last.retried], [total, failed, retried])
      assert.strictEqual(last.state, "done")
      assert.isAbove(failed, 0)
      for (const failure of report.failures) {
        assert.deepStrictEqual(Outcome.tries(failure).map(({ end }) => end), ["Failed", "Failed", "Failed"])
      }
    }))

  it.live("is shown with one input per worker, for any batches", () =>
    Effect.gen(function*() {
      const { told } = yield* onThreads(Parallel.forEach(range(50_000), echo, { name: "echoes" }))

      assert.isAbove(told.length, 0)
      for (const { running } of told) assert.isAtMost(running, 2)
    }))
})
