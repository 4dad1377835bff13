import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Option, Schedule, Scheduler, Schema, Stream } from "effect"
import { Limit, Outcome, Parallel, type Report } from "effect-parallel"
import { TestClock } from "effect/testing"
import { Counted, CountedAsync, drive, Probe, turn, turns } from "../../helpers.ts"

/** The action of one attempt: its delay and its result. Times are even and timeouts odd, so that there are no ties. */
const Attempt = Schema.Struct({
  kind: Schema.Literals([
    ...["succeed", "fail", "die", "hang", "ready", "ready fail", "sync", "throw", "promise"] as const,
    ...["interrupt own fiber", "no effect"] as const
  ]),
  half: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 8 })),
  finalizer: Schema.Literals([0, 4])
})
type Attempt = typeof Attempt.Type

const maybe = <A>(values: ReadonlyArray<A>) =>
  Schema.Literals([undefined, ...values] as never) as Schema.Schema<A | undefined>

const Program = Schema.Struct({
  inputs: Schema.Literals(["array", "iterable", "async iterable", "stream"]),
  works: Schema.Array(Schema.NonEmptyArray(Attempt).check(Schema.isMaxLength(4))).check(Schema.isMaxLength(14)),
  throwsAt: Schema.Literals([-1, -1, -1, 0, 2, 5]),
  mode: Schema.Literals(["run", "partition", "validate", "forEach", "input", "completion"]),
  concurrency: Schema.Literals([1, 2, 3, 8, 40, "unbounded"]),
  timeout: maybe([5, 9]),
  retries: Schema.Literals([0, 1, 2]),
  delay: Schema.Literals([0, 6]),
  maxErrors: maybe([1, 2, 4]),
  preDispatch: maybe([0, 1, 3]),
  limit: maybe([1, 2]),
  interruptAt: Schema.Literals([-1, -1, 0, 3, 10, 25]),
  /** Number of operations after which a fiber yields. With a low number, anything may happen between two steps. */
  budget: Schema.Literals([2048, 2048, 3, 4, 5, 6, 7, 9, 12, 17, 30])
})
type Program = typeof Program.Type

interface Expected {
  readonly tag: "Success" | "Failure"
  readonly attempts: number
  readonly what: string
}

/** Returns the result of an input when its attempts run sequentially, with nothing beside them. */
const expected = (program: Program, index: number): Expected => {
  const attempts = program.works[index]!
  for (let n = 0;; n++) {
    const { half, kind } = attempts[Math.min(n, attempts.length - 1)]!
    const takesTime = kind === "succeed" || kind === "fail" || kind === "die" || kind === "hang"
    const hangs = kind === "hang" && program.timeout !== undefined
    const late = takesTime && program.timeout !== undefined && (hangs || 2 * half > program.timeout)
    const what = late ? "timeout" : kind === "hang" ? "succeed" : kind
    if (["succeed", "ready", "sync", "promise"].includes(what)) {
      return { tag: "Success", attempts: n + 1, what: "value" }
    }
    if (what === "die" || what === "throw") return { tag: "Failure", attempts: n + 1, what: "defect" }
    if (what === "interrupt own fiber" || what === "no effect") return { tag: "Failure", attempts: n + 1, what }
    if (n === program.retries) return { tag: "Failure", attempts: n + 1, what: late ? "timeout" : "error" }
  }
}

class Failed extends Schema.TaggedError<Failed>()("Failed", { index: Schema.Int }) {}
class Defect extends Error {
  readonly index: number
  constructor(index: number) {
    super(`defect ${index}`)
    this.index = index
  }
}
const inputDefect = new Error("the inputs threw")

