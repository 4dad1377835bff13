/**
 * Where tasks run: the interface of a backend, and the default backend, which runs tasks on fibers.
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
 * The parts of a task that a backend uses. Every task is a job.
 *
 * @category models
 * @since 0.1.0
 */
export interface Job<in I, out A, out E> {
  /** Name of the task, unique within its module. */
  readonly name: string
  /** URL of the module that makes and exports the task. A worker imports it and looks for the name. */
  readonly module: string
  /**
   * Schema through which payloads are sent. Undefined: they are structured-cloned, or handed over within one process.
   */
  readonly payload: Schema.Codec<any, any> | undefined
  /** Schema through which values come back. Undefined: as for payloads. */
  readonly success: Schema.Codec<any, any> | undefined
  /** Schema through which errors come back. Undefined: as for payloads. */
  readonly error: Schema.Codec<any, any> | undefined
  /** Runs one payload. The effect needs the services of `layer`, and no others. */
  readonly run: (payload: I) => Effect.Effect<A, E, any>
  /** Makes the services of `run`. Undefined if it needs none. */
  readonly layer: Layer.Layer<any, any> | undefined
}

/**
 * Inputs of one run that go to a worker together.
 *
 * **Details**
 *
 * The worker runs the inputs one after another, in order. `position` is the place of an input in the batch, from 0.
 * `worker` is the number of a worker, from 0, or undefined if the backend does not number them. `startedAt` is a time
 * as in `OnExit`.
 *
 * An input that the backend neither reports nor passes to `lost` counts as not started. `show` and the properties below
 * it serve reports and errors, and a backend may ignore them.
 *
 * @category models
 * @since 0.1.0
 */
export interface Batch<out I> {
  /** The inputs, at least one. */
  readonly inputs: ReadonlyArray<I>
  /** Returns the index in the run of the input at a position, from 0; undefined for a task that is called directly. */
  readonly index: (position: number) => number | undefined
  /** Index in the run of the first input, if the others follow it in order; otherwise undefined. */
  readonly first?: number | undefined
  /** Returns the number of the attempt at the input at a position, from 1. Undefined if all are first attempts. */
  readonly attempt?: ((position: number) => number) | undefined
  /** Returns the key under which a journal records the input at a position. Undefined without a journal. */
  readonly key?: ((position: number) => string) | undefined
  /** Time limit of each attempt, measured from its start on the worker. Undefined: no limit. */
  readonly timeout?: Duration.Duration | undefined
  /** Once the batch has run for this long, the backend starts no further input of it. Undefined: no limit. */
  readonly budget?: Duration.Duration | undefined
  /**
   * How many batches the run has under way at most. If that is more than the backend has workers, a worker runs several
   * concurrently.
   */
  readonly concurrency: number
  /** How the run asks for inputs that have not started. Undefined if it never asks. */
  readonly recall?: Recall | undefined
  /**
   * The run that sends the batch, the same for all its batches. A task that is called directly is a run of one input.
   */
  readonly run: RunIdentity
  /**
   * Shows an input as a text: the option `show` of the run. Pass the reason of an error about an input to `shownBy`.
   */
  readonly show?: ((input: never) => string) | undefined
  /** Stack frame of the call in the program, for the causes of failures. */
  readonly caller?: StackFrame | undefined
  /**
   * Call it when an input starts, as soon as the backend knows. Only a backend that runs batches for another program
   * has to call it.
   */
  readonly began?: ((position: number, worker: number | undefined, startedAt: number) => void) | undefined
  /**
   * Call it before `onExit`, with what the inputs of the next exits have waited for. A backend that calls it also has
   * to call `interrupted`: otherwise the copy of a straggler that loses does not count as an attempt. Undefined if the
   * run reports no times: then the times of single inputs may be inexact, as long as their sum is the time of the
   * batch.
   */
  readonly delivered?: ((delivery: Delivery) => void) | undefined
  /** Call it when an input that has started is interrupted, in the same turn of the event loop. */
  readonly interrupted?: ((position: number, worker: number | undefined, startedAt: number) => void) | undefined
  /**
   * Call it when an input has started and will have no exit, although nothing has interrupted it. The start counts as
   * an attempt, and the run dispatches the input again.
   */
  readonly lost?: ((position: number, worker: number | undefined, startedAt: number) => void) | undefined
}

