/**
 * How options change the types of a run.
 *
 * A run infers the types of the two options that matter, `timeout` as `T` and `maxErrors` as `M`. They are `never` or
 * `undefined` where the option is surely absent; in options of several shapes they gather from each.
 */
import type * as Cause from "effect/Cause"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import type * as Outcome from "../Outcome.ts"

/** What the options can hold. */
export type Timeout = Duration.Input | undefined
export type Budget = number | undefined

/**
 * The error of an attempt whose `timeout` is of type `T`: `TimeoutError` joins, unless `T` holds nothing but `undefined`.
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
 * What has to follow the first argument of a run, in an overload that never applies. It stands last, where compilers look
 * for what to say when nothing applies: they name what is wrong with the second argument, not that the first, if it is
 * work, is no input.
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

export type Failing<Work> = Work extends AnyWork ? Errors<ReturnType<Work>> : never
export type AnyEffect = Effect.Effect<any, any, any>
export type AnyWork = (input: any, index: number) => AnyEffect
export type Value<T> = T extends Effect.Effect<infer A, any, any> ? A : never
export type Errors<T> = T extends Effect.Effect<any, infer E, any> ? E : never
export type Services<T> = T extends Effect.Effect<any, any, infer R> ? R : never
