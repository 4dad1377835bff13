/**
 * Types of a run: its inputs, work and options, and the errors that options add.
 *
 * A run infers the types of the options that change its errors: `timeout` as `T`, `maxErrors` as `M` and `journal` as
 * `J`. `T` and `M` are `never` or `undefined` if the option is certainly absent. For options of several shapes, they are
 * the union over all shapes.
 */
import type * as Cause from "effect/Cause"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import type * as Stream from "effect/Stream"
import type { Journal } from "../journal/record/contract.ts"
import type { JournalError } from "../journal/record/errors.ts"
import type * as Limit from "../limit/contract.ts"
import type * as Outcome from "../Outcome.ts"
import type { DurationInput } from "../primitives/duration.ts"
import type { Inputs } from "./inputs/source.ts"
import type * as Retry from "./lanes/retry.ts"

/** @since 0.1.0 */
export type { Inputs } from "./inputs/source.ts"

/**
 * What is done with each input: a function that returns an effect, or a task. `index` is the position of the input,
 * from 0.
 *
 * @category models
 * @since 0.1.0
 */
export type Work<in I, out A, out E, out R> = (input: I, index: number) => Effect.Effect<A, E, R>

/**
 * When a failed attempt is followed by another: a schedule, or an object with `times`, `schedule` and `while`, of which
 * at least one is set.
 *
 * **Details**
 *
 * `E` is the error of the work, and also `TimeoutError` if there is a timeout: `schedule` and `while` have to accept
 * all of it.
 *
 * @category models
 * @since 0.1.0
 */
export type RetryOption<E> = Retry.Retry<E>

/**
 * The options of a run. All are optional.
 *
 * **Details**
 *
 * An option that is out of its range, or that does not exist, is a defect. It is thrown where the effect is built,
 * before anything starts.
 *
 * The type parameters are inferred from the work and the options: `E` is the error of the work, which `retry` sees; `I`
 * is an input, which `show` sees; `A` is a value; `T`, `M` and `J` are the types of `timeout`, `maxErrors` and
 * `journal`, which decide what errors the run adds.
 *
 * **Gotchas**
 *
 * `Options` without parameters fit any work. A function that takes `Options<E>` and passes them to a run has every
 * error in its type that options can add. For the exact errors, declare `T extends Duration.Input = never` and
 * `M extends number = never`, and take `Options<E, T, M>`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options<
  E = unknown,
  T extends Timeout = Timeout,
  M extends Budget = Budget,
  I = unknown,
  A = unknown,
  J extends Journaling = never
> {
  /**
   * Maximum number of inputs in flight: a positive integer, or `"unbounded"`. Default: 8 for functions, and the number
   * of workers of the backend for tasks.
   */
  readonly concurrency?: number | "unbounded" | undefined
  /**
   * Time limit for each attempt, measured from when it starts: a positive duration. A late attempt is interrupted and
   * fails with `Cause.TimeoutError`. An attempt that ends in the same turn of the event loop is in time. Default: no
   * limit.
   */
  readonly timeout?: T | undefined
  /**
   * When a failed input is tried again: a `Schedule`, or `{ times, schedule, while }`. Each input has its own count.
   * Only typed errors are retried, not defects. An input that waits for its retry holds no slot. Default: never.
   */
  readonly retry?: RetryOption<Timed<T, E>> | undefined
  /**
   * Stops the run as soon as this many inputs have failed for good: a positive integer, or `Infinity`, the default.
   * Adds the error `TooManyErrors`, except to `forEach`, `all` and `pairs`, which stop at the first failure anyway.
   */
  readonly maxErrors?: M | undefined
  /**
   * Starts a second copy of the slowest last inputs; whichever finishes first wins, and the other is interrupted. A
   * copy starts when no input is waiting, at most `limit` inputs are unfinished, and one of them has run for `after`;
   * each input is copied at most once. For idempotent work. Default: no copies.
   */
  readonly stragglers?: {
    /** How long an input has to run before it is copied: a positive duration. */
    readonly after: DurationInput<"5 seconds">
    /** Copies start only while at most this many inputs are unfinished: a positive integer. Default: 3. */
    readonly limit?: number | undefined
  } | undefined
  /**
   * Limits that each attempt passes before it starts: a `Limit`, an array of them, or a function from an input to them.
   * Default: none.
   */
  readonly limit?: LimitOption<I> | undefined
  /**
   * Number of tasks sent to a worker in one message: a positive integer, or `"auto"`, the default, which follows how
   * long tasks take and aims at 25 ms of work per message. It has no effect on fibers. It is 1 if each attempt has to
   * pass a limit by itself: `Limit.adaptive`, `Limit.make`, a `Limit.rate` with a `cost`, and limits that depend on the
   * input.
   */
  readonly batchSize?: number | "auto" | undefined
  /**
   * How many inputs to read ahead of those in flight: an integer of at least 0, or `"all"`. Default: twice the
   * concurrency, times `batchSize` if that is a number. With automatic batches, the default is a batch for each worker
   * instead; asynchronous inputs are then read ahead by as many as are already done. A number that you give also bounds
   * the size of batches.
   */
  readonly preDispatch?: number | "all" | undefined
  /**
   * Traces attempts: `true` for every attempt, or the share of inputs whose attempts have a span, from 0 to 1. The span
   * has the name of the run, with index, attempt, worker and outcome. Default: `false`, which traces only the run.
   */
  readonly spans?: boolean | number | undefined
  /**
   * Shows an input as text in error messages, in reports and on dashboards. The text is shortened to one line; if the
   * function throws, the input is not shown. Default: the input itself, shortened, without the value of a `Redacted`.
   */
  readonly show?: ((input: I) => string) | undefined
  /**
   * Name of the run in spans, metrics, progress, reports and the journal: a non-empty string. Default: the name of the
   * task, or `"parallel"`.
   */
  readonly name?: string | undefined
  /**
   * Records every outcome before it is reported, and recalls what is already recorded: `true`, or an object with the
   * options of `JournalOption`. Adds the error `JournalError`, and requires a `Journal`. Default: nothing is recorded.
   */
  readonly journal?: (J & JournalOption<I, A, E>) | undefined
}

