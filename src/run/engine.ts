/**
 * The engine: brings every input of a plan to its work, and every exit to a sink.
 *
 * As many lanes as `concurrency` run side by side. A lane takes an input, runs its attempt in its own fiber, passes the exit
 * to the sink and takes the next. A lane that finds nothing to take waits; when one has ended the run, the others are
 * interrupted and waited for. A lane that lost its fiber to its work is replaced.
 */
import type * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import type * as Backend from "../Backend.ts"
import { nanoClock } from "../primitives/clock.ts"
import { checkedEffect, toEffect } from "../primitives/effects.ts"
import { type TurnBudget, turnBudgetOf } from "../primitives/eventLoop.ts"
import { FiberGroup } from "../primitives/fiberGroup.ts"
import { Timers } from "../primitives/timers.ts"
import { withDeadline } from "../task/deadline.ts"
import { InputQueue } from "./inputs/queue.ts"
import { sizeOf } from "./inputs/source.ts"
import { type AfterFailure, afterFailure } from "./lanes/afterFailure.ts"
import { attempt, type Start } from "./lanes/attempt.ts"
import { BatchLane } from "./lanes/batchLane.ts"
import { BatchRuns } from "./lanes/batchRun.ts"
import { BatchSizer } from "./lanes/batchSizer.ts"
import { Lane } from "./lanes/lane.ts"
import { RunObserver } from "./outcomes/observer.ts"
import type { Control, RunSummary, Sink } from "./outcomes/sink.ts"
import * as Plan from "./plan.ts"

/**
 * Runs a plan to its end: until every input is settled, the sink ends it, the inputs fail, or it is interrupted.
 *
 * Succeeds when all inputs are settled or the sink has ended the run, and fails only as the inputs themselves do. However it
 * ends, every attempt has ended, finalizers included, the inputs are closed, and no fiber or timer is left. What dies while
 * the run is being stopped does not replace the reason for which it stopped: it is logged as a warning.
 */
export const run = <I, A, E, R, EI, RI>(
  plan: Plan.Plan<I, A, E, R, EI, RI>,
  makeSink: MakeSink<I, A, E>
): Effect.Effect<RunSummary, EI, R | RI> =>
  Effect.withFiber((fiber) => {
    const context = fiber.context as Context.Context<R | RI>
    const task = Plan.asTask(plan.work)
    const backend = task && Context.get(context, task[Plan.TaskTypeId].backend)
    const settings = Plan.settings(plan, Context.get(context, Plan.Defaults), backend)
    const observer = new RunObserver(context, settings.name, sizeOf(plan.inputs))
    const through = (lanes: MakeLanes<I, A, E, R>) => execute(plan, makeSink, settings, observer, fiber, lanes)
    return observer.around(
      task === undefined || backend === undefined
        ? through((parts) => fiberLanes(parts, plan))
        : Effect.scopedWith((scope) => through((parts) => taskLanes(parts, task, backend, scope)))
    )
  })

type MakeSink<I, A, E> = (control: Control, settings: Plan.Settings) => Sink<I, A, E>

/** Makes one lane; `worker` is its number. */
type MakeLane<R> = (worker: number) => AnyLane<R>

/** A lane of any kind. */
type AnyLane<R> = Pick<Lane<unknown, unknown, unknown, R>, "worker" | "ready" | "run" | "lost" | "keep">

/** What the lanes of a run share. */
interface Parts<I, A, E, R> {
  readonly queue: InputQueue<I, any, any>
  readonly sink: Sink<I, A, E>
  readonly settings: Plan.Settings
  readonly observer: RunObserver
  readonly afterFailure: AfterFailure<I, A, E, R> | undefined
  readonly timers: Timers
  readonly turnBudget: TurnBudget
  /** Reads the monotonic clock, in nanoseconds. */
  readonly time: () => number
}

