/**
 * Where tasks run: the contract that every backend keeps, and the one that needs nothing.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { effectOf, timeoutError } from "./internal/attempt.ts"
import { shorten, shortenMessage } from "./internal/shorten.ts"

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
 * Some inputs of one run that go to a worker together.
 *
 * **Details**
 *
 * Shape: at least one item; a worker takes them one after another, in order. `timeout` bounds each attempt from the
 * moment it starts on the worker.
 *
 * @category models
 * @since 0.1.0
 */
export interface Batch<out I> {
  readonly items: ReadonlyArray<{ readonly index: number; readonly input: I }>
  readonly timeout: Duration.Duration | undefined
}

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
 * `workers` is how many tasks it runs at once when a run does not say. `execute` reports each exit as it happens, by
 * the item's position in the batch, once; what it has not reported when it ends was not started, and is dispatched
 * again (it reports at least one). It never fails: what goes wrong with one item is that item's exit, with
 * `BackendError` where the task is not to blame. What it must keep for the length of a run it adds to the run's scope.
 * Interrupting it stops what it started, and returns when that has stopped.
 *
 * @category models
 * @since 0.1.0
 */
export interface Backend {
  readonly name: string
  readonly workers: number
  readonly execute: <I, A, E>(
    job: Job<I, A, E>,
    batch: Batch<I>,
    onExit: (position: number, exit: Exit.Exit<A, E | BackendError | Cause.TimeoutError>) => void
  ) => Effect.Effect<void, never, Scope.Scope>
}

/**
 * A value that the task's schema refuses, so it cannot cross.
 *
 * @category errors
 * @since 0.1.0
 */
export class ValueRefused extends Schema.TaggedError<ValueRefused>("effect-parallel/Backend/ValueRefused")(
  "ValueRefused",
  {
    value: Schema.Literals(["payload", "success", "error"]),
    shown: Schema.String,
    issue: Schema.String
  }
) {
  override get message(): string {
    return `the ${this.value} schema refuses ${this.shown}: ${this.issue}`
  }
}

/**
 * The task's `layer` could not be built where the task runs.
 *
 * @category errors
 * @since 0.1.0
 */
export class LayerFailed extends Schema.TaggedError<LayerFailed>("effect-parallel/Backend/LayerFailed")("LayerFailed", {
  cause: Schema.Defect()
}) {
  override get message(): string {
    return `its layer could not be built: ${shorten(this.cause)}`
  }
}

/**
 * The worker ended while it was at this input: it called `exit`, was killed, or ran out of memory.
 *
 * **Details**
 *
 * `exitCode` or `signal` as the operating system gave it; `stderr` is the end of what the worker wrote there.
 *
 * @category errors
 * @since 0.1.0
 */
export class WorkerCrashed extends Schema.TaggedError<WorkerCrashed>("effect-parallel/Backend/WorkerCrashed")(
  "WorkerCrashed",
  {
    exitCode: Schema.optionalKey(Schema.Int),
    signal: Schema.optionalKey(Schema.String),
    stderr: Schema.String
  }
) {
  override get message(): string {
    const how = this.signal === undefined ? `with exit code ${this.exitCode ?? "unknown"}` : `by ${this.signal}`
    return this.stderr === "" ? `its worker ended ${how}` : `its worker ended ${how}: ${shortenMessage(this.stderr)}`
  }
}

/**
 * The backend could not bring an input to the task, or its result back: the task's own errors are never wrapped in it.
 *
 * @category errors
 * @since 0.1.0
 */
export class BackendError extends Schema.TaggedError<BackendError>("effect-parallel/Backend/BackendError")(
  "BackendError",
  {
    backend: Schema.String,
    task: Schema.String,
    index: Schema.Int,
    reason: Schema.Union([ValueRefused, LayerFailed, WorkerCrashed])
  }
) {
  override get message(): string {
    return `task ${this.task}, input #${this.index}, backend ${this.backend}: ${this.reason.message}`
  }
}

/**
 * Fibers in this process: the default, and the way to debug a task.
 *
 * **Details**
 *
 * Values pass through the task's schemas as they would to a worker, so what a schema refuses is refused here too; values
 * without a schema are handed over as they are, not cloned. A task's layer is built once for each run.
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
      const context = services(job, scope)
      return Effect.whileLoop({
        while: () => position < batch.items.length,
        body: () => Effect.exit(runHere(job, batch.items[position]!, batch.timeout, context)),
        step: (exit) => onExit(position++, exit)
      })
    })
}

/**
 * The backend that tasks run on; `Backend.async` unless another is provided.
 *
 * @category services
 * @since 0.1.0
 */