/**
 * Identifies a run.
 *
 * @category models
 * @since 0.1.0
 */
export interface RunIdentity {
  /** Differs from the ids of all other runs, also of other programs. */
  readonly id: string
  /** The option `name` of the run, or the name of the task. */
  readonly name: string
}

/**
 * What a batch waited for since the call of `execute`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Delivery {
  /** Milliseconds that the batch waited for a worker with room. */
  readonly queue: number
  /** Milliseconds that the worker took to start, to import the task's module and to build its layer. */
  readonly startup: number
  /** Milliseconds that messages took on their way to the worker, encoding and decoding included. */
  readonly transfer: number
}

/**
 * How a run gets back the inputs of a batch that have not started, when other workers are idle.
 *
 * @category models
 * @since 0.1.0
 */
export interface Recall {
  /** When it aborts, the backend starts no further input of the batch. */
  readonly signal: AbortSignal
  /**
   * Call it as soon as it is certain that no input from a position on has started. This is optional: a backend may also
   * let the batch end early, after the inputs that have started.
   */
  readonly giveBack: (from: number) => void
}

/**
 * Receives the exit of the input at a position.
 *
 * **Details**
 *
 * `worker` is the number of the worker, from 0; `startedAt` and `endedAt` are when the attempt started and ended there.
 * A backend that does not know them leaves them out: then the attempt counts as having run from its dispatch to its
 * report.
 *
 * Times are milliseconds of the monotonic time of the program's `Clock`, with fractions. Effect's own clock uses the
 * monotonic clock of the machine, `process.hrtime`, which all its processes and threads share. The run corrects
 * impossible times: an attempt starts after its dispatch and ends before its report.
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
 * What a backend reports about an attempt besides its exit.
 *
 * @category models
 * @since 0.1.0
 */
export interface Told {
  /** Number of the worker, from 0; undefined if the backend did not report it. */
  readonly worker: number | undefined
  /** When the attempt started, as in `OnExit`; undefined if the backend did not report it. */
  readonly startedAt: number | undefined
  /** When the attempt ended, as in `OnExit`; undefined if it has not ended, or the backend did not report it. */
  readonly endedAt: number | undefined
  /** What the attempt waited for; undefined if the backend did not report it. */
  readonly delivery: Delivery | undefined
  /** True if this start was lost and another one follows. Default: false. */
  readonly isLost?: boolean
}

/**
 * Receives what a backend reports about an attempt besides its exit.
 *
 * @category models
 * @since 0.1.0
 */
export type OnAttempt = (told: Told) => void

/**
 * Runs tasks.
 *
 * **When to use**
 *
 * Provide a backend to run the tasks of a program elsewhere. Write one for a place that no backend reaches yet, and
 * test it with the conformance suite of `effect-parallel/testing`.
 *
 * **Details**
 *
 * Mistakes of a backend are defects that name the backend, the task and the input: an `execute` that throws or fails,
 * and a report of a position that is not in the batch, or of something that is not an `Exit`. A second report of a
 * position is ignored, and so is a report after `execute` has ended.
 *
 * An input may come back unstarted, with nothing of its batch done, although the run did not recall it. The run then
 * dispatches it again, after a delay that grows to one second. After 30 seconds, and at least 40 times, the input fails
 * with `NoWorkers`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Backend {
  /** Name of the backend in errors and reports. */
  readonly name: string
  /**
   * How many inputs or batches of a run without `concurrency` are in flight: a positive integer, or `Infinity`. If it
   * changes, call the functions that were given to `onResize`.
   */
  readonly workers: number
  /** Whether `execute` takes several inputs in a batch. Default: false, which sends one input at a time. */
  readonly batches?: boolean | undefined
  /**
   * Whether a run may send twice as many batches as its `concurrency`, so that a worker need not wait for its next
   * batch. The backend keeps the additional ones until a batch of the run ends, and never runs more than `concurrency`
   * of them at the same time. A run without limits and stragglers does this if its batches are quick (some
   * milliseconds), and if its `concurrency` is not above `workers`. Default: false.
   */
  readonly prefetch?: boolean | undefined
  /**
   * Calls `changed` whenever `workers` has changed, until the returned function is called. A run without `concurrency`
   * follows the number. Left out if it never changes.
   */
  readonly onResize?: ((changed: () => void) => () => void) | undefined
  /**
   * Returns the name of a worker's machine. Workers of several machines are numbered consecutively. Left out if all
   * workers are on this machine.
   */
  readonly machineOf?: ((worker: number) => string | undefined) | undefined
  /**
   * About how many milliseconds a batch spends on the way to a worker and back: a number of at least 0. If it is above
   * 0.5, a run makes batches that take 50 times as long, at most 2 seconds. Left out if a message takes almost no time.
   */
  readonly messageMillis?: number | undefined
  /**
   * Runs the inputs of a batch and reports the exit of each as it ends, once, by its position. Inputs without a report
   * when it ends are dispatched again. It never fails: a failure of an input is that input's exit, a `BackendError` if
   * the task is not to blame. Add to the scope what has to last as long as the run. Interruption stops what it has
   * started, and waits until that has stopped.
   */
  readonly execute: <I, A, E>(
    job: Job<I, A, E>,
    batch: Batch<I>,
    onExit: OnExit<A, E>
  ) => Effect.Effect<void, never, Scope.Scope>
}