type MakeLanes<I, A, E, R> = (parts: Parts<I, A, E, R>) => MakeLane<R>

const execute = <I, A, E, R, EI, RI>(
  { inputs, node: { recover } }: Plan.Plan<I, A, E, R, EI, RI>,
  makeSink: MakeSink<I, A, E>,
  settings: Plan.Settings,
  observer: RunObserver,
  fiber: Fiber.Fiber<unknown, unknown>,
  lanes: MakeLanes<I, A, E, R>
): Effect.Effect<RunSummary, EI, R | RI> => {
  const clock = fiber.getRef(Clock.Clock)
  const time = nanoClock(clock)
  const beganAt = time()
  const startedAt = DateTime.makeUnsafe(clock.currentTimeMillisUnsafe())
  const timers = new Timers(clock, Effect.runForkWith(fiber.context))
  const turnBudget = turnBudgetOf(fiber)
  const sink = makeSink({ size: observer.size, beganAt, retire: (count) => queue.retire(count) }, settings)
  const queue: InputQueue<I, EI, RI> = new InputQueue<I, EI, RI>(
    inputs,
    {
      window: settings.window,
      widest: settings.widest,
      retries: settings.retry !== undefined || (recover !== undefined && settings.batches),
      stragglers: settings.stragglers,
      batches: settings.batches,
      retiredElsewhere: sink.retires,
      detailed: sink.detailed,
      stopped: () => opener.stop()
    },
    timers,
    turnBudget
  )
  observer.attach(queue, sink.detailed)
  const parts: Parts<I, A, E, R> = {
    queue,
    sink,
    settings,
    observer,
    afterFailure: afterFailure(settings.retry, recover),
    timers,
    turnBudget,
    time
  }
  const opener = new LaneOpener<R, EI, RI>(queue, lanes(parts), settings.concurrency)
  return turnBudget.withoutYields(opener.run()).pipe(
    Effect.ensuring(Effect.andThen(timers.close, quietly(queue.close))),
    Effect.map(() => ({
      name: settings.name,
      inputs: queue.count,
      startedAt,
      elapsed: Duration.nanos(BigInt(time() - beganAt))
    }))
  )
}

/** Lanes that run a function in their own fibers. */
const fiberLanes = <I, A, E, R>(
  parts: Parts<I, A, E, R>,
  { node, work }: Plan.Plan<I, A, E, R, any, any>
): MakeLane<R> => {
  const { settings: { timeout }, timers } = parts
  const asEffect: typeof checkedEffect = node.plain ? toEffect : checkedEffect
  return itemLanes(
    parts,
    timeout === undefined
      ? (item) => asEffect(work(item.input, item.index))
      : (item) => withDeadline(asEffect(work(item.input, item.index)), timeout, timers) as Effect.Effect<A, E, R>
  )
}

/** Lanes that bring inputs to a backend: by the batch, or one by one where something has to be done for each. */
const taskLanes = <I, A, E, R>(
  parts: Parts<I, A, E, R>,
  task: Plan.AnyTask,
  backend: Backend.Backend,
  scope: Scope.Scope
): MakeLane<R> => {
  const { observer, settings: { batches, batchSize, concurrency, timeout, widest }, timers } = parts
  if (!batches) {
    const { attempt } = task[Plan.TaskTypeId]
    return itemLanes(parts, (item) => Scope.provide(attempt(backend, task, item, timeout, concurrency), scope))
  }
  const options = {
    ...parts,
    job: task,
    backend,
    scope,
    timeout,
    concurrency,
    size: observer.size,
    sizer: new BatchSizer(batchSize, concurrency, widest),
    batches: new BatchRuns(timers)
  }
  return (worker) => new BatchLane<I, A, E, R>(options, worker)
}

