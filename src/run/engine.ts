/**
 * The engine: brings every input of a plan to its work, and every exit to a sink.
 *
 * As many lanes as `concurrency` run side by side. A lane takes an input, runs its attempt in its own fiber, hands the
 * exit to the sink and takes the next. A lane that finds nothing to take waits; when one has ended the run, the others
 * are interrupted and waited for. A lane that lost its fiber to its work is replaced.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import { identity } from "effect/Function"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Backend from "../Backend.ts"
import * as Tracing from "../observability/spans.ts"
import { nanoClock } from "../primitives/clock.ts"
import { checkedEffect, inChildFiber, toEffect } from "../primitives/effects.ts"
import { type TurnBudget, turnBudgetOf } from "../primitives/eventLoop.ts"
import { FiberGroup } from "../primitives/fiberGroup.ts"
import { Timers } from "../primitives/timers.ts"
import * as Task from "../Task.ts"
import { withDeadline } from "../task/deadline.ts"
import type { Entry } from "./inputs/item.ts"
import { Supply } from "./inputs/queue.ts"
import { sizeOf } from "./inputs/source.ts"
import { Batches, BatchLane } from "./lanes/batchLane.ts"
import { Sizer } from "./lanes/batchSizer.ts"
import { type Hand, Lane, type Options as LaneOptions } from "./lanes/lane.ts"
import { Watching } from "./outcomes/observer.ts"
import type { Control, Sink } from "./outcomes/sink.ts"
import * as Plan from "./plan.ts"
import type { Decide } from "./retry.ts"

/**
 * A run that is over.
 *
 * @category models
 * @since 0.1.0
 */
export interface Ran {
  readonly name: string
  /** How many inputs were taken. */
  readonly inputs: number
  readonly startedAt: DateTime.Utc
  readonly elapsed: Duration.Duration
}

/**
 * Runs a plan to its end: until every input is settled, the sink ends it, the inputs fail, or it is interrupted.
 *
 * **Details**
 *
 * Shape: succeeds when all inputs are settled or the sink has ended the run. Errors: only those of the inputs
 * themselves. However it ends, every attempt has ended, finalizers included, the inputs are closed, and no fiber or
 * timer is left. What dies while the run is being stopped does not replace the reason for which it stopped: it is
 * logged as a warning.
 *
 * @category running
 * @since 0.1.0
 */
export const run = <I, A, E, R, EI, RI>(
  plan: Plan.Plan<I, A, E, R, EI, RI>,
  makeSink: (control: Control, settings: Plan.Settings) => Sink<I, A, E>
): Effect.Effect<Ran, EI, R | RI> =>
  Effect.withFiber((fiber) => {
    const { inputs, steps, work } = plan
    const context = fiber.context as Context.Context<R | RI>
    const backend = Context.get(context, Backend.Backend)
    const settings = Plan.settings(plan, Context.get(context, Plan.Defaults), backend)
    const timers = new Timers(Context.get(context, Clock.Clock), Effect.runForkWith(context))
    const watching = new Watching(context, settings.name, sizeOf(inputs))
    const engine = (lanes: Lanes<I, A, E, R>) =>
      new Engine({ inputs, settings, fiber, timers, lanes, makeSink, watching, recover: steps.recover }).run
    const ran = Task.isTask(work)
      ? Effect.scopedWith((scope) => engine(onBackend(work as unknown as Job<I, A, E>, backend, settings, scope)))
      : engine(onFibers(work, steps.plain ? toEffect : checkedEffect, settings, timers))
    return watching.around(ran)
  })

type Job<I, A, E> = Backend.Job<I, A, E>

/** Makes the lanes of a run, by their number. */
type Lanes<I, A, E, R> = (
  engine: Engine<I, A, E, R, any, any>
) => (worker: number) => Runnable<R>

/** What the engine needs of a lane of any kind. */
type Runnable<R> = Pick<Lane<unknown, unknown, unknown, R>, "worker" | "ready" | "run" | "lost" | "keep">

