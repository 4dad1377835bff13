import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { run } from "./run.ts"

// the tests of the example also run here
await import("../../examples/testing/resize.test.ts")

it.live("the example of tests runs its tests", () =>
  Effect.gen(function*() {
    assert.deepStrictEqual(yield* run("13-testing.ts"), [
      "passed: a photo is tried again 1 and 2 seconds after its worker crashed",
      "passed: a photo that stalls fails after three timeouts, the others are resized"
    ])
  }))
