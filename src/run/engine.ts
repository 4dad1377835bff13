/**
 * The engine: brings every input of a plan to its work, and every exit to a sink.
 *
 * As many lanes as `concurrency` run concurrently. A lane takes an input, runs its attempt in its own fiber, passes the
 * exit to the sink and takes the next input. A lane that finds nothing to take waits. When a lane has ended the run,
 * the others are interrupted, and the run waits until they have ended. A lane that lost its fiber to its work is
 * replaced.
 */
import type * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as References from "effect/References"
import * as Scope from "effect/Scope"
import type * as Backend from "../Backend.ts"
import { frameOf } from "../primitives/callSite.ts"
import * as Causes from "../primitives/causes.ts"
import { nanoClock, nanosOf } from "../primitives/clock.ts"
import { checkedEffect, toEffect } from "../primitives/effects.ts"
import { type TurnBudget, turnBudgetOf } from "../primitives/eventLoop.ts"
import { FiberGroup } from "../primitives/fiberGroup.ts"
import { Timers } from "../primitives/timers.ts"
import { checkBackend } from "../task/contract.ts"
import { withDeadline } from "../task/deadline.ts"
import type { CalledFrom } from "../task/stacks.ts"
import type { Item } from "./inputs/item.ts"
import { sizeOf } from "./inputs/open.ts"
import { InputQueue } from "./inputs/queue.ts"
import { type AfterFailure, afterFailure } from "./lanes/afterFailure.ts"
import { attempt, type Start } from "./lanes/attempt.ts"
import { BatchLane } from "./lanes/batchLane.ts"
import { BatchRuns } from "./lanes/batchRun.ts"
import { BatchSizer } from "./lanes/batchSizer.ts"
import { Lane } from "./lanes/lane.ts"
import { RemoteClock, type RunClock } from "./lanes/remote.ts"
import { RunObserver } from "./outcomes/observer.ts"
import type { Control, RunSummary, Sink } from "./outcomes/sink.ts"
import * as Plan from "./plan.ts"

/**
 * Runs a plan to its end: until every input is settled, the sink ends the run, the inputs fail, or the run is
 * interrupted.
 *
 * Succeeds when all inputs are settled or the sink has ended the run; fails only as the inputs themselves fail. However
 * it ends, every attempt has ended by then, finalizers included, the inputs are closed, and no fiber or timer is left.
 * A defect while the run is being stopped does not replace the reason for which it stopped: it is logged as a warning.
 */
export const run = <I, A, E, R, EI, RI>(
  plan: Plan.Plan<I, A, E, R, EI, RI>,
  makeSink: MakeSink<I, A, E>
): Effect.Effect<RunSummary, EI, R | RI> =>
  Effect.withFiber((fiber) => {
    const context = fiber.context as Context.Context<R | RI>
    const task = Plan.asTask(plan.work)
    const backend = task && checkBackend(Context.get(context, task[Plan.TaskTypeId].backend))
    const settings = Plan.settings(plan, Context.get(context, Plan.Defaults), backend)
    const observer = new RunObserver(context, settings.name, sizeOf(plan.inputs))
    const runWith = (lanes: MakeLanes<I, A, E, R>) => execute(plan, makeSink, settings, observer, fiber, lanes)
    if (task === undefined || backend === undefined) return observer.around(runWith((parts) => fiberLanes(parts, plan)))
    const frame = frameOf(task, plan.site, fiber.getRef(References.CurrentStackFrame))
    const calledFrom = { site: plan.site, frame }
    return observer.around(
      Effect.scopedWith((scope) => runWith((parts) => taskLanes(parts, task, backend, calledFrom, scope)))
    )
  })

type MakeSink<I, A, E> = (control: Control, settings: Plan.Settings) => Sink<I, A, E>

/** Makes one lane; `worker` is its number. */
type MakeLane<R> = (worker: number) => AnyLane<R>

/** A lane of any kind. */
type AnyLane<R> = Pick<Lane<unknown, unknown, unknown, R>, "worker" | "ready" | "run" | "lost" | "keep">

/** Objects that the lanes of a run share. */
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
  readonly clock: RunClock
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
  const fork = Effect.runForkWith(fiber.context)
  const timers = new Timers(clock, fork, (cause) => queue.stopped ? fork(warn(cause)) : queue.fail(cause))
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
    time,
    clock: { time, beganAt, nanosOf: nanosOf(clock) }
  }
  const opener = new LaneOpener<R, EI, RI>(queue, lanes(parts), settings.concurrency)
  return turnBudget.withoutYields(opener.run()).pipe(
    Effect.ensuring(Effect.andThen(timers.close, quietly(queue.close))),
    Effect.map(() => ({
      name: settings.name,
      show: settings.show,
      inputs: queue.count,
      startedAt,
      elapsed: Duration.nanos(BigInt(time() - beganAt))
    }))
  )
}

/** Makes lanes that run a function in their own fibers. */
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
      : (item) => withDeadline(asEffect(work(item.input, item.index)), timeout, timers) as Effect.Effect<A, E, R>,
    false
  )
}

/**
 * Makes lanes that send inputs to a backend: in batches, or one by one if each needs something of its own (a limit, a
 * copy, a span).
 */
