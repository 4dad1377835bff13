/**
 * Types of a run: its inputs, work and options, and the errors that options add.
 *
 * A run infers the types of the two options that change its errors, `timeout` as `T` and `maxErrors` as `M`. They are
 * `never` or `undefined` if the option is surely absent; for options of several shapes they are the union over all
 * shapes.
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
import type * as Retry from "./lanes/retry.ts"

/** @since 0.1.0 */
export type { Inputs } from "./inputs/source.ts"

/**
 * What is done with one input: a function that gives an effect, or a task.
 *
 * @category models
 * @since 0.1.0
 */
export type Work<in I, out A, out E, out R> = (input: I, index: number) => Effect.Effect<A, E, R>

/**
 * When a failed attempt is followed by another: a schedule, or how many times, on which schedule and for which errors.
 *
 * **Details**
 *
 * Units: `times` is an integer of at least 0, and counts what follows the first attempt. What is left out does not
 * limit; without a schedule the next attempt follows at once. `E` is the error of the work, and `TimeoutError` with a
 * timeout: `schedule` and `while` have to take all of it. Errors: none; a `while` that dies is a defect beside the
 * failure.
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
 * An option out of its range, or one that does not exist, is a defect, thrown where the effect is built, before anything
 * has started.
 *
 * The type parameters are the types that options add to: `E` is the error of the work, which `retry` sees; `T`, `M` and `J` are the types of
 * `timeout`, `maxErrors` and `journal`, by which a run knows which errors they add; `I` is an input, which `show` sees, and `A` a value.
 *
 * **Gotchas**
 *
 * `Options` without parameters fit any work. A function that passes its own `Options<E>` on to a run gets every error
 * that they may add. To be as exact as the run, it takes `T extends Duration.Input = never` and `M extends number =
 * never`, and `Options<E, T, M>`.
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
   * How many inputs are in flight: a positive integer, or `"unbounded"`. Default: 8 for functions, and for tasks as many
   * as the backend has workers.
   */
  readonly concurrency?: number | "unbounded" | undefined
  /**
   * Time limit of each attempt, measured from its start: a positive duration. A late attempt is interrupted and fails with
   * `Cause.TimeoutError`. An attempt that ends in the same turn of the event loop is in time. Default: none.
   */
  readonly timeout?: T | undefined
  /**
   * When a failed attempt is followed by another: a `Schedule`, or `{ times, schedule, while }`. Each input has its own count. Only
   * typed errors are retried, not defects. An input that waits for its retry holds no slot. Default: never.
   */
  readonly retry?: RetryOption<Timed<T, E>> | undefined
  /**
   * Stops the run when so many inputs have failed for good: a positive integer, or `Infinity`, the default. Adds the error
   * `TooManyErrors`, except to `forEach`, `all` and `pairs`, which stop at the first failure anyway.
   */
  readonly maxErrors?: M | undefined
  /**
   * Starts a second copy of the slowest last inputs; whichever finishes first wins, and the other is interrupted. It happens
   * when no input waits, at most `limit` (default 3) are unfinished, and one of them has run for `after`; once for each input. For
   * idempotent work. Default: no copies.
   */
  readonly stragglers?: { readonly after: Duration.Input; readonly limit?: number | undefined } | undefined
  /**
   * What each attempt has to pass before it starts: a `Limit`, several of them, or a function of the input that returns
   * them. Default: nothing.
   */
  readonly limit?: LimitOption<I> | undefined
  /**
   * How many tasks are sent to a worker in one message: a positive integer, or `"auto"`, the default, which follows the time
   * that tasks take and aims at 25 ms a message. It has no effect on fibers. It is 1 where each attempt passes a limit by
   * itself: `Limit.adaptive`, a limit of your own, a rate with a `cost`, and limits that depend on the input.
   */
  readonly batchSize?: number | "auto" | undefined
  /**
   * How many inputs to read ahead of those in flight: an integer of at least 0, or `"all"`. Default: twice the concurrency,
   * times a fixed `batchSize`. Automatic batches have no such bound unless one is given: then a batch for each lane is
   * ahead, and of asynchronous inputs as many as are done already.
   */
  readonly preDispatch?: number | "all" | undefined
  /**
   * Traces attempts: `true` for every attempt, or the share of inputs whose attempts have a span, from 0 to 1. A span has the name
   * of the run, with index, attempt, worker and outcome. Default: `false`, which traces the run alone.
   */
  readonly spans?: boolean | number | undefined
  /**
   * Shows an input as a text, in messages of errors, in reports and on dashboards. The text is shortened to a line; if the function throws, the input is not
   * shown. Default: the input itself, shortened, without the value of a `Redacted`.
   */
  readonly show?: ((input: I) => string) | undefined
  /**
   * The name of the run in spans, metrics, progress, reports and the journal. Default: the name of the task, or
   * `"parallel"`.
   */
  readonly name?: string | undefined
  /**
   * Records every outcome before it is reported, and recalls what is recorded: `true`, or the options of `JournalOption`. Adds the
   * error `JournalError`, and needs a `Journal`. Default: no records.
   */
  readonly journal?: (J & JournalOption<I, A, E>) | undefined
}

