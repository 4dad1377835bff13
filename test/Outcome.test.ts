import { assert, describe, it } from "@effect/vitest"
import { Cause, Duration, Effect, Exit, Fiber, Option, Schedule } from "effect"
import { Outcome, Parallel } from "effect-parallel"
import { TestClock } from "effect/testing"

const at = { index: 3, input: "in", attempts: 2, elapsed: Duration.millis(5), worker: 1 }

const shown = ({ elapsed, startedAt, ...attempt }: Outcome.Attempt) => ({
  ...attempt,
  from: Duration.toMillis(startedAt),
  took: Duration.toMillis(elapsed)
})

describe("Outcome", () => {
  it("has no private constructors among its names", () => {
    assert.deepStrictEqual(Object.keys(Outcome).toSorted(), [
      "FailedExamples",
      "TooManyErrors",
      "error",
      "failure",
      "isFailure",
      "isOutcome",
      "isSuccess",
      "noWaits",
      "success",
      "toExit",
      "tries"
    ])
  })

  it("tells successes from failures, and outcomes from anything else", () => {
    const success = Outcome.success({ ...at, value: 7 })
    const failure = Outcome.failure({ ...at, cause: Cause.fail("no") })

    assert.isTrue(Outcome.isSuccess(success) && Outcome.isFailure(failure))
    assert.isFalse(Outcome.isSuccess(failure) || Outcome.isFailure(success))
    assert.isTrue(Outcome.isOutcome(success) && Outcome.isOutcome(failure))
    assert.isFalse(Outcome.isOutcome({ ...success }))
  })

  it("is a line for logs", () => {
    const input = { id: 3, text: "x".repeat(200) }

    assert.strictEqual(String(Outcome.success({ ...at, attempts: 1, value: [7] })), "Success(#3 \"in\": [7])")
    assert.strictEqual(
      String(Outcome.failure({ ...at, cause: Cause.fail(new Error("not\nfound")) })),
      "Failure(#3 \"in\": Error: not found, 2 attempts)"
    )
    assert.isBelow(String(Outcome.failure({ ...at, input, cause: Cause.die(input) })).length, 200)
  })

  it("is JSON that holds its error as texts and its times in milliseconds", () => {
    const success = Outcome.success({ ...at, value: 7 })
    const failure = Outcome.failure({ ...at, cause: Cause.fail(new Error("no")) })
    const common = { index: 3, input: "in", attempts: 2, worker: 1, startedAt: 0, elapsed: 5 }
    const { error, ...read } = JSON.parse(JSON.stringify(failure)) as {
      readonly error: { readonly message: string; readonly cause: string }
    }

    assert.deepStrictEqual(JSON.parse(JSON.stringify(success)), { _tag: "Success", ...common, value: 7 })
    assert.deepStrictEqual(read, { _tag: "Failure", ...common })
    assert.strictEqual(error.message, "Error: no")
    assert.match(error.cause, /^Error: no\n +at .*Outcome\.test\.ts/)
  })

  it.effect("has every wait and attempt in its JSON, where there were any", () =>
    Effect.gen(function*() {
      const retry = { times: 1, schedule: Schedule.spaced("20 millis") }
      const fiber = yield* Effect.forkChild(Parallel.run([1], () => Effect.fail("no"), { retry, concurrency: 1 }))
      yield* TestClock.adjust("20 millis")
      const { failures } = yield* Fiber.join(fiber)
      const attempt = { elapsed: 0, worker: 0, end: "Failed", message: "no" }

      assert.deepStrictEqual(JSON.parse(JSON.stringify(failures[0])), {
        _tag: "Failure",
        index: 0,
        input: 1,
        attempts: 2,
        worker: 0,
        startedAt: 0,
        elapsed: 20,
        waits: { retry: 20 },
        history: [{ ...attempt, startedAt: 0 }, { ...attempt, startedAt: 20, waits: { retry: 20 } }],
        error: { message: "no", cause: Cause.pretty(Cause.fail("no")) }
      })
    }))

  it.effect("is in the JSON of an error once, and in a report without what is private", () =>
    Effect.gen(function*() {
      const work = (n: number) => n === 2 ? Effect.succeed(n) : Effect.fail(`no ${n}`)
      const failed = yield* Effect.flip(Parallel.validate([1, 2, 3], work, { name: "three" }))
      const many = yield* Effect.flip(Parallel.run([1, 2, 3], work, { maxErrors: 1, concurrency: 1 }))
      const read: Record<string, any> = JSON.parse(JSON.stringify(failed))

      assert.strictEqual(read["message"], failed.message)
      assert.deepStrictEqual(read["failures"].map((failure: any) => failure.error.message), ["no 1", "no 3"])
      assert.deepStrictEqual(read["report"], { name: "three", outcomes: 3, elapsed: 0 })
      assert.deepStrictEqual(Object.keys(JSON.parse(JSON.stringify(many))), [
        "_tag",
        "message",
        "limit",
        "failures",
        "report"
      ])
      assert.strictEqual(String(failed.report), "Report(three: 1 of 3 succeeded)")
      assert.deepStrictEqual(Object.keys(JSON.parse(JSON.stringify(failed.report))), [
        "name",
        "startedAt",
        "elapsed",
        "settings",
        "outcomes"
      ])
    }))

  it("has its one attempt, or all where there were several, or none", () => {
    const attempt: Outcome.Attempt = {
      startedAt: Duration.millis(7),
      elapsed: Duration.millis(5),
      waits: Outcome.noWaits,
      worker: 1,
      end: "Failed",
      message: "no"
    }
    const startedAt = Duration.millis(7)
    const failure = { ...at, startedAt, cause: Cause.fail("no") }

    assert.deepStrictEqual(Outcome.tries(Outcome.failure({ ...failure, attempts: 1 })).map(shown), [shown(attempt)])
    assert.deepStrictEqual(Outcome.tries(Outcome.failure({ ...failure, history: [attempt, attempt] })), [
      attempt,
      attempt
    ])
    assert.deepStrictEqual(Outcome.tries(Outcome.success({ ...at, attempts: 0, value: 7 })), [])
  })

  it("becomes an exit", () => {
    assert.deepStrictEqual(Outcome.toExit(Outcome.success({ ...at, value: 7 })), Exit.succeed(7))
    assert.deepStrictEqual(Outcome.toExit(Outcome.failure({ ...at, cause: Cause.die("bug") })), Exit.die("bug"))
  })

  it("gives the typed error of a failure, where there is one", () => {
    assert.deepStrictEqual(Outcome.error(Outcome.failure({ ...at, cause: Cause.fail("no") })), Option.some("no"))
    assert.deepStrictEqual(Outcome.error(Outcome.failure({ ...at, cause: Cause.die("bug") })), Option.none())
  })

  it.effect("shows an input shortened, however large it is", () =>
    Effect.gen(function*() {
      const huge = [
        "x".repeat(1e6),
        { text: "y".repeat(1e6), list: Array.from({ length: 1e5 }, (_, i) => ({ i })) },
        new Uint8Array(1e6),
        new Error("z".repeat(1e6)),
        Object.assign(Object.create(null), { toString: undefined })
      ]
      const error = yield* Effect.flip(Parallel.validate(huge, (input) => Effect.fail(input)))
      const stopped = yield* Effect.flip(Parallel.run(huge, (input) => Effect.fail(input), { maxErrors: 1 }))

      assert.isBelow(error.message.length, 300)
      assert.match(error.message, /^5 of 5 inputs failed; the first was input #0 \("x+…\): /)
      assert.match(stopped.message, /^stopped at 1 failed input \(maxErrors: 1\); the first was input #0 /)
    }))
})
