/**
 * A named piece of work that can run somewhere else.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import { hasProperty } from "effect/Predicate"
import * as Schema from "effect/Schema"
import * as Transferable from "effect/workers/Transferable"
import * as Backend from "./Backend.ts"
import { buffersOf } from "./primitives/buffers.ts"
import { knownKeys, nonEmptyString, outOfRange, wrongType } from "./primitives/check.ts"

const TypeId = "~effect-parallel/Task"

/**
 * A named, serialisable piece of work. Called with a payload it runs on the provided backend; given to `Parallel` it
 * runs over many payloads there.
 *
 * **When to use**
 *
 * Use a task where a function would do but the work should be able to move to a thread, a process or another machine
 * without a change. A plain function always stays on fibers.
 *
 * @category models
 * @since 0.1.0
 */
export interface Task<in I, out A, out E = never> extends Backend.Job<I, A, E> {
  (payload: I): Effect.Effect<A, E | Backend.BackendError>
  /** How a run reaches the backend that is provided; a run itself knows no backend. */
  readonly [TypeId]: {
    readonly backendOf: typeof Backend.backendOf
    readonly attempt: typeof Backend.attempt
    readonly inline: typeof Backend.inline
    readonly noWorkers: typeof Backend.noWorkers
  }
  readonly name: string
}

/**
 * What makes a task. Without `layer`, `run` needs no services.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options<I, A, E, R> {
  /** `import.meta.url` of the module that makes the task and exports it: a worker finds it there. */
  readonly module: string
  /**
   * How payloads cross: as JSON, but for what `cloned` keeps as it is. Left out, they are structured-cloned, or handed
   * over as they are within one process.
   */
  readonly payload?: Schema.Codec<I, any> | undefined
  /** How values cross; left out, as payloads do. */
  readonly success?: Schema.Codec<A, any> | undefined
  /**
   * How errors cross. Left out, they arrive as data that looks like them: name, message, stack, cause and fields, as
   * far as they can be cloned; within one process as they are.
   */
  readonly error?: Schema.Codec<E, any> | undefined
  /** The work. */
  readonly run: (payload: I) => Effect.Effect<A, E, R>
  /**
   * The services of `run`, built once for each worker and released when it ends, unless it crashes; on fibers, built
   * and released with each run.
   */
  readonly layer?: Layer.Layer<R, any> | undefined
}

/**
 * Tells whether a value is a task.
 *
 * @category guards
 * @since 0.1.0
 */
export const isTask = (u: unknown): u is Task<never, unknown, unknown> => hasProperty(u, TypeId)

