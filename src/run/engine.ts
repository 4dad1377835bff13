/**
 * The engine: brings every input of a plan to its work, and every exit to a sink.
 *
 * As many lanes as `concurrency` run concurrently. A lane takes an input, runs its attempt in its own fiber, passes the
 * exit to the sink and takes the next input. A lane that finds nothing to take waits. When a lane has ended the run,
 * the others are interrupted, and the run waits until they have ended. A lane that lost its fiber to its work is
 * replaced.
 */
import * as Clock from "effect/Clock"
import type * as Context from "effect/Context"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import { identity } from "effect/Function"
import * as References from "effect/References"
import * as Scope from "effect/Scope"
import type * as Backend from "../Backend.ts"
import type { RunJournal } from "../journal/record/contract.ts"
import { dependOnInput, mostOfBatch } from "../limit/around.ts"
import { frameOf } from "../primitives/callSite.ts"
import { monotonicClock, nanoClock, nanosOf } from "../primitives/clock.ts"
import { checkedEffect, toEffect } from "../primitives/effects.ts"
import { type TurnBudget, turnBudgetOf } from "../primitives/eventLoop.ts"
import { Shutdown } from "../primitives/shutdown.ts"
import { Timers } from "../primitives/timers.ts"
import { withDeadline } from "../task/deadline.ts"
import { type LoopWatch, watchFunction, watchTask } from "../task/heldLoop.ts"
import * as Identity from "../task/identity.ts"
import type { CalledFrom } from "../task/stacks.ts"
import { DrainableSink, following, journaled, recorded, stoppable } from "./around.ts"
import { Admission } from "./inputs/admission.ts"
import type { Item } from "./inputs/item.ts"
import { sizeOf } from "./inputs/open.ts"
import { InputQueue } from "./inputs/queue.ts"
import { type AfterFailure, afterFailure } from "./lanes/afterFailure.ts"
import { attempt, attemptOf, spanRecorder, type Start } from "./lanes/attempt.ts"
import { BatchLane } from "./lanes/batchLane.ts"
import { BatchRuns } from "./lanes/batchRuns.ts"
import { BatchSizer } from "./lanes/batchSizer.ts"
import * as DefaultRetry from "./lanes/defaultRetry.ts"
import { Lane } from "./lanes/lane.ts"
import { LaneCount } from "./lanes/laneCount.ts"
import { RemoteClock, type RunClock } from "./lanes/remote.ts"
import { WatchedLane } from "./lanes/watchedLane.ts"
import { LaneOpener, type MakeLane, quietly, warn } from "./opener.ts"
import { RunObserver } from "./outcomes/observer.ts"
import { Recorder } from "./outcomes/recorder.ts"
import * as Seen from "./outcomes/seen.ts"
import type { Control, RunSummary, Sink } from "./outcomes/sink.ts"
import * as Plan from "./plan.ts"

/**
 * Runs a plan until every input is settled, the sink ends the run, the inputs fail, or the run is interrupted.
 *
 * Succeeds when all inputs are settled or the sink has ended the run. Fails only as the inputs themselves fail. However
 * it ends, every attempt has ended by then, finalizers included; the inputs are closed, and no fiber or timer is left.
 * A defect while the run is being stopped does not replace the reason for the stop: it is logged as a warning.
 */
export const run = <I, A, E, R, EI, RI>(
  plan: Plan.Plan<I, A, E, R, EI, RI>,
  makeSink: MakeSink<I, A, E>
): Effect.Effect<RunSummary, EI, R | RI> =>
  Effect.withFiber((fiber) => {
    const context = fiber.context as Context.Context<R | RI>
    const task = Plan.asTask(plan.work)
    const backend = task?.[Plan.TaskTypeId].backendOf(fiber.context)
    const settings = Plan.settings(plan, Plan.aroundOf(fiber.context), backend)
    if (settings.retriesByDefault) DefaultRetry.take(context)
    const observer = new RunObserver(context, settings.name, sizeOf(plan.inputs))
    const runWith = (lanes: MakeLanes<I, A, E, R>) =>
      journaled(
        plan,
        settings,
        (journal) => execute(plan, makeSink, settings, observer, fiber, lanes, backend, journal)
      )
    const watch = task === undefined ? watchFunction(fiber, settings.name) : watchTask(fiber, task.name)
    if (task === undefined || backend === undefined) {
      return observer.around(runWith((parts) => fiberLanes({ ...parts, watch }, plan)))
    }
    const runner = task[Plan.TaskTypeId]
    const frame = frameOf(task, plan.site, fiber.getRef(References.CurrentStackFrame))
    const calledFrom = { site: plan.site, frame }
    const inline = runner.inline(backend, task, { calledFrom, show: settings.show })
    if (inline !== undefined) {
      return observer.around(
        runWith((parts) => inlineLanes(fiberLanes({ ...parts, watch }, { ...plan, work: inline }), frame))
      )
    }
    const job = watch === undefined ? task : { ...watch.job(task), [Plan.TaskTypeId]: runner } as Plan.AnyTask
    return observer.around(
      Effect.scopedWith((scope) => runWith((parts) => taskLanes(parts, job, backend, calledFrom, scope)))
    )
  })

