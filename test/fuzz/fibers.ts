/** Runs programs on fibers and the test clock to their end, and judges them. */
import { Limit, type Outcome, Parallel, Progress } from "effect-parallel"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Scheduler from "effect/Scheduler"
import * as Semaphore from "effect/Semaphore"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import { Probe, range, turn, turns } from "../helpers.ts"
import { insist, judge, type Result } from "./judge.ts"
import { type Act, type Expected, expected, type LimitName, type Program, type Run } from "./program.ts"
import { valueOf } from "./values.ts"

const inputDefect = new Error("the inputs threw")

/** Counts the works of all runs under the limits that count concurrency. */
class Gauge {
  running = 0
  most = 0
  readonly hold = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.uninterruptibleMask((restore) => {
      this.most = Math.max(this.most, ++this.running)
      return Effect.ensuring(restore(effect), Effect.sync(() => this.running--))
    })
}

/** Time during which the clock moves by milliseconds; after that it moves by hours. */
const firstMillis = 30

/** Records starts under a rate, to find a window with more of them than it allows. */
class Ledger {
  private readonly starts: Array<{ readonly at: number; readonly tokens: number }> = []
  private readonly burst: number
  private readonly perMilli: number

  constructor({ limit, window }: { readonly limit: number; readonly window: number }) {
    this.burst = limit
    this.perMilli = limit / window
  }

  /**
   * Records a start, except after the first steps, where a fiber that yields after taking its tokens starts hours
   * later.
   */
  note(at: number, tokens: number): void {
    if (at <= firstMillis) this.starts.push({ at, tokens })
  }

  /** Returns the window with the most starts beyond the limit, or `undefined` if there is none. */
  get excess(): string | undefined {
    for (const [first, { at: from }] of this.starts.entries()) {
      let sum = 0
      for (const { at, tokens } of this.starts.slice(first)) {
        sum += tokens
        const most = this.burst + this.perMilli * (at - from)
        if (sum > most + 1e-6) return `${sum} tokens from ${from} to ${at} ms, where ${most} may be taken`
      }
    }
    return undefined
  }
}

interface Shared {
  readonly limits: Readonly<Record<LimitName, Limit.Limit>>
  readonly gauges: { readonly one: Gauge; readonly two: Gauge }
  readonly ledgers: { readonly rate: Ledger; readonly cost: Ledger }
  /** Reads the clock, in milliseconds. */
  readonly now: () => number
}

const isStated = (limit: Limit.Limit): limit is Limit.Stated => "state" in limit

/** Makes a key and a cost for any value without calling anything of it. */
const kindOf = (input: unknown): string => typeof input

const costs: Readonly<Record<string, number>> = { object: 7, string: 0, number: 2, function: 9 }
const costOf = (input: unknown): number => costs[kindOf(input)] ?? 1

const rates = { rate: { limit: 5, window: 10 }, cost: { limit: 9, window: 10 } }

const makeShared = (clock: Clock.Clock): Shared => {
  const semaphore = Semaphore.makeUnsafe(2)
  const one = Limit.concurrency(1)
  return {
    limits: {
      one,
      two: Limit.concurrency(2),
      rate: Limit.rate(rates.rate),
      adaptive: Limit.adaptive({ max: 4, overload: () => true }),
      cost: Limit.rate({ ...rates.cost, cost: costOf }),
      keyed: Limit.keyed(kindOf, (kind) => kind === "string" ? one : Limit.concurrency(1)),
      own: Limit.make({ name: "own", around: (attempt) => semaphore.withPermits(1)(attempt) })
    },
    gauges: { one: new Gauge(), two: new Gauge() },
    ledgers: { rate: new Ledger(rates.rate), cost: new Ledger(rates.cost) },
    now: () => Number(clock.monotonicTimeNanosUnsafe()) / 1e6
  }
}

/** A clock that counts its sleepers. */
const counting = (clock: Clock.Clock) => {
  const sleepers = { count: 0 }
  const counted = Object.assign(Object.create(clock) as Clock.Clock, {
    sleep: (duration: Duration.Duration) =>
      Effect.uninterruptibleMask((restore) => {
        sleepers.count++
        return Effect.ensuring(restore(clock.sleep(duration)), Effect.sync(() => sleepers.count--))
      })
  })
  return { counted, sleepers }
}