export const Backend: Context.Reference<Backend> = Context.Reference<Backend>("effect-parallel/Backend", {
  defaultValue: () => async
})

/**
 * A layer that runs the tasks inside on the given backend.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (backend: Backend): Layer.Layer<never> => Layer.succeed(Backend, backend)

/**
 * Runs one input of a task on the provided backend.
 *
 * @category running
 * @since 0.1.0
 */
export const call = <I, A, E>(job: Job<I, A, E>, input: I): Effect.Effect<A, E | BackendError> =>
  Effect.scoped(
    Effect.flatMap(Backend, (backend) => attempt(backend, job, { index: 0, input }, undefined))
  ) as Effect.Effect<A, E | BackendError>

/**
 * Runs one input of a task on a backend, as a batch of its own.
 *
 * @category running
 * @since 0.1.0
 */
export const attempt = <I, A, E>(
  backend: Backend,
  job: Job<I, A, E>,
  item: Batch<I>["items"][number],
  timeout: Duration.Duration | undefined
): Effect.Effect<A, E | BackendError | Cause.TimeoutError, Scope.Scope> =>
  Effect.suspend(() => {
    let exit: Exit.Exit<A, E | BackendError | Cause.TimeoutError> | undefined
    const done = backend.execute(job, { items: [item], timeout }, (_, result) => {
      exit = result
    })
    return Effect.flatMap(done, () => exit ?? Effect.die(new Error(`backend ${backend.name} reported no exit`)))
  })

const runHere = <I, A, E>(
  job: Job<I, A, E>,
  { index, input }: Batch<I>["items"][number],
  timeout: Duration.Duration | undefined,
  services: Effect.Effect<Context.Context<any>, LayerFailed>
): Effect.Effect<A, E | BackendError | Cause.TimeoutError> => {
  const blame = (reason: BackendError["reason"]) =>
    new BackendError({ backend: async.name, task: job.name, index, reason })
  const crossed = <V>(what: ValueRefused["value"], schema: Schema.Codec<V> | undefined, value: V) =>
    Effect.mapError(cross(what, schema, value), blame)
  const timed = (run: Effect.Effect<A, E>): Effect.Effect<A, E | Cause.TimeoutError> =>
    timeout === undefined
      ? run
      : Effect.timeoutOrElse(run, { duration: timeout, orElse: () => Effect.fail(timeoutError(timeout)) })
  const fail = (error: E | Cause.TimeoutError): Effect.Effect<never, E | BackendError | Cause.TimeoutError> =>
    Cause.isTimeoutError(error)
      ? Effect.fail(error)
      : Effect.flatMap(crossed<E>("error", job.error, error), Effect.fail)
  return Effect.mapError(services, blame).pipe(
    Effect.flatMap((context) =>
      Effect.flatMap(
        crossed<I>("payload", job.payload, input),
        (payload) =>
          Effect.matchEffect(timed(Effect.provideContext(effectOf(job.run(payload)), inside(context))), {
            onFailure: fail,
            onSuccess: (value) => crossed<A>("success", job.success, value)
          })
      )
    )
  )
}

/** What a task sees: its layer's services, and no backend but this one, so that there is no pool in a pool. */
const inside = (services: Context.Context<any>): Context.Context<any> => Context.add(services, Backend, async)

/** A value as it arrives on the other side of its schema. */
const cross = <V>(
  what: ValueRefused["value"],
  schema: Schema.Codec<V> | undefined,
  value: V
): Effect.Effect<V, ValueRefused> =>
  schema === undefined
    ? Effect.succeed(value)
    : Schema.encodeEffect(schema)(value).pipe(
      Effect.flatMap(Schema.decodeUnknownEffect(schema)),
      Effect.mapError(({ message }) => new ValueRefused({ value: what, shown: shorten(value), issue: message }))
    )

const layers = new WeakMap<Scope.Scope, Map<Layer.Layer<any, any>, Effect.Effect<Context.Context<any>, LayerFailed>>>()

/** The services of a task's layer: built once for each scope, when they are first asked for. */
const services = (
  job: Job<never, unknown, unknown>,
  scope: Scope.Scope
): Effect.Effect<Context.Context<any>, LayerFailed> => {
  if (job.layer === undefined) return Effect.succeed(Context.empty() as Context.Context<any>)
  let built = layers.get(scope)
  if (built === undefined) layers.set(scope, built = new Map())
  let found = built.get(job.layer)
  if (found === undefined) {
    const build = Layer.buildWithScope(job.layer, scope).pipe(
      Effect.mapError((cause) => new LayerFailed({ cause }))
    )
    built.set(job.layer, found = Effect.runSync(Effect.cached(build)))
  }
  return found
}
