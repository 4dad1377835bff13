import { NodeRedis } from "@effect/platform-node"
import { assert, it } from "@effect/vitest"
import { Effect, Fiber, Layer } from "effect"
import { Limit, Parallel } from "effect-parallel"
import { RateLimiter } from "effect/persistence"
import { randomUUID } from "node:crypto"
import { range } from "../helpers.ts"
import { startRedis } from "../journal/servers.ts"
import { onServer } from "../onServer.ts"

const title = "a rate with a key holds over programs that share a Redis"

/** Runs an effect like a separate program: with its own connection, limiter and limit. */
const asProgram = <A, E>(port: number, program: Effect.Effect<A, E>) => {
  const redis = NodeRedis.layer({ socket: { host: "127.0.0.1", port } })
  const limiter = RateLimiter.layer.pipe(Layer.provide(RateLimiter.layerStoreRedis()), Layer.provide(redis))
  return Effect.provide(program, Layer.fresh(limiter))
}

onServer("Redis", title, () => {
  it.live(title, () =>
    Effect.scoped(Effect.gen(function*() {
      const { port } = yield* Effect.acquireRelease(
        Effect.promise(startRedis),
        ({ stop }) => Effect.sync(stop)
      )
      const key = randomUUID()
      const rate = () => Limit.rate({ limit: 100, window: "1 second", burst: 20, cost: (n: number) => 1 + n % 3, key })
      const starts: Array<{ readonly at: number; readonly tokens: number }> = []
      const work = (n: number) => Effect.sync(() => void starts.push({ at: performance.now(), tokens: 1 + n % 3 }))
      const program = () => asProgram(port, Parallel.forEach(range(60), work, { limit: rate(), concurrency: 8 }))
      // tokens for an attempt that does not start come back
      const leaves = yield* Effect.forkChild(asProgram(port, Parallel.forEach(range(60), work, { limit: rate() })))
      yield* Effect.sleep(100)
      yield* Fiber.interrupt(leaves)
      yield* Effect.all([program(), program()], { concurrency: 2 })

      // Redis counts whole milliseconds of its own clock, and a start is seen when the answer has arrived
      const clockError = 20
      for (const [first, { at: from }] of starts.entries()) {
        let sum = 0
        for (const { at, tokens } of starts.slice(first)) {
          sum += tokens
          const most = 20 + (at - from + clockError) / 10
          assert.isAtMost(sum, most, `from ${from} to ${at} ms`)
        }
      }
      const all = starts.reduce((sum, { tokens }) => sum + tokens, 0)
      const last = starts.at(-1)!.at - starts[0]!.at
      assert.isAtLeast(all, 240)
      // and nothing waits while there are tokens
      assert.isAtMost(last, (all - 20) * 10 * 1.5 + 500)
    })), 60_000)
})
