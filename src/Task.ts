/**
 * Named functions that can run on another thread, process or machine.
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
import { optionalLayer } from "./primitives/layer.ts"

const TypeId = "~effect-parallel/Task"

/**
 * A named function that any backend can run.
 *
 * **When to use**
 *
 * Use a task instead of a plain function if the work should be able to move to a thread, a process or another machine
 * without a change. A plain function always runs on fibers.
 *
 * **Details**
 *
 * Call it with a payload to run it once, on the provided backend. Pass it to `Parallel` to run it over many payloads
 * there.
 *
 * @category models
 * @since 0.1.0
 */
export interface Task<in I, out A, out E = never> extends Backend.Job<I, A, E> {
  (payload: I): Effect.Effect<A, E | Backend.BackendError>
  /** How a run reaches the provided backend. */
  readonly [TypeId]: {
    readonly backendOf: typeof Backend.backendOf
    readonly attempt: typeof Backend.attempt
    readonly inline: typeof Backend.inline
    readonly noWorkers: typeof Backend.noWorkers
  }
  /** The name that `make` was given, unique within its module. */
  readonly name: string
}

/**
 * The options of a task. Without `layer`, `run` needs no services.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options<I, A, E, R> {
  /** `import.meta.url` of the module that makes and exports the task. A worker imports that module. */
  readonly module: string
  /**
   * Schema of payloads, which are sent as JSON, except for values with a `cloned` or `moved` schema. Default: payloads
   * are structured-cloned, or handed over unchanged on fibers.
   */
  readonly payload?: Schema.Codec<I, any> | undefined
  /** Schema of values, which come back as JSON. Default: as for payloads. */
  readonly success?: Schema.Codec<A, any> | undefined
  /**
   * Schema of errors: with it, an error arrives as an instance of its class. Default: an error arrives as data with the
   * same name, message, stack, cause and fields, as far as they can be cloned; on fibers, unchanged.
   */
  readonly error?: Schema.Codec<E, any> | undefined
  /** The work: runs one payload. */
  readonly run: (payload: I) => Effect.Effect<A, E, R>
  /**
   * Provides the services of `run`. A worker builds it once, and releases it when the worker ends, unless it crashes.
   * On fibers it is built and released with each run. Default: `run` needs no services.
   */
  readonly layer?: Layer.Layer<R, any> | undefined
}

/**
 * Checks whether a value is a task.
 *
 * **Example** (Collecting the tasks of a module)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Task } from "effect-parallel"
 *
 * const double = Task.make("double", { module: import.meta.url, run: (n: number) => Effect.succeed(n * 2) })
 * const exported: Record<string, unknown> = { double, limit: 3 }
 *
 * console.log(Object.values(exported).filter(Task.isTask).map(({ name }) => name)) // => ["double"]
 * ```
 *
 * @category guards
 * @since 0.1.0
 */
export const isTask = (u: unknown): u is Task<never, unknown, unknown> => hasProperty(u, TypeId)

/**
 * Makes a task: a function with a name, which any backend can run.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make: {
  /**
   * Makes a task: a function with a name, which any backend can run.
   *
   * **Details**
   *
   * Make a task at the top level of a module and export it: a worker imports the module and looks for the name. Names
   * are unique within a module.
   *
   * A call fails with the task's own error, never wrapped, or with `BackendError`, if something goes wrong between the
   * program and the task. Interrupting a call interrupts `run` where it runs. A wrong option is a defect, thrown here.
   *
   * **Example** (Calling a task, and running it over many payloads)
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
   */
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
  optionalLayer("layer", layer)
  const task = (payload: I) => Backend.call(task as unknown as Task<I, A, E>, payload)
  Object.defineProperty(task, "name", { value: name })
  const { attempt, backendOf, inline, noWorkers } = Backend
  const runner = { backendOf, attempt, inline, noWorkers }
  return Object.assign(task, { [TypeId]: runner, module, payload, success, error, run, layer })
}

/**
 * Makes a schema whose values are sent as structured clones, and not as JSON.
 *
 * **When to use**
 *
 * Use for values that a structured clone keeps and that are long as JSON, such as a `Float64Array`.
 *
 * **Details**
 *
 * The schema takes the values of `schema`, checks them on both sides, and does not apply its transformations. Large
 * typed arrays reach threads as shared memory. A value that cannot be cloned fails with `NotCloneable`. A queue that
 * keeps jobs as JSON cannot carry such values.
 *
 * **Example** (Sending samples with a date)
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
 * Makes a schema whose values are sent as with `cloned`, and whose binary data is moved instead of copied.
 *
 * **When to use**
 *
 * Use for large arrays that the sender does not need any more.
 *
 * **Details**
 *
 * The schema takes the values of `schema` and checks them on both sides. It moves `ArrayBuffer`s and the buffers of
 * typed arrays in up to four levels of objects, arrays and maps; shared memory stays shared. Moving an array to or from
 * a thread costs nothing, whatever its size. Between processes and machines it is copied. A payload that moves goes in
 * a message of its own. A value that cannot be cloned fails with `NotCloneable`.
 *
 * **Gotchas**
 *
 * The array that was sent is empty afterwards, and so is any other view of its buffer. So do not move what a task keeps
 * for its next input. A payload that has moved cannot be sent again: another attempt at it fails with `NotCloneable`.
 *
 * **Example** (Moving an array that a task makes)
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
