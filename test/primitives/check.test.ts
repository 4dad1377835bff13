import { assert, describe, it } from "@effect/vitest"
import { Duration } from "effect"
import * as check from "../../src/primitives/check.ts"

describe("check", () => {
  const refused: ReadonlyArray<[check: () => unknown, error: "RangeError" | "TypeError", message: string]> = [
    [() => check.positiveInteger("n", "3"), "TypeError", "expected `n` to be a positive integer, got \"3\""],
    [() => check.positiveInteger("n", 0), "RangeError", "expected `n` to be a positive integer, got 0"],
    [() => check.positiveInteger("n", 1.5), "RangeError", "expected `n` to be a positive integer, got 1.5"],
    [() => check.positiveIntegerOr("n", "any", "all"), "TypeError", "got \"any\""],
    [() => check.positiveIntegerOr("n", -1, "all"), "RangeError", "a positive integer or \"all\", got -1"],
    [() => check.nonEmptyString("s", 3), "TypeError", "expected `s` to be a non-empty string, got 3"],
    [() => check.nonEmptyString("s", ""), "RangeError", "expected `s` to be a non-empty string, got \"\""],
    [
      () => check.positiveDuration("d", undefined),
      "TypeError",
      "expected `d` to be a positive duration, got undefined"
    ],
    [() => check.positiveDuration("d", true), "TypeError", "expected `d` to be a positive duration, got true"],
    [
      () => check.positiveDuration("d", "5 secs"),
      "RangeError",
      "expected `d` to be a positive duration such as \"5 seconds\", got \"5 secs\""
    ],
    [() => check.positiveDuration("d", 0), "RangeError", "expected `d` to be a positive duration, got 0"],
    [() => check.oneOf("w", 5, ["a"], "\"a\""), "TypeError", "expected `w` to be \"a\", got 5"],
    [() => check.oneOf("w", "b", ["a"], "\"a\""), "RangeError", "expected `w` to be \"a\", got \"b\""],
    [() => check.optionalFunction("f", 3), "TypeError", "expected `f` to be a function, got 3"],
    [() => check.knownKeys("o", null, []), "TypeError", "expected `o` to be an object, got null"],
    [() => check.knownKeys("o", { b: 1 }, ["a"]), "TypeError", "expected `o` to have only `a`, got `b`"],
    [
      () => check.knownKeys("o", { Tineout: 1 }, ["time", "timeout", "retry"]),
      "TypeError",
      "expected `o` to have only `time`, `timeout`, `retry`, got `Tineout`: did you mean `timeout`?"
    ],
    [
      () => check.knownKeys("o", { ["x\n".repeat(1e6)]: 1 }, ["a"]),
      "TypeError",
      `got \`${"x ".repeat(39)}x…\``
    ]
  ]

  for (const [run, name, message] of refused) {
    it(`refuses with a ${name}: ${message}`, () => {
      try {
        run()
        assert.fail("nothing was thrown")
      } catch (error) {
        assert.strictEqual((error as Error).name, name)
        assert.include((error as Error).message, message)
      }
    })
  }

  it("returns allowed values", () => {
    assert.strictEqual(check.positiveInteger("n", 3), 3)
    assert.strictEqual(check.positiveIntegerOr("n", "all", "all"), Infinity)
    assert.strictEqual(check.nonEmptyString("s", "a"), "a")
    assert.deepStrictEqual(check.positiveDuration("d", "1 second"), Duration.seconds(1))
    check.optionalFunction("f", undefined)
    check.knownKeys("o", { a: 1 }, ["a"])
  })
})
