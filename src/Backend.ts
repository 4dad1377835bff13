/**
 * Where tasks run: the contract that every backend keeps, and the one that needs nothing.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import { CurrentStackFrame, type StackFrame } from "effect/References"
import type * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { capture, frameOf } from "./primitives/callSite.ts"
import { checkedEffect } from "./primitives/effects.ts"
import * as Attempt from "./task/attempt.ts"
import * as Contract from "./task/contract.ts"
import { cross } from "./task/cross.ts"
import { isDeadline, withTimeout } from "./task/deadline.ts"
import { BackendError, LayerFailed, NoWorkers, shownBy, type ValueRefused } from "./task/errors.ts"
import { watchTask } from "./task/heldLoop.ts"
import * as Identity from "./task/identity.ts"
import * as Layers from "./task/layers.ts"
import { Sequential } from "./task/sequential.ts"
import { type CalledFrom, keepStack, located, stackOf } from "./task/stacks.ts"

export {
  BackendError,
  LayerFailed,
  MachineLost,
  ModuleFailed,
  ModuleMissing,
  NotCloneable,
  NoWorkers,
  ProgramStarted,
  shownBy,
  TaskDiffers,
  TaskMissing,
  TaskUnknown,
  TooLarge,
  Unreachable,
  ValueRefused,
  WorkerCrashed
} from "./task/errors.ts"

/**
 * What a backend needs to know of a task.
 *
 * **Details**
 *
 * `module` is the URL of the module that makes the task, where a worker finds it under its `name`. A value crosses
 * through its schema where there is one, and as it is (or structured-cloned) where there is none.
 *
 * @category models
 * @since 0.1.0
 */
export interface Job<in I, out A, out E> {
  readonly name: string
  readonly module: string
  readonly payload: Schema.Codec<any, any> | undefined
  readonly success: Schema.Codec<any, any> | undefined
  readonly error: Schema.Codec<any, any> | undefined
  readonly run: (payload: I) => Effect.Effect<A, E, any>
  readonly layer: Layer.Layer<any, any> | undefined
}

/**
 * Some inputs of one run that go to a worker together: at least one, which the worker takes one after another, in order.
 *
 * **Details**
 *
 * `show` and what stands below it serve reports and errors, and a backend may ignore them. What it neither reports nor calls `lost`
 * for had not begun.
 *
 * @category models
 * @since 0.1.0
 */
export interface Batch<out I> {
  readonly inputs: ReadonlyArray<I>
  /** The place of the input at a position among those of the run; none for a task that is called by itself. */
  readonly index: (position: number) => number | undefined
  /** The place of the first input, where the others follow it in order. */
  readonly first?: number | undefined
  /** Which attempt at its input the one at a position is, from 1; absent where all are first ones. */
  readonly attempt?: ((position: number) => number) | undefined
  /** The key by which a journal knows the input at a position; absent without a journal. */
  readonly key?: ((position: number) => string) | undefined
  /** Bounds each attempt from the moment it starts on the worker. */
  readonly timeout?: Duration.Duration | undefined
  /** When the batch has run for so long, no further input is started. */
  readonly budget?: Duration.Duration | undefined
  /**
   * How many batches the run has under way at once, at most; where it is more than there are workers, a worker has several
   * at once.
   */
  readonly concurrency: number
  readonly recall?: Recall | undefined
  /** The run that sends it: all its batches have the same. A task that is called by itself is a run of one input. */
  readonly run: RunIdentity
  /** How the run shows an input: an error about one goes through `shownBy`. */
  readonly show?: ((input: never) => string) | undefined
  /** The frame of the call in the program, for the causes of failures. */
  readonly caller?: StackFrame | undefined
  /**
   * Takes an input that begins. A backend that runs batches for another program calls it as soon as it knows; others need
   * not.
   */
  readonly began?: ((position: number, worker: number | undefined, startedAt: number) => void) | undefined
  /**
   * Takes where the time went on the way of the exits that are reported next. It is absent where a run reports no times: then
   * those of its inputs need not be exact, as long as their sum is that of the batch. A backend that calls it also calls
   * `interrupted`: of two copies of a straggler the one that it does not tell of was no attempt.
   */
  readonly delivered?: ((delivery: Delivery) => void) | undefined
  /** Takes an input that has begun and is interrupted, in the same turn. */
  readonly interrupted?: ((position: number, worker: number | undefined, startedAt: number) => void) | undefined
  /**
   * Takes an input that has begun and of which no exit will come, though nobody interrupts it. That start counts as an
   * attempt, and the input is dispatched again.
   */
  readonly lost?: ((position: number, worker: number | undefined, startedAt: number) => void) | undefined
}

