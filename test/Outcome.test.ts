import { assert, describe, it } from "@effect/vitest"
import { Cause, Duration, Effect, Exit, Option } from "effect"
import { Outcome, Parallel } from "effect-parallel"

const at = { index: 3, input: "in", attempts: 2, elapsed: Duration.millis(5), worker: 1 }

describe("Outcome", () => {
  it("tells successes from failures, and outcomes from anything else", () => {
    const success = Outcome.success({ ...at, value: 7 })
    const failure = Outcome.failure({ ...at, cause: Cause.fail("no") })

    assert.isTrue(Outcome.isSuccess(success) && Outcome.isFailure(failure))
    assert.isFalse(Outcome.isSuccess(failure) || Outcome.isFailure(success))
    assert.isTrue(Outcome.isOutcome(success) && Outcome.isOutcome(failure))
    assert.isFalse(Outcome.isOutcome({ ...success }))
    assert.deepStrictEqual({ ...failure }, { _tag: "Failure", ...at, cause: Cause.fail("no") } as never)
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
