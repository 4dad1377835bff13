import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit } from "effect"
import { isReady } from "../../src/primitives/effects.ts"

describe("isReady", () => {
  it("recognizes an Exit like Effect's own guard", () => {
    const effects = [
      Effect.succeed(1),
      Effect.fail(1),
      Effect.die(1),
      Effect.void,
      Effect.suspend(() => Effect.succeed(1)),
      Effect.never,
      Effect.interrupt
    ]

    for (const effect of effects) assert.strictEqual(isReady(effect), Exit.isExit(effect))
    assert.isTrue(isReady(Effect.succeed(1)))
  })
})
