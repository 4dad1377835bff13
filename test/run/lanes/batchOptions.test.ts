import { assert, describe, it } from "@effect/vitest"
import { Cause, Duration, Effect, Exit, Fiber, Layer, Option, Schema, Tracer } from "effect"
import { Backend, Limit, Outcome, Parallel, Task } from "effect-parallel"
import { TestBackend } from "effect-parallel/testing"
import * as RateLimiter from "effect/persistence/RateLimiter"
import { TestClock } from "effect/testing"
import { drive, range, turn } from "../../helpers.ts"
import { scripted } from "./scripted.ts"

const module = import.meta.url
const sleeps = Task.make("sleeps", { module, run: (millis: number) => Effect.as(Effect.sleep(millis), millis) })
const started = TestBackend.TestBackend.use((backend) => backend.started)
const running = TestBackend.TestBackend.use((backend) => backend.running)
const given = (when?: (call: TestBackend.Call) => TestBackend.Behaviour) => TestBackend.layer({ batches: true, when })

/** The sizes of the batches that have begun. */
const sizes = Effect.map(started, (calls) => {
  const counts = new Map<number, number>()
  for (const { batch } of calls) counts.set(batch, (counts.get(batch) ?? 0) + 1)
  return [...counts.values()]
})

/** Runs an effect while the clock moves by milliseconds. Returns its exit and the most concurrent calls. */
const watched = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    let most = 0
    const fiber = yield* Effect.forkChild(effect)
    while (fiber.pollUnsafe() === undefined) {
      yield* turn
      most = Math.max(most, (yield* running).length)
      yield* TestClock.adjust(1)
    }
    return { exit: yield* Fiber.await(fiber), most }
  })

const millis = (duration: Duration.Duration): number => Math.round(Duration.toMillis(duration))

