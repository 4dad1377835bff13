import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Option, Schedule, Schema } from "effect"
import { Backend, Outcome, Parallel, Task } from "effect-parallel"
import { TestBackend } from "effect-parallel/testing"
import { TestClock } from "effect/testing"
import { Counted, CountedAsync, drive, pass, range, Refused, turn } from "../../helpers.ts"
import { scripted } from "./scripted.ts"

const module = import.meta.url
const sleeps = Task.make("sleeps", {
  module,
  run: (millis: number) => Effect.as(Effect.sleep(millis), millis)
})
const started = TestBackend.TestBackend.use((backend) => backend.started)

/** The inputs of each batch, by the order in which they started. */
const batchesOf = (calls: ReadonlyArray<TestBackend.Call>): ReadonlyArray<ReadonlyArray<unknown>> => {
  const batches = new Map<number, Array<unknown>>()
  for (const { batch, input } of calls) batches.set(batch, [...batches.get(batch) ?? [], input])
  return [...batches.values()]
}

const given = (when?: (call: TestBackend.Call) => TestBackend.Behaviour) => TestBackend.layer({ batches: true, when })

describe("batches", () => {
  it.effect("have the requested size, except the last", () =>
    Effect.gen(function*() {
      const values = yield* Parallel.forEach(range(1050).map(() => 0), sleeps, { batchSize: 100 })
      const batches = batchesOf(yield* started)

      assert.strictEqual(values.length, 1050)
      assert.deepStrictEqual(batches.map((batch) => batch.length), [...range(10).map(() => 100), 50])
    }).pipe(Effect.provide(given())))

  it.effect("that are automatic end when their budget is used up, and their remaining inputs run", () =>
    Effect.gen(function*() {
      const inputs = [...range(64).map(() => 0), ...range(20).map(() => 30)]
      const exit = yield* drive(Parallel.forEach(inputs, sleeps, { concurrency: 1 }), "1 millis", 2000)
      const slow = batchesOf(yield* started).filter((batch) => batch.includes(30))

      assert.deepStrictEqual(Exit.getSuccess(exit), Option.some(inputs))
      assert.isTrue(slow.every((batch) => batch.filter((millis) => millis === 30).length <= 2))
    }).pipe(Effect.provide(given())))

  it.effect("that are automatic are cut when another lane is idle", () =>
    Effect.gen(function*() {
      const inputs = [...range(200).map(() => 0), 1000, 1001]
      const run = yield* Effect.forkChild(Parallel.forEach(inputs, sleeps, { concurrency: 2 }))
      yield* pass(1100)

      assert.deepStrictEqual(yield* Fiber.join(run), inputs)
    }).pipe(Effect.provide(given())))

  it.effect("that are fixed are not cut", () =>
    Effect.gen(function*() {
      const run = yield* Effect.forkChild(Parallel.forEach([1000, 1000], sleeps, { concurrency: 2, batchSize: 2 }))
      yield* turn
      yield* TestClock.adjust(1500)

      assert.isUndefined(run.pollUnsafe())
      yield* TestClock.adjust(500)
      assert.deepStrictEqual(yield* Fiber.join(run), [1000, 1000])
    }).pipe(Effect.provide(given())))

  it.effect("continue behind the guilty input after a crash", () =>
    Effect.gen(function*() {
      const report = yield* Parallel.run(range(10).map(() => 0), sleeps, { batchSize: 5, concurrency: 1 })
      const calls = yield* started

      assert.deepStrictEqual(report.failures.map((failure) => failure.index), [2])
      assert.deepStrictEqual(report.outcomes.map((outcome) => outcome.attempts), range(10).map(() => 1))
      assert.strictEqual(calls.length, 10)
    }).pipe(Effect.provide(given(({ index }) => index === 2 ? TestBackend.crash() : TestBackend.run))))
})

const Attempt = Schema.Struct({
  kind: Schema.Literals(["succeed", "succeed", "succeed", "fail", "die", "hang"]),
  half: Schema.Literals([0, 0, 0, 1, 3, 8, 30])
})

const maybe = <A>(values: ReadonlyArray<A>) =>
  Schema.Literals([undefined, ...values] as never) as Schema.Schema<A | undefined>

const Program = Schema.Struct({
  inputs: Schema.Literals(["array", "iterable", "async iterable"]),
  works: Schema.Array(Schema.NonEmptyArray(Attempt).check(Schema.isMaxLength(3))).check(Schema.isMaxLength(40)),
  batchSize: Schema.Literals(["auto", "auto", 1, 2, 5, 100]),
  concurrency: Schema.Literals([1, 2, 3, 8, "unbounded"]),
  timeout: maybe([5, 9]),
  retries: Schema.Literals([0, 1, 2]),
  delay: Schema.Literals([0, 6]),
  maxErrors: maybe([1, 2, 4]),
  preDispatch: maybe([0, 1, 3, 20]),
  /** Number of items after which each of the first batches ends early. */
  cuts: Schema.Array(Schema.Literals([0, 1, 2, 7, 100])).check(Schema.isMaxLength(8)),
  recall: Schema.Literals(["gives back", "ends early", "is deaf"]),
  interruptAt: Schema.Literals([-1, -1, -1, 0, 3, 10, 25])
})
type Program = typeof Program.Type

/** Returns the result of an input when its attempts run sequentially, with nothing beside them. */
const expected = ({ retries, timeout, works }: Program, index: number) => {
  const attempts = works[index]!
  for (let n = 0;; n++) {
    const { half, kind } = attempts[Math.min(n, attempts.length - 1)]!
    const late = timeout !== undefined && (kind === "hang" || 2 * half > timeout)
    const what = late ? "timeout" : kind === "hang" ? "succeed" : kind
    if (what === "succeed" || what === "die" || n === retries) return { what, attempts: n + 1 }
  }
}

