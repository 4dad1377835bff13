/**
 * What the steps of nodes give back, as types: a step may give a value or an effect.
 *
 * A type that is given a step's result looks at it as a whole first (`[T] extends [infer U]`). Nothing is inferred through
 * such a type, so a step whose parameters are annotated cannot change what another step gives back.
 */
import type * as Effect from "effect/Effect"
import type { Timed } from "../run/types.ts"

/** What a value or an effect comes to. */
export type Of<T> = [T] extends [infer U] ? U extends Effect.Effect<infer A, any, any> ? A : U : never

/** How it can fail; a value cannot. */
export type ErrorOf<T> = [T] extends [infer U] ? U extends Effect.Effect<any, infer E, any> ? E : never : never

/** What it needs; a value needs nothing. */
export type ServicesOf<T> = [T] extends [infer U] ? U extends Effect.Effect<any, any, infer R> ? R : never : never

/** The error that a timeout of type `T` adds: none, where `T` holds nothing but `undefined`. */
export type Late<T> = Timed<T, never>

/** The type of what a step gives back that was left out. */
export interface Absent {
  readonly absent: unique symbol
}

/** `Then` where the step that gives `T` was left out, and else `Else`. */
export type Without<T, Then, Else> = [T] extends [Absent] ? Then : Else

/** Options whose step `Name`, which gives a `T`, may not give a promise: it would be taken for a value. */
export type NoPromise<Name extends string, T> = [T] extends [infer U] ? 0 extends 1 & U ? unknown
  : [Extract<U, PromiseLike<unknown>>] extends [never] ? unknown
  : { readonly [K in Name]?: "a promise is no value here: wrap it in Effect.promise or Effect.tryPromise" }
  : never