describe("a limit for batches", () => {
  it.effect("of concurrency is one permit for each batch, and shared by all runs", () =>
    Effect.gen(function*() {
      const limit = Limit.concurrency(1)
      const run = Parallel.forEach(range(20).map(() => 2), sleeps, { limit, batchSize: 5 })
      const { exit, most } = yield* watched(Effect.all([run, run], { concurrency: 2 }))

      assert.isTrue(Exit.isSuccess(exit))
      assert.strictEqual(most, 1)
      assert.deepStrictEqual(yield* sizes, [5, 5, 5, 5, 5, 5, 5, 5])
    }).pipe(Effect.provide(given())))

  it.effect("of a rate takes a token for each input, for as many as may start in 25 ms", () =>
    Effect.gen(function*() {
      const limit = Limit.rate({ limit: 200, window: "1 second" })
      const { exit } = yield* watched(Parallel.run(range(300).map(() => 0), sleeps, { limit, batchSize: 50 }))
      const starts = Exit.isSuccess(exit) ? exit.value.outcomes.map(({ startedAt }) => millis(startedAt)) : []
      const perSecond = starts.map((from) => starts.filter((at) => at >= from && at < from + 1000).length)

      assert.strictEqual(starts.length, 300)
      assert.isTrue((yield* sizes).every((size) => size === 5))
      // a full bucket starts 200 at once, and each second refills 200
      assert.isAtMost(Math.max(...perSecond), 400)
      assert.isAtLeast(Math.max(...starts), 475)
    }).pipe(Effect.provide(given())))

  it.effect("that starts few inputs is taken by each input", () =>
    Effect.gen(function*() {
      const limit = Limit.rate({ limit: 1, window: "100 millis" })
      const { exit } = yield* watched(Parallel.run([0, 0, 0], sleeps, { limit, batchSize: 3 }))
      const report = Exit.getSuccess(exit)

      assert.deepStrictEqual(
        Option.map(report, ({ outcomes }) =>
          outcomes.map(({ startedAt, waits }) => [millis(startedAt), millis(waits.limit)])),
        Option.some([[0, 0], [100, 100], [200, 200]])
      )
    }).pipe(Effect.provide(given())))

  it.effect("is not part of an attempt's time, but of its waits", () =>
    Effect.gen(function*() {
      const limit = Limit.concurrency(1)
      const { exit } = yield* watched(
        Parallel.run([10, 10, 10, 10], sleeps, { limit, batchSize: 2, timeout: 15, concurrency: 2 })
      )
      const report = Exit.getSuccess(exit)

      assert.deepStrictEqual(
        Option.map(report, ({ outcomes }) =>
          outcomes.map(({ elapsed, startedAt, waits }) => [millis(startedAt), millis(elapsed), millis(waits.limit)])),
        Option.some([[0, 10, 0], [10, 10, 0], [20, 10, 20], [30, 10, 20]])
      )
    }).pipe(Effect.provide(given())))

  it.effect("fails only the inputs that had to pass it, with its defect, when it fails", () =>
    Effect.gen(function*() {
      const limit = Limit.rate({ limit: 100, window: "1 second", key: "broken" })
      const broken = Layer.succeed(RateLimiter.RateLimiter, {
        consume: () => Effect.die("no store")
      } as never)
      const exit = yield* drive(
        Parallel.run([1, 2, 3], sleeps, { limit, batchSize: 2 }).pipe(Effect.provide(broken))
      )
      const report = Option.getOrThrow(Exit.getSuccess(exit))

      assert.deepStrictEqual(report.failures.map(({ attempts, cause }) => [attempts, Cause.squash(cause)]), [
        [0, "no store"],
        [0, "no store"],
        [0, "no store"]
      ])
      assert.deepStrictEqual(yield* started, [])
    }).pipe(Effect.provide(given())))

  it.effect("is not waited for after an interruption, and nothing begins", () =>
    Effect.gen(function*() {
      const limit = Limit.concurrency(1)
      const first = yield* Effect.forkChild(Parallel.forEach([1000], sleeps, { limit }))
      yield* turn
      const second = yield* Effect.forkChild(Parallel.forEach([1, 2, 3], sleeps, { limit, batchSize: 2 }))
      yield* turn
      yield* Fiber.interrupt(second)
      yield* TestClock.adjust(1000)

      assert.deepStrictEqual(yield* Fiber.join(first), [1000])
      assert.deepStrictEqual((yield* started).map(({ input }) => input), [1000])
      assert.deepStrictEqual(
        yield* Effect.map(watched(Parallel.forEach([5], sleeps, { limit })), ({ exit }) => exit),
        Exit.succeed([5])
      )
    }).pipe(Effect.provide(given())))

  it.effect("that is custom or adaptive applies to each attempt", () =>
    Effect.gen(function*() {
      let passed = 0
      const own = Limit.make({ name: "own", around: (attempt) => Effect.suspend(() => (passed++, attempt)) })
      const inputs = range(6).map(() => 0)
      yield* Parallel.forEach(inputs, sleeps, { limit: [own, Limit.concurrency(4)], batchSize: 3 })
      yield* Parallel.forEach(inputs, sleeps, { limit: Limit.adaptive({ max: 4, overload: () => true }), batchSize: 3 })

      assert.strictEqual(passed, 6)
      assert.deepStrictEqual(yield* sizes, range(12).map(() => 1))
    }).pipe(Effect.provide(given())))
})

/** Stalls the first attempt at an index. */
const slowAt = (slow: number) =>
  given(({ attempt, index }) => index === slow && attempt === 1 ? TestBackend.stall : TestBackend.run)

