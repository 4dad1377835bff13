/**
 * How options change the types of a run.
 *
 * @since 0.1.0
 */
import type * as Cause from "effect/Cause"
import type * as Effect from "effect/Effect"
import type * as Outcome from "../Outcome.ts"

/** Whether options may hold a value for a key. */
type Given<O, K extends PropertyKey> = K extends keyof O ? [Exclude<O[K], undefined>] extends [never] ? false : true
  : false

/**
 * The error of an attempt under the options `O`: a timeout adds `TimeoutError`.
 *
 * @category type-level
 * @since 0.1.0
 */
export type Timed<O, E> = Given<O, "timeout"> extends true ? E | Cause.TimeoutError : E

/**
 * The error of a run under the options `O`: an error budget adds `TooManyErrors`.
 *
 * @category type-level
 * @since 0.1.0
 */
export type Budgeted<O, I, A, E> = Given<O, "maxErrors"> extends true ? Outcome.TooManyErrors<I, A, E> : never

/** Options with no key that does not exist; `All` stands there again so that callbacks know their parameters. */
export type Known<O, All> = O & All & { readonly [K in Exclude<keyof O, keyof All>]: never }

export type AnyEffect = Effect.Effect<any, any, any>
export type AnyWork = (input: any, index: number) => AnyEffect
export type Value<T> = T extends Effect.Effect<infer A, any, any> ? A : never
export type Errors<T> = T extends Effect.Effect<any, infer E, any> ? E : never
export type Services<T> = T extends Effect.Effect<any, any, infer R> ? R : never
