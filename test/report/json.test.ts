import { assert, describe, it } from "@effect/vitest"
import { Cause, Duration, Schema } from "effect"
import { Outcome, Report } from "effect-parallel"
import { sample } from "./sample.ts"

describe("Report.toJson", () => {
  it("is what its schema says, also after it was written and read", () => {
    const json = Report.toJson(sample(200))

    const read = Schema.decodeSync(Schema.fromJsonString(Report.Json))(JSON.stringify(json))

    assert.deepStrictEqual(read, json)
    assert.strictEqual(json.version, 1)
    assert.strictEqual(json.startedAt, "2025-06-01T12:00:00.000Z")
  })

  it("has the tally, and every outcome with its times and attempts", () => {
    const report = sample(200)

    const json = Report.toJson(report)

    assert.deepStrictEqual(json.tally, Report.tally(report))
    for (const [i, outcome] of report.outcomes.entries()) {
      const told = json.outcomes[i]!
      assert.deepStrictEqual([told.index, told._tag, told.attempts], [outcome.index, outcome._tag, outcome.attempts])
      assert.closeTo(told.startedAt, Duration.toMillis(outcome.startedAt), 0.001)
      assert.strictEqual(told.history?.length, outcome.attempts > 1 ? outcome.attempts : undefined)
      assert.strictEqual(told.error !== undefined, Outcome.isFailure(outcome))
    }
  })

  it("shows inputs as it is told to, and shortens them whatever they are", () => {
    const report = sample(2, { input: () => "secret ".repeat(1000) })

    assert.isAtMost(Report.toJson(report).outcomes[0]!.input.length, 120)
    assert.strictEqual(
      Report.toJson(report, { input: ({ length }) => `${length} letters` }).outcomes[1]!.input,
      "7000 letters"
    )
  })

  it("keeps as many causes as it is asked to, and the messages of all, each cut to a length", () => {
    const failure = (index: number) =>
      Outcome.failure({
        index,
        input: index,
        attempts: 1,
        elapsed: Duration.zero,
        worker: 0,
        cause: Cause.die(new Error("x".repeat(100_000)))
      })
    const report = Report.make({ name: "bad", outcomes: [0, 1, 2].map(failure), elapsed: Duration.zero })

    const errors = Report.toJson(report, { causes: 2 }).outcomes.map(({ error }) => error!)

    assert.deepStrictEqual(errors.map(({ cause }) => cause !== undefined), [true, true, false])
    for (const { cause = "", message } of errors) {
      assert.match(message, /^Error: x+…$/)
      assert.isBelow(cause.length, 5000)
    }
  })
})

describe("Report.toTrace", () => {
  const report = sample(200)
  const { otherData, traceEvents } = Report.toTrace(report)
  const bars = traceEvents.filter((event) => event.ph === "X")

  it("has a bar for each attempt, in microseconds", () => {
    const attempts = report.outcomes.flatMap((outcome) => Outcome.tries(outcome))

    assert.strictEqual(bars.length, Report.tally(report).attempts)
    assert.deepStrictEqual(
      bars.map(({ dur, tid, ts }) => [ts, dur, tid]),
      attempts.map(({ elapsed, startedAt, worker }) => [micros(startedAt), micros(elapsed), worker + 1])
    )
  })

  it("says of each what it came to, and names its row", () => {
    const failed = bars.filter(({ cat }) => cat === "failed")
    const rows = traceEvents.filter((event) => event.ph === "M" && event.name === "thread_name")

    assert.isAbove(failed.length, 0)
    for (const { args } of failed) assert.match(String(args["message"]), /^Unreachable/)
    assert.deepStrictEqual(rows.map(({ tid }) => tid), [1, 2, 3, 4, 5, 6, 7, 8])
    assert.strictEqual(otherData["failed"], 4)
  })
})

const micros = (duration: Duration.Duration) => Math.round(1000 * Duration.toMillis(duration))