describe("stragglers in batches", () => {
  it.effect("are copied, even with others behind them in their batch", () =>
    Effect.gen(function*() {
      const { exit } = yield* watched(
        Parallel.run(range(30).map(() => 1), sleeps, { batchSize: 10, stragglers: { after: 50 }, concurrency: 2 })
      )
      const report = Option.getOrThrow(Exit.getSuccess(exit))
      const copied = report.outcomes.filter(({ attempts }) => attempts > 1)

      assert.isTrue(report.outcomes.every(Outcome.isSuccess))
      assert.deepStrictEqual(
        copied.map(({ attempts, history, index }) => [index, attempts, history.map(({ end }) => end)]),
        [
          [22, 2, ["Interrupted", "Succeeded"]]
        ]
      )
      assert.strictEqual((yield* started).length, 31)
      assert.deepStrictEqual(yield* running, [])
    }).pipe(Effect.provide(slowAt(22))))

  it.effect("can win against their copies, which stop", () =>
    Effect.gen(function*() {
      const inputs = [1, 1, 1, 80]
      const { exit } = yield* watched(Parallel.run(inputs, sleeps, { batchSize: 2, stragglers: { after: 50 } }))
      const report = Option.getOrThrow(Exit.getSuccess(exit))
      const last = report.outcomes[3]!

      assert.deepStrictEqual([last.attempts, millis(last.elapsed)], [2, 80])
      assert.deepStrictEqual(last.history.map(({ end }) => end), ["Interrupted", "Succeeded"])
      assert.deepStrictEqual(yield* running, [])
    }).pipe(Effect.provide(given())))

  it.effect("are decided by the first end, also a failure, and then retried", () =>
    Effect.gen(function*() {
      const { exit } = yield* watched(
        Parallel.run([1, 1, 1, 1], sleeps, { batchSize: 2, stragglers: { after: 50 }, retry: { times: 1 } })
      )
      const report = Option.getOrThrow(Exit.getSuccess(exit))

      assert.deepStrictEqual(report.outcomes[3]!.history.map(({ end }) => end), ["Interrupted", "Failed", "Succeeded"])
      assert.isTrue(report.outcomes.every(Outcome.isSuccess))
    }).pipe(
      Effect.provide(
        given(({ attempt, index }) =>
          index !== 3 || attempt > 2 ? TestBackend.run : attempt === 1 ? TestBackend.stall : TestBackend.fail("late")
        )
      )
    ))

  it.effect("are not copied when they end before the copy begins", () =>
    Effect.gen(function*() {
      const { exit } = yield* watched(Parallel.run([1, 50, 50], sleeps, { stragglers: { after: 50 }, batchSize: 1 }))
      const report = Option.getOrThrow(Exit.getSuccess(exit))

      assert.isTrue(report.outcomes.every(Outcome.isSuccess))
      assert.deepStrictEqual(yield* running, [])
    }).pipe(Effect.provide(given())))

  it.effect("do not block others: the inputs behind one that hangs are taken back", () =>
    Effect.gen(function*() {
      const { exit } = yield* watched(
        Parallel.forEach(range(40).map(() => 1), sleeps, { batchSize: 20, stragglers: { after: 20 }, concurrency: 2 })
      )

      assert.deepStrictEqual(exit, Exit.succeed(range(40).map(() => 1)))
      assert.strictEqual((yield* started).length, 41)
    }).pipe(Effect.provide(slowAt(0))))
})

/** Collects the spans of an effect. */
const traced = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.suspend(() => {
    const spans: Array<Tracer.Span> = []
    const tracer = Tracer.make({
      span: (options) => {
        const span = new Tracer.NativeSpan(options)
        spans.push(span)
        return span
      }
    })
    return Effect.map(Effect.withTracer(effect, tracer), (value) => ({ value, spans }))
  })

const timesOf = ({ status }: Tracer.Span): ReadonlyArray<number> =>
  status._tag === "Ended" ? [Number(status.startTime) / 1e6, Number(status.endTime) / 1e6] : []

