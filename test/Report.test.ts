import { assert, describe, it } from "@effect/vitest"
import { Cause, Duration, Effect } from "effect"
import { Limit, Outcome, Parallel, Progress, Report } from "effect-parallel"

const at = (index: number, attempts = 1) => ({
  index,
  input: `input ${index}`,
  attempts,
  elapsed: Duration.millis(5),
  worker: 0
})

const report = Report.make<string, string | undefined, unknown>({
  name: "some run",
  elapsed: Duration.millis(1234.5),
  outcomes: [
    Outcome.success({ ...at(0), value: "a" }),
    Outcome.failure({ ...at(1, 3), cause: Cause.fail(new TypeError("broken\n  twice")) }),
    Outcome.success({ ...at(2, 2), value: undefined }),
    Outcome.failure({ ...at(3), cause: Cause.fail("x".repeat(500)) })
  ]
})

describe("Report", () => {
  it("has the values and the failures of its outcomes, in order", () => {
    assert.deepStrictEqual(report.values, ["a", undefined])
    assert.deepStrictEqual(report.failures.map((failure) => failure.index), [1, 3])
  })

  it("tally counts", () => {
    assert.deepStrictEqual(Report.tally(report), {
      total: 4,
      succeeded: 2,
      failed: 2,
      retried: 2,
      recalled: 0,
      attempts: 7
    })
  })

  it("toText counts outcomes and lists failures, one per line", () => {
    const lines = Report.toText(report).split("\n")

    assert.strictEqual(lines[0], "some run: 2 of 4 succeeded, 2 failed, 2 retried in 1s 235ms")
    assert.strictEqual(lines[1], "  #1 \"input 1\": TypeError: broken twice (3 attempts)")
    assert.match(lines[2]!, /^ {2}#3 "input 3": x+…$/)
    assert.strictEqual(lines.length, 3)
    assert.isBelow(lines[2]!.length, 120)
  })

  it("toText lists as many failures as requested, with causes on request", () => {
    assert.match(Report.toText(report, { failures: 1 }), /and 1 more$/)
    assert.match(Report.toText(report, { causes: true }), /TypeError: broken[^]*Report\.test\.ts/)
  })

  it.effect("counts a failure that never started as failed, and not as recalled", () =>
    Effect.gen(function*() {
      const limit = Limit.make({ name: "broken", around: () => Effect.die("no permit") })
      const run = { last: undefined as Progress.Snapshot | undefined }
      const watch = Progress.layerCallback((snapshots) => Effect.sync(() => void (run.last = snapshots.at(-1))))
      const report = yield* Effect.provide(Parallel.run([1, 2, 3], Effect.succeed, { limit, name: "none" }), watch)

      assert.deepStrictEqual(report.outcomes.map(({ attempts }) => attempts), [0, 0, 0])
      assert.strictEqual(Report.tally(report).recalled, 0)
      assert.match(Report.toText(report), /^none: 0 of 3 succeeded, 3 failed in /)
      assert.deepStrictEqual([run.last?.failed, run.last?.recalled], [3, 0])
    }))

  it.effect("toText of a run without failures is one line", () =>
    Effect.gen(function*() {
      const report = yield* Parallel.run([1, 2], Effect.succeed, { name: "fine" })

      assert.match(Report.toText(report), /^fine: 2 of 2 succeeded in \d/)
    }))
})