/** Lanes that take an input at a time. */
const itemLanes = <I, A, E, R>(parts: Parts<I, A, E, R>, start: Start<I, A, E, R>): MakeLane<R> => {
  const { queue, settings, sink: { detailed }, time } = parts
  const options = {
    ...parts,
    source: queue,
    host: queue,
    attempt: attempt(start, { queue, settings, detailed, time })
  }
  return (worker) => new Lane<I, A, E, R>(options, worker)
}

/** Number of lanes that are opened at first; each further group is twice as large, up to the largest. */
const firstGroup = 16
const largestGroup = 8192

/**
 * Opens the lanes of a run and waits for them. They are opened in groups: the last lane of a group opens the next one when it
 * has found an input, so that a high concurrency costs nothing where there is little to do.
 */
class LaneOpener<R, EI, RI> {
  private readonly queue: InputQueue<any, EI, RI>
  private readonly makeLane: MakeLane<R>
  private readonly concurrency: number
  private readonly fibers = new FiberGroup<R | RI>()
  /** Number of lanes that have been opened, number that are to be, and size of the next group. */
  private opened = 0
  private wanted = 0
  private group = firstGroup
  /** Numbers of the lanes that have lost their fiber. */
  private readonly vacant: Array<number> = []
  private opening = false

  constructor(queue: InputQueue<any, EI, RI>, makeLane: MakeLane<R>, concurrency: number) {
    this.queue = queue
    this.makeLane = makeLane
    this.concurrency = concurrency
  }

  /** Runs the lanes to their end. Why the run stopped comes before what died while it did. */
  run(): Effect.Effect<void, EI, R | RI> {
    return Effect.flatMap(this.fibers.run(() => this.begin()), () => {
      const { failure } = this.queue
      return Effect.andThen(
        quietly(this.fibers.lateDefects),
        failure === undefined ? Effect.void : Effect.failCause(failure)
      )
    })
  }

  /** Interrupts the lanes and the feed. */
  stop(): void {
    this.fibers.stop()
  }

  private begin(): void {
    const { feed } = this.queue
    if (feed !== undefined) this.fibers.fork(Effect.interruptible(feed), this.ended)
    this.widen()
  }

  private widen(): void {
    this.wanted = Math.min(this.opened + this.group, this.concurrency)
    this.group = Math.min(2 * this.group, largestGroup)
    this.open()
  }

  /** Opens the lanes that are missing, one after another, also those that turn out to be missing meanwhile. */
  private open(): void {
    if (this.opening) return
    this.opening = true
    while ((this.vacant.length > 0 || this.opened < this.wanted) && !this.queue.finished) {
      const vacant = this.vacant.pop()
      const lane = this.makeLane(vacant ?? this.opened++)
      const last = vacant === undefined && this.opened === this.wanted && this.wanted < this.concurrency
      if (last) this.startLast(lane)
      else this.start(lane)
    }
    this.opening = false
  }

  private startLast(lane: AnyLane<R>): void {
    const found = Effect.map(Effect.suspend(lane.ready), (ready) => {
      if (!ready) return
      this.start(lane)
      this.widen()
    })
    this.fibers.fork(found, this.ended)
  }

  private start(lane: AnyLane<R>): void {
    this.fibers.fork(lane.run, (exit) => {
      if (this.fibers.stopping) return lane.keep()
      if (Exit.isSuccess(exit)) return
      if (!lane.lost(exit.cause)) return this.ended(exit)
      this.vacant.push(lane.worker)
      this.open()
    })
  }

  /** Ends the run where what brings the inputs has failed. */
  private readonly ended = (exit: Exit.Exit<void, EI>): void => {
    if (Exit.isFailure(exit)) this.queue.fail(exit.cause)
  }
}

/** Runs what must not change how a run ends. */
const quietly = (effect: Effect.Effect<void>): Effect.Effect<void> => Effect.catchCause(effect, warn)

const warn = (cause: Cause.Cause<unknown>): Effect.Effect<void> =>
  Effect.logWarning("a run was stopped, and something failed while it did", cause)