/**
 * The limits of attempts at inputs of type `I`: one limit, several, or a function that returns the limits of an input.
 *
 * **Details**
 *
 * If limits depend on the input, an input that waits for them holds no slot: other inputs pass it, as far as the run
 * reads ahead. The function may be called several times before an attempt starts. If it throws, or returns anything but
 * limits, its input fails with a defect.
 *
 * @category models
 * @since 0.1.0
 */
export type LimitOption<I> =
  | Limit.Limit<I>
  | ReadonlyArray<Limit.Limit<I>>
  | ((input: I) => Limit.Limit | ReadonlyArray<Limit.Limit>)

/**
 * How a run is recorded: `true`, or an object with these options.
 *
 * **Details**
 *
 * The run may fail with `JournalError`. If the work is a function, the run needs the option `name`, by which its
 * records are found again. A run with a journal yields to the event loop, so `Effect.runSync` cannot run it.
 *
 * @category models
 * @since 0.1.0
 */
export interface JournalOption<in I, in out A, in out E> {
  /**
   * Identifies an input. Inputs with equal keys share one outcome; give equal inputs different keys to run each of
   * them. Default: a digest of the name of the run, its version, and the input, encoded by the schema of its task or as
   * JSON.
   */
  readonly key?: ((input: I, index: number) => string) | undefined
  /**
   * Version of what the work does: a non-empty string. Records of another version are kept, but not recalled. Default:
   * none.
   */
  readonly version?: string | undefined
  /** Whether inputs that have failed run again (`true`, the default), or their failures are recalled (`false`). */
  readonly retryFailed?: boolean | undefined
  /**
   * Schema of values, for functions; a task has its own. Without a schema, JSON has to keep the value unchanged: a
   * date, a class or a number such as `NaN` ends the run with `NotEncodable`.
   */
  readonly success?: Schema.Codec<A, any> | undefined
  /** Schema of errors, for functions; a task has its own. Without a schema, the same applies to errors as to values. */
  readonly error?: Schema.Codec<E, any> | undefined
  /** Not an option: it lets `true` stand for an object without options. */
  valueOf(): unknown
}

/**
 * The types that the option `journal` can have. A run infers which one: that of the object, or `true`.
 *
 * @category type-level
 * @since 0.1.0
 */
export type Journaling = true | object | undefined

declare const absent: unique symbol

/**
 * The type of an option `journal` that is absent. A run infers it instead of `never`, so that the parameters of a `key`
 * have types before anything is known of the option.
 *
 * @category type-level
 * @since 0.1.0
 */