/** Starts an attempt at an input; its deadline is a matter of the place where it runs. */
type Start<I, A, E, R> = (entry: Entry<I>, hand: Hand) => Effect.Effect<A, E, R>

const onFibers = <I, A, E, R>(
  work: Plan.Work<I, A, E, R>,
  toEffect: (given: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>,
  { timeout }: Plan.Settings,
  timers: Timers
): Lanes<I, A, E, R> => {
  const start: Start<I, A, E, R> = timeout === undefined
    ? (entry) => toEffect(work(entry.input, entry.index))
    : (entry) => withDeadline(toEffect(work(entry.input, entry.index)), timeout, timers) as Effect.Effect<A, E, R>
  return (engine) => engine.lanes(start)
}

/** A task's inputs go one by one where something has to be done for each, and else by the batch. */
const onBackend = <I, A, E, R>(
  job: Job<I, A, E>,
  backend: Backend.Backend,
  settings: Plan.Settings,
  scope: Scope.Scope
): Lanes<I, A, E, R> => {
  const { batches, concurrency, timeout } = settings
  if (batches) return (engine) => engine.batchLanes(job, backend, scope)
  const start = (entry: Entry<I>) =>
    Scope.provide(Backend.attempt(backend, job, entry, timeout, concurrency), scope) as Effect.Effect<A, E>
  return (engine) => engine.lanes(start)
}

/** How many lanes are opened at first; each further group is twice as large, up to the largest. */
const firstGroup = 16
const largestGroup = 8192

class Engine<I, A, E, R, EI, RI> {
  readonly supply: Supply<I, EI, RI>
  readonly sink: Sink<I, A, E>
  readonly turnBudget: TurnBudget
  readonly time: () => number
  readonly afterFailure: LaneOptions<I, A, E, R>["afterFailure"]
  private readonly clock: Clock.Clock
  private readonly settings: Plan.Settings
  private readonly timers: Timers
  private readonly watching: Watching
  private readonly beganAt: number
  private readonly makeLane: ReturnType<Lanes<I, A, E, R>>
  private readonly fiberGroup = new FiberGroup<R | RI>()
  /** How many lanes have been opened, how many are to be, and how many more the next time. */
  private opened = 0
  private wanted = 0
  private group = firstGroup
  /** The workers whose lanes have lost their fiber. */
  private readonly vacant: Array<number> = []
  private opening = false

  constructor(options: {
    readonly inputs: Plan.Inputs<I, EI, RI>
    readonly settings: Plan.Settings
    readonly fiber: Fiber.Fiber<unknown, unknown>
    readonly timers: Timers
    readonly lanes: Lanes<I, A, E, R>
    readonly makeSink: (control: Control, settings: Plan.Settings) => Sink<I, A, E>
    readonly recover: Plan.Recover<I, A, E, R> | undefined
    readonly watching: Watching
  }) {
    const { timers, fiber, inputs, settings, watching } = options
    this.settings = settings
    this.timers = timers
    this.clock = fiber.getRef(Clock.Clock)
    this.time = nanoClock(this.clock)
    this.turnBudget = turnBudgetOf(fiber)
    this.watching = watching
    this.beganAt = this.time()
    this.sink = options.makeSink({
      size: watching.size,
      beganAt: this.beganAt,
      retire: (count) => this.supply.retire(count)
    }, settings)
    this.supply = new Supply(
      inputs,
      {
        window: settings.window,
        retries: settings.retry !== undefined || (options.recover !== undefined && settings.batches),
        stragglers: settings.stragglers,
        batches: settings.batches,
        widest: settings.widest,
        retiredElsewhere: this.sink.retires,
        stopped: () => this.fiberGroup.stop(),
        detailed: this.sink.detailed
      },
      timers,
      this.turnBudget
    )
    watching.attach(this.supply, this.sink.detailed)
    this.afterFailure = afterFailure(settings.retry, options.recover)
    this.makeLane = options.lanes(this)
  }

  get run(): Effect.Effect<Ran, EI, R | RI> {
    const startedAt = DateTime.makeUnsafe(this.clock.currentTimeMillisUnsafe())
    return this.turnBudget.withoutYields(this.fiberGroup.run(() => this.begin())).pipe(
      Effect.flatMap(() => this.verdict),
      Effect.ensuring(Effect.andThen(this.timers.close, quietly(this.supply.close))),
      Effect.map(() => ({ name: this.settings.name, inputs: this.supply.count, startedAt, elapsed: this.elapsed }))
    )
  }

  /** Lanes that take an input at a time. */
  lanes(start: Start<I, A, E, R>): ReturnType<Lanes<I, A, E, R>> {
    const { afterFailure, sink, supply, time, turnBudget, watching: watch } = this
    const options = { supply, sink, turnBudget, time, watch, afterFailure, attempt: this.makeAttempt(start) }
    return (worker) => new Lane<I, A, E, R>(options, worker)
  }

  /** Lanes that take inputs by the batch. */
  batchLanes(job: Job<I, A, E>, backend: Backend.Backend, scope: Scope.Scope): ReturnType<Lanes<I, A, E, R>> {
    const { afterFailure, timers, sink, supply, time, turnBudget, watching: watch } = this
    const { batchSize, concurrency, timeout, widest } = this.settings
    const sizer = new Sizer(batchSize, concurrency, widest)
    const batches = new Batches(timers)
    const options = {
      supply,
      sink,
      turnBudget,
      time,
      watch,
      afterFailure,
      timers,
      size: watch.size,
      job,
      backend,
      scope,
      sizer,
      batches,
      concurrency,
      timeout
    }
    return (worker) => new BatchLane(options, worker)
  }

  private begin(): void {
    const { feed } = this.supply
    if (feed !== undefined) this.fiberGroup.fork(Effect.interruptible(feed), this.ended)
    this.widen()
  }

  /**
   * Opens lanes in groups: the last lane of a group opens the next one when it has found an input, so that a high
   * concurrency costs nothing where there is little to do.
   */
  private widen(): void {
    this.wanted = Math.min(this.opened + this.group, this.settings.concurrency)
    this.group = Math.min(2 * this.group, largestGroup)
    this.open()
  }

  /** Opens the lanes that are missing, one after another, also those that turn out to be missing meanwhile. */
  private open(): void {
    if (this.opening) return
    this.opening = true
    while ((this.vacant.length > 0 || this.opened < this.wanted) && !this.supply.finished) {
      const vacant = this.vacant.pop()
      const lane = this.makeLane(vacant ?? this.opened++)
      const last = vacant === undefined && this.opened === this.wanted && this.wanted < this.settings.concurrency
      if (last) this.openLast(lane)
      else this.start(lane)
    }
    this.opening = false
  }

  private openLast(lane: Runnable<R>): void {
    const found = Effect.map(Effect.suspend(lane.ready), (ready) => {
      if (!ready) return
      this.start(lane)
      this.widen()
    })
    this.fiberGroup.fork(found, this.ended)
  }

  private start(lane: Runnable<R>): void {
    this.fiberGroup.fork(lane.run, (exit) => {
      if (this.fiberGroup.stopping) return lane.keep()
      if (Exit.isSuccess(exit)) return
      if (!lane.lost(exit.cause)) return this.ended(exit)
      this.vacant.push(lane.worker)
      this.open()
    })
  }

  /** What brings the inputs has ended; if it has failed, so has the run. */
  private readonly ended = (exit: Exit.Exit<void, EI>): void => {
    if (Exit.isFailure(exit)) this.supply.fail(exit.cause)
  }

  /** An attempt, with all that the settings put around it. It starts when the limits have let it through. */
  private makeAttempt(start: Start<I, A, E, R>): LaneOptions<I, A, E, R>["attempt"] {
    const { limits, name, spans, stragglers } = this.settings
    const traced = spans === 0 ? start : Tracing.sampled(start, name, spans)
    const begin: Start<I, A, E, R> = this.sink.detailed || this.supply.recurs || spans > 0
      ? (entry, hand) => {
        entry.attempts++
        this.supply.began(entry, hand)
        return traced(entry, hand)
      }
      : start
    const beginLate: Start<I, A, E, R> = (entry, hand) =>
      Effect.suspend(() => {
        entry.withdrawn = this.supply.stopped
        if (entry.withdrawn) return Effect.interrupt
        hand.beganAt = this.time()
        if (entry.attempts === 0) entry.startedAt = hand.beganAt
        return begin(entry, hand)
      })
    const limited: Start<I, A, E, R> = limits.length === 0
      ? begin
      : (entry, hand) => limits.reduceRight((attempt, limit) => limit.around(attempt), beginLate(entry, hand))
    return stragglers === undefined ? limited : racing(limited)
  }

  private get elapsed(): Duration.Duration {
    return Duration.nanos(BigInt(this.time() - this.beganAt))
  }

  /** What the end of the fiberGroup means: why the run stopped comes before what died while it did. */
  private get verdict(): Effect.Effect<void, EI> {
    const { failure } = this.supply
    return Effect.andThen(
      quietly(this.fiberGroup.lateDefects),
      failure === undefined ? Effect.void : Effect.failCause(failure)
    )
  }
}

/**
 * Attempts at one input that race: each in a fiber of its own, which is interrupted when another has ended. One whose
 * lane took the input in an earlier round has lost before it began.
 */
const racing = <I, A, E, R>(start: Start<I, A, E, R>): LaneOptions<I, A, E, R>["attempt"] => (entry, hand) => {
  const { round } = hand
  return inChildFiber(
    Effect.suspend(() => entry.round === round ? start(entry, hand) : Effect.interrupt),
    (fiber) => {
      if (entry.round === round) (entry.racers ??= []).push(fiber)
      else fiber.interruptUnsafe()
    },
    identity
  )
}

/** What follows a failure: another attempt, where there are retries; what takes its place, where there is such; or nothing. */
const afterFailure = <I, A, E, R>(
  retry: (() => Decide) | undefined,
  recover: Plan.Recover<I, A, E, R> | undefined
): LaneOptions<I, A, E, R>["afterFailure"] => {
  const retried = retry && retrying(retry)
  if (recover === undefined) {
    return retried &&
      ((entry, cause) =>
        Effect.map(retried(entry, cause), (next) => Duration.isDuration(next) ? next : Exit.failCause(next)))
  }
  const recovered = ({ attempts, index, input }: Entry<I>, cause: Cause.Cause<E>) =>
    Effect.exit(Effect.suspend(() => recover({ index, input, attempts: Math.max(1, attempts) }, cause)))
  return retried === undefined
    ? recovered
    : (entry, cause) =>
      Effect.flatMap(
        retried(entry, cause),
        (next): Effect.Effect<Duration.Duration | Exit.Exit<A, E>, never, R> =>
          Duration.isDuration(next) ? Effect.succeed(next) : recovered(entry, next)
      )
}

/** Asks the retry policy what follows a failure. Defects and interruptions are not tried again. */
const retrying = (makeDecide: () => Decide) => <E>(entry: Entry<unknown>, cause: Cause.Cause<E>) => {
  const error = Cause.hasDies(cause) ? Option.none() : Cause.findErrorOption(cause)
  if (Option.isNone(error)) return Effect.succeed(cause)
  entry.decide ??= makeDecide()
  return Effect.matchCause(entry.decide(error.value), {
    onFailure: (defect): Duration.Duration | Cause.Cause<E> => Cause.combine(cause, defect),
    onSuccess: (delay) => delay ?? cause
  })
}

/** Runs what must not change how a run ends. */
const quietly = (effect: Effect.Effect<void>): Effect.Effect<void> => Effect.catchCause(effect, warn)

const warn = (cause: Cause.Cause<unknown>): Effect.Effect<void> =>
  Effect.logWarning("a run was stopped, and something failed while it did", cause)