/** The observations of a run. */
class Watch {
  readonly started: Array<number> = []
  readonly running = new Set<number>()
  readonly sizes: Array<number> = []
  batches = 0
  most = 0
  twice = 0
}

const taskOf = ({ timeout, works }: Program, watch: Watch) => {
  const calls = new Map<number, number>()
  return Task.make("scripted", {
    module,
    run: (index: number): Effect.Effect<number, Refused> =>
      Effect.suspend(() => {
        const call = calls.get(index) ?? 0
        calls.set(index, call + 1)
        watch.started.push(index)
        if (watch.running.has(index)) watch.twice++
        watch.running.add(index)
        const { half, kind } = works[index]![Math.min(call, works[index]!.length - 1)]!
        const wait = kind === "hang" && timeout !== undefined ? Effect.never : Effect.sleep(2 * half)
        const end = kind === "fail"
          ? Effect.fail(new Refused({ n: index }))
          : kind === "die"
          ? Effect.die(index)
          : Effect.succeed(index)
        return Effect.andThen(half === 0 && kind !== "hang" ? Effect.void : wait, end)
      }).pipe(Effect.ensuring(Effect.sync(() => watch.running.delete(index))))
  })
}

const backendOf = ({ cuts, recall }: Program, watch: Watch): Backend.Backend =>
  scripted({
    workers: 2,
    recall,
    begins: (size) => {
      const end = cuts[watch.sizes.length] ?? Infinity
      watch.sizes.push(size)
      watch.most = Math.max(watch.most, ++watch.batches)
      return end
    },
    ends: () => watch.batches--
  })

const inputsOf = ({ inputs, works }: Program): Parallel.Inputs<number> => {
  if (inputs === "iterable") return new Counted(works.length)
  if (inputs === "async iterable") return new CountedAsync(works.length)
  return range(works.length)
}

const isAs = (outcome: Outcome.Outcome<number, number, unknown>, program: Program): boolean => {
  const { attempts, what } = expected(program, outcome.index)
  if (outcome.attempts !== attempts || outcome.input !== outcome.index) return false
  if (Outcome.isSuccess(outcome)) return what === "succeed" && outcome.value === outcome.index
  const error = Option.getOrUndefined(Outcome.error(outcome))
  if (what === "timeout") return Cause.isTimeoutError(error)
  return what === "fail" ? error instanceof Refused && error.n === outcome.index : Cause.hasDies(outcome.cause)
}

describe("batch lanes", () => {
  const property = Effect.fnUntraced(function*(program: Program) {
    const count = program.works.length
    const watch = new Watch()
    const run = Parallel.run(inputsOf(program), taskOf(program, watch), {
      batchSize: program.batchSize,
      concurrency: program.concurrency,
      timeout: program.timeout,
      retry: program.retries === 0
        ? undefined
        : { times: program.retries, ...(program.delay > 0 && { schedule: Schedule.spaced(program.delay) }) },
      maxErrors: program.maxErrors,
      preDispatch: program.preDispatch
    }).pipe(Effect.provideService(Backend.Backend, backendOf(program, watch)))

    const fiber = yield* Effect.forkChild(run)
    if (program.interruptAt >= 0) {
      yield* turn
      if (program.interruptAt > 0) yield* TestClock.adjust(program.interruptAt)
      yield* Effect.forkChild(Fiber.interrupt(fiber), { startImmediately: true })
    }
    const end = yield* drive(Fiber.await(fiber))
    const exit = Exit.isSuccess(end) ? end.value : assert.fail("the run did not end")
    const startedByThen = watch.started.length

    assert.strictEqual(watch.batches, 0, "batches that still run")
    assert.strictEqual(watch.running.size, 0, "works that still run")
    assert.strictEqual(watch.twice, 0, "works that ran twice at once")
    if (program.concurrency !== "unbounded") assert.isAtMost(watch.most, program.concurrency, "batches at once")
    const most = program.batchSize === "auto" ? Infinity : program.batchSize
    assert.isTrue(watch.sizes.every((size) => size >= 1 && size <= most), "sizes of batches")
    for (const index of range(count)) {
      const { attempts } = expected(program, index)
      assert.isAtMost(watch.started.filter((each) => each === index).length, attempts, "attempts made")
    }
    yield* turn
    yield* TestClock.adjust("1 hour")
    assert.strictEqual(watch.started.length, startedByThen, "works that started after the end")

    if (Exit.isFailure(exit)) {
      if (Cause.hasInterruptsOnly(exit.cause)) return assert.isAtLeast(program.interruptAt, 0, "interrupted by nobody")
      const error: unknown = Cause.squash(exit.cause)
      if (!(error instanceof Outcome.TooManyErrors)) return assert.fail(`the run failed with ${String(error)}`)
      assert.strictEqual(error.failures.length, program.maxErrors)
      for (const outcome of error.report.outcomes) assert.isTrue(isAs(outcome, program))
      return
    }
    const { outcomes } = exit.value
    assert.deepStrictEqual(outcomes.map((outcome) => outcome.index), range(count), "each input once, in order")
    for (const outcome of outcomes) assert.isTrue(isAs(outcome, program), `outcome of ${outcome.index}`)
  })

  it.effect.prop(
    "do the same as a sequential model, however a backend cuts their batches",
    [Program],
    ([program]) => property(program),
    { arbitrary: { runs: Number(process.env["PROPERTY_RUNS"] ?? 700) }, timeout: 60_000 }
  )
})