const work = (program: Program, probe: Probe, ended: (index: number, attempt: number) => void) => {
  const calls = new Map<number, number>()
  return (index: number): Effect.Effect<number, Failed> => {
    const call = calls.get(index) ?? 0
    calls.set(index, call + 1)
    const attempts = program.works[index]!
    const { finalizer, half, kind } = attempts[Math.min(call, attempts.length - 1)]!
    const take = (end: Effect.Effect<number, Failed>) =>
      probe.watch(
        index,
        Effect.onInterrupt(Effect.delay(end, 2 * half), () => finalizer === 0 ? Effect.void : Effect.sleep(finalizer))
      ).pipe(Effect.onExit(() => Effect.sync(() => ended(index, call + 1))))
    const atOnce = (): void => {
      probe.started.push(index)
      ended(index, call + 1)
    }
    switch (kind) {
      case "succeed":
        return take(Effect.succeed(index))
      case "fail":
        return take(Effect.fail(new Failed({ index })))
      case "die":
        return take(Effect.die(new Defect(index)))
      case "hang":
        return take(program.timeout === undefined ? Effect.succeed(index) : Effect.never)
      case "ready":
        atOnce()
        return Effect.succeed(index)
      case "ready fail":
        atOnce()
        return Effect.fail(new Failed({ index }))
      case "sync":
        return Effect.sync(() => {
          atOnce()
          return index
        })
      case "promise":
        return Effect.promise(() => {
          atOnce()
          return Promise.resolve(index)
        })
      case "interrupt own fiber":
        return Effect.withFiber((fiber) => {
          atOnce()
          fiber.interruptUnsafe()
          return Effect.never
        })
      case "no effect":
        return Effect.flatMap(Effect.sync(atOnce), () => undefined as never)
      case "throw":
        atOnce()
        throw new Defect(index)
    }
  }
}

/** Makes the inputs of a program: numbers in the requested form. */
const inputsOf = (program: Program) => {
  const { length } = program.works
  const throwsAt = program.throwsAt
  if (program.inputs === "async iterable") {
    const inputs = new CountedAsync(length, (n) => n === throwsAt ? Promise.reject(inputDefect) : undefined)
    return { inputs, source: inputs }
  }
  const source = new Counted(length, throwsAt, inputDefect)
  if (program.inputs === "iterable") return { inputs: source, source }
  if (program.inputs === "stream") {
    const closed = Effect.sync(() => void source.closed++)
    return { inputs: Stream.ensuring(Stream.fromIterable(source, { chunkSize: 1 }), closed), source }
  }
  return { inputs: Array.from({ length }, (_, i) => i), source: undefined }
}

const isAs = (outcome: Outcome.Outcome<number, number, unknown>, { attempts, tag, what }: Expected): boolean => {
  if (outcome._tag !== tag || outcome.attempts !== attempts || outcome.input !== outcome.index) return false
  if (Outcome.isSuccess(outcome)) return outcome.value === outcome.index
  const error = Option.getOrUndefined(Outcome.error(outcome))
  switch (what) {
    case "timeout":
      return Cause.isTimeoutError(error)
    case "interrupt own fiber":
      return Cause.hasInterruptsOnly(outcome.cause)
    case "no effect":
      return /Not a valid effect/.test(Cause.pretty(outcome.cause))
    case "error":
      return error instanceof Failed && error.index === outcome.index
    default: {
      const defect = Cause.squash(outcome.cause)
      return defect instanceof Defect && defect.index === outcome.index
    }
  }
}

/** Runs a program in its mode. Returns the outcomes, or the values of all inputs. */
const start = (
  program: Program,
  inputs: Parallel.Inputs<number>,
  body: (n: number) => Effect.Effect<number, Failed>,
  consumed: () => void
) => {
  const options = {
    concurrency: program.concurrency,
    timeout: program.timeout,
    retry: program.retries === 0
      ? undefined
      : { times: program.retries, ...(program.delay > 0 && { schedule: Schedule.spaced(program.delay) }) },
    maxErrors: program.maxErrors,
    preDispatch: program.preDispatch,
    limit: program.limit === undefined ? undefined : Limit.concurrency(program.limit)
  }
  const outcomes = (report: Report.Report<number, number, unknown>) => ({ outcomes: report.outcomes })
  switch (program.mode) {
    case "run":
      return Effect.map(Parallel.run(inputs, body, options), outcomes)
    case "partition":
      return Effect.map(Parallel.partition(inputs, body, options), ([values, failures]) => ({ values, failures }))
    case "validate":
      return Effect.map(Parallel.validate(inputs, body, options), (values) => ({ values }))
    case "forEach":
      return Effect.map(Parallel.forEach(inputs, body, options), (values) => ({ values }))
    default: {
      const seen: Array<Outcome.Outcome<number, number, unknown>> = []
      return Parallel.stream(inputs, body, { ...options, order: program.mode }).pipe(
        Stream.runForEach((outcome) =>
          Effect.sync(() => {
            seen.push(outcome)
            consumed()
          })
        ),
        Effect.as({ outcomes: seen, streamed: true })
      )
    }
  }
}

