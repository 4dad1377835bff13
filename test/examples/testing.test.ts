import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { run } from "./run.ts"

// the tests of the example are tests here too
await import("../../examples/testing/resize.test.ts")

it.live("the example of tests runs them by itself", () =>
  Effect.gen(function*() {
    assert.deepStrictEqual(yield* run("13-testing.ts"), [
      "passed: a photo whose worker crashes is tried again after 1 and 2 seconds",
      "passed: a photo that stalls fails after three timeouts, and the others are resized"
    ])
  }))