/**
 * What a run is known by: `id` differs from those of all other runs, of other programs too, and `name` is that of its
 * options, or of the task.
 *
 * @category models
 * @since 0.1.0
 */
export interface RunIdentity {
  readonly id: string
  readonly name: string
}

/**
 * What a batch waited for until it could begin at its worker, and what its results wait for on the way back.
 *
 * **Details**
 *
 * All three are milliseconds from the call of `execute` on: `queue` for a worker with room, `startup` for a worker that
 * starts, imports the task's module and builds its layer, `transfer` for messages on their way to the worker, with
 * encoding and decoding.
 *
 * @category models
 * @since 0.1.0
 */
export interface Delivery {
  readonly queue: number
  readonly startup: number
  readonly transfer: number
}

/**
 * How a run gets back what of a batch has not started, when other workers have nothing to do.
 *
 * **Details**
 *
 * When `signal` aborts, the backend starts no more of the batch. As soon as it knows that nothing from some position on
 * was started, it may say so with `giveBack`, before the input at hand has ended; or it lets the batch end early.
 *
 * @category models
 * @since 0.1.0
 */
export interface Recall {
  readonly signal: AbortSignal
  readonly giveBack: (from: number) => void
}

/**
 * Takes the exit of the input at a position; also which worker it was, from 0, and when its attempt began and ended there,
 * where the backend knows.
 *
 * **Details**
 *
 * Times are milliseconds of the monotonic time of the program's `Clock`, fractions included. Of Effect's own clock that
 * is the monotonic clock of the machine, `process.hrtime`, which all processes and threads of a machine share. A run
 * moves times that cannot be: an attempt begins after its dispatch and ends before its report. Without times, an attempt
 * is reported to have run from its dispatch until its report.
 *
 * @category models
 * @since 0.1.0
 */
export type OnExit<A, E> = (
  position: number,
  exit: Exit.Exit<A, E | BackendError | Cause.TimeoutError>,
  worker?: number,
  startedAt?: number,
  endedAt?: number
) => void

/**
 * What a backend has told of an attempt beside its exit.
 *
 * @category models
 * @since 0.1.0
 */
export interface Told {
  readonly worker: number | undefined
  readonly startedAt: number | undefined
  readonly endedAt: number | undefined
  readonly delivery: Delivery | undefined
  /** True if this start was lost, and another follows. */
  readonly isLost?: boolean
}

/**
 * Takes what a backend has told of an attempt.
 *
 * @category models
 * @since 0.1.0
 */
export type OnAttempt = (told: Told) => void

/**
 * Where tasks run.
 *
 * **When to use**
 *
 * Provide one to run the tasks of a program elsewhere; write one to run them where nobody has run them yet. The suite
 * of `effect-parallel/testing` tells whether it keeps the contract.
 *
 * **Details**
 *
 * `workers` is how many tasks it runs at once when a run does not say: a positive integer or `Infinity`. One that has
 * no `batches` gets one input at a time. `execute` reports each exit as it happens, by the input's position in the
 * batch, once; what it has not reported when it ends is dispatched again. It never fails: what goes wrong with one
 * input is that input's exit, with `BackendError` where the task is not to blame. What it must keep for the length of a
 * run it adds to the run's scope. Interrupting it stops what it started, and returns when that has stopped.
 *
 * One with `prefetch` may be sent as many batches of a run again as the batch's `concurrency`: it keeps them until one of that
 * run ends, so that a worker need not wait for its next batch, and never runs more than `concurrency` of them at once. A run
 * does this for batches that take some milliseconds, where it needs no more batches at once than there are workers.
 *
 * A second report of a position is ignored, and so is one that comes after the end. All else that breaks the contract is
 * a defect that names the backend, the task and the input: an `execute` that throws or fails, a report of a position that
 * is not in the batch or of something that is no exit. An input that comes back again and again with nothing of its batch
 * done, though the run has not recalled it, is dispatched again after a delay that grows to one second; after 30 seconds, and 40
 * times at least, it fails with `NoWorkers`.
 *
 * Workers that come and go: `workers` is read again whenever `onResize` tells that it has changed, and a run without a
 * `concurrency` of its own follows. Workers on several machines are numbered through, and `machineOf` names the machine of
 * a worker. `messageMillis` is about how many milliseconds a batch spends on the way there and back; where that is more
 * than half a millisecond, batches are made to run for longer.
 *
 * @category models
 * @since 0.1.0
 */
