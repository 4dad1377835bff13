import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { run } from "./run.ts"

it.live("the example of a majority vote ends without the voter that would take hours", () =>
  Effect.gen(function*() {
    assert.deepStrictEqual(yield* run("06-majority-vote.ts"), [
      "X...O....: cell 2 with 5 of 9 votes",
      "XOXOXOOXO: no majority (GameOver)"
    ])
  }))
