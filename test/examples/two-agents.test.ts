import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { guess, score } from "../../examples/two-agents/guess.ts"
import { run } from "./run.ts"

describe("the example of two agents", () => {
  it.live("guesses the code", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* run("07-two-agents.ts"), [
        "1122: 1 in place, 0 elsewhere",
        "1344: 0 in place, 1 elsewhere",
        "3526: 1 in place, 2 elsewhere",
        "1462: 1 in place, 1 elsewhere",
        "3632: 4 in place, 0 elsewhere"
      ])
    }))

  it("counts every color of a guess once", () => {
    assert.strictEqual(score("1122", "2111"), "1 in place, 2 elsewhere")
    assert.strictEqual(score("1111", "1222"), "1 in place, 0 elsewhere")
    assert.strictEqual(score("1234", "4321"), "0 in place, 4 elsewhere")
  })

  it.effect("fails on scores that no code matches", () =>
    Effect.gen(function*() {
      const history = [{ guess: "1111", score: "2 in place, 1 elsewhere" }]

      assert.strictEqual((yield* Effect.flip(guess(history)))._tag, "Contradiction")
    }))
})
