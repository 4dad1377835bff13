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
 * How a run goes about its inputs. All of it is optional.
 *
 * **Details**
 *
 * - `concurrency`: how many works are in flight; a positive integer or `"unbounded"`. Default 8 for functions, the
 *   backend's workers for tasks.
 * - `timeout`: how long an attempt may take, from its start; a positive duration. Adds `Cause.TimeoutError`. An attempt
 *   that ends in the same turn of the event loop has ended in time.
 * - `retry`: a `Schedule`, or `{ times, schedule, while }`. Each input has its own; only typed errors are retried, not
 *   defects. An input that waits for its retry holds no slot.
 * - `maxErrors`: the run stops when so many inputs have failed for good; a positive integer or `Infinity`. Adds
 *   `TooManyErrors`, except to `forEach`, `all` and `pairs`, which stop at the first failure anyway.
 * - `stragglers`: `{ after, limit }`. When no input waits, at most `limit` (3) are unfinished and one of them has run
 *   for `after`, a second copy of it starts in a free slot, once for each input; the first to end wins and the other is
 *   interrupted. For idempotent work.
 * - `limit`: one or several `Limit`s that each attempt passes before it starts, or a function of the input that gives them.
 * - `batchSize`: tasks in a message to a worker; a positive integer, or `"auto"` (the default), which follows the time
 *   they take and aims at 25 ms a message. It has no meaning on fibers. It is 1 where each attempt passes a limit by
 *   itself: `Limit.adaptive`, one of your own, a rate with a `cost`, and limits that depend on the input.
 * - `preDispatch`: how many inputs may be pulled ahead of those in flight; an integer of at least 0 or `"all"`. Default
 *   twice the concurrency, times a fixed `batchSize`. Automatic batches have no such bound unless one is given: what is
 *   ahead is then a batch for each lane, and of asynchronous inputs as many as are already done with.
 * - `spans`: whether each attempt has a span of its own, named after the run, with index, attempt, worker and outcome;
 *   or the share of inputs whose attempts have one, a number from 0 to 1. Default `false`: the run has one.
 * - `show`: how texts show an input: messages of errors, and reports in all their forms. Default: shortened to a line,
 *   without the value of a `Redacted`. What it returns is shortened too; if it throws, the input is not shown.
 * - `name`: how spans, metrics, progress, reports and the journal call the run. Default the task's name, or `"parallel"`.
 * - `journal`: records every outcome before it is reported, and recalls what is recorded (`JournalOption`). Adds
 *   `JournalError`, and needs a `Journal`.
 *
 * Types: `retry` is asked about `E`, the error of the work; `T`, `M` and `J` are the types of `timeout`, `maxErrors` and
 * `journal`, by which a run knows what they add; `show` is given an `I`, an input, and values are of type `A`. Errors: an
 * option out of its range, or one that does not exist, is a defect, thrown where the effect is built: nothing has started
 * by then.
 *
 * **Gotchas**
 *
 * `Options` alone are options that fit any work. A function that hands its own `Options<E>` on to a run has every error
 * that they may add; to be as exact as the run it takes `T extends Duration.Input = never` and `M extends number =
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
  readonly concurrency?: number | "unbounded" | undefined
  readonly timeout?: T | undefined
  readonly retry?: RetryOption<Timed<T, E>> | undefined
  readonly maxErrors?: M | undefined
  readonly stragglers?: { readonly after: Duration.Input; readonly limit?: number | undefined } | undefined
  readonly limit?: LimitOption<I> | undefined
  readonly batchSize?: number | "auto" | undefined
  readonly preDispatch?: number | "all" | undefined
  readonly spans?: boolean | number | undefined
  readonly show?: ((input: I) => string) | undefined
  readonly name?: string | undefined
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
 * - `key`: what tells one input from another, as a string. By default a digest of the name of the run, its version, and the
 *   input as its task's schema encodes it, or as JSON. Equal inputs share an outcome; give them different keys to run each.
 * - `version`: a name for what the work does. Records of another version are kept and not recalled.
 * - `retryFailed`: whether inputs that have failed run again (the default), or their failures are recalled.
 * - `success`, `error`: schemas of values and errors, for functions; a task has its own. Without them values and errors have to
 *   be what JSON keeps as it is: a date, a class or a number that is none ends the run with `NotEncodable`.
 *
 * Errors: `JournalError`. A function needs the option `name`, by which its records are found again. A run with a journal takes turns of
 * the event loop, so `Effect.runSync` cannot run it.
 *
 * @category models
 * @since 0.1.0
 */
export interface JournalOption<in I, in out A, in out E> {
  readonly key?: ((input: I, index: number) => string) | undefined
  readonly version?: string | undefined
  readonly retryFailed?: boolean | undefined
  readonly success?: Schema.Codec<A, any> | undefined
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