type MakeSink<I, A, E> = (control: Control, settings: Plan.Settings) => Sink<I, A, E>

/** Objects that the lanes of a run share. */
interface Parts<I, A, E, R> {
  readonly queue: InputQueue<I, any, any>
  readonly sink: Sink<I, A, E>
  readonly settings: Plan.Settings
  /** Number of inputs, if the inputs know it. */
  readonly size: number | undefined
  readonly observer: RunObserver | undefined
  readonly afterFailure: AfterFailure<I, A, E, R> | undefined
  readonly timers: Timers
  readonly turnBudget: TurnBudget
  /** Reads the monotonic clock, in nanoseconds. */
  readonly time: () => number
  readonly clock: RunClock
  readonly count: LaneCount
  /** Watch of attempts that run in the lanes themselves. */
  readonly watch?: LoopWatch | undefined
}

type MakeLanes<I, A, E, R> = (parts: Parts<I, A, E, R>) => MakeLane<R>

const execute = <I, A, E, R, EI, RI>(
  { inputs, node: { recover }, options }: Plan.Plan<I, A, E, R, EI, RI>,
  makeSink: MakeSink<I, A, E>,
  settings: Plan.Settings,
  observer: RunObserver,
  fiber: Fiber.Fiber<unknown, unknown>,
  lanes: MakeLanes<I, A, E, R>,
  backend: Backend.Backend | undefined,
  journal: RunJournal | undefined
): Effect.Effect<RunSummary, EI, R | RI> => {
  const clock = fiber.getRef(Clock.Clock)
  const time = nanoClock(clock)
  const beganAt = time()
  const startedAt = DateTime.makeUnsafe(clock.currentTimeMillisUnsafe())
  const fork = Effect.runForkWith(fiber.context)
  const timers = new Timers(clock, fork, (cause) => queue.stopped ? fork(warn(cause)) : queue.fail(cause))
  const turnBudget = turnBudgetOf(fiber)
  const about = { backend: backend?.name, options: () => Plan.shown(settings) }
  const seen = Seen.open(fiber.context, { ...about, observer, beganAt, startedAt, show: settings.show })
  const own = makeSink({ size: observer.size, beganAt, retire: (count) => queue.retire(count) }, settings)
  const inner = seen === undefined ? own : seen.sink(own)
  const recorder = journal && new Recorder(journal, inner)
  const shutdown = fiber.getRef(Shutdown)
  const drainable = shutdown && new DrainableSink<I, A, E>(recorder ?? inner, () => queue.draining)
  const sink = drainable ?? recorder ?? inner
  const admits = dependOnInput(settings.limits)
  const queue: InputQueue<I, EI, RI> = new InputQueue<I, EI, RI>(
    inputs,
    {
      window: settings.window,
      widest: settings.widest,
      retries: settings.retry !== undefined || (recover !== undefined && settings.batches) || recorder !== undefined ||
        admits,
      stragglers: settings.stragglers,
      batches: settings.batches,
      retiredElsewhere: sink.retires,
      detailed: sink.detailed,
      stopped: () => opener.stop()
    },
    timers,
    turnBudget
  )
  queue.watcher = seen?.detailed === true ? seen : undefined
  const { limits } = settings
  const waits = limits.length === 0 ? undefined : observer.limitWaits
  queue.limitWaits = waits
  if (admits) {
    queue.admission = new Admission({ limits, waits: waits!, host: queue, context: fiber.context, timers, fork })
  }
  const parts: Parts<I, A, E, R> = {
    queue,
    sink,
    settings,
    size: observer.size,
    // with a recorder, an outcome counts when the recorder reports it
    observer: recorder === undefined ? observer : undefined,
    afterFailure: afterFailure(settings.retry, recover),
    timers,
    turnBudget,
    time,
    clock: { time, beganAt, nanosOf: nanosOf(clock) },
    count: new LaneCount(settings.concurrency, mayGoAhead(settings) ? backend : undefined)
  }
  observer.attach(queue, sink.detailed, parts.count, recorder)
  recorder?.attach({
    queue,
    observer,
    turnBudget,
    fork,
    clock,
    time,
    beganAt,
    name: settings.name,
    retryFailed: settings.journal!.retryFailed,
    maxErrors: settings.maxErrors
  })
  const opener = new LaneOpener<R, EI, RI>(queue, lanes(parts), parts.count)
  const resized = (workers: number): void => {
    queue.resize(Plan.windowOf(options, settings, workers))
    opener.resize(workers)
  }
  return turnBudget.withoutYields(opener.run()).pipe(
    settings.follows ? following(backend!, resized) : identity,
    recorder === undefined ? identity : recorded(recorder),
    drainable === undefined
      ? identity
      : stoppable(shutdown!, {
        name: settings.name,
        queue,
        sink: drainable,
        recorder,
        endFeed: () => opener.drain()
      }),
    Effect.ensuring(Effect.andThen(timers.close, quietly(queue.close))),
    queue.admission === undefined ? identity : Effect.ensuring(queue.admission.close),
    seen === undefined ? identity : (run) => seen.around(run, time),
    Effect.map(() => ({
      ...about,
      seen,
      name: settings.name,
      show: settings.show,
      machineOf: backend?.machineOf,
      inputs: queue.count,
      startedAt,
      elapsed: Duration.nanos(BigInt(time() - beganAt)),
      journalError: recorder?.error,
      limits: waits === undefined ? [] : waits.over(monotonicClock(clock)())
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

/** Makes lanes of a task. The causes of their failures include the place where the program has called the task. */
const inlineLanes = <R>(make: MakeLane<R>, frame: References.StackFrame): MakeLane<R> => (worker) => {
  const lane = make(worker)
  return {
    worker,
    ready: lane.ready,
    run: Effect.provideService(lane.run, References.CurrentStackFrame, frame),
    lost: (cause) => lane.lost(cause),
    keep: () => lane.keep()
  }
}

/** Makes lanes that send inputs to a backend: in batches, or one by one if each input has to pass a limit by itself. */
const taskLanes = <I, A, E, R>(
  parts: Parts<I, A, E, R>,
  task: Plan.AnyTask,
  backend: Backend.Backend,
  calledFrom: CalledFrom,
  scope: Scope.Scope
): MakeLane<R> => {
  const { clock, count, queue, settings, size, timers } = parts
  const { batches, batchSize, limits, name, show, timeout, widest } = settings
  const runner = task[Plan.TaskTypeId]
  const run = Identity.make(name)
  if (!batches) {
    const { attempt } = runner
    const begin = (item: Item<I>, told?: Backend.OnAttempt) =>
      Scope.provide(
        attempt(backend, task, item, { timeout, concurrency: count.concurrency, run, show, told, calledFrom }),
        scope
      )
    return parts.sink.detailed
      ? itemLanes(
        parts,
        (item, context) => Effect.suspend(() => begin(item, new RemoteClock(clock, item, context).told)),
        true
      )
      : itemLanes(
        parts,
        (item) => queue.revisits ? begin(item, ({ isLost }) => void (isLost && item.attempts++)) : begin(item),
        true
      )
  }
  const sizer = new BatchSizer(batchSize, parts.count, widest, backend)
  const runs = new BatchRuns(timers, sizer, parts.count, spanRecorder(settings, clock.time))
  const { stragglers } = queue
  if (stragglers !== undefined) queue.gather = () => runs.gather(stragglers)
  queue.recall = () => runs.recall()
  const options = {
    ...parts,
    job: task,
    backend,
    scope,
    timeout,
    show,
    calledFrom,
    run,
    noWorkers: runner.noWorkers,
    size,
    sizer,
    batches: runs,
    around: settings.retriesByDefault ? withoutDefaultRetry : identity,
    limits,
    mostPerLimit: mostOfBatch(limits)!
  }
  return (worker) => new BatchLane<I, A, E, R>(options, worker)
}

/** Removes the default retry for what runs inside a batch: the inputs of the batch have it here. */
const withoutDefaultRetry = <A, E, R>(execution: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.updateService(execution, Plan.Defaults, ({ retry: _, retries: __, ...others }) => others)

/**
 * Returns true if batches may be sent ahead. With limits they may not: a batch would hold permits before it begins.
 * With stragglers they may not: a batch that waits would look slow.
 */
const mayGoAhead = ({ batches, limits, stragglers }: Plan.Settings): boolean =>
  batches && limits.length === 0 && stragglers === undefined

/** Makes lanes that take one input at a time. */
const itemLanes = <I, A, E, R>(
  parts: Parts<I, A, E, R>,
  start: Start<I, A, E, R>,
  isRemote: boolean
): MakeLane<R> => {
  const { queue, settings, sink: { detailed }, time, watch } = parts
  const marked = settings.retriesByDefault ? DefaultRetry.marking(start) : start
  const options = {
    ...parts,
    source: queue,
    host: queue,
    waits: detailed && (isRemote || queue.revisits || settings.limits.length > 0),
    attempt: attempt(marked, { queue, settings, detailed, time }),
    attemptOf: attemptOf(settings.name)
  }
  return watch === undefined
    ? (worker) => new Lane<I, A, E, R>(options, worker)
    : (worker) => new WatchedLane<I, A, E, R>(options, worker, watch)
}
