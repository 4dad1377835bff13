import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Parallel } from "effect-parallel"
import { range, worked } from "../../helpers.ts"

/** The longest processor time of this thread between two turns of the event loop, in milliseconds. */
const longestTurn = <A, E>(effect: Effect.Effect<A, E>) =>
  Effect.gen(function*() {
    let longest = 0
    let last = worked()
    const look = () => {
      const now = worked()
      longest = Math.max(longest, now - last)
      last = now
    }
    const timer = setInterval(look, 1)
    yield* effect
    look()
    clearInterval(timer)
    return longest
  })

describe("engine", () => {
  describe("the event loop", { timeout: 60_000 }, () => {
    for (
      const [name, work] of Object.entries({
        ready: (n: number) => Effect.succeed(n),
        synchronous: (n: number) => Effect.sync(() => n),
        resolved: (n: number) => Effect.promise(() => Promise.resolve(n))
      })
    ) {
      it.live(`turns while half a million ${name} works run`, () =>
        Effect.gen(function*() {
          const inputs = range(500_000)
          const longest = yield* longestTurn(Parallel.forEach(inputs, work, { concurrency: 16 }))

          assert.isBelow(longest, 50)
        }))
    }

    it.live("turns while several runs share it", () =>
      Effect.gen(function*() {
        const runs = range(10).map(() =>
          Parallel.forEach(range(100_000), (n) => Effect.promise(() => Promise.resolve(n)))
        )
        const longest = yield* longestTurn(Effect.all(runs, { concurrency: "unbounded", discard: true }))

        assert.isBelow(longest, 200)
      }))
  })
})
