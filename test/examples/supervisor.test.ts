import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { run } from "./run.ts"

it.live("the example of a supervisor accepts exact answers, gives up after four, and shows a bad question", () =>
  Effect.gen(function*() {
    assert.deepStrictEqual(yield* run("05-supervisor.ts"), [
      "accepted: 23 people: 0.502 ± 0.012 after 1600 trials",
      "accepted: 40 people: 0.890 ± 0.004 after 6400 trials",
      "gaveUp: 50 people: 0.970 ± 0.002 after 6400 trials",
      "failed: 1 people: TooFew"
    ])
  }))
