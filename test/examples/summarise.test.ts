import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { run } from "./run.ts"

it.live("the example of summaries prints a sentence of each text, and the reason if there is none", () =>
  Effect.gen(function*() {
    assert.deepStrictEqual(yield* run("01-summarise.ts"), [
      "A bee that has found flowers dances, and the others read the way from its dance.",
      "The water of the sea rises and falls twice in almost every day, since the moon pulls at it.",
      "numbers.md: NoProse: found no sentence of ten words or more (paragraphs: 1)",
      "2 of 3 texts summarized"
    ])
  }))