export interface NoJournaling {
  readonly [absent]?: never
}

/**
 * The errors that an option `journal` of type `J` adds to a run: `JournalError`, or nothing if the option is absent.
 *
 * @category type-level
 * @since 0.1.0
 */
export type Journaled<J, I, A, E> = HasJournal<J> extends true ? JournalError<I, A, E> : never

/**
 * The service that an option `journal` of type `J` requires: `Journal`, or nothing if the option is absent.
 *
 * @category type-level
 * @since 0.1.0
 */
export type JournalService<J> = HasJournal<J> extends true ? Journal : never

type HasJournal<J> = 0 extends 1 & J ? true
  : [Exclude<J, undefined>] extends [never] ? false
  : typeof absent extends keyof Exclude<J, undefined> ? false
  : true

/**
 * The options that `withDefaults` can set for all runs inside an effect: those that change no type.
 *
 * @category models
 * @since 0.1.0
 */
export type DefaultOptions = Omit<Options, "timeout" | "maxErrors" | "name" | "journal">

/**
 * The types that the option `timeout` can have. A run infers which one, to know whether it adds `TimeoutError`.
 *
 * @category type-level
 * @since 0.1.0
 */
export type Timeout<Form = "5 seconds"> = Duration.Input | Extract<undefined, Form | undefined>

/**
 * The types that the option `maxErrors` can have. A run infers which one, to know whether it adds `TooManyErrors`.
 *
 * @category type-level
 * @since 0.1.0
 */
export type Budget = number | undefined

/**
 * The errors of an attempt whose option `timeout` is of type `T`: `E`, and `TimeoutError` unless `T` is only
 * `undefined`.
 *
 * @category type-level
 * @since 0.1.0
 */
export type Timed<T, E> = [Exclude<T, undefined>] extends [never] ? E : E | Cause.TimeoutError

/**
 * The errors that an option `maxErrors` of type `M` adds to a run: `TooManyErrors`, or nothing if `M` is only
 * `undefined`.
 *
 * @category type-level
 * @since 0.1.0
 */
export type Budgeted<M, I, A, E> = [Exclude<M, undefined>] extends [never] ? never : Outcome.TooManyErrors<I, A, E>

/**
 * The second argument of a run, in an overload that never applies. It is the last one, because compilers report the
 * errors of the last overload. So they say what is wrong with the second argument. Otherwise, if the first one is work,
 * they would say that it is not inputs.
 *
 * @category type-level
 * @since 0.1.0
 */
export type WorkOrOptions<First, Options> = First extends AnyWork ? [options: Options & NoMatch]
  : First extends AnyFunction ? [options?: unknown]
  : First extends Stream.Stream<infer I, any, any> | AsyncIterable<infer I> | Iterable<infer I>
    ? [work: ((input: I, index: number) => Effect.Effect<unknown, unknown, unknown> | ReturnsPromise) & NoMatch]
  : Array<never>

/** What compilers say of work that returns something else. */
type ReturnsPromise = "work has to return an Effect: wrap a promise with Effect.tryPromise"

/** The first argument of a run, in the same overload; a function has to return an effect. */
export type InputsOrWork<First> = 0 extends 1 & First ? never
  : First extends AnyWork | Inputs<any, any, any> ? First
  : First extends AnyFunction ? (input: any, index: number) => AnyEffect | ReturnsPromise
  : First extends AnyEffect ? InsideEffect
  : Inputs<any, any, any> | Work<any, any, any, any>

/** What compilers say of inputs that an effect returns. */
type InsideEffect = "Inputs cannot be an Effect: take them out of it with Effect.flatMap"

type AnyFunction = (input: any, index: number) => unknown

declare const noMatch: unique symbol
interface NoMatch {
  readonly [noMatch]: "no overload matches"
}

export type WorkErrors<Work> = Work extends AnyWork ? EffectErrors<ReturnType<Work>> : never
export type AnyEffect = Effect.Effect<any, any, any>
export type AnyWork = (input: any, index: number) => AnyEffect
export type EffectValue<T> = T extends Effect.Effect<infer A, any, any> ? A : never
export type EffectErrors<T> = T extends Effect.Effect<any, infer E, any> ? E : never
export type EffectServices<T> = T extends Effect.Effect<any, any, infer R> ? R : never