const taskLanes = <I, A, E, R>(
  parts: Parts<I, A, E, R>,
  task: Plan.AnyTask,
  backend: Backend.Backend,
  calledFrom: CalledFrom,
  scope: Scope.Scope
): MakeLane<R> => {
  const { clock, observer, settings: { batches, batchSize, concurrency, show, timeout, widest }, timers } = parts
  if (!batches) {
    const { attempt } = task[Plan.TaskTypeId]
    const begin = (item: Item<I>, told?: Backend.OnAttempt) =>
      Scope.provide(attempt(backend, task, item, { timeout, concurrency, show, told, calledFrom }), scope)
    return parts.sink.detailed
      ? itemLanes(
        parts,
        (item, context) => Effect.suspend(() => begin(item, new RemoteClock(clock, item, context).told)),
        true
      )
      : itemLanes(parts, (item) => begin(item), true)
  }
  const options = {
    ...parts,
    job: task,
    backend,
    scope,
    timeout,
    concurrency,
    show,
    calledFrom,
    size: observer.size,
    sizer: new BatchSizer(batchSize, concurrency, widest),
    batches: new BatchRuns(timers)
  }
  return (worker) => new BatchLane<I, A, E, R>(options, worker)
}

/** Makes lanes that take one input at a time. */
const itemLanes = <I, A, E, R>(
  parts: Parts<I, A, E, R>,
  start: Start<I, A, E, R>,
  isRemote: boolean
): MakeLane<R> => {
  const { queue, settings, sink: { detailed }, time } = parts
  const options = {
    ...parts,
    source: queue,
    host: queue,
    waits: detailed && (isRemote || queue.revisits || settings.limits.length > 0),
    attempt: attempt(start, { queue, settings, detailed, time })
  }
  return (worker) => new Lane<I, A, E, R>(options, worker)
}

/** Number of lanes that are opened at first; each further group is twice as large, up to the largest. */
const firstGroup = 16
const largestGroup = 8192

/**
 * Opens the lanes of a run and waits for them. They are opened in groups: the last lane of a group opens the next group
 * when it has found an input, so a high concurrency costs nothing if few inputs are there at the start. Inputs that have
 * to be waited for open lanes faster than they need them. Invariant: `opened <= wanted <= concurrency`.
 */
class LaneOpener<R, EI, RI> {
  private readonly queue: InputQueue<any, EI, RI>
  private readonly makeLane: MakeLane<R>
  private readonly concurrency: number
  private readonly fibers = new FiberGroup<R | RI>()
  /** Number of lanes that have been opened, number of those to open so far, and size of the next group. */
  private opened = 0
  private wanted = 0
  private group = firstGroup
  /** Numbers of the lanes that have lost their fiber and have no replacement yet. */
  private readonly vacant: Array<number> = []
  /** True while `open` runs: it may be entered again by a lane that ends as it starts. */
  private opening = false

  constructor(queue: InputQueue<any, EI, RI>, makeLane: MakeLane<R>, concurrency: number) {
    this.queue = queue
    this.makeLane = makeLane
    this.concurrency = concurrency
  }

  /**
   * Runs the lanes to their end. Fails with the failure of the inputs, if there is one; defects that came while the run
   * was being stopped are logged first. Dies if the lanes have ended and inputs are left, although nobody stopped the
   * run.
   */
  run(): Effect.Effect<void, EI, R | RI> {
    return Effect.flatMap(this.fibers.run(() => this.begin()), () => {
      const { complete, count, done, failure, stopped } = this.queue
      const left = stopped || complete ? Effect.void : Effect.die(
        new Error(`a run ended while inputs were left: ${done} of the ${count} that were taken are done`)
      )
      return Effect.andThen(
        quietly(this.fibers.lateDefects),
        failure === undefined ? left : Effect.failCause(failure)
      )
    })
  }

  /** Interrupts the lanes and the feed of the inputs. */
  stop(): void {
    this.fibers.stop()
  }

  /** Starts the feed of the inputs and the first group of lanes. */
  private begin(): void {
    const { feed } = this.queue
    if (feed !== undefined) this.fibers.fork(Effect.interruptible(feed), this.endRunOnFailure)
    this.widen()
  }

  /** Opens the next group. */
  private widen(): void {
    this.wanted = Math.min(this.opened + this.group, this.concurrency)
    this.group = Math.min(2 * this.group, largestGroup)
    this.open()
  }

  /** Opens the missing lanes one after another, including those that go missing meanwhile. */
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

  /** Starts the last lane of a group when it has found an input, and then opens the next group. */
  private startLast(lane: AnyLane<R>): void {
    const found = Effect.map(Effect.suspend(lane.ready), (ready) => {
      if (!ready) return
      this.start(lane)
      this.widen()
    })
    this.fibers.fork(found, this.endRunOnFailure)
  }

  /** Starts a lane; replaces it if it loses its fiber to its work. */
  private start(lane: AnyLane<R>): void {
    this.fibers.fork(lane.run, (exit) => {
      if (this.fibers.stopping) return lane.keep()
      if (Exit.isSuccess(exit)) return
      if (!lane.lost(exit.cause)) return this.endRunOnFailure(exit)
      this.vacant.push(lane.worker)
      this.open()
    })
  }

  /**
   * Ends the run if what brings its inputs has failed: the feed, the wait of a last lane, or a lane for a reason that
   * is not its input.
   */
  private readonly endRunOnFailure = (exit: Exit.Exit<void, EI>): void => {
    if (Exit.isFailure(exit)) this.queue.fail(exit.cause)
  }
}

/** Runs an effect whose failure must not change how the run ends: it is logged. */
const quietly = (effect: Effect.Effect<void>): Effect.Effect<void> => Effect.catchCause(effect, warn)

const warn = (cause: Cause.Cause<unknown>): Effect.Effect<void> =>
  Causes.warn("a run was stopped, and something failed while it did", cause)