/**
 * The limits of attempts at inputs of type `I`: one or several, or a function of the input that gives those that it needs.
 *
 * **Details**
 *
 * Where limits depend on the input, one that waits for them keeps no slot: others pass it, as far as the run looks ahead.
 * They may be asked for several times before an attempt starts. Errors: a function that throws, or gives something else,
 * is a defect of its input.
 *
 * @category models
 * @since 0.1.0
 */
export type LimitOption<I> =
  | Limit.Limit<I>
  | ReadonlyArray<Limit.Limit<I>>
  | ((input: I) => Limit.Limit | ReadonlyArray<Limit.Limit>)

/**
 * How a run is recorded: `true`, or an object of these.
 *
 * **Details**
 *
 * The run may fail with `JournalError`. A function needs the option `name`, by which its records are found again. A run with a journal takes turns of
 * the event loop, so `Effect.runSync` cannot run it.
 *
 * @category models
 * @since 0.1.0
 */
export interface JournalOption<in I, in out A, in out E> {
  /**
   * Identifies an input. Equal inputs share an outcome; give them different keys to run each. Default: a digest of the name of
   * the run, its version, and the input as its task's schema encodes it, or as JSON.
   */
  readonly key?: ((input: I, index: number) => string) | undefined
  /** Names what the work does. Records of another version are kept and not recalled. Default: none. */
  readonly version?: string | undefined
  /** Whether inputs that have failed run again, which is the default, or their failures are recalled. */
  readonly retryFailed?: boolean | undefined
  /**
   * Schema of values, for functions; a task has its own. Without it, a value has to be what JSON keeps unchanged: a date, a class
   * or a number like `NaN` ends the run with `NotEncodable`.
   */
  readonly success?: Schema.Codec<A, any> | undefined
  /** Schema of errors, for functions; a task has its own. Without it, the same holds for errors as for values. */
  readonly error?: Schema.Codec<E, any> | undefined
  /** What `true` has too: it stands for an object without options. */
  valueOf(): unknown
}

/**
 * Types that the option `journal` can have: that of the object, or `true`, is inferred.
 *
 * @category type-level
 * @since 0.1.0
 */
export type Journaling = true | object | undefined

declare const absent: unique symbol

/**
 * The type of an option `journal` that is not there. A run infers it, and not `never`, so that a `key` is read with the types of
 * its parameters before anything is known of the option.
 *
 * @category type-level
 * @since 0.1.0
 */
export interface NoJournaling {
  readonly [absent]?: never
}

/**
 * What a run whose `journal` is of type `J` adds to its errors: `JournalError`, unless there is none.
 *
 * @category type-level
 * @since 0.1.0
 */
export type Journaled<J, I, A, E> = HasJournal<J> extends true ? JournalError<I, A, E> : never

/**
 * What a run whose `journal` is of type `J` needs: `Journal`, unless there is none.
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
 * Options that a program can set for all runs inside: those that change no type.
 *
 * @category models
 * @since 0.1.0
 */
export type DefaultOptions = Omit<Options, "timeout" | "maxErrors" | "name" | "journal">

/** Types that the options `timeout` and `maxErrors` can have. */
export type Timeout = Duration.Input | undefined
export type Budget = number | undefined

/**
 * The error of an attempt whose `timeout` is of type `T`: `TimeoutError` joins, unless `T` holds nothing but
 * `undefined`.
 *
 * @category type-level
 * @since 0.1.0
 */
export type Timed<T, E> = [Exclude<T, undefined>] extends [never] ? E : E | Cause.TimeoutError

/**
 * What a run whose `maxErrors` is of type `M` adds to its errors: `TooManyErrors`, unless `M` holds
 * nothing but `undefined`.
 *
 * @category type-level
 * @since 0.1.0
 */
export type Budgeted<M, I, A, E> = [Exclude<M, undefined>] extends [never] ? never : Outcome.TooManyErrors<I, A, E>

/**
 * What has to follow the first argument of a run, in an overload that never applies. It stands last, where compilers
 * look for what to say when nothing applies: they name what is wrong with the second argument, not that the first, if
 * it is work, is no input.
 *
 * @category type-level
 * @since 0.1.0
 */
export type Second<First, Options> = First extends AnyWork ? Options & NoMatch
  : First extends Stream.Stream<infer I, any, any> | AsyncIterable<infer I> | Iterable<infer I>
    ? ((input: I, index: number) => Effect.Effect<unknown, unknown, unknown>) & NoMatch
  : never

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
