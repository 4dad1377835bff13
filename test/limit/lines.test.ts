/** Queues of limits: nothing waits forever, and unused tokens and permits come back. */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Deferred, Effect, Exit, Fiber, Layer, Metric, Scheduler, Semaphore } from "effect"
import { Limit, Parallel, Progress, Task } from "effect-parallel"
import { TestBackend } from "effect-parallel/testing"
import { RateLimiter } from "effect/persistence"
import { TestClock } from "effect/testing"
import { Shutdown, type StoppableRun } from "../../src/primitives/shutdown.ts"
import { Random } from "../fuzz/random.ts"
import { drive, pass, range } from "../helpers.ts"

interface Job {
  readonly key: string
  readonly cost: number
  readonly millis: number
}

const sleeps = Task.make("sleeps", {
  module: import.meta.url,
  run: (n: number) => n < 0 ? Effect.fail("bad") : Effect.sleep(n)
})

const ends = <A, E>(effect: Effect.Effect<A, E>) =>
  Effect.map(drive(effect, "1 seconds", 100), (exit) => assert.isTrue(Exit.isSuccess(exit)))

const sharedBuckets = RateLimiter.layer.pipe(Layer.provide(Layer.fresh(RateLimiter.layerStoreMemory)))

/** A run that can be shut down. */
const stoppable = <A, E>(run: Effect.Effect<A, E>) =>
  Effect.gen(function*() {
    const runs: Array<StoppableRun> = []
    const signal = { join: (run: StoppableRun) => (runs.push(run), () => {}) }
    const fiber = yield* Effect.forkChild(Effect.provideService(run, Shutdown, signal))
    yield* pass("1 millis")
    return { drain: Effect.sync(() => runs[0]!.drain()), fiber }
  })

describe("nothing waits forever:", () => {
  it.effect("an input that becomes the first because another started, and needs more than is available", () => {
    const perKey = Limit.keyed((job: Job) => job.key, () => Limit.concurrency(1))
    const rate = Limit.rate({ limit: 1, window: "1 second", burst: 2, cost: (job: Job) => job.cost })
    const jobs: ReadonlyArray<Job> = [
      { key: "a", cost: 2, millis: 10 },
      { key: "b", cost: 1, millis: 10 },
      { key: "b", cost: 0, millis: 5000 },
      { key: "d", cost: 2, millis: 10 }
    ]
    return ends(
      Parallel.forEach(jobs, (job) => Effect.sleep(job.millis), { limit: [perKey, rate], concurrency: 4 })
    )
  })

  it.effect("a nested attempt that waits for a pause behind one that waits for its permit", () => {
    const limit = Limit.adaptive({ max: 1, overload: () => "1 second" })
    let calls = 0
    const inner = () => Effect.suspend(() => ++calls === 1 ? Effect.fail("busy") : Effect.succeed(calls))
    const outer = (n: number) =>
      n === 0
        ? Effect.delay(Parallel.forEach([0], inner, { limit, retry: { times: 3 } }), 10)
        : Effect.succeed([n])
    return ends(Parallel.forEach([0, 1], outer, { limit, concurrency: 2 }))
  })

  it.effect("inputs put aside that may borrow, behind one that may not", () => {
    const limit = Limit.concurrency(1)
    const inner = (n: number) => Effect.sleep(n === 2 ? 1000 : 10)
    const chosen = (n: number) => n === 2 ? [] : [limit]
    const nested = Parallel.forEach(range(3), inner, { limit: chosen, concurrency: 1, preDispatch: "all" })
    return ends(Parallel.forEach([0, 1], (n) => n === 0 ? Effect.delay(nested, 10) : Effect.succeed([]), {
      limit,
      concurrency: 2
    }))
  })

  it.effect("runs with the same limits, including a custom one, however they are chosen", () => {
    const semaphore = Semaphore.makeUnsafe(1)
    const mine = Limit.make({ name: "mine", around: (attempt) => semaphore.withPermits(1)(attempt) })
    const shared = Limit.concurrency(1)
    const work = () => Effect.sleep(100)
    return ends(Effect.all([
      Parallel.forEach([0], work, { limit: mine }),
      Effect.delay(Parallel.forEach([1], work, { limit: [mine, shared] }), 10),
      Effect.delay(Parallel.forEach([2], work, { limit: () => [mine, shared] }), 20)
    ], { concurrency: 3 }))
  })

  it.effect("an input put aside by the only lane, just before that lane waits for the source", () =>
    Effect.forEach(range(40), (budget) => {
      const limit = Limit.rate({ limit: 9, window: "10 millis", cost: () => 7 })
      const inputs = async function*() {
        for (const n of range(6)) yield Promise.resolve(n)
      }
      const options = { limit: () => limit, concurrency: 1, preDispatch: 1, retry: { times: 1 } }
      const run = Parallel.forEach(inputs(), () => Effect.void, options)
      return ends(Effect.provideService(run, Scheduler.MaxOpsBeforeYield, budget + 3))
    }, { discard: true }))

  it.effect("an input after a custom limit that throws", () =>
    Effect.gen(function*() {
      const one = Limit.concurrency(1)
      const around = () => {
        throw new Error("around threw")
      }
      for (const limits of [[one, Limit.make({ name: "mine", around })]]) {
        for (const limit of [limits, () => limits]) {
          yield* ends(Parallel.run([0, 1, 2], Effect.succeed, { limit, concurrency: 2 }))
          const { free, running, waiting } = yield* one.state
          assert.deepStrictEqual([free, running, waiting], [1, 0, 0])
        }
      }
    }))

  it.effect.each(range(20))("in random programs of two runs by key and cost (%#)", (seed) =>
    Effect.gen(function*() {
      const random = new Random(seed)
      const rate = Limit.rate({ limit: 100, window: "1 second", burst: 5, cost: (n: number) => n % 4 })
      const keyed = Limit.keyed((n: number) => n % 3, () => Limit.concurrency(1))
      const run = () =>
        Parallel.forEach(range(20), () => Effect.suspend(() => Effect.sleep(random.below(30))), {
          limit: [keyed, rate],
          concurrency: 1 + random.below(4)
        })
      const exit = yield* drive(Effect.all([run(), run()], { concurrency: 2 }), "10 millis", 300)
      assert.isTrue(Exit.isSuccess(exit))
    }))
})