/** The inputs of a run. They count how often they are pulled and closed. */
class Inputs {
  pulled = 0
  closed = 0
  private readonly run: Run

  constructor(run: Run) {
    this.run = run
  }

  get source(): Parallel.Inputs<unknown> {
    const values = this.run.payloads.map(valueOf)
    switch (this.run.inputs) {
      case "array":
        return values
      case "iterator":
        return new Map(values.entries()).values()
      case "generator":
        return this.generate()
      case "iterable":
        return { [Symbol.iterator]: () => this.iterate((result) => result) }
      case "async iterable":
        return { [Symbol.asyncIterator]: () => this.iterate((result) => Promise.resolve(result)) as never }
      case "stream":
        return Stream.ensuring(
          Stream.fromIterable(this.generate(), { chunkSize: 2 }),
          Effect.sync(() => void this.closed++)
        )
    }
  }

  private *generate(): Generator {
    for (const [index] of this.run.payloads.entries()) yield this.pull(index)
  }

  private pull(index: number): unknown {
    this.pulled++
    if (index === this.run.throwsAt) throw inputDefect
    return valueOf(this.run.payloads[index]!)
  }

  private iterate(wrap: (result: IteratorResult<unknown>) => unknown): Iterator<unknown> {
    let next = 0
    const done = (): unknown => wrap({ done: true, value: undefined })
    return {
      next: () => next === this.run.payloads.length ? done() : wrap({ done: false, value: this.pull(next++) }),
      return: () => {
        this.closed++
        return done()
      }
    } as Iterator<unknown>
  }
}

/**
 * Logs a value and adds it to the span. Effect itself may die when it reads a value, which is not the fault of the
 * work.
 */
const noted = (value: unknown): Effect.Effect<void> =>
  Effect.suspend(() => Effect.logError(value)).pipe(
    Effect.annotateLogs("key", value),
    Effect.andThen(Effect.annotateCurrentSpan("key", value)),
    Effect.ignoreCause
  )

/** Makes the effect of a work. Throws if the work is to throw. */
const effectOf = (run: Run, act: Act, shared: Shared): Effect.Effect<unknown, unknown> => {
  const value = valueOf(act.value)
  const after = <A, E>(end: Effect.Effect<A, E>) => act.millis === 0 ? end : Effect.delay(end, act.millis)
  switch (act.kind) {
    case "succeed":
      return after(Effect.succeed(value))
    case "fail":
      return after(Effect.fail(value))
    case "die":
      return after(Effect.die(value))
    case "hang":
      return Effect.never
    case "ready":
      return Effect.succeed(value)
    case "ready fail":
      return Effect.fail(value)
    case "sync":
      return Effect.sync(() => value)
    case "throw":
      throw value
    case "promise":
      return Effect.map(Effect.promise(() => Promise.resolve()), () => value)
    case "reject":
      return Effect.promise(() => Promise.reject(value as Error))
    case "interrupt own fiber":
      return after(Effect.withFiber((fiber) => {
        fiber.interruptUnsafe()
        return Effect.never
      }))
    case "no effect":
      return after(Effect.suspend(() => undefined as never))
    case "nonsense":
      return value as never
    case "log":
      return Effect.andThen(noted(value), after(Effect.succeed(value)))
    case "slow finalizer":
      return Effect.onInterrupt(after(Effect.succeed(value)), () => Effect.sleep(4))
    case "children":
      return Effect.andThen(Effect.forkChild(Effect.sleep(100_000)), after(Effect.succeed(value)))
    case "nested": {
      // a limit that does not lend is held by the enclosing work
      const limit = run.limits.filter((name) => name !== "own").map((name) => shared.limits[name])
      const work = (n: number) => {
        noteStart(run, shared, n)
        return measured(run, shared, Effect.sleep(act.millis))
      }
      const inner = Parallel.forEach(range(3), work, {
        limit,
        concurrency: 2
      })
      return Effect.as(inner, value)
    }
    default:
      throw new Error(`works on fibers do not ${act.kind}`)
  }
}

/** Records the start of an attempt under the rates of its run. */
const noteStart = (run: Run, { ledgers, now }: Shared, input: unknown): void => {
  if (run.limits.includes("rate")) ledgers.rate.note(now(), 1)
  if (run.limits.includes("cost")) ledgers.cost.note(now(), costOf(input))
}

