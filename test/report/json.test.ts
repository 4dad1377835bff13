import { assert, describe, it } from "@effect/vitest"
import { Cause, Duration, Effect, Schema, Stream } from "effect"
import { Outcome, Report } from "effect-parallel"
import { readFileSync } from "node:fs"
import { plain } from "../../src/report/plain.ts"
import { worked } from "../helpers.ts"
import { sample } from "./sample.ts"

describe("Report.toJson", () => {
  it("matches its schema, also after writing and reading", () => {
    const json = Report.toJson(sample(200))

    const read = Schema.decodeSync(Schema.fromJsonString(Report.Json))(JSON.stringify(json))

    assert.deepStrictEqual(read, json)
    assert.strictEqual(json.version, 2)
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

  it("shows inputs by the option `input`, and shortens any input", () => {
    const report = sample(2, { input: () => "secret ".repeat(1000) })

    assert.isAtMost(Report.toJson(report).outcomes[0]!.input.length, 120)
    assert.strictEqual(
      Report.toJson(report, { input: ({ length }) => `${length} letters` }).outcomes[1]!.input,
      "7000 letters"
    )
  })

  it("keeps as many causes as requested, and all messages, each cut to a length", () => {
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

    const errors = plain(Report.toJson(report, { causes: 2 })).outcomes.map(({ error }) => error!)

    assert.deepStrictEqual(errors.map(({ cause }) => cause !== undefined), [true, true, false])
    for (const { cause = "", message } of errors) {
      assert.match(message, /^Error: x+…$/)
      assert.isBelow(cause.length, 5000)
    }
  })
})

const failures = (count: number, message: (index: number) => string) =>
  Report.make({
    name: "failures",
    elapsed: Duration.zero,
    outcomes: Array.from({ length: count }, (_, index) =>
      Outcome.failure({
        index,
        input: index,
        attempts: 2,
        elapsed: Duration.zero,
        worker: 0,
        history: [
          {
            startedAt: Duration.zero,
            elapsed: Duration.zero,
            waits: Outcome.noWaits,
            worker: 0,
            end: "Failed",
            message: message(index)
          }
        ],
        cause: Cause.fail(message(index))
      }))
  })

describe("texts of a report", () => {
  it("are stored once if they are long, and inline if they are short", () => {
    const long = "no answer from the service, for a reason of its own"
    const json = Report.toJson(failures(1000, (index) => index % 2 === 0 ? long : "odd"))

    assert.deepStrictEqual(json.texts, [long, `Error: ${long}`])
    assert.deepStrictEqual(json.outcomes[2]!.error, { message: 0, cause: 1 })
    assert.deepStrictEqual(json.outcomes[3]!.error, { message: "odd", cause: "Error: odd" })
    assert.strictEqual(json.outcomes[2]!.history![0]!.message, 0)
    assert.deepStrictEqual(plain(json).outcomes[2]!.error, { message: long, cause: `Error: ${long}` })
    assert.isBelow(JSON.stringify(Report.toJson(failures(10_000, () => long.repeat(6)))).length, 2_500_000)
  })

  it("are shared up to a limit", () => {
    const json = Report.toJson(failures(20_000, (index) => `a message that is different for each, ${index}`), {
      causes: 0
    })

    assert.strictEqual(json.texts!.length, 10_000)
    assert.strictEqual(json.outcomes[9999]!.error!.message, 9999)
    assert.strictEqual(json.outcomes[10_000]!.error!.message, "a message that is different for each, 10000")
    assert.strictEqual(plain(json).outcomes[9999]!.error!.message, "a message that is different for each, 9999")
  })

  it("are read from the first version of the format too", () => {
    const first = {
      format: "effect-parallel/report",
      version: 1,
      name: "old",
      elapsed: 1,
      tally: { total: 1, succeeded: 0, failed: 1, retried: 0, recalled: 0, attempts: 1 },
      outcomes: [
        {
          index: 0,
          _tag: "Failure",
          input: "a",
          attempts: 1,
          startedAt: 0,
          elapsed: 1,
          worker: 0,
          error: { message: "no" }
        }
      ]
    }

    assert.deepStrictEqual(plain(Schema.decodeUnknownSync(Report.Json)(first)).outcomes[0]!.error, { message: "no" })
  })
})

describe("Report.toJsonStream", () => {
  it.effect("is the document of toJson in pieces, and can be run again", () =>
    Effect.gen(function*() {
      for (const report of [sample(0), sample(1), sample(256), sample(1000), failures(600, (n) => "long ".repeat(n))]) {
        for (const options of [{}, { causes: 0, input: () => "an input" }]) {
          const pieces = Report.toJsonStream<unknown, unknown>(report, options)
          const whole = JSON.stringify(Report.toJson<unknown, unknown>(report, options))

          assert.strictEqual(yield* Stream.mkString(pieces), whole)
          assert.strictEqual((yield* Stream.runCollect(pieces)).join(""), whole)
        }
      }
    }))

  it.effect("makes only what is pulled", () =>
    Effect.gen(function*() {
      const before = worked()
      const report = failures(100_000, (index) => `a message that is different for each, ${index}`)
      const made = worked() - before
      const pieces = yield* Report.toJsonStream(report).pipe(Stream.take(2), Stream.runCollect)

      assert.strictEqual(pieces.length, 2)
      assert.isBelow(worked() - before - made, Math.max(100, made))
      assert.isBelow(pieces[1]!.length, 256 * 300)
    }))
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

  it("has the outcome of each bar, and the name of its row", () => {
    const failed = bars.filter(({ cat }) => cat === "failed")
    const rows = traceEvents.filter((event) => event.ph === "M" && event.name === "thread_name")

    assert.isAbove(failed.length, 0)
    for (const { args } of failed) assert.match(String(args["message"]), /^Unreachable/)
    assert.deepStrictEqual(rows.map(({ tid }) => tid), [1, 2, 3, 4, 5, 6, 7, 8])
    assert.strictEqual(otherData["failed"], 4)
  })
})

const micros = (duration: Duration.Duration) => Math.round(1000 * Duration.toMillis(duration))

describe("the host in a report", () => {
  it("has the version of the package", () => {
    const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
      readonly version: string
    }

    assert.strictEqual(Report.toJson(sample(1)).host!["effect-parallel"], version)
    assert.strictEqual(Report.toJson(sample(1)).host!["Node.js"], process.versions.node)
  })
})
