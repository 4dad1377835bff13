import { assert, describe, it } from "@effect/vitest"
import { Cause, Clock, Deferred, Effect, Exit, Fiber, Layer, Option, Scheduler } from "effect"
import { Limit, Parallel } from "effect-parallel"
import { RateLimiter } from "effect/persistence"
import { TestClock } from "effect/testing"
import { drive, Probe, range, Refused, worked } from "./helpers.ts"

/** Records when each work starts. */
const starts = (log: Array<number>) =>
  Effect.flatMap(Clock.currentTimeMillis, (now) => Effect.sync(() => void log.push(now)))

describe("Limit", () => {
  describe("concurrency", () => {
    it.effect("holds over all runs that use it", () =>
      Effect.gen(function*() {
        const limit = Limit.concurrency(3)
        const probe = new Probe()
        const run = Parallel.forEach(range(10), (n) => probe.watch(n, Effect.sleep(10)), { limit })
        const exit = yield* drive(Effect.all([run, run, run], { concurrency: "unbounded" }))

        assert.isTrue(Exit.isSuccess(exit))
        assert.strictEqual(probe.most, 3)
        assert.strictEqual(probe.started.length, 30)
      }))

    it.effect("8 × 8 nested runs under one limit of 8 keep 8 in flight, and all end", () =>
      Effect.gen(function*() {
        const limit = Limit.concurrency(8)
        const probe = new Probe()
        const inner = (n: number) => probe.watch(n, Effect.sleep(10))
        const outer = () => Parallel.forEach(range(8), inner, { concurrency: 8, limit })
        const fiber = yield* Effect.forkChild(Parallel.forEach(range(8), outer, { concurrency: 8, limit }))
        yield* TestClock.adjust(80)

        assert.strictEqual(fiber.pollUnsafe()?._tag, "Success")
        assert.strictEqual(probe.most, 8)
        assert.strictEqual(probe.started.length, 64)
      }))

    it.effect("lets nested runs use free permits in addition to borrowed ones", () =>
      Effect.gen(function*() {
        const limit = Limit.concurrency(4)
        const probe = new Probe()
        const outer = () => Parallel.forEach(range(8), (n) => probe.watch(n, Effect.sleep(10)), { limit })
        yield* drive(Parallel.forEach([1], outer, { limit }))

        assert.strictEqual(probe.most, 4)
      }))

    it.effect("holds three levels deep", () =>
      Effect.gen(function*() {
        const limit = Limit.concurrency(2)
        const probe = new Probe()
        const level = (depth: number): Effect.Effect<void> =>
          depth === 0
            ? probe.watch(depth, Effect.sleep(1))
            : Effect.asVoid(Parallel.forEach(range(3), () => level(depth - 1), { limit }))
        const exit = yield* drive(level(3))

        assert.isTrue(Exit.isSuccess(exit))
        assert.strictEqual(probe.most, 2)
        assert.strictEqual(probe.started.length, 27)
      }))

    it.effect("holds under cancellation: four canceled waves never have more than 2 alive", () =>
      Effect.gen(function*() {
        const limit = Limit.concurrency(2)
        const probe = new Probe()
        const work = (n: number) => probe.watch(n, Effect.onInterrupt(Effect.never, () => Effect.sleep(5)))
        for (let wave = 0; wave < 4; wave++) {
          const fiber = yield* Effect.forkChild(Parallel.forEach(range(10), work, { limit }))
          yield* TestClock.adjust(1)
          const interrupter = yield* Effect.forkChild(Fiber.interrupt(fiber))
          if (wave % 2 === 0) yield* TestClock.adjust(10)
          else yield* Effect.forkChild(Fiber.await(interrupter))
        }
        yield* TestClock.adjust(100)

        assert.strictEqual(probe.most, 2)
        assert.strictEqual(probe.running, 0)
        const exit = yield* drive(Parallel.forEach(range(4), (n) => probe.watch(n, Effect.sleep(1)), { limit }))
        assert.isTrue(Exit.isSuccess(exit))
      }))

    it.effect("gives a permit back once if its attempt ends before the borrowers, and only after they end", () =>
      Effect.gen(function*() {
        const limit = Limit.concurrency(1)
        const probe = new Probe()
        const nested = Parallel.forEach([1], (n) => probe.watch(n, Effect.sleep(20)), { limit })
        const outer = () => Effect.andThen(Effect.forkDetach(nested, { startImmediately: true }), Effect.sleep(5))
        const first = yield* Effect.forkChild(Parallel.forEach([1], outer, { limit }))
        yield* TestClock.adjust(5)
        yield* Fiber.join(first)
        const other = yield* Effect.forkChild(
          Parallel.forEach([2, 3], (n) => probe.watch(n, Effect.sleep(1)), { limit, concurrency: 2 })
        )
        yield* TestClock.adjust(14)
        const early = [...probe.started]
        yield* TestClock.adjust(10)

        assert.deepStrictEqual(early, [1])
        assert.strictEqual(other.pollUnsafe()?._tag, "Success")
        assert.strictEqual(probe.most, 1)
      }))

    it.effect(
      "loses no permit and lends none twice if its holders are interrupted at any time",
      () =>
        Effect.gen(function*() {
          for (const budget of range(40)) {
            for (const after of range(12)) {
              const limit = Limit.concurrency(1)
              const probe = new Probe()
              const nested = (n: number) =>
                Parallel.forEach([n, n], () => probe.watch(n, Effect.yieldNow), { limit, concurrency: 2 })
              const run = Parallel.forEach(range(4), nested, { limit }).pipe(
                Effect.provideService(Scheduler.MaxOpsBeforeYield, budget + 3)
              )
              const fiber = yield* Effect.forkChild(run, { startImmediately: true })
              for (let i = 0; i < after; i++) yield* Effect.yieldNow
              yield* Fiber.interrupt(fiber)
              const exit = yield* drive(Parallel.forEach([1, 2], nested, { limit }), "1 millis", 50)

              assert.isTrue(Exit.isSuccess(exit), `after ${after} turns of ${budget + 3} operations`)
              assert.strictEqual(probe.most, 1)
            }
          }
        }),
      60_000
    )

    it.effect("passes a permit along any number of attempts that outlive each other", () =>
      Effect.gen(function*() {
        const limit = Limit.concurrency(1)
        const done = yield* Deferred.make<number>()
        const generation = (n: number): Effect.Effect<unknown> =>
          n === 5000 ? Deferred.succeed(done, n) : Effect.yieldNow.pipe(
            Effect.andThen(Effect.forkDetach(
              Parallel.forEach([n + 1], generation, { limit }),
              { startImmediately: true }
            ))
          )
        yield* Parallel.forEach([0], generation, { limit })
        const last = yield* Deferred.await(done)
        const exit = yield* drive(Parallel.forEach([1], (n) => Effect.succeed(n), { limit }))

        assert.deepStrictEqual(exit, Exit.succeed([1]))
        assert.strictEqual(last, 5000)
      }))

    it.effect("lends the permit that an ended attempt had borrowed to the fibers it left behind", () =>
      Effect.gen(function*() {
        const limit = Limit.concurrency(1)
        const probe = new Probe()
        const inner = (name: number) => Parallel.forEach([name], () => probe.watch(name, Effect.sleep(1)), { limit })
        const outer = () =>
          Effect.gen(function*() {
            // an attempt that borrows, and ends while two attempts that it started still wait to borrow from it
            const [both] = yield* Parallel.forEach([0], () =>
              Effect.gen(function*() {
                const first = yield* Effect.forkDetach(inner(1), { startImmediately: true })
                const second = yield* Effect.forkDetach(inner(2), { startImmediately: true })
                return [first, second]
              }), { limit })
            yield* Fiber.joinAll(both!)
          })
        const exit = yield* drive(Parallel.forEach([0], outer, { limit }), "1 millis")

        assert.isTrue(Exit.isSuccess(exit))
        assert.deepStrictEqual(probe.ended, [1, 2])
        assert.strictEqual(probe.most, 1)
      }))

    it.effect("hands permits out first come, first served", () =>
      Effect.gen(function*() {
        const limit = Limit.concurrency(1)
        const log: Array<string> = []
        const run = (name: string) =>
          Parallel.forEach(
            range(2),
            (n) => Effect.andThen(Effect.sync(() => log.push(`${name}${n}`)), Effect.sleep(1)),
            {
              limit,
              concurrency: 1
            }
          )
        yield* drive(Effect.all([run("a"), run("b")], { concurrency: 2 }), "1 millis")

        assert.deepStrictEqual(log, ["a0", "b0", "a1", "b1"])
      }))

    it.effect("costs no more per waiter when many wait", () =>
      Effect.gen(function*() {
        const time = (size: number) =>
          Effect.gen(function*() {
            const limit = Limit.concurrency(1)
            const from = worked()
            yield* Parallel.forEach(range(size), () => Effect.yieldNow, { limit, concurrency: "unbounded" })
            return worked() - from
          })
        yield* time(1000)
        const small = yield* time(2000)
        const large = yield* time(20_000)

        assert.isBelow(large / small, 40)
      }), 60_000)
  })

  describe("rate", () => {
    it.effect("starts a full bucket immediately, and then one for each returned token", () =>
      Effect.gen(function*() {
        const log: Array<number> = []
        const limit = Limit.rate({ limit: 10, window: "1 second" })
        const exit = yield* drive(
          Parallel.forEach(range(30), () => starts(log), { limit, concurrency: 30 }),
          "100 millis"
        )

        assert.isTrue(Exit.isSuccess(exit))
        assert.deepStrictEqual(log, [...range(10).map(() => 0), ...range(20).map((n) => 100 * (n + 1))])
      }))

    it.effect("counts retries as starts", () =>
      Effect.gen(function*() {
        const log: Array<number> = []
        const limit = Limit.rate({ limit: 1, window: "1 second" })
        const work = () => Effect.andThen(starts(log), Effect.fail("no"))
        yield* drive(Parallel.run([1], work, { limit, retry: { times: 2 } }), "1 seconds")

        assert.deepStrictEqual(log, [0, 1000, 2000])
      }))

    it.effect("uses a RateLimiter that is provided, by key", () =>
      Effect.gen(function*() {
        const log: Array<number> = []
        const keys: Array<string> = []
        const memory = yield* RateLimiter.make
        const spy = RateLimiter.RateLimiter.of({
          ...memory,
          consume: (options) => {
            keys.push(options.key)
            return memory.consume(options)
          }
        })
        const run = () =>
          Parallel.forEach([1, 2], () => starts(log), { limit: Limit.rate({ limit: 2, window: 1000, key: "shared" }) })
        yield* drive(
          Effect.provideService(Effect.all([run(), run()], { concurrency: 2 }), RateLimiter.RateLimiter, spy),
          "500 millis"
        )

        assert.deepStrictEqual(log, [0, 0, 500, 1000])
        assert.deepStrictEqual([...new Set(keys)], ["shared"])
      }).pipe(Effect.provide(Layer.fresh(RateLimiter.layerStoreMemory))))

    it.effect("without a key, does not use a RateLimiter that is provided", () =>
      Effect.gen(function*() {
        const log: Array<number> = []
        const refuse = Effect.die("not shared")
        const spy = RateLimiter.RateLimiter.of({ ...(yield* RateLimiter.make), consume: () => refuse })
        const run = () => Parallel.forEach([1], () => starts(log), { limit: Limit.rate({ limit: 1, window: 1000 }) })
        const exit = yield* drive(
          Effect.provideService(Effect.all([run(), run()], { concurrency: 2 }), RateLimiter.RateLimiter, spy)
        )

        assert.isTrue(Exit.isSuccess(exit))
        assert.deepStrictEqual(log, [0, 0])
      }).pipe(Effect.provide(Layer.fresh(RateLimiter.layerStoreMemory))))

    it("refuses an empty key", () => {
      assert.throws(
        () => Limit.rate({ limit: 1, window: 1, key: "" }),
        "expected `key` to be a non-empty string, got \"\""
      )
    })

    it.effect("otherwise has a separate bucket for each limit", () =>
      Effect.gen(function*() {
        const log: Array<number> = []
        const run = () => Parallel.forEach([1], () => starts(log), { limit: Limit.rate({ limit: 1, window: 1000 }) })
        yield* drive(Effect.all([run(), run()], { concurrency: 2 }))

        assert.deepStrictEqual(log, [0, 0])
      }))

    it.effect("leaves no waiter behind when a run fails", () =>
      Effect.gen(function*() {
        for (const concurrency of [8, 50, "unbounded"] as const) {
          const limit = Limit.rate({ limit: 10, window: "1 second" })
          const log: Array<number> = []
          const work = (n: number) => n === 11 ? Effect.fail("no more") : Effect.sleep(1)
          yield* drive(Parallel.forEach(range(100), work, { limit, concurrency }), "10 millis")
          const failedAt = yield* Clock.currentTimeMillis
          yield* drive(Parallel.forEach([1], () => starts(log), { limit }), "10 millis")

          assert.isAtMost(log[0]! - failedAt, 100, `at concurrency ${concurrency}`)
        }
      }))

    it.effect("spends no token for an attempt that is interrupted while it waits", () =>
      Effect.gen(function*() {
        const limit = Limit.rate({ limit: 1, window: "1 second" })
        const log: Array<number> = []
        const start = () => Parallel.forEach([1], () => starts(log), { limit })
        yield* start()
        const waiting = yield* Effect.forEach(range(20), () => Effect.forkChild(start()))
        yield* TestClock.adjust(500)
        assert.strictEqual((yield* limit.state).waiting, 20)
        yield* Fiber.interruptAll(waiting)
        assert.strictEqual((yield* limit.state).waiting, 0)
        yield* drive(start(), "100 millis")

        assert.deepStrictEqual(log, [0, 1000])
      }))

    it.effect("takes the cost of an input in turn: a cheaper input does not overtake", () =>
      Effect.gen(function*() {
        const log: Array<readonly [number, number]> = []
        const limit = Limit.rate({ limit: 100, window: "1 second", cost: (n: number) => n })
        const work = (n: number) => Effect.map(Clock.currentTimeMillis, (now) => void log.push([n, now]))
        yield* drive(Parallel.forEach([60, 50, 1, 100, 0, 9], work, { limit, concurrency: 8 }), "10 millis")

        assert.deepStrictEqual(log.toSorted(([, a], [, b]) => a - b), [
          [60, 0],
          [0, 0],
          [50, 100],
          [1, 110],
          [100, 1110],
          [9, 1200]
        ])
      }))

    it.effect("corrects the cost by `settle`: down, up, repeatedly, and outside an attempt", () =>
      Effect.gen(function*() {
        const limit = Limit.rate({ limit: 100, window: "1 second", cost: () => 50 })
        const free = Effect.map(limit.state, (state) => state.free)
        const settled = (...costs: ReadonlyArray<number>) =>
          Effect.andThen(
            Parallel.forEach([1], () => Effect.forEach(costs, (cost) => limit.settle(cost)), { limit }),
            free
          )

        assert.strictEqual(yield* settled(20), 80)
        assert.strictEqual(yield* settled(60), 20)
        yield* TestClock.adjust(1000)
        assert.strictEqual(yield* settled(10, 30), 70)
        yield* limit.settle(70)
        assert.strictEqual(yield* free, 0)
        yield* limit.settle(100)
        yield* TestClock.adjust(1000)
        assert.strictEqual(yield* free, 0)
        yield* TestClock.adjust(500)
        assert.strictEqual(yield* free, 50)
        assert.throws(() => limit.settle(-1), /expected `cost` to be a finite number of at least 0, got -1/)
      }))

    it.effect("takes the tokens of several rates together when the attempt starts", () =>
      Effect.gen(function*() {
        const log: Array<number> = []
        const calls = Limit.rate({ limit: 2, window: "1 second" })
        const tokens = Limit.rate({ limit: 10, window: "1 second", cost: (n: number) => n })
        const run = Parallel.forEach([10, 10, 1, 1, 1], () => starts(log), { limit: [calls, tokens], concurrency: 8 })
        const fiber = yield* Effect.forkChild(run)
        yield* TestClock.adjust(900)
        assert.strictEqual((yield* calls.state).free, 2)
        yield* TestClock.adjust(100)
        assert.deepStrictEqual(log, [0, 1000])
        yield* TestClock.adjust(5000)
        yield* Fiber.join(fiber)

        assert.deepStrictEqual(log, [0, 1000, 1100, 1500, 2000])
      }))

    it.effect("starts only a part immediately, with `burst`", () =>
      Effect.gen(function*() {
        const log: Array<number> = []
        const limit = Limit.rate({ limit: 10, window: "1 second", burst: 2 })
        yield* drive(Parallel.forEach(range(5), () => starts(log), { limit, concurrency: 8 }), "50 millis")

        assert.deepStrictEqual(log, [0, 0, 100, 200, 300])
      }))

    for (const cost of [-1, 11, NaN, Infinity, "1", undefined]) {
      it.effect(`refuses a cost of ${String(cost)}, which fails only its input`, () =>
        Effect.gen(function*() {
          const limit = Limit.rate({ limit: 10, window: 1000, cost: (n: number) => n === 1 ? cost as number : 1 })
          const [values, failures] = yield* Parallel.partition([1, 2], Effect.succeed, { limit })

          assert.deepStrictEqual(values, [2])
          assert.match(Cause.pretty(failures[0]!.cause), /expected `cost\(input\)` to be /)
          assert.strictEqual((yield* limit.state).free, 9)
        }))
    }

    it.effect("with a shared limiter, spends nothing for waiting inputs, and settles there", () =>
      Effect.gen(function*() {
        const limit = Limit.rate({ limit: 10, window: "1 second", key: "shared", cost: (n: number) => n })
        const other = Limit.rate({ limit: 10, window: "1 second", key: "shared", cost: (n: number) => n })
        const log: Array<number> = []
        yield* Parallel.forEach([10], () => limit.settle(5), { limit })
        const waiting = yield* Effect.forkChild(Parallel.forEach([10, 10], () => Effect.void, { limit }))
        yield* TestClock.adjust(100)
        yield* Fiber.interrupt(waiting)
        yield* drive(Parallel.forEach([6, 1], () => starts(log), { limit: other, concurrency: 1 }), "100 millis")

        assert.deepStrictEqual(log, [100, 200])
      }).pipe(Effect.provide(RateLimiter.layer.pipe(Layer.provide(Layer.fresh(RateLimiter.layerStoreMemory))))))

    it.effect("fails the attempt with a defect when its store fails, and nothing waits forever", () =>
      Effect.gen(function*() {
        const limit = Limit.rate({ limit: 1, window: "1 second", key: "shared" })
        const exit = yield* Effect.exit(Parallel.forEach([1, 2], () => Effect.void, { limit }))

        assert.isTrue(Exit.isFailure(exit) && Cause.hasDies(exit.cause))
      }).pipe(
        Effect.provideService(RateLimiter.RateLimiter, {
          consume: () =>
            Effect.fail(
              new RateLimiter.RateLimiterError({ reason: new RateLimiter.RateLimitStoreError({ message: "gone" }) })
            )
        } as never)
      ))
  })

  describe("keyed", () => {
    it.effect("has a limit for each key, made on first use", () =>
      Effect.gen(function*() {
        const made: Array<string> = []
        const inFlight = new Map<string, number>()
        const most = new Map<string, number>()
        const limit = Limit.keyed(
          (input: string) => input[0]!,
          (key) => {
            made.push(key)
            return Limit.concurrency(key === "a" ? 1 : 2)
          }
        )
        const work = (input: string) => {
          const key = input[0]!
          const count = (inFlight.get(key) ?? 0) + 1
          inFlight.set(key, count)
          most.set(key, Math.max(most.get(key) ?? 0, count))
          return Effect.ensuring(Effect.sleep(10), Effect.sync(() => inFlight.set(key, inFlight.get(key)! - 1)))
        }
        const inputs = ["a1", "a2", "a3", "b1", "b2", "b3", "b4", "a4"]
        const exit = yield* drive(Parallel.forEach(inputs, work, { limit, concurrency: 8 }))

        assert.isTrue(Exit.isSuccess(exit))
        assert.deepStrictEqual(made, ["a", "b"])
        assert.deepStrictEqual([...most], [["a", 1], ["b", 2]])
        assert.deepStrictEqual([...(yield* limit.states).keys()], ["a", "b"])
      }))

    it.effect("lets other inputs overtake one that waits for its key, and keeps the order of results", () =>
      Effect.gen(function*() {
        const limit = Limit.keyed((input: string) => input[0]!, () => Limit.concurrency(1))
        const log: Array<readonly [string, number]> = []
        const work = (input: string) =>
          Effect.flatMap(Clock.currentTimeMillis, (now) => {
            log.push([input, now])
            return Effect.as(Effect.sleep(input[0] === "a" ? 100 : 1), input)
          })
        const inputs = ["a1", "a2", "a3", "b1", "c1", "b2", "c2", "d1"]
        const exit = yield* drive(Parallel.forEach(inputs, work, { limit, concurrency: 2, preDispatch: 8 }))

        assert.deepStrictEqual(exit, Exit.succeed(inputs))
        assert.deepStrictEqual(log, [
          ["a1", 0],
          ["b1", 0],
          ["c1", 1],
          ["b2", 2],
          ["c2", 3],
          ["d1", 4],
          ["a2", 100],
          ["a3", 200]
        ])
      }))

    it.effect("reads ahead at most `preDispatch` inputs for other keys", () =>
      Effect.gen(function*() {
        const limit = Limit.keyed((input: string) => input[0]!, () => Limit.concurrency(1))
        const log: Array<string> = []
        const work = (input: string) => Effect.delay(Effect.sync(() => log.push(input)), input[0] === "a" ? 100 : 1)
        const inputs = function*() {
          yield* ["a1", "a2", "a3", "b1", "a4"]
        }
        yield* drive(Parallel.forEach(inputs(), work, { limit, concurrency: 2, preDispatch: 0 }))

        // two inputs may be pulled: a1, and a2, which waits for it
        assert.deepStrictEqual(log, ["a1", "a2", "b1", "a3", "a4"])
      }))

    it.effect("waits for the rate of its key without a slot, and spends nothing if interrupted", () =>
      Effect.gen(function*() {
        const limit = Limit.keyed((input: string) => input[0]!, () => Limit.rate({ limit: 1, window: "1 second" }))
        const log: Array<readonly [string, number]> = []
        const work = (input: string) => Effect.map(Clock.currentTimeMillis, (now) => void log.push([input, now]))
        const run = (inputs: ReadonlyArray<string>) => Parallel.forEach(inputs, work, { limit, concurrency: 1 })
        const fiber = yield* Effect.forkChild(run(["a1", "a2", "a3", "b1"]))
        yield* TestClock.adjust(1500)
        assert.deepStrictEqual((yield* limit.states).get("a"), {
          name: "rate(1 per 1s)",
          size: 1,
          free: 0.5,
          running: 0,
          waiting: 1
        })
        yield* Fiber.interrupt(fiber)
        assert.strictEqual((yield* limit.states).get("a")?.waiting, 0)
        yield* drive(run(["a4"]), "100 millis")

        assert.deepStrictEqual(log, [["a1", 0], ["b1", 0], ["a2", 1000], ["a4", 2000]])
      }))

    it.effect("retries without a slot, in its turn", () =>
      Effect.gen(function*() {
        const limit = Limit.keyed((input: string) => input[0]!, () => Limit.concurrency(1))
        const log: Array<string> = []
        const failed = new Set<string>()
        const work = (input: string) =>
          Effect.delay(
            Effect.suspend(() => {
              log.push(input)
              if (failed.has(input) || input[0] === "b") return Effect.succeed(input)
              failed.add(input)
              return Effect.fail("once")
            }),
            10
          )
        const exit = yield* drive(
          Parallel.forEach(["a1", "a2", "b1"], work, { limit, concurrency: 2, retry: { times: 1 } })
        )

        assert.deepStrictEqual(exit, Exit.succeed(["a1", "a2", "b1"]))
        assert.deepStrictEqual(log.filter((input) => input[0] === "a"), ["a1", "a2", "a1", "a2"])
      }))

    it.effect("does not deadlock in nested runs, whatever holds the slots", () =>
      Effect.gen(function*() {
        const limit = Limit.keyed((n: number) => n % 3, () => Limit.concurrency(1))
        const probe = new Probe()
        const inner = (n: number) => probe.watch(n, Effect.sleep(1))
        const outer = (n: number) => Parallel.forEach([n, n + 3, n + 6], inner, { limit, concurrency: 2 })
        const exit = yield* drive(Parallel.forEach(range(12), outer, { limit, concurrency: 2 }))

        assert.isTrue(Exit.isSuccess(exit))
        assert.strictEqual(probe.started.length, 36)
      }))

    it.effect("shares the limit of its key with runs that wait in their slots", () =>
      Effect.gen(function*() {
        const one = Limit.concurrency(1)
        const probe = new Probe()
        const work = (n: number) => probe.watch(n, Effect.sleep(5))
        const byInput = Parallel.forEach(range(10), work, { limit: () => one, concurrency: 3 })
        const plain = Parallel.forEach(range(10), work, { limit: one, concurrency: 3 })
        const exit = yield* drive(Effect.all([byInput, plain, byInput], { concurrency: 3 }))

        assert.isTrue(Exit.isSuccess(exit))
        assert.strictEqual(probe.most, 1)
        assert.strictEqual(probe.started.length, 30)
        assert.deepStrictEqual(yield* one.state, { name: "concurrency(1)", size: 1, free: 1, running: 0, waiting: 0 })
      }))

    it.effect("shares the bucket of its key with other programs", () =>
      Effect.gen(function*() {
        const limit = Limit.keyed(
          (input: string) => input[0]!,
          (key) => Limit.rate({ limit: 1, window: "1 second", key })
        )
        const log: Array<readonly [string, number]> = []
        const work = (input: string) => Effect.map(Clock.currentTimeMillis, (now) => void log.push([input, now]))
        yield* drive(
          Parallel.forEach(["a1", "a2", "b1", "a3", "b2"], work, { limit, concurrency: 1 }),
          "100 millis",
          50
        )

        assert.deepStrictEqual(log, [["a1", 0], ["b1", 0], ["a2", 1000], ["b2", 1000], ["a3", 2000]])
      }).pipe(Effect.provide(RateLimiter.layer.pipe(Layer.provide(Layer.fresh(RateLimiter.layerStoreMemory))))))

    it.effect.each(range(8))(
      "gives back the tokens of a shared store for an input that no longer starts (%#)",
      (steps) =>
        Effect.gen(function*() {
          const limiter = yield* RateLimiter.RateLimiter
          let run: Fiber.Fiber<unknown, unknown> | undefined
          let started = false
          const stopAfter = (steps: number): void =>
            steps === 0 ? run?.interruptUnsafe() : queueMicrotask(() => stopAfter(steps - 1))
          const stopping: typeof limiter = {
            ...limiter,
            consume: (options) =>
              Effect.tap(limiter.consume(options), () => Effect.sync(() => options.tokens === 60 && stopAfter(steps)))
          }
          const limit = Limit.keyed(
            (key: string) => key,
            (key) => Limit.rate({ limit: 100, window: "1 hour", cost: () => 60, key })
          )
          run = yield* Effect.forkChild(
            Effect.provideService(
              Parallel.forEach(["a"], () => Effect.sync(() => void (started = true)), { limit }),
              RateLimiter.RateLimiter,
              stopping
            )
          )
          yield* Fiber.await(run)
          const { remaining } = yield* limiter.consume({
            algorithm: "token-bucket",
            key: "a",
            limit: 100,
            window: "1 hour",
            tokens: 0
          })

          assert.strictEqual(remaining, started ? 40 : 100)
        }).pipe(Effect.provide(RateLimiter.layer.pipe(Layer.provide(Layer.fresh(RateLimiter.layerStoreMemory)))))
    )

    it.live("reads one clock, also in real time", () =>
      Effect.gen(function*() {
        const limit = Limit.keyed((n: number) => n % 2, () => Limit.rate({ limit: 1, window: "1 hour" }))
        yield* Parallel.forEach([1], () => Effect.void, { limit })
        const { free } = (yield* limit.states).get(1)!
        const again = yield* Effect.timeoutOption(Parallel.forEach([1], () => Effect.void, { limit }), 20)

        assert.isBelow(free, 0.1)
        assert.isTrue(Option.isNone(again))
      }))

    it.live("starts nothing for as long as the service of its key asks", () =>
      Effect.gen(function*() {
        const limit = Limit.keyed(
          (n: number) => n % 2,
          () => Limit.adaptive({ max: 4, overload: () => "1 hour" })
        )
        yield* Effect.exit(Parallel.forEach([1], () => Effect.fail("too many"), { limit }))
        const again = yield* Effect.timeoutOption(Parallel.forEach([1], () => Effect.void, { limit }), 20)

        assert.isTrue(Option.isNone(again))
      }))

    it.effect("forgets an idle key, unless its limit would lose state", () =>
      Effect.gen(function*() {
        const gates = new Map<number, Limit.Gate>()
        const limit = Limit.keyed(
          (n: number) => n,
          (n) => {
            if (n !== 1) return n === 2 ? Limit.rate({ limit: 1, window: "1 hour" }) : Limit.concurrency(1)
            const gate = Limit.gate()
            gates.set(n, gate)
            return gate
          },
          { idle: "10 seconds" }
        )
        yield* Parallel.forEach(range(100), () => Effect.void, { limit })
        yield* gates.get(1)!.pause
        yield* TestClock.adjust("11 seconds")
        yield* Parallel.forEach(range(200).map((n) => n + 100), () => Effect.void, { limit })
        const known = yield* limit.states

        assert.deepStrictEqual([...known.keys()].filter((key) => key < 100).toSorted((a, b) => a - b), [1, 2])
      }))

    it.effect("fails only its input if `key` or `make` throws, or returns no limit", () =>
      Effect.gen(function*() {
        const limit = Limit.keyed(
          (n: number) => {
            if (n === 1) throw new Error("no key")
            return n
          },
          (n) => {
            if (n === 2) throw new Error("no limit")
            return n === 3 ? {} as Limit.Limit : Limit.concurrency(1)
          }
        )
        const [values, failures] = yield* Parallel.partition([1, 2, 3, 4], Effect.succeed, { limit })

        assert.deepStrictEqual(values, [4])
        assert.deepStrictEqual(failures.map(({ cause }) => (Cause.squash(cause) as Error).message), [
          "no key",
          "no limit",
          "expected `the limit of a key` to be a Limit, got {}"
        ])
      }))

    it.effect("may be a function of the input that returns several limits", () =>
      Effect.gen(function*() {
        const one = Limit.concurrency(1)
        const two = Limit.concurrency(2)
        const probe = new Probe()
        const limit = (n: number) => n % 2 === 0 ? [one, two] : two
        yield* drive(
          Parallel.forEach(range(10), (n) => probe.watch(n, Effect.sleep(10)), { limit, concurrency: 10 })
        )

        assert.strictEqual(probe.most, 2)
        assert.strictEqual(probe.started.length, 10)
      }))
  })

  describe("gate", () => {
    it.effect("starts nothing while it is closed, and everything when it opens", () =>
      Effect.gen(function*() {
        const gate = Limit.gate()
        const log: Array<number> = []
        const work = () => Effect.andThen(starts(log), Effect.sleep(10))
        const fiber = yield* Effect.forkChild(Parallel.forEach(range(6), work, { limit: gate, concurrency: 2 }))
        yield* TestClock.adjust(5)
        yield* gate.pause
        yield* TestClock.adjust(100)
        assert.deepStrictEqual(log, [0, 0])
        assert.deepStrictEqual(yield* gate.state, { name: "gate", size: Infinity, free: 0, running: 0, waiting: 2 })
        yield* gate.resume
        yield* TestClock.adjust(100)
        yield* Fiber.join(fiber)

        assert.deepStrictEqual(log, [0, 0, 105, 105, 115, 115])
      }))
  })

  describe("resize", () => {
    it.effect("lets more start immediately, and fewer after those in progress have ended", () =>
      Effect.gen(function*() {
        const limit = Limit.concurrency(1)
        const probe = new Probe()
        const work = (n: number) => probe.watch(n, Effect.sleep(10))
        const fiber = yield* Effect.forkChild(Parallel.forEach(range(20), work, { limit, concurrency: 20 }))
        yield* TestClock.adjust(1)
        assert.strictEqual(probe.running, 1)
        yield* limit.resize(5)
        yield* TestClock.adjust(0)
        assert.strictEqual(probe.running, 5)
        yield* limit.resize(2)
        assert.strictEqual(probe.running, 5)
        yield* TestClock.adjust(10)
        assert.strictEqual(probe.running, 2)
        assert.deepStrictEqual(yield* limit.state, {
          name: "concurrency(1)",
          size: 2,
          free: 0,
          running: 2,
          waiting: 13
        })
        assert.throws(() => limit.resize(0), /expected `permits` to be a positive integer, got 0/)
        yield* TestClock.adjust(100)
        yield* Fiber.join(fiber)
      }))
  })

  describe("adaptive", () => {
    const busy = (error: unknown) => error instanceof Refused

    it.effect("keeps as many in flight as the service can take, and rises when it can take more", () =>
      Effect.gen(function*() {
        const limit = Limit.adaptive({ max: 8, overload: busy })
        let bears = 5
        let inFlight = 0
        const work = (n: number) =>
          Effect.suspend(() => {
            if (inFlight >= bears) return Effect.fail(new Refused({ n }))
            inFlight++
            return Effect.ensuring(Effect.sleep(1), Effect.sync(() => inFlight--))
          })
        const current = (count: number) =>
          Effect.andThen(drive(Parallel.run(range(count), work, { limit, concurrency: 8 })), limit.current)

        assert.strictEqual(yield* limit.current, 8)
        assert.strictEqual(yield* current(8), 5)
        assert.strictEqual(yield* current(5), 5)
        bears = 2
        assert.strictEqual(yield* current(5), 2)
        bears = 100
        assert.strictEqual(yield* current(400), 8)
      }))

    it.effect("falls only for failures marked as overload, and not below `min`", () =>
      Effect.gen(function*() {
        const limit = Limit.adaptive({ max: 8, min: 3, overload: busy })
        yield* Parallel.run(range(8), () => Effect.fail("other"), { limit })
        assert.strictEqual(yield* limit.current, 8)
        for (let n = 0; n < 3; n++) yield* Parallel.run([n], (n) => Effect.fail(new Refused({ n })), { limit })
        assert.strictEqual(yield* limit.current, 3)
      }))

    it.effect("never has more in flight than `current`", () =>
      Effect.gen(function*() {
        const limit = Limit.adaptive({ max: 6, overload: busy })
        const probe = new Probe()
        let over = 0
        const work = (n: number) =>
          probe.watch(n, Effect.delay(n % 10 === 0 ? Effect.fail(new Refused({ n })) : Effect.void, 1 + (n % 3))).pipe(
            Effect.tap(() => Effect.map(limit.current, (now) => over = Math.max(over, probe.running - now)))
          )
        yield* drive(Parallel.run(range(200), work, { limit, concurrency: 20 }))

        assert.isAtMost(probe.most, 6)
      }))

    it.effect("waits as long as it is told, and starts nothing during that time", () =>
      Effect.gen(function*() {
        const log: Array<number> = []
        let refused = false
        const limit = Limit.adaptive({ max: 2, overload: (error) => busy(error) ? "3 seconds" : false })
        const work = (n: number) =>
          Effect.andThen(
            starts(log),
            Effect.suspend(() => {
              if (refused) return Effect.void
              refused = true
              return Effect.fail(new Refused({ n }))
            })
          )
        const exit = yield* drive(Parallel.forEach(range(3), work, { limit, retry: { times: 1 } }), "1 seconds")

        assert.isTrue(Exit.isSuccess(exit))
        assert.deepStrictEqual(log.filter((at) => at > 0 && at < 3000), [])
        assert.strictEqual(log.length, 4)
      }))

    it.effect("keeps the failure typed when `overload` throws, and adds the thrown value as a defect", () =>
      Effect.gen(function*() {
        const bug = new Error("bug")
        const limit = Limit.adaptive({
          max: 4,
          overload: () => {
            throw bug
          }
        })
        const work = (n: number) => Effect.fail(new Refused({ n }))
        const error = yield* Effect.flip(Parallel.validate([1, 2], work, { limit }))

        for (const { cause, input } of error.failures) {
          assert.deepStrictEqual(Cause.findErrorOption(cause), Option.some(new Refused({ n: input })))
          assert.deepStrictEqual(cause.reasons.filter(Cause.isDieReason).map((reason) => reason.defect), [bug])
        }
        assert.strictEqual(yield* limit.current, 4)
        assert.deepStrictEqual(yield* Parallel.forEach([1], Effect.succeed, { limit }), [1])
      }))

    for (const verdict of [Infinity, "Infinity", NaN, "soon", null, undefined]) {
      it.effect(`refuses ${String(verdict)} as the result of \`overload\`, and keeps the failure`, () =>
        Effect.gen(function*() {
          const limit = Limit.adaptive({ max: 4, overload: () => verdict as never })
          const fiber = yield* Effect.forkChild(
            Effect.flip(Parallel.validate([1], (n) => Effect.fail(new Refused({ n })), { limit }))
          )
          yield* TestClock.adjust(1)
          const { failures: [{ cause }] } = yield* Fiber.join(fiber)

          assert.deepStrictEqual(Cause.findErrorOption(cause), Option.some(new Refused({ n: 1 })))
          assert.match(
            Cause.pretty(cause),
            /expected `overload\(error\)` to be a boolean or a finite duration, got /
          )
          const next = yield* Effect.forkChild(Parallel.forEach([1], Effect.succeed, { limit }))
          yield* TestClock.adjust(1)
          assert.deepStrictEqual(next.pollUnsafe(), Exit.succeed([1]))
        }))
    }

    it.effect("treats a wait that is already over as overload without a wait", () =>
      Effect.gen(function*() {
        const limit = Limit.adaptive({ max: 4, overload: () => -1000 })
        yield* Parallel.run([1], () => Effect.fail("late"), { limit })

        assert.strictEqual(yield* limit.current, 1)
        assert.deepStrictEqual(yield* Parallel.forEach([1], Effect.succeed, { limit }), [1])
      }))

    it("refuses bounds that do not fit", () => {
      assert.throws(
        () => Limit.adaptive({ max: 2, min: 3, overload: busy }),
        /expected `min` to be at most `max` \(2\), got 3/
      )
    })
  })

  describe("several limits", () => {
    it.effect("hold together, and are taken in the same order, however they are listed", () =>
      Effect.gen(function*() {
        const a = Limit.concurrency(1)
        const b = Limit.concurrency(1)
        const probe = new Probe()
        const run = (limit: ReadonlyArray<Limit.Limit>) =>
          Parallel.forEach(range(5), (n) => probe.watch(n, Effect.sleep(1)), { limit })
        const exit = yield* drive(Effect.all([run([a, b]), run([b, a])], { concurrency: 2 }))

        assert.isTrue(Exit.isSuccess(exit))
        assert.strictEqual(probe.most, 1)
      }))
  })

  describe("make", () => {
    it.effect("makes a limit from anything that wraps an attempt", () =>
      Effect.gen(function*() {
        const log: Array<string> = []
        const limit = Limit.make({
          name: "noted",
          around: (attempt) => Effect.ensuring(attempt, Effect.sync(() => log.push("done")))
        })
        yield* Parallel.forEach([1, 2], (n) => Effect.sync(() => log.push(`${n}`)), { limit, concurrency: 1 })

        assert.deepStrictEqual(log, ["1", "done", "2", "done"])
        assert.isTrue(Limit.isLimit(limit))
        assert.isFalse(Limit.isLimit({}))
      }))
  })

  it("refuses invalid counts, windows and functions", () => {
    assert.throws(
      () => Limit.make({ name: "", around: (attempt) => attempt }),
      "expected `name` to be a non-empty string, got \"\""
    )
    assert.throws(() => Limit.make({ name: "n", around: 3 as never }), "expected `around` to be a function, got 3")
    assert.throws(() => Limit.concurrency(0), /expected `permits` to be a positive integer, got 0/)
    assert.throws(() => Limit.rate({ limit: 1.5, window: 1 }), /expected `limit` to be a positive integer, got 1.5/)
    assert.throws(() => Limit.rate({ limit: 1, window: 0 }), /expected `window` to be a positive duration, got 0/)
    assert.throws(() => Limit.rate({ limit: 1, window: Infinity }), /expected `window` to be a finite duration/)
    assert.throws(
      () => Limit.adaptive({ max: 2, overload: true as never }),
      /expected `overload` to be a function, got true/
    )
  })
})