/**
 * Runs tasks on fibers in this process. It is the default, and the way to debug a task.
 *
 * **Details**
 *
 * Values pass through the task's schemas as on the way to a worker, so a schema refuses the same values here. Values
 * without a schema are handed over unchanged, without a clone. A task's layer is built once for each run.
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
      // the services that all inputs share are provided once
      return Effect.provideContext(
        Attempt.insideBatch(loop, batch, () => position),
        inside(Context.empty() as Context.Context<any>, batch.caller)
      )
    })
}

/**
 * The backend that tasks run on. Default: `Backend.async`.
 *
 * @category services
 * @since 0.1.0
 */
export const Backend: Context.Reference<Backend> = Context.Reference<Backend>(Contract.backendKey, {
  defaultValue: () => async
})

/**
 * Returns the backend on which tasks run in a context.
 *
 * **Details**
 *
 * That is the backend that is provided there, or `Backend.async` inside `Parallel.sequential`. A provided value that is
 * not a backend is a defect.
 *
 * **Example** (Asking how many workers there are)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Backend } from "effect-parallel"
 *
 * const workers = Effect.map(Effect.context(), (context) => Backend.backendOf(context).workers)
 *
 * console.log(await Effect.runPromise(workers)) // => 8
 *
 * const three = Backend.layer({ ...Backend.async, name: "three", workers: 3 })
 * console.log(await Effect.runPromise(Effect.provide(workers, three))) // => 3
 * ```
 *
 * @category running
 * @since 0.1.0
 */
export const backendOf = (context: Context.Context<never>): Backend =>
  Context.get(context, Sequential) ? async : Contract.checkBackend(Context.get(context, Backend))

/**
 * Provides a backend, on which the tasks of a program then run.
 *
 * **Details**
 *
 * A backend without a `name` or an `execute`, or with a wrong value in another property, is a defect, thrown here. If
 * the backend is provided in another way, the defect is thrown when the first task runs.
 *
 * **Example** (Logging what the default backend runs)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Backend, Parallel, Task } from "effect-parallel"
 *
 * const double = Task.make("double", { module: import.meta.url, run: (n: number) => Effect.succeed(n * 2) })
 *
 * const log: Array<string> = []
 * const logged: Backend.Backend = {
 *   name: "logged",
 *   workers: 1,
 *   execute: (job, batch, onExit) => {
 *     log.push(`${job.name} of ${batch.inputs[0]}`)
 *     return Backend.async.execute(job, batch, onExit)
 *   }
 * }
 *
 * const program = Parallel.forEach([1, 2], double).pipe(Effect.provide(Backend.layer(logged)))
 *
 * console.log(await Effect.runPromise(program)) // => [2, 4]
 * console.log(log) // => ["double of 1", "double of 2"]
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (backend: Backend): Layer.Layer<never> => Layer.succeed(Backend, Contract.checkBackend(backend))

/**
 * Runs one input of a task on the provided backend, as a call of the task does.
 *
 * **Details**
 *
 * The place of the call is in the causes of its failures, as `at task name (file:line:column)`, and in the stack of a
 * `BackendError`. If a program makes more than 20 calls in 10 ms, 20 of them have the place; the others have only the
 * name of the task.
 *
 * **Example** (Timing a call of any task)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Backend, Task } from "effect-parallel"
 *
 * const double = Task.make("double", { module: import.meta.url, run: (n: number) => Effect.succeed(n * 2) })
 *
 * const timed = <I, A, E>(job: Backend.Job<I, A, E>, input: I) =>
 *   Backend.call(job, input).pipe(Effect.timed, Effect.map(([, value]) => `${job.name}: ${value}`))
 *
 * console.log(await Effect.runPromise(timed(double, 2))) // => "double: 4"
 * ```
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
      const watched = watch === undefined ? job : watch.job(job) as typeof job
      return attempt(backend, watched, { input }, { concurrency: 1, calledFrom })
    })
  ) as Effect.Effect<A, E | BackendError>
}

/** Number of stack frames that are captured at a call: `capture`, `call`, the task, and its callers. */
const framesOfCall = 5