describe("unused resources come back:", () => {
  it.effect("tokens of inputs that wait for a custom limit, which are taken when they start", () =>
    Effect.gen(function*() {
      for (const isChosen of [false, true]) {
        const opened = yield* Deferred.make<void>()
        const mine = Limit.make({ name: "mine", around: (attempt) => Effect.andThen(Deferred.await(opened), attempt) })
        const rate = Limit.rate({ limit: 1, window: "1 second", burst: 1 })
        let started = 0
        const limit = isChosen ? () => [mine, rate] : [mine, rate]
        const run = Parallel.forEach(range(5), () => Effect.sync(() => void started++), { limit, concurrency: 5 })
        const fiber = yield* Effect.forkChild(run)
        yield* pass("10 seconds")
        yield* Deferred.succeed(opened, undefined)
        yield* pass("1 millis")
        assert.strictEqual(started, 1)
        yield* Fiber.interrupt(fiber)
        yield* pass("1 second")
        assert.strictEqual((yield* rate.state).free, 1)
      }
    }))

  it.effect("tokens of inputs that a shutdown withdraws, without waiting for them", () =>
    Effect.gen(function*() {
      for (const isChosen of [false, true]) {
        const gate = Limit.gate({ open: false })
        const rate = Limit.rate({ limit: 1, window: "1 hour", burst: 10 })
        const limit = isChosen ? () => [gate, rate] : [gate, rate]
        const { drain, fiber } = yield* stoppable(
          Parallel.forEach(range(5), () => Effect.void, { limit, concurrency: 5 })
        )
        yield* drain
        yield* pass("1 millis")
        assert.isDefined(fiber.pollUnsafe())
        assert.strictEqual((yield* rate.state).free, 10)
        assert.strictEqual((yield* gate.state).waiting, 0)
      }
    }))

  it.effect("tokens of a batch that waits when its run is shut down", () =>
    Effect.gen(function*() {
      const gate = Limit.gate({ open: false })
      const rate = Limit.rate({ limit: 1000, window: "1 second" })
      const { drain, fiber } = yield* stoppable(
        Parallel.forEach(range(8), sleeps, { limit: [gate, rate], concurrency: 2, batchSize: 4 })
      )
      yield* drain
      yield* pass("1 millis")
      assert.isDefined(fiber.pollUnsafe())
      assert.deepStrictEqual([(yield* rate.state).free, (yield* gate.state).waiting], [1000, 0])
    }).pipe(Effect.provide(TestBackend.layer({ batches: true }))))

  it.effect("tokens of inputs that a batch does not start because its run fails or is interrupted", () =>
    Effect.gen(function*() {
      const backend = yield* TestBackend.TestBackend
      const options = { limit: Limit.rate({ limit: 1000, window: "1 second" }), concurrency: 1, batchSize: 10 }
      yield* Effect.exit(Parallel.forEach([-1, ...range(9)], sleeps, options))
      const failed = (yield* backend.started).length
      assert.strictEqual((yield* options.limit.state).free, 1000 - failed)

      yield* TestClock.adjust("1 minute")
      const fiber = yield* Effect.forkChild(Parallel.forEach(range(10).map(() => 1000), sleeps, options))
      yield* pass("0 millis")
      yield* Fiber.interrupt(fiber)
      assert.strictEqual((yield* options.limit.state).free, 1000 - (yield* backend.started).length + failed)
    }).pipe(Effect.provide(TestBackend.layer({ batches: true }))))

  it.effect("permits and buckets of a key, which is not forgotten while it has any", () =>
    Effect.gen(function*() {
      const made: Array<Limit.Concurrency> = []
      const make = () => {
        made.push(Limit.concurrency(4))
        return made.at(-1)!
      }
      const keyed = Limit.keyed((n: number) => n, make, { idle: "1 second" })
      yield* Parallel.forEach([0], () => Effect.void, { limit: keyed })
      yield* made[0]!.resize(1)
      for (const n of range(10)) {
        yield* TestClock.adjust("10 seconds")
        yield* Parallel.forEach([n + 1], () => Effect.void, { limit: keyed })
      }
      const states = yield* keyed.states
      assert.strictEqual(states.get(0)?.size, 1)
      assert.isBelow(states.size, 4)
    }))

  it.effect("limits of nested keys, which are forgotten when they are idle", () =>
    Effect.gen(function*() {
      let made = 0
      const inner = () => {
        made++
        return Limit.concurrency(1)
      }
      const keyed = Limit.keyed(
        (n: number) => n % 2,
        () => Limit.keyed((n) => n, inner, { idle: "1 second" }),
        { idle: "1 second" }
      )
      for (const n of [0, 0, 1, 0]) {
        yield* Parallel.forEach([n], () => Effect.void, { limit: keyed })
        yield* TestClock.adjust("10 seconds")
      }
      // the second 0 finds its limit; then 1 makes it be forgotten
      assert.strictEqual(made, 3)
    }))
})

