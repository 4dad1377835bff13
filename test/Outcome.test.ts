import { assert, describe, it } from "@effect/vitest"
import { Cause, Duration, Effect, Exit, Option } from "effect"
import { Outcome, Parallel } from "effect-parallel"

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
    assert.deepStrictEqual(
      JSON.parse(JSON.stringify({ success, failure })),
      JSON.parse(JSON.stringify({
        success: { _tag: "Success", ...at, startedAt: Duration.zero, history: [], value: 7 },
        failure: { _tag: "Failure", ...at, startedAt: Duration.zero, history: [], cause: Cause.fail("no") }
      }))
    )
  })

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
      assert.match(error.message, /^5 of 5 inputs failed, first #0 \("x+…\): /)
      assert.match(stopped.message, /^stopped at 1 failed inputs \(maxErrors: 1\), first #0 /)
    }))
})