/**
 * Runs the execution of a batch so that `Parallel.attempt` inside it returns the attempt at the input at `position`.
 *
 * **When to use**
 *
 * Use in a backend of your own that runs tasks on fibers of the program. A backend that runs them elsewhere sends
 * `index`, `attempt`, `key` and the name of the run there; for a task that is called directly, it sends what
 * `Parallel.attempt` returns where `execute` runs.
 *
 * **Example** (Running tasks that ask for their attempt)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Backend, Parallel, Task } from "effect-parallel"
 *
 * const indexOf = Task.make("indexOf", {
 *   module: import.meta.url,
 *   run: (_: string) => Effect.map(Parallel.attempt, ({ index }) => index)
 * })
 *
 * const execute: Backend.Backend["execute"] = (job, batch, onExit) => {
 *   const exit = Effect.exit(job.run(batch.inputs[0]!)) as Effect.Effect<any>
 *   return Backend.insideBatch(Effect.map(exit, (exit) => onExit(0, exit)), batch, () => 0)
 * }
 * const mine = Backend.layer({ name: "mine", workers: 2, execute })
 *
 * console.log(await Effect.runPromise(Effect.provide(Parallel.forEach(["a", "b"], indexOf), mine))) // => [0, 1]
 * ```
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
 * Makes a batch of the one input at a position of another batch.
 *
 * **When to use**
 *
 * Use in a backend that takes batches, to pass their inputs to a backend that takes one input at a time.
 *
 * **Details**
 *
 * What is reported about the new batch is reported about that position of the other one. It has no `budget` and no
 * `recall`, which concern the whole batch.
 *
 * **Example** (Passing inputs on one by one)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Backend, Parallel, Task } from "effect-parallel"
 *
 * const double = Task.make("double", { module: import.meta.url, run: (n: number) => Effect.succeed(n * 2) })
 *
 * const execute: Backend.Backend["execute"] = (job, batch, onExit) =>
 *   Effect.forEach(batch.inputs, (_, position) =>
 *     Backend.async.execute(job, Backend.batchOfOne(batch, position), (_, exit) => onExit(position, exit)), {
 *     discard: true
 *   })
 * const layer = Backend.layer({ name: "mine", workers: 2, batches: true, execute })
 *
 * console.log(await Effect.runPromise(Effect.provide(Parallel.forEach([1, 2, 3], double), layer))) // => [2, 4, 6]
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export const batchOfOne: <I>(batch: Batch<I>, position: number) => Batch<I> = Contract.batchOfOne

/**
 * How `attempt` runs an input. A `Batch` has most of these properties, and may be passed on as the options.
 *
 * @category models
 * @since 0.1.0
 */
export interface AttemptOptions {
  /** Time limit of the attempt, measured from its start on the worker. Default: no limit. */
  readonly timeout?: Duration.Duration | undefined
  /** How many batches the run has under way at most, this one included. */
  readonly concurrency: number
  /** The run of the input. Default: a new run with the name of the task. */
  readonly run?: RunIdentity | undefined
  /** Shows the input in errors. Default: the input itself, shortened. */
  readonly show?: ((input: never) => string) | undefined
  /** Receives what the backend reports about the attempt besides its exit. Default: nothing receives it. */
  readonly told?: OnAttempt | undefined
  /** The place of the call, which the causes of failures then show. Default: they show no place. */
  readonly calledFrom?: CalledFrom | undefined
}

