import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Schedule } from "effect"
import { Parallel } from "effect-parallel"
import { TestClock } from "effect/testing"
import { Counted, CountedAsync, drive, Probe, range, turn } from "../../helpers.ts"

/** A work that takes this many milliseconds. */
const wait = (millis: number) => Effect.as(Effect.sleep(millis), millis)

describe("engine", () => {
  describe("concurrency", () => {
    for (const concurrency of [1, 3, 8, 40, "unbounded"] as const) {
      it.effect(`has ${concurrency} works in flight while there are inputs, and never more`, () =>
        Effect.gen(function*() {
          const probe = new Probe()
          const exit = yield* drive(
            Parallel.run(range(100), (n) => probe.watch(n, wait(10 + (n % 7))), { concurrency })
          )

          assert.isTrue(Exit.isSuccess(exit))
          assert.strictEqual(probe.most, concurrency === "unbounded" ? 100 : concurrency)
        }))
    }

    it.effect("is 8 by default", () =>
      Effect.gen(function*() {
        const probe = new Probe()
        yield* drive(Parallel.run(range(100), (n) => probe.watch(n, wait(1))))

        assert.strictEqual(probe.most, 8)
      }))

    it.effect("may be far higher than the number of inputs", () =>
      Effect.gen(function*() {
        const values = yield* Parallel.forEach(new Counted(3), (n) => Effect.succeed(n), { concurrency: 1_000_000_000 })

        assert.deepStrictEqual(values, [0, 1, 2])
      }))

    it.effect("holds over infinite inputs", () =>
      Effect.gen(function*() {
        const inputs = new Counted()
        const probe = new Probe()
        const work = (n: number) => probe.watch(n, n === 50 ? Effect.fail("enough") : wait(10))
        const exit = yield* drive(Parallel.forEach(inputs, work, { concurrency: 4 }))

        assert.deepStrictEqual(exit, Exit.fail("enough"))
        assert.strictEqual(probe.most, 4)
        assert.strictEqual(inputs.pulled, 51)
        assert.strictEqual(inputs.closed, 1)
      }))
  })

  describe("look-ahead", () => {
    it.effect("of 0 reads nothing ahead, and gives every result", () =>
      Effect.gen(function*() {
        const inputs = new CountedAsync(20)
        let most = 0
        let done = 0
        const work = (n: number) =>
          Effect.map(Effect.yieldNow, () => {
            most = Math.max(most, inputs.pulled - done++)
            return n
          })
        const values = yield* Parallel.forEach(inputs, work, { concurrency: 3, preDispatch: 0 })

        assert.deepStrictEqual(values, range(20))
        assert.strictEqual(most, 3)
      }))

    it.effect("is twice the concurrency by default, and can be all", () =>
      Effect.gen(function*() {
        for (const [preDispatch, pulled] of [[undefined, 6], [5, 7], ["all", 30]] as const) {
          const inputs = new CountedAsync(30)
          const fiber = yield* Effect.forkChild(
            Parallel.forEach(inputs, () => Effect.never, { concurrency: 2, preDispatch })
          )
          for (let i = 0; i < 5; i++) yield* turn

          assert.strictEqual(inputs.pulled, pulled)
          yield* Fiber.interrupt(fiber)
        }
      }))

    it.effect("counts inputs that wait for a retry", () =>
      Effect.gen(function*() {
        const inputs = new Counted(100)
        const fiber = yield* Effect.forkChild(Parallel.run(inputs, () => Effect.fail("no"), {
          concurrency: 2,
          preDispatch: 3,
          retry: Schedule.spaced("1 minute")
        }))
        yield* TestClock.adjust(1)

        assert.strictEqual(inputs.pulled, 5)
        yield* Fiber.interrupt(fiber)
        assert.strictEqual(inputs.closed, 1)
      }))
  })
})