/** Counts a work under the limits of its run. */
const measured = <A, E>(run: Run, { gauges }: Shared, effect: Effect.Effect<A, E>): Effect.Effect<A, E> => {
  const one = run.limits.includes("one") ? gauges.one.hold(effect) : effect
  return run.limits.includes("two") ? gauges.two.hold(one) : one
}

const workOf = (run: Run, probe: Probe, shared: Shared) => {
  const calls = new Map<number, number>()
  return (input: unknown, index: number): Effect.Effect<unknown, unknown> => {
    noteStart(run, shared, input)
    const call = calls.get(index) ?? 0
    calls.set(index, call + 1)
    const act = run.works[index]![Math.min(call, run.works[index]!.length - 1)]!
    switch (act.kind) {
      case "ready":
      case "ready fail":
      case "throw":
      case "nonsense":
        probe.started.push(index)
        return effectOf(run, act, shared)
      // these end their fiber, so nothing can watch their end
      case "interrupt own fiber":
      case "no effect":
        return Effect.suspend(() => {
          probe.started.push(index)
          return effectOf(run, act, shared)
        })
      case "nested":
        return probe.watch(index, effectOf(run, act, shared))
      default:
        return probe.watch(index, measured(run, shared, Effect.suspend(() => effectOf(run, act, shared))))
    }
  }
}

/** True if an outcome is the one that the model expects, with the same value or error object. */
const fits =
  (run: Run) =>
  (outcome: Outcome.Outcome<unknown, unknown, unknown>, { act, attempts, late, tag }: Expected): boolean => {
    if (!Object.is(outcome.input, valueOf(run.payloads[outcome.index]!))) return false
    if (run.stragglers !== undefined) return true
    if (outcome._tag !== tag || outcome.attempts !== attempts) return false
    const value = valueOf(act.value)
    if (outcome._tag === "Success") return Object.is(outcome.value, value)
    const { cause } = outcome
    const error = Cause.findErrorOption(cause)
    if (late) return Option.isSome(error) && Cause.isTimeoutError(error.value)
    switch (act.kind) {
      case "fail":
      case "ready fail":
        return Option.isSome(error) && Object.is(error.value, value)
      case "interrupt own fiber":
        return Cause.hasInterruptsOnly(cause)
      case "no effect":
      case "nonsense":
        return Cause.hasDies(cause)
      default:
        return cause.reasons.some((reason) => Cause.isDieReason(reason) && Object.is(reason.defect, value))
    }
  }

/** Runs inputs in the mode of the run. */
const start = (
  run: Run,
  inputs: Parallel.Inputs<unknown>,
  work: (input: unknown, index: number) => Effect.Effect<unknown, unknown>,
  limit: ReadonlyArray<Limit.Limit>
): Effect.Effect<Result, unknown> => {
  const options = {
    concurrency: run.concurrency,
    timeout: run.timeout,
    retry: run.retries === 0
      ? undefined
      : { times: run.retries, ...(run.delay > 0 && { schedule: Schedule.spaced(run.delay) }) },
    maxErrors: run.maxErrors,
    preDispatch: run.preDispatch,
    batchSize: run.batchSize,
    spans: run.spans,
    stragglers: run.stragglers,
    limit
  }
  switch (run.mode) {
    case "run":
      return Effect.map(Parallel.run(inputs, work, options), ({ elapsed, outcomes }) => ({ elapsed, outcomes }))
    case "partition":
      return Effect.map(Parallel.partition(inputs, work, options), ([values, failures]) => ({ values, failures }))
    case "validate":
      return Effect.map(Parallel.validate(inputs, work, options), (values) => ({ values }))
    case "forEach":
      return Effect.map(Parallel.forEach(inputs, work, options), (values) => ({ values }))
    default:
      return Effect.map(
        Stream.runCollect(Parallel.stream(inputs, work, { ...options, order: run.mode })),
        (outcomes) => ({ outcomes })
      )
  }
}