/**
 * An input for `attempt`.
 *
 * @category models
 * @since 0.1.0
 */
export interface AttemptedInput<out I> {
  /** The input. */
  readonly input: I
  /** Its index in its run, from 0. Left out for a task that is called directly. */
  readonly index?: number
  /** Which attempt at it this is, from 1. Default: 1. */
  readonly attempts?: number | undefined
  /** The key under which a journal records it. Default: none. */
  readonly key?: string | undefined
}

/**
 * Runs one input of a task on a backend, as a batch of its own.
 *
 * **When to use**
 *
 * Use in a backend of your own that runs inputs on another backend. `Backend.call` runs an input on the provided one.
 *
 * **Details**
 *
 * Fails with the error of the task, with `BackendError`, or, with a `timeout`, with `TimeoutError`. An input that comes
 * back unstarted is dispatched again.
 *
 * **Example** (Running an attempt with a time limit)
 *
 * ```ts
 * import { Duration, Effect } from "effect"
 * import { Backend, Task } from "effect-parallel"
 *
 * const sleep = Task.make("sleep", { module: import.meta.url, run: (millis: number) => Effect.sleep(millis) })
 *
 * const program = Backend.attempt(Backend.async, sleep, { input: 5000 }, {
 *   concurrency: 1,
 *   timeout: Duration.millis(10)
 * })
 *
 * console.log((await Effect.runPromise(Effect.flip(Effect.scoped(program))))._tag) // => "TimeoutError"
 * ```
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
 * Makes the error of an input that no worker started.
 *
 * **Details**
 *
 * `since` and `until` are the times between which the input was dispatched, in milliseconds; `times` is how often it
 * came back.
 *
 * **Example** (Reading the message of the error)
 *
 * ```ts
 * import { Backend } from "effect-parallel"
 *
 * const error = Backend.noWorkers(
 *   { backend: "mine", task: "double", index: 3 },
 *   { since: 0, until: 30_000, times: 45 }
 * )
 *
 * console.log(error.reason.message) // => "no worker started it in 30 s; it was given back 45 times"
 * ```
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
 * Returns a function that runs a task in the fiber of its caller, if the backend runs the task there.
 *
 * **Details**
 *
 * That is so on `Backend.async`, for a task without a layer. For other backends and tasks it returns undefined: they
 * need `Backend.attempt`, or batches. The function takes an input and its index in the run.
 *
 * **Example** (Asking whether a task runs in this fiber)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Backend, Task } from "effect-parallel"
 *
 * const double = Task.make("double", { module: import.meta.url, run: (n: number) => Effect.succeed(n * 2) })
 * const calledFrom = { site: undefined, frame: { name: "double", stack: () => undefined, parent: undefined } }
 *
 * const run = Backend.inline(Backend.async, double, { calledFrom })!
 * console.log(await Effect.runPromise(run(4, 0))) // => 8
 * console.log(Backend.inline({ ...Backend.async, name: "mine" }, double, { calledFrom })) // => undefined
 * ```
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

/** Runs an input with its values passed through the schemas of its task; `refuse` fails if a schema refuses one. */
const throughSchemas = <I, A, E>(
  job: Job<I, A, E>,
  input: I,
  refuse: (reason: ValueRefused) => Effect.Effect<never, BackendError>,
  run: (payload: I) => Effect.Effect<A, E | Cause.TimeoutError>
): Effect.Effect<A, E | BackendError | Cause.TimeoutError> => {
  const crossed = <V>(what: ValueRefused["value"], schema: Schema.Codec<V> | undefined, value: V) =>
    schema === undefined ? Effect.succeed(value) : Effect.catch(cross(what, schema, value), refuse)
  // the other reasons of a cause, and the frames of all, are unchanged
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
 * Makes the context of a task: the services of its layer, the frame of its caller, and this backend, so that a task
 * does not start workers of its own.
 */
const inside = (services: Context.Context<any>, caller: StackFrame | undefined): Context.Context<any> => {
  const context = Context.add(services, Backend, async)
  return caller === undefined ? context : Context.add(context, CurrentStackFrame, caller)
}