export interface Backend {
  readonly name: string
  readonly workers: number
  readonly batches?: boolean | undefined
  readonly prefetch?: boolean | undefined
  /** Calls `changed` whenever `workers` has changed, until the function that is returned is called. */
  readonly onResize?: ((changed: () => void) => () => void) | undefined
  readonly machineOf?: ((worker: number) => string | undefined) | undefined
  readonly messageMillis?: number | undefined
  readonly execute: <I, A, E>(
    job: Job<I, A, E>,
    batch: Batch<I>,
    onExit: OnExit<A, E>
  ) => Effect.Effect<void, never, Scope.Scope>
}

/**
 * Fibers in this process: the default, and the way to debug a task.
 *
 * **Details**
 *
 * Values pass through the task's schemas as they would to a worker, so what a schema refuses is refused here too;
 * values without a schema are handed over as they are, not cloned. A task's layer is built once for each run.
 *
 * @category backends
 * @since 0.1.0
 */
export const async: Backend = {
  name: "async",
  workers: 8,
  execute: (job, batch, onExit) =>
    Effect.flatMap(Effect.scope, (scope) => {
      let position = 0
      const services = job.layer &&
        Effect.mapError(Layers.servicesOf(job.layer, scope), (cause) => new LayerFailed({ cause }))
      const loop = Effect.whileLoop({
        while: () => position < batch.inputs.length,
        body: () => Effect.exit(runHere(job, batch, position, services)),
        step: (exit) => onExit(position++, exit)
      })
      // what all inputs have in common is provided once
      return Effect.provideContext(
        Attempt.insideBatch(loop, batch, () => position),
        inside(Context.empty() as Context.Context<any>, batch.caller)
      )
    })
}

/**
 * The backend that tasks run on; `Backend.async` unless another is provided.
 *
 * @category services
 * @since 0.1.0
 */
export const Backend: Context.Reference<Backend> = Context.Reference<Backend>(Contract.backendKey, {
  defaultValue: () => async
})

/**
 * Returns the backend on which tasks run in a context: the one that is provided there, or `Backend.async` inside
 * `Parallel.sequential`. What is provided and is no backend is a defect.
 *
 * @category running
 * @since 0.1.0
 */
export const backendOf = (context: Context.Context<never>): Backend =>
  Context.get(context, Sequential) ? async : Contract.checkBackend(Context.get(context, Backend))

/**
 * A layer that runs the tasks inside on the given backend.
 *
 * **Details**
 *
 * Errors: none; a backend without a `name` or an `execute`, or whose `workers` are no positive integer or `Infinity`, is
 * a defect, thrown here, and where the first task runs if the backend was provided in another way.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (backend: Backend): Layer.Layer<never> => Layer.succeed(Backend, Contract.checkBackend(backend))

/**
 * Runs one input of a task on the provided backend.
 *
 * **Details**
 *
 * Where this is called stands in the causes of its failures, as `at task name (file:line:column)`, and in the stack of a
 * `BackendError`. A program that calls more often than 20 times in 10 ms has this for 20 of them; the others show the name
 * of the task alone.
 *
 * @category running
 * @since 0.1.0
 */
export const call = <I, A, E>(job: Job<I, A, E>, input: I): Effect.Effect<A, E | BackendError> => {
  const site = capture(framesOfCall)
  return Effect.scoped(
    Effect.withFiber<A, E | BackendError | Cause.TimeoutError, Scope.Scope>((fiber) => {
      const backend = backendOf(fiber.context)
      const calledFrom = { site, frame: frameOf(job, site, fiber.getRef(CurrentStackFrame)) }
      const watch = backend === async ? watchTask(fiber, job.name) : undefined
      return attempt(backend, watch?.job(job) ?? job, { input }, { concurrency: 1, calledFrom })
    })
  ) as Effect.Effect<A, E | BackendError>
}

/** Number of frames that are captured of a call: those of `capture`, `call` and the task, and of its callers. */
const framesOfCall = 5

/**
 * Runs what executes a batch in this process, so that `Parallel.attempt` inside tells of the input at `position`.
 *
 * **When to use**
 *
 * Use in a backend of your own that runs tasks in fibers of the program. One that runs them elsewhere sends `index`,
 * `attempt`, `key` and the name of the run there; for a task that is called by itself, what `Parallel.attempt` tells where
 * `execute` runs.
 *
 * @category running
 * @since 0.1.0
 */
