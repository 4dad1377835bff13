import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Program from "../../examples/taboo/Program.ts"

describe("two agents", () => {
  it.effect("hint and guess in turn until the word is found", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* Program.run("binoculars"), [
        "hinter: made of glass",
        "guesser: telescope",
        "hinter: has a lens",
        "guesser: camera",
        "hinter: used at night",
        "guesser: binoculars",
        "guessed after 3 hints"
      ])
    }))

  it.effect("end when no word is left to guess", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* Program.run("periscope"), [
        "hinter: 9 letters",
        "guesser: telescope",
        "hinter: 9 letters",
        "guesser: I give up",
        "not guessed"
      ])
    }))
})