describe("spans of attempts in batches", () => {
  it.effect("exist for a share of the inputs, with their times, and with the run as their parent", () =>
    Effect.gen(function*() {
      const { exit } = yield* watched(
        traced(
          Parallel.forEach(range(6).map(() => 10), sleeps, { spans: 0.5, batchSize: 3, concurrency: 1, name: "six" })
        )
      )
      const { spans } = Option.getOrThrow(Exit.getSuccess(exit))
      const [run, ...attempts] = spans

      assert.deepStrictEqual(yield* sizes, [3, 3])
      assert.deepStrictEqual(spans.map(({ name }) => name), ["six", "six.attempt", "six.attempt", "six.attempt"])
      assert.deepStrictEqual(attempts.map(timesOf), [[10, 20], [30, 40], [50, 60]])
      assert.deepStrictEqual(
        attempts.map(({ attributes }) => Object.fromEntries(attributes)),
        [1, 3, 5].map((index) => ({ index, attempt: 1, worker: 0, outcome: "succeeded" }))
      )
      assert.isTrue(attempts.every(({ parent }) => Option.getOrUndefined(parent)?.spanId === run!.spanId))
    }).pipe(Effect.provide(given())))

  it.effect("show attempts that fail, are retried, and are interrupted", () =>
    Effect.gen(function*() {
      const { exit } = yield* watched(
        traced(
          Parallel.run([1, 1], sleeps, { spans: true, retry: { times: 1 }, batchSize: 2 }).pipe(
            Effect.timeoutOption(100)
          )
        )
      )
      const { spans } = Option.getOrThrow(Exit.getSuccess(exit))
      const seen = spans.slice(1).map(({ attributes }) =>
        ["index", "attempt", "outcome"].map((key) => attributes.get(key))
      )

      assert.deepStrictEqual(seen, [[0, 1, "failed"], [1, 1, "succeeded"], [0, 2, "interrupted"]])
    }).pipe(Effect.provide(given(({ attempt, index }) =>
      index === 1 ? TestBackend.run : attempt === 1 ? TestBackend.fail("once") : TestBackend.stall
    ))))

  it.effect("fail no input if the tracer throws", () =>
    Effect.gen(function*() {
      const tracer = Tracer.make({
        span: (options) => {
          if (options.name.endsWith(".attempt")) throw new Error("no span")
          return new Tracer.NativeSpan(options)
        }
      })
      const { exit } = yield* watched(
        Effect.withTracer(Parallel.forEach([1, 2, 3], sleeps, { spans: true, batchSize: 3 }), tracer)
      )

      assert.deepStrictEqual(exit, Exit.succeed([1, 2, 3]))
    }).pipe(Effect.provide(given())))

  it.effect("have the annotations of the run, and none if tracing is off", () =>
    Effect.gen(function*() {
      const run = Parallel.forEach([1], sleeps, { spans: true })
      const { exit } = yield* watched(traced(Effect.annotateSpans(run, { tenant: "a" })))
      const { spans } = Option.getOrThrow(Exit.getSuccess(exit))
      const off = yield* watched(traced(Effect.withTracerEnabled(run, false)))

      assert.deepStrictEqual(spans.map(({ attributes }) => attributes.get("tenant")), ["a", "a"])
      assert.deepStrictEqual(Option.map(Exit.getSuccess(off.exit), ({ spans }) => spans.length), Option.some(0))
    }).pipe(Effect.provide(given())))
})

describe("a backend that gets a batch with limits", () => {
  it.effect("gets the concurrency of the run, not of the limit", () =>
    Effect.gen(function*() {
      const seen = new Set<number>()
      const backend = yield* Backend.Backend
      const telling: Backend.Backend = {
        name: backend.name,
        workers: backend.workers,
        batches: backend.batches,
        execute: (job, batch, onExit) => (seen.add(batch.concurrency), backend.execute(job, batch, onExit))
      }
      yield* Parallel.forEach([0, 0, 0], sleeps, { limit: Limit.concurrency(1), concurrency: 2 }).pipe(
        Effect.provideService(Backend.Backend, telling)
      )

      assert.deepStrictEqual([...seen], [2])
    }).pipe(Effect.provide(given())))
})

const Work = Schema.Struct({
  fails: Schema.Literals([false, false, false, true]),
  /** Milliseconds of the first attempt, which may hang, and of later ones. */
  first: Schema.Literals([0, 0, 1, 3, 30, "hangs"]),
  later: Schema.Literals([0, 1, 3, 30])
})

const maybe = <A>(values: ReadonlyArray<A>) =>
  Schema.Literals([undefined, ...values] as never) as Schema.Schema<A | undefined>

const Program = Schema.Struct({
  works: Schema.Array(Work).check(Schema.isMaxLength(24)),
  batchSize: Schema.Literals(["auto", 1, 2, 5, 50]),
  concurrency: Schema.Literals([1, 2, 3]),
  after: maybe([1, 4, 10]),
  stragglers: Schema.Literals([1, 3, 20]),
  limit: maybe(["one", "two", "rate"]),
  retries: Schema.Literals([0, 0, 1]),
  spans: Schema.Literals([0, 0.5, 1]),
  /** The actions of the first batches after some inputs: they end early, or lose the input in progress. */
  cuts: Schema.Array(Schema.Literals([0, 1, 2, 7, 100])).check(Schema.isMaxLength(8)),
  loses: Schema.Boolean,
  recall: Schema.Literals(["gives back", "ends early", "is deaf"]),
  interruptAt: Schema.Literals([-1, -1, -1, 0, 3, 10, 25])
})
type Program = typeof Program.Type