export const insideBatch: <A, E, R>(
  execution: Effect.Effect<A, E, R>,
  batch: Batch<unknown>,
  position: () => number
) => Effect.Effect<A, E, R> = Attempt.insideBatch

/**
 * Makes the batch of the one input at a position of another, for a backend that takes no batches. What is told of it is told
 * of that position; it has no `budget` and no `recall`, which are those of the whole.
 *
 * @category models
 * @since 0.1.0
 */
export const batchOfOne: <I>(batch: Batch<I>, position: number) => Batch<I> = Contract.batchOfOne

/**
 * How `attempt` runs an input: those fields of a `Batch` that have the same names, and what is told of it.
 *
 * @category models
 * @since 0.1.0
 */
export interface AttemptOptions {
  readonly timeout?: Duration.Duration | undefined
  readonly concurrency: number
  readonly run?: RunIdentity | undefined
  readonly show?: ((input: never) => string) | undefined
  readonly told?: OnAttempt | undefined
  readonly calledFrom?: CalledFrom | undefined
}

/**
 * An input, its place in its run if it has one, and which attempt at it this is: 1 unless given; its key, if the run has a journal.
 *
 * @category models
 * @since 0.1.0
 */
export interface AttemptedInput<out I> {
  readonly input: I
  readonly index?: number
  readonly attempts?: number | undefined
  readonly key?: string | undefined
}

/**
 * Runs one input of a task on a backend, as a batch of its own.
 *
 * @category running
 * @since 0.1.0
 */
export const attempt = <I, A, E>(
  backend: Backend,
  job: Job<I, A, E>,
  item: AttemptedInput<I>,
  { calledFrom, concurrency, run = Identity.make(job.name), show, timeout, told }: AttemptOptions
): Effect.Effect<A, E | BackendError | Cause.TimeoutError, Scope.Scope> => {
  let delivery: Delivery | undefined
  let givenBack: Contract.GivenBack | undefined
  let losses = 0
  const { attempts = 1, index, key } = item
  const batch: Batch<I> = {
    inputs: [item.input],
    index: () => index,
    attempt: () => Math.max(1, attempts) + losses,
    key: key === undefined || key === "" ? undefined : () => key,
    timeout,
    concurrency,
    run,
    show,
    caller: calledFrom?.frame,
    ...(told !== undefined && {
      delivered: (given) => void (delivery = given),
      interrupted: (_, worker, startedAt) => told({ worker, startedAt, endedAt: undefined, delivery })
    }),
    lost: (_, worker, startedAt) => {
      givenBack = undefined
      losses++
      told?.({ worker, startedAt, endedAt: undefined, delivery, isLost: true })
    }
  }
  const blamed = { backend: backend.name, task: job.name, index: item.index }
  const round = (): Effect.Effect<A, E | BackendError | Cause.TimeoutError, Scope.Scope> =>
    Effect.suspend(() => {
      let exit: Exit.Exit<A, E | BackendError | Cause.TimeoutError> | undefined
      let over = false
      const onExit: OnExit<A, E> = (position, result, worker, startedAt, endedAt) => {
        if (over || exit !== undefined) return
        const what = Contract.wrongReport(position, result, 1)
        exit = what !== undefined
          ? Exit.die(Contract.mistake(blamed, what))
          : calledFrom === undefined || result._tag === "Success"
          ? result
          : Exit.failCause(located(result.cause, calledFrom))
        if (told !== undefined && (worker ?? startedAt) !== undefined) told({ worker, startedAt, endedAt, delivery })
      }
      return Effect.flatMap(Contract.executed(() => backend.execute(job, batch, onExit), blamed), () => {
        over = true
        if (exit !== undefined) return exit
        return Effect.flatMap(Clock.monotonicTimeNanos, (now) => {
          givenBack ??= new Contract.GivenBack()
          const delay = givenBack.again(Number(now) / 1e6)
          if (delay === undefined) return Effect.fail(noWorkers(blamed, givenBack))
          return delay === 0 ? round() : Effect.delay(round(), delay)
        })
      })
    })
  return round()
}

/**
 * The error of an input that its backend gave back again and again.
 *
 * @category errors
 * @since 0.1.0
 */
export const noWorkers = (
  { backend, index, task }: { readonly backend: string; readonly task: string; readonly index: number | undefined },
  { since, times, until }: { readonly since: number; readonly until: number; readonly times: number }
): BackendError =>
  new BackendError({
    backend,
    task,
    ...(index !== undefined && { index }),
    reason: new NoWorkers({ millis: Math.round(until - since), givenBack: times })
  })