/** True if the clock must move slowly, so that no timeout passes before a fiber that yields has begun to sleep. */
const isSlow = ({ budget, timeout }: Pick<Program, "budget" | "timeout">) => budget < 100 && timeout !== undefined

const driveWith = <A, E>(program: Pick<Program, "budget" | "timeout">, effect: Effect.Effect<A, E>) =>
  isSlow(program)
    ? drive(effect, "1 millis", 3000, turns(program.budget))
    : drive(effect, "1 hours", 200, turns(program.budget))

describe("engine", () => {
  const property = Effect.fnUntraced(function*(program: Program) {
    const count = program.works.length
    const model = program.works.map((_, index) => expected(program, index))
    const failing = model.flatMap(({ tag }, index) => tag === "Failure" ? [index] : [])
    const isStream = program.mode === "input" || program.mode === "completion"
    const probe = new Probe()
    const { inputs, source } = inputsOf(program)
    const concurrency = program.concurrency === "unbounded" ? Infinity : program.concurrency
    const window = concurrency + (program.preDispatch ?? 2 * concurrency)
    let done = 0
    let furthest = 0
    const look = () => {
      if (source !== undefined) furthest = Math.max(furthest, source.pulled - done)
    }
    const body = work(program, probe, (index, attempt) => {
      look()
      if (!isStream && attempt === model[index]!.attempts) done++
    })
    const run = start(program, inputs, body, () => {
      look()
      done++
    })

    const fiber = yield* Effect.forkChild(Effect.provideService(
      run as Effect.Effect<unknown, unknown>,
      Scheduler.MaxOpsBeforeYield,
      program.budget
    ))
    if (program.interruptAt >= 0) {
      yield* turns(program.budget)
      for (let at = 0; at < program.interruptAt;) {
        const step = isSlow(program) ? 1 : program.interruptAt
        yield* TestClock.adjust(step)
        if (isSlow(program)) yield* turns(program.budget)
        at += step
      }
      yield* Effect.forkChild(Fiber.interrupt(fiber), { startImmediately: true })
    }
    const end = yield* driveWith(program, Fiber.await(fiber))
    const exit = Exit.isSuccess(end) ? end.value : assert.fail("the run did not end")
    const startedByThen = probe.started.length

    // in any case: limits held, and nothing is left
    assert.strictEqual(probe.running, 0, "works that still run")
    assert.isAtMost(probe.most, concurrency, "works in flight")
    if (program.limit !== undefined) assert.isAtMost(probe.most, program.limit, "works in flight under the limit")
    assert.isAtMost(furthest, window, "inputs pulled ahead")
    if (source !== undefined && source.pulled > 0 && source.pulled < count && source.pulled !== program.throwsAt + 1) {
      assert.strictEqual(source.closed, 1, "inputs closed")
    }
    if (source !== undefined) assert.isAtMost(source.closed, 1)
    yield* turn
    yield* TestClock.adjust("1 hour")
    assert.strictEqual(probe.started.length, startedByThen, "works that started after the end")
    for (const [index, expectation] of model.entries()) {
      assert.isAtMost(probe.started.filter((each) => each === index).length, expectation.attempts, "attempts made")
    }

    // the ways in which it may have ended
    if (Exit.isFailure(exit)) {
      if (Cause.hasInterrupts(exit.cause)) {
        const own = program.mode === "forEach" && model.some(({ what }) => what === "interrupt own fiber")
        return assert.isTrue(program.interruptAt >= 0 || own, "interrupted by nobody")
      }
      const error: unknown = Cause.squash(exit.cause)
      if (error === inputDefect) return assert.isBelow(program.throwsAt, count, "input defect")
      if (error instanceof Outcome.TooManyErrors) {
        assert.strictEqual(error.failures.length, program.maxErrors)
        for (const outcome of error.report.outcomes) assert.isTrue(isAs(outcome, model[outcome.index]!))
        return
      }
      if (error instanceof Outcome.FailedExamples) {
        assert.strictEqual(program.mode, "validate")
        assert.deepStrictEqual(error.failures.map((failure) => failure.index), failing)
        assert.strictEqual(error.report.outcomes.length, count)
        for (const outcome of error.report.outcomes) assert.isTrue(isAs(outcome, model[outcome.index]!))
        return
      }
      assert.strictEqual(program.mode, "forEach")
      assert.isAbove(failing.length, 0)
      return
    }
    const result = exit.value as {
      outcomes?: ReadonlyArray<Outcome.Outcome<number, number, unknown>>
      values?: ReadonlyArray<number>
      failures?: ReadonlyArray<Outcome.Failure<number, unknown>>
      streamed?: true
    }
    const throws = source !== undefined && program.throwsAt >= 0 && program.throwsAt < count
    assert.isFalse(throws, "the inputs threw, and the run succeeded")
    if (program.mode !== "forEach" && program.maxErrors !== undefined) assert.isBelow(failing.length, program.maxErrors)
    const succeeding = model.flatMap(({ tag }, index) => tag === "Success" ? [index] : [])
    if (result.values !== undefined) assert.deepStrictEqual(result.values, succeeding)
    if (result.failures !== undefined) {
      assert.deepStrictEqual(result.failures.map((failure) => failure.index), failing)
      for (const failure of result.failures) assert.isTrue(isAs(failure, model[failure.index]!))
    } else if (result.outcomes === undefined) {
      assert.deepStrictEqual(failing, [], "failures that nobody told of")
    }
    if (result.outcomes !== undefined) {
      const indices = result.outcomes.map((outcome) => outcome.index)
      if (program.mode === "completion") indices.sort((a, b) => a - b)
      assert.deepStrictEqual(indices, model.map((_, index) => index), "each input once")
      for (const outcome of result.outcomes) {
        assert.isTrue(isAs(outcome, model[outcome.index]!), `${JSON.stringify(outcome)} ${JSON.stringify(model)}`)
      }
    }
  })

  it.effect.prop(
    "does the same as a sequential model, within its limits, and leaves nothing behind",
    [Program],
    ([program]) => property(program),
    { arbitrary: { runs: Number(process.env["PROPERTY_RUNS"] ?? 1500) }, timeout: 600_000 }
  )

  it.effect.prop(
    "with stragglers has one outcome for each input, keeps to the concurrency, and leaves nothing behind",
    [Schema.Struct({
      works: Program.fields.works,
      concurrency: Schema.Literals([1, 2, 3, 8]),
      after: Schema.Literals([1, 5, 11]),
      limit: Schema.Literals([1, 3, 20]),
      retries: Program.fields.retries,
      timeout: Program.fields.timeout,
      budget: Program.fields.budget,
      preDispatch: Program.fields.preDispatch,
      mode: Schema.Literals(["run", "input", "completion"])
    })],
    Effect.fnUntraced(function*([{ after, budget, concurrency, limit, mode, preDispatch, retries, timeout, works }]) {
      const program = { works, timeout } as unknown as Program
      const probe = new Probe()
      const body = work(program, probe, () => {})
      const options = { concurrency, preDispatch, timeout, retry: { times: retries }, stragglers: { after, limit } }
      const run = mode === "run"
        ? Effect.map(Parallel.run(works.keys(), body, options), (report) => report.outcomes)
        : Stream.runCollect(Parallel.stream(works.keys(), body, { ...options, order: mode }))
      const yielding = Effect.provideService(run, Scheduler.MaxOpsBeforeYield, budget)
      const exit = yield* driveWith({ budget, timeout }, yielding)

      assert.isTrue(Exit.isSuccess(exit))
      const outcomes = Exit.isSuccess(exit) ? [...exit.value] : []
      if (mode === "completion") outcomes.sort((a, b) => a.index - b.index)
      assert.deepStrictEqual(outcomes.map((outcome) => outcome.index), [...works.keys()])
      assert.isAtMost(probe.most, concurrency)
      assert.strictEqual(probe.running, 0)
      for (const { attempts, index } of outcomes) {
        assert.isAtMost(attempts, retries + 2)
        assert.isAtMost(probe.started.filter((each) => each === index).length, attempts)
      }
      const started = probe.started.length
      yield* turn
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(probe.started.length, started)
    }),
    { arbitrary: { runs: Number(process.env["PROPERTY_RUNS"] ?? 500) }, timeout: 600_000 }
  )
})
