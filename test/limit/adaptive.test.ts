import { assert, describe, it } from "@effect/vitest"
import { Clock, Data, Effect, Fiber } from "effect"
import { Limit, Parallel } from "effect-parallel"
import { TestClock } from "effect/testing"
import { Random } from "../fuzz/random.ts"
import { turn } from "../helpers.ts"
import { answeredByOracle, callMillis, endless, MovingService, phaseMillis, quotas } from "./service.ts"

class TooMany extends Data.TaggedError("TooMany") {}

/** Runs calls under a limit as long as the quota of the service changes. */
const served = (limit: Limit.Limit, call: (service: MovingService) => Effect.Effect<void, TooMany>) =>
  Effect.gen(function*() {
    const clock = yield* Clock.Clock
    const service = new MovingService(() => Number(clock.monotonicTimeNanosUnsafe()) / 1e6)
    const run = Parallel.forEach(endless(), () => call(service), { concurrency: 64, limit, retry: { times: 1000 } })
    const fiber = yield* Effect.forkChild(run)
    for (let millis = 0; millis < quotas.length * phaseMillis; millis++) {
      yield* turn
      yield* TestClock.adjust(1)
    }
    yield* Fiber.interrupt(fiber)
    return { share: service.answered / answeredByOracle, refused: service.refusals / service.calls }
  })

/** Works for about twenty milliseconds. */
const works = (random: Random) => Effect.suspend(() => Effect.sleep(callMillis * (0.7 + 0.6 * random.next())))

describe("Limit.adaptive", () => {
  it.effect("finds a changing quota of a service that refuses", () =>
    Effect.gen(function*() {
      const random = new Random(1)
      const limit = Limit.adaptive({ max: 64, overload: (error) => error instanceof TooMany })
      const { refused, share } = yield* served(limit, (service) =>
        Effect.suspend(() =>
          service.enters()
            ? Effect.ensuring(works(random), Effect.sync(() => service.leaves()))
            : Effect.fail(new TooMany())
        ))

      assert.isAtLeast(share, 0.95)
      assert.isAtMost(refused, 0.02)
    }), 30_000)

  it.effect("finds the quota of a service that queues, and keeps its queue short", () =>
    Effect.gen(function*() {
      const random = new Random(1)
      const limit = Limit.adaptive({ max: 64, latency: 1.5 })
      let most = 0
      let waited = 0
      let calls = 0
      const { share } = yield* served(limit, (service) => {
        const line = Effect.callback<void>((resume) => {
          const since = service.elapsed
          service.queue(() => {
            calls++
            waited += service.elapsed - since
            most = Math.max(most, service.elapsed - since)
            resume(Effect.void)
          })
        })
        return Effect.andThen(line, Effect.ensuring(works(random), Effect.sync(() => service.leaves())))
      })

      assert.isAtLeast(share, 0.9)
      assert.isAtMost(waited / calls, 0.75 * callMillis)
      assert.isAtMost(most, 30 * callMillis)
    }), 30_000)
})
