import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Exit, Fiber, Stream } from "effect"
import { Limit, Parallel } from "effect-parallel"
import { TestClock } from "effect/testing"
import { Counted, drive, Probe, range } from "../../helpers.ts"

/** A work that takes this many milliseconds. */
const wait = (millis: number) => Effect.as(Effect.sleep(millis), millis)

describe("engine", () => {
  describe("stragglers", () => {
    /** Hangs on the first call for an input, and is quick on the second. */
    const slowOnce = (slow: ReadonlyArray<number>, probe = new Probe()) => {
      const called = new Set<number>()
      return (n: number) =>
        probe.watch(
          n,
          Effect.suspend(() => {
            if (!slow.includes(n) || called.has(n)) return wait(10)
            called.add(n)
            return Effect.never
          })
        )
    }

    it.effect("get a copy that can win, and the loser is interrupted", () =>
      Effect.gen(function*() {
        const probe = new Probe()
        const fiber = yield* Effect.forkChild(
          Parallel.run(range(10), slowOnce([4], probe), { concurrency: 5, stragglers: { after: 100 } })
        )
        yield* TestClock.adjust(109)
        const before = fiber.pollUnsafe()
        yield* TestClock.adjust(1)
        const report = yield* Fiber.join(fiber)

        assert.strictEqual(before, undefined)
        assert.strictEqual(report.values.length, 10)
        assert.strictEqual(report.outcomes[4]?.attempts, 2)
        assert.deepStrictEqual(probe.interrupted, [4])
        assert.strictEqual(probe.running, 0)
      }))

    it.effect("get only one copy each", () =>
      Effect.gen(function*() {
        const probe = new Probe()
        const work = (n: number) => probe.watch(n, Effect.delay(Effect.fail("no"), 1000))
        const exit = yield* drive(Parallel.run([1], work, { stragglers: { after: 10 } }))

        assert.strictEqual(probe.started.length, 2)
        assert.strictEqual(Exit.isSuccess(exit) && exit.value.outcomes[0]?.attempts, 2)
      }))

    it.effect("are the remaining inputs when no input waits, at most `limit`", () =>
      Effect.gen(function*() {
        const most = (slow: ReadonlyArray<number>, limit?: number) =>
          Effect.gen(function*() {
            const probe = new Probe()
            const fiber = yield* Effect.forkChild(
              Parallel.run(range(20), slowOnce(slow, probe), { concurrency: 10, stragglers: { after: 50, limit } })
            )
            yield* TestClock.adjust("1 minute")
            yield* Fiber.interrupt(fiber)
            return probe.started.length - 20
          })

        assert.strictEqual(yield* most([1, 2, 3]), 3)
        assert.strictEqual(yield* most([1, 2, 3, 4]), 0)
        assert.strictEqual(yield* most([1, 2, 3, 4], 4), 4)
        assert.strictEqual(yield* most([1, 2], 1), 0)
      }))

    it.effect("wait for a free slot: concurrency holds", () =>
      Effect.gen(function*() {
        const probe = new Probe()
        const exit = yield* drive(
          Parallel.forEach([0, 1], (n) => probe.watch(n, n === 0 ? wait(1000) : wait(300)), {
            concurrency: 2,
            stragglers: { after: 100 }
          }),
          "1 millis",
          2000
        )

        assert.isTrue(Exit.isSuccess(exit))
        assert.strictEqual(probe.most, 2)
        assert.deepStrictEqual(probe.started, [0, 1, 0])
      }))

    it.effect("do not delay the winner when something else fails", () =>
      Effect.gen(function*() {
        const quick = slowOnce([0])
        const work = (n: number) => n === 1 ? Effect.delay(Effect.fail("no"), 105) : quick(n)
        const fiber = yield* Effect.forkChild(Parallel.run([0, 1], work, { stragglers: { after: 100 } }))
        yield* TestClock.adjust(110)
        const report = yield* Fiber.join(fiber)

        assert.deepStrictEqual(report.values, [10])
        assert.strictEqual(Duration.toMillis(report.elapsed), 110)
      }))

    it.effect("whose first attempt wins interrupt the copy", () =>
      Effect.gen(function*() {
        const probe = new Probe()
        const exit = yield* drive(
          Parallel.forEach([1], (n) => probe.watch(n, wait(150)), { stragglers: { after: 100 } }),
          "1 millis"
        )

        assert.deepStrictEqual(exit, Exit.succeed([150]))
        assert.deepStrictEqual([probe.ended, probe.interrupted], [[1], [1]])
      }))

    it.effect("that block an ordered stream get a copy, even if more inputs follow", () =>
      Effect.gen(function*() {
        for (const preDispatch of [0, 2, undefined]) {
          const probe = new Probe()
          const inputs = new Counted(30)
          const options = { concurrency: 3, preDispatch, order: "input", stragglers: { after: 100 } } as const
          const stream = Parallel.stream(inputs, slowOnce([0, 7], probe), options)
          const exit = yield* drive(Stream.runCollect(stream), "1 millis", 1000)

          assert.deepStrictEqual(Exit.isSuccess(exit) && exit.value.map((outcome) => outcome.index), range(30))
          assert.deepStrictEqual(probe.interrupted, [0, 7])
          assert.strictEqual(probe.started.length, 32)
          assert.isAtMost(probe.most, 3)
        }
      }))

    it.effect("get no copy while other inputs can start, however slow they are", () =>
      Effect.gen(function*() {
        const probe = new Probe()
        const run = Parallel.run(range(20), (n) => probe.watch(n, wait(50)), {
          concurrency: 2,
          preDispatch: 0,
          stragglers: { after: 10, limit: 2 }
        })
        const exit = yield* drive(run, "1 millis", 1000)

        assert.strictEqual(Exit.isSuccess(exit) && exit.value.values.length, 20)
        assert.isAtMost(probe.started.length, 21)
      }))

    it.effect("that only wait for a limit get no copy", () =>
      Effect.gen(function*() {
        const probe = new Probe()
        const limit = Limit.concurrency(1)
        const exit = yield* drive(
          Parallel.forEach([0, 1], (n) => probe.watch(n, wait(80)), { stragglers: { after: 100 }, limit }),
          "1 millis"
        )

        assert.isTrue(Exit.isSuccess(exit))
        assert.deepStrictEqual(probe.started, [0, 1])
      }))

    it.effect("work with a timeout and retries", () =>
      Effect.gen(function*() {
        let calls = 0
        const work = () => Effect.suspend(() => ++calls < 4 ? Effect.never : Effect.succeed(calls))
        const exit = yield* drive(
          Parallel.run([1], work, { timeout: 100, retry: { times: 3 }, stragglers: { after: 30 } })
        )

        assert.deepStrictEqual(Exit.isSuccess(exit) && exit.value.values, [4])
        assert.strictEqual(Exit.isSuccess(exit) && exit.value.outcomes[0]?.attempts, 4)
      }))
  })
})
