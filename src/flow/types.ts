/**
 * The types of the results of steps. A step may return a plain value or an effect.
 *
 * A type that takes the result of a step first matches it as a whole (`[T] extends [infer U]`). TypeScript infers
 * nothing through such a type, so a step whose parameters are annotated cannot change what another step returns.
 */
import type * as Effect from "effect/Effect"
import type { Timed } from "../run/types.ts"

/** The value of a result: the success of an effect, or the plain value. */
export type Of<T> = [T] extends [infer U] ? U extends Effect.Effect<infer A, any, any> ? A : U : never

/** The error of a result. A plain value has none. */
export type ErrorOf<T> = [T] extends [infer U] ? U extends Effect.Effect<any, infer E, any> ? E : never : never

/** The services of a result. A plain value needs none. */
export type ServicesOf<T> = [T] extends [infer U] ? U extends Effect.Effect<any, any, infer R> ? R : never : never

/** The error that a timeout of type `T` adds: none if `T` is only `undefined`. */
export type Late<T> = Timed<T, never>

/** The result type of a step that was left out. */
export interface Absent {
  readonly absent: unique symbol
}

/** `Then` if the step that returns `T` was left out, otherwise `Else`. */
export type Without<T, Then, Else> = [T] extends [Absent] ? Then : Else

/**
 * A constraint on options: the step `Name`, which returns `T`, must not return a promise, which would count as a value.
 */
export type NoPromise<Name extends string, T> = [T] extends [infer U] ? 0 extends 1 & U ? unknown
  : [Extract<U, PromiseLike<unknown>>] extends [never] ? unknown
  : { readonly [K in Name]?: "a promise is not a value here: wrap it in Effect.promise or Effect.tryPromise" }
  : never