/** Runs a program on fibers. Dies with a message if it does something wrong. */
const check = (program: Program): Effect.Effect<void> =>
  Effect.gen(function*() {
    const { counted, sleepers } = counting(yield* Clock.Clock)
    const shared = makeShared(counted)
    const begun = program.runs.map((run) => {
      const probe = new Probe()
      const inputs = new Inputs(run)
      const limits = run.limits.map((name) => shared.limits[name])
      const effect = start(run, inputs.source, workOf(run, probe, shared), limits).pipe(
        Effect.provide(
          Layer.mergeAll(Logger.layer([]), run.watched ? Progress.layerCallback(() => Effect.void) : Layer.empty)
        ),
        Effect.provideService(Scheduler.MaxOpsBeforeYield, program.budget),
        Effect.provideService(Clock.Clock, counted)
      )
      return { effect, inputs, probe, run }
    })
    const fibers = yield* Effect.forEach(begun, ({ effect }) => Effect.forkChild(effect))
    const interrupted = new Set<number>()
    const running = () => fibers.some((fiber) => fiber.pollUnsafe() === undefined)
    for (let at = 0, step = 0; running() && step < 400; step++) {
      yield* turns(program.budget)
      for (const [k, { run }] of begun.entries()) {
        if (run.interruptAt < 0 || run.interruptAt > at || interrupted.has(k)) continue
        interrupted.add(k)
        fibers[k]!.interruptUnsafe()
      }
      const millis = at < firstMillis ? 1 : 3_600_000
      yield* TestClock.adjust(millis)
      at += millis
    }
    const exits = fibers.map((fiber) => fiber.pollUnsafe())
    if (exits.includes(undefined)) yield* Effect.forEach(fibers, Fiber.interrupt)
    insist(!exits.includes(undefined), () => "a run did not end")

    yield* turns(program.budget)
    const started = begun.map(({ probe }) => probe.started.length)
    insist(sleepers.count === 0, () => `${sleepers.count} sleepers are left`)
    yield* TestClock.adjust("1 hour")
    yield* turn
    for (const name of Object.keys(shared.limits) as Array<LimitName>) {
      const limit = shared.limits[name]
      const states = isStated(limit)
        ? [yield* limit.state]
        : name === "keyed"
        ? [...(yield* (limit as Limit.Keyed<unknown, string>).states).values()]
        : []
      for (const { free, running, size, waiting } of states) {
        insist(running === 0 && waiting === 0, () => `${name}: ${running} attempts hold it, ${waiting} wait`)
        insist(free === size || name === "adaptive", () => `${name}: ${free} of ${size} are free`)
      }
    }
    for (const [name, ledger] of Object.entries(shared.ledgers)) {
      insist(ledger.excess === undefined, () => `${name}: ${ledger.excess}`)
    }
    insist(shared.gauges.one.most <= 1, () => `${shared.gauges.one.most} works under a limit of 1`)
    insist(shared.gauges.two.most <= 2, () => `${shared.gauges.two.most} works under a limit of 2`)
    for (const [k, { inputs, probe, run }] of begun.entries()) {
      const lanes = run.concurrency === "unbounded" ? Infinity : run.concurrency
      insist(probe.running === 0, () => `run ${k}: ${probe.running} works still run`)
      insist(probe.started.length === started[k], () => `run ${k}: a work started after the end`)
      insist(probe.most <= lanes, () => `run ${k}: ${probe.most} works at once`)
      insist(inputs.closed <= 1, () => `run ${k}: the inputs were closed ${inputs.closed} times`)
      for (const index of run.works.keys()) {
        const most = run.stragglers === undefined ? expected(run, index).attempts : run.retries + 2
        const times = probe.started.filter((each) => each === index).length
        insist(times <= most, () => `run ${k}: input ${index} was begun ${times} times, expected ${most} at most`)
      }
      const exit = exits[k] as Exit.Exit<Result, unknown>
      try {
        // a copy of a straggler may do what a later attempt would do
        judge({ run, exit, inputDefect, fits: fits(run), exact: run.stragglers === undefined })
      } catch (error) {
        throw new Error(`run ${k}: ${(error as Error).message}`, { cause: error })
      }
    }
  })

/** Runs a program from a test or a script, on its own test clock. */
export const checkPromise = (program: Program): Promise<void> =>
  Effect.runPromise(Effect.scoped(Effect.provide(check(program), TestClock.layer())))