/**
 * Names a piece of work, so that any backend can run it.
 *
 * **Details**
 *
 * Shape: make it at the top of a module and export it; a worker imports the module and looks for the name. Names are
 * unique within a module. Errors: the task's own come through its `error` schema as what they are, never wrapped; what
 * goes wrong between the program and the task is a `BackendError`. Interrupting a call interrupts `run` where it runs.
 *
 * **Example** (A task called, and a task over many payloads)
 *
 * ```ts
 * import { Effect, Schema } from "effect"
 * import { Parallel, Task } from "effect-parallel"
 *
 * class Negative extends Schema.TaggedError<Negative>()("Negative", { n: Schema.Number }) {}
 *
 * export const root = Task.make("root", {
 *   module: import.meta.url,
 *   payload: Schema.Number,
 *   success: Schema.Number,
 *   error: Negative,
 *   run: (n) => n < 0 ? Effect.fail(new Negative({ n })) : Effect.succeed(Math.sqrt(n))
 * })
 *
 * console.log(await Effect.runPromise(root(9))) // => 3
 * console.log(await Effect.runPromise(Parallel.forEach([1, 4, 16], root))) // => [1, 2, 4]
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make: {
  <I, A, E = never>(
    name: string,
    options: Options<I, A, E, never> & { readonly layer?: undefined }
  ): Task<I, A, E>
  <I, A, E = never, R = never>(
    name: string,
    options: Options<I, A, E, R> & { readonly layer: Layer.Layer<R, any> }
  ): Task<I, A, E>
} = <I, A, E>(name: string, options: Options<I, A, E, any>): Task<I, A, E> => {
  nonEmptyString("name", name)
  knownKeys("task options", options, ["module", "payload", "success", "error", "run", "layer"])
  const { error, layer, module, payload, run, success } = options
  if (typeof module !== "string" || !URL.canParse(module)) {
    ;(typeof module === "string" ? outOfRange : wrongType)("module", "a URL (`import.meta.url`)", module)
  }
  if (typeof run !== "function") wrongType("run", "a function", run)
  const task = (payload: I) => Backend.call(task as unknown as Task<I, A, E>, payload)
  Object.defineProperty(task, "name", { value: name })
  const { attempt, backendOf, inline, noWorkers } = Backend
  const runner = { backendOf, attempt, inline, noWorkers }
  return Object.assign(task, { [TypeId]: runner, module, payload, success, error, run, layer })
}

/**
 * A schema whose values cross as they are, and not as JSON: for what a structured clone keeps and JSON would spell out,
 * such as a `Float64Array`.
 *
 * **Details**
 *
 * Shape: the same values as those of `schema`, checked on both sides; their transformations are left out. Between
 * threads and processes they are structured-cloned, and large typed arrays pass to threads as shared memory. Errors:
 * what cannot be cloned is refused as `NotCloneable`. A queue that keeps jobs as JSON cannot carry such values.
 *
 * **Example** (Samples beside a date)
 *
 * ```ts
 * import { Effect, Schema } from "effect"
 * import { Task } from "effect-parallel"
 *
 * export const mean = Task.make("mean", {
 *   module: import.meta.url,
 *   payload: Schema.Struct({ at: Schema.Date, samples: Task.cloned(Schema.instanceOf(Float64Array)) }),
 *   success: Schema.Finite,
 *   run: ({ samples }) => Effect.succeed(samples.reduce((sum, sample) => sum + sample, 0) / samples.length)
 * })
 *
 * console.log(await Effect.runPromise(mean({ at: new Date(), samples: Float64Array.of(1, 2) }))) // => 1.5
 * ```
 *
 * @category schemas
 * @since 0.1.0
 */
export const cloned = <S extends Schema.Constraint>(schema: S): Schema.Codec<S["Type"], any> =>
  Schema.Any.pipe(Schema.decodeTo(Schema.toType(schema))) as Schema.Codec<S["Type"], any>

/**
 * A schema whose values cross as with `cloned`, and whose binary data is moved and not copied: for large arrays that
 * their maker does not need any more.
 *
 * **Details**
 *
 * Shape: the same values as those of `schema`, checked on both sides. Moved are the buffers of typed arrays, and
 * `ArrayBuffer`s, in up to four levels of objects, arrays and maps; shared memory stays shared. To and from threads a
 * moved array costs nothing, whatever its size; between processes and machines it is copied. A payload that moves goes in
 * a message of its own. Errors: as those of `cloned`.
 *
 * **Gotchas**
 *
 * The array that was sent is empty afterwards, and so is any other view of its buffer: what a task keeps for its next
 * input must not be moved. A payload that has moved cannot be sent again: a further attempt at it fails as `NotCloneable`.
 *
 * **Example** (An array that a task makes)
 *
 * ```ts
 * import { Effect, Schema } from "effect"
 * import { Task } from "effect-parallel"
 *
 * export const zeros = Task.make("zeros", {
 *   module: import.meta.url,
 *   payload: Schema.Int,
 *   success: Task.moved(Schema.instanceOf(Float64Array)),
 *   run: (length) => Effect.sync(() => new Float64Array(length))
 * })
 *
 * console.log((await Effect.runPromise(zeros(3))).length) // => 3
 * ```
 *
 * @category schemas
 * @since 0.1.0
 */
export const moved = <S extends Schema.Constraint>(schema: S): Schema.Codec<S["Type"], any> =>
  Transferable.schema(cloned(schema), buffersOf) as never