describe("the state of limits", () => {
  it.effect("of a shared bucket is the state of the store, also after corrections, by key and directly", () =>
    Effect.gen(function*() {
      const one = Limit.rate({ limit: 10, window: "1 hour", key: "shared" })
      const keyed = Limit.keyed(() => 0, () => one)
      yield* Parallel.forEach(range(5), () => Effect.void, { limit: keyed })
      assert.deepStrictEqual((yield* keyed.states).get(0), yield* one.state)
      assert.strictEqual((yield* one.state).free, 5)

      yield* Parallel.forEach([0], () => one.settle(25), { limit: one })
      assert.strictEqual((yield* one.state).free, 0)
    }).pipe(Effect.provide(sharedBuckets)))

  it.effect("in metrics includes all waiters, for any number of names", () =>
    Effect.gen(function*() {
      const gates = range(120).map((n) => Limit.gate({ open: false, name: `gate ${n}` }))
      const run = Parallel.forEach(range(120), () => Effect.void, { limit: (n) => gates[n]!, concurrency: 120 })
      const fiber = yield* Effect.forkChild(run)
      yield* pass("1 millis")
      const series = (yield* Metric.snapshot).filter(({ id }) => id === "effect_parallel_limited")
      const sum = series.reduce((sum, { state }) => sum + (state as Metric.GaugeState<number>).value, 0)
      yield* Fiber.interrupt(fiber)

      assert.deepStrictEqual([series.length, sum], [101, 120])
    }).pipe((effect) => Effect.suspend(() => Effect.provideService(effect, Metric.MetricRegistry, new Map()))))

  it.effect("shows an input as running while its copy waits", () =>
    Effect.gen(function*() {
      const limit = Limit.concurrency(1)
      const told: Array<ReadonlyArray<Progress.Snapshot>> = []
      const progress = yield* Progress.make((snapshots) => Effect.sync(() => told.push(snapshots)))
      const run = Parallel.forEach([1000], (n) => Effect.sleep(n), {
        limit,
        concurrency: 2,
        stragglers: { after: "10 millis" }
      })
      const fiber = yield* Effect.forkChild(Effect.provideService(run, Progress.Progress, progress))
      yield* TestClock.adjust("900 millis")
      assert.strictEqual(told.at(-1)![0]!.running, 1)
      yield* TestClock.adjust("900 millis")
      yield* Fiber.join(fiber)
    }))

  it.effect("follows the docs: half the limit as burst and twice the window stay below the limit in any window", () =>
    Effect.gen(function*() {
      const limit = Limit.rate({ limit: 10, burst: 5, window: "2 seconds" })
      const starts: Array<number> = []
      const work = () => Effect.map(Clock.currentTimeMillis, (now) => void starts.push(now))
      yield* ends(Parallel.forEach(range(30), work, { limit, concurrency: 30 }))
      const most = Math.max(...starts.map((from) => starts.filter((at) => at >= from && at < from + 1000).length))
      assert.isAtMost(most, 10)
    }))
})