/** The observations of a run: the number of batches, and of batches and inputs in progress. */
class Watch {
  batches = 0
  inBatches = 0
  most = 0
  inInputs = 0
}

const taskOf = ({ works }: Program, watch: Watch) => {
  const calls = new Map<number, number>()
  return Task.make("scripted", {
    module,
    run: (index: number): Effect.Effect<number, string> =>
      Effect.suspend(() => {
        const call = calls.get(index) ?? 0
        calls.set(index, call + 1)
        watch.inInputs++
        const { fails, first, later } = works[index]!
        const millis = call === 0 ? first : later
        const wait = millis === "hangs" ? Effect.never : millis === 0 ? Effect.void : Effect.sleep(millis)
        return Effect.andThen(wait, fails ? Effect.fail("no") : Effect.succeed(index))
      }).pipe(Effect.ensuring(Effect.sync(() => watch.inInputs--)))
  })
}

const backendOf = ({ cuts, loses, recall }: Program, watch: Watch): Backend.Backend =>
  scripted({
    workers: 3,
    recall,
    begins: () => {
      watch.most = Math.max(watch.most, ++watch.inBatches)
      return cuts[watch.batches++] ?? Infinity
    },
    ends: () => watch.inBatches--,
    after: (batch, position) => loses && position < batch.inputs.length && batch.lost?.(position, 0, 0)
  })

const limitOf = (limit: Program["limit"]): Limit.Limit | undefined =>
  limit === undefined
    ? undefined
    : limit === "rate"
    ? Limit.rate({ limit: 4, window: 10 })
    : Limit.concurrency(limit === "one" ? 1 : 2)

describe("batches with options", () => {
  const property = Effect.fnUntraced(function*(program: Program) {
    const { after, batchSize, concurrency, interruptAt, limit, retries, spans, stragglers, works } = program
    const watch = new Watch()
    const run = Parallel.run(range(works.length), taskOf(program, watch), {
      batchSize,
      concurrency,
      timeout: 50,
      retry: { times: retries },
      stragglers: after === undefined ? undefined : { after, limit: stragglers },
      limit: limitOf(limit),
      spans
    })
    const fiber = yield* Effect.forkChild(Effect.provideService(run, Backend.Backend, backendOf(program, watch)))
    for (let time = 0; time < 20_000 && fiber.pollUnsafe() === undefined; time++) {
      yield* turn
      if (time === interruptAt) fiber.interruptUnsafe()
      yield* TestClock.adjust(1)
    }
    const exit = fiber.pollUnsafe()
    const problems: Array<string> = []
    const check = (isRight: boolean, problem: string) => void (isRight || problems.push(problem))

    check(exit !== undefined, "it has not ended")
    check(watch.inInputs === 0 && watch.inBatches === 0, "something is left")
    check(watch.most <= (limit === "one" ? 1 : limit === "two" ? Math.min(2, concurrency) : concurrency), "too many")
    if (exit !== undefined && Exit.isSuccess(exit)) {
      const { outcomes } = exit.value
      check(outcomes.length === works.length && outcomes.every(({ index }, k) => index === k), "outcomes are missing")
      for (const outcome of outcomes) {
        const { fails, first } = works[outcome.index]!
        const mayBeLate = first === "hangs"
        if (Outcome.isSuccess(outcome)) check(!fails && outcome.value === outcome.index, `${outcome.index} is wrong`)
        else check(fails || mayBeLate, `${outcome.index} fails: ${Cause.pretty(outcome.cause)}`)
        check(outcome.attempts > 0, `${outcome.index} has no attempt`)
        check(outcome.history.length === (outcome.attempts > 1 ? outcome.attempts : 0), `${outcome.index} has a gap`)
      }
    } else check(interruptAt >= 0, `it ends with ${String(exit)}`)
    assert.deepStrictEqual(problems, [])
  })

  it.effect.prop("keep every input, and end", [Program], ([program]) => property(program), {
    arbitrary: { runs: Number(process.env["PROPERTY_RUNS"] ?? 400) },
    timeout: 60_000
  })
})
