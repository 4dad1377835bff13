import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { run } from "./run.ts"

it.live("the example of summaries says a sentence of each text, and why there is none of one", () =>
  Effect.gen(function*() {
    assert.deepStrictEqual(yield* run("01-summarise.ts"), [
      "A bee that has found flowers dances, and the others read the way from its dance.",
      "The water of the sea rises and falls twice in almost every day, since the moon pulls at it.",
      "numbers.md: NoProse: no sentence of ten words in 1 paragraphs",
      "2 of 3 texts summarised"
    ])
  }))
