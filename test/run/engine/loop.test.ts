import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Parallel } from "effect-parallel"
import { range } from "../../helpers.ts"

describe("engine", () => {
  describe("the event loop", () => {
    for (
      const [name, work] of Object.entries({
        ready: (n: number) => Effect.succeed(n),
        synchronous: (n: number) => Effect.sync(() => n),
        resolved: (n: number) => Effect.promise(() => Promise.resolve(n))
      })
    ) {
      it.live(`goes round while half a million ${name} works run`, () =>
        Effect.gen(function*() {
          const inputs = range(500_000)
          let longest = 0
          let last = performance.now()
          const timer = setInterval(() => {
            longest = Math.max(longest, performance.now() - last)
            last = performance.now()
          }, 1)
          yield* Parallel.forEach(inputs, work, { concurrency: 16 })
          longest = Math.max(longest, performance.now() - last)
          clearInterval(timer)

          assert.isBelow(longest, 50)
        }))
    }

    it.live("goes round while several runs share it", () =>
      Effect.gen(function*() {
        const runs = range(10).map(() =>
          Parallel.forEach(range(100_000), (n) => Effect.promise(() => Promise.resolve(n)))
        )
        let longest = 0
        let last = performance.now()
        const timer = setInterval(() => {
          longest = Math.max(longest, performance.now() - last)
          last = performance.now()
        }, 1)
        yield* Effect.all(runs, { concurrency: "unbounded", discard: true })
        clearInterval(timer)

        assert.isBelow(longest, 60)
      }))
  })
})