/**
 * How a task runs in the fiber of its run, as a function does: on `async`, where it has no layer. Nothing on other backends,
 * and for tasks with a layer: they run by `attempt`, or in batches.
 *
 * @category running
 * @since 0.1.0
 */
export const inline = <I, A, E>(
  backend: Backend,
  job: Job<I, A, E>,
  { calledFrom, show }: Pick<AttemptOptions, "show"> & { readonly calledFrom: CalledFrom }
): ((input: I, index: number) => Effect.Effect<A, E | BackendError | Cause.TimeoutError>) | undefined => {
  if (backend !== async || job.layer !== undefined) return undefined
  const run = job.run as (payload: I) => Effect.Effect<A, E>
  if (job.payload === undefined && job.success === undefined && job.error === undefined) return run
  return (input, index) => {
    const blame = (reason: BackendError["reason"]) => blamed(job, index, shownBy({ inputs: [input], show }, 0, reason))
    return throughSchemas(
      job,
      input,
      (reason) => Effect.failCause(located(Cause.fail(blame(reason)), calledFrom)),
      (payload) => checkedEffect(run(payload))
    )
  }
}

const blamed = (job: Job<never, unknown, unknown>, index: number | undefined, reason: BackendError["reason"]) =>
  new BackendError({ backend: async.name, task: job.name, ...(index !== undefined && { index }), reason })

/** Runs an input through the schemas of its task; `refuse` fails with what they refuse. */
const throughSchemas = <I, A, E>(
  job: Job<I, A, E>,
  input: I,
  refuse: (reason: ValueRefused) => Effect.Effect<never, BackendError>,
  run: (payload: I) => Effect.Effect<A, E | Cause.TimeoutError>
): Effect.Effect<A, E | BackendError | Cause.TimeoutError> => {
  const crossed = <V>(what: ValueRefused["value"], schema: Schema.Codec<V> | undefined, value: V) =>
    schema === undefined ? Effect.succeed(value) : Effect.catch(cross(what, schema, value), refuse)
  // the rest of a cause, and the frames of its reasons, stay as they are
  const crossedReason = (reason: Cause.Reason<E>): Effect.Effect<Cause.Reason<E>, BackendError> =>
    reason._tag !== "Fail" || isDeadline(reason.error)
      ? Effect.succeed(reason)
      : Effect.map(crossed<E>("error", job.error, reason.error), (error) => {
        keepStack(error, stackOf(reason.error))
        return Cause.makeFailReason(error).annotate(Cause.reasonAnnotations(reason))
      })
  const fail = (
    cause: Cause.Cause<E | Cause.TimeoutError>
  ): Effect.Effect<never, E | BackendError | Cause.TimeoutError> =>
    job.error === undefined
      ? Effect.failCause(cause)
      : Effect.flatMap(
        Effect.forEach((cause as Cause.Cause<E>).reasons, crossedReason),
        (reasons) => Effect.failCause(Cause.fromReasons(reasons))
      )
  return Effect.flatMap(crossed<I>("payload", job.payload, input), (payload) =>
    Effect.matchCauseEffect(run(payload), {
      onFailure: fail,
      onSuccess: (value) => crossed<A>("success", job.success, value)
    }))
}

const runHere = <I, A, E>(
  job: Job<I, A, E>,
  batch: Batch<I>,
  position: number,
  services: Effect.Effect<Context.Context<any>, LayerFailed> | undefined
): Effect.Effect<A, E | BackendError | Cause.TimeoutError> => {
  const blame = (reason: BackendError["reason"]) => blamed(job, batch.index(position), shownBy(batch, position, reason))
  const run = (context: Context.Context<any> | undefined) =>
    throughSchemas(
      job,
      batch.inputs[position]!,
      (reason) => Effect.fail(blame(reason)),
      (payload) => {
        const task = checkedEffect(job.run(payload)) as Effect.Effect<A, E>
        return withTimeout(
          context === undefined ? task : Effect.provideContext(task, inside(context, batch.caller)),
          batch.timeout
        )
      }
    )
  return services === undefined ? run(undefined) : Effect.flatMap(Effect.mapError(services, blame), run)
}

/**
 * Makes the context of a task: the services of its layer, and this backend alone, so that there is no pool inside a
 * pool; and the frame of its caller.
 */
const inside = (services: Context.Context<any>, caller: StackFrame | undefined): Context.Context<any> => {
  const context = Context.add(services, Backend, async)
  return caller === undefined ? context : Context.add(context, CurrentStackFrame, caller)
}
