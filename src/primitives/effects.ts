/**
 * What a user's function gives back, which may be an effect or the value itself.
 *
 * @since 0.1.0
 */
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"

/** A value as an effect; an effect as it is. */
export const lift = (value: unknown): Effect.Effect<any, any, any> =>
  Effect.isEffect(value) ? value : isPromise(value) ? refusePromise : Effect.succeed(value)

/** Goes on with what a value or an effect comes to; no effect is made where there is none. */
export const chain = (value: unknown, next: (value: any) => Effect.Effect<any, any, any>) =>
  Effect.isEffect(value) ? Effect.flatMap(value, next) : isPromise(value) ? refusePromise : next(value)

const isPromise = (value: unknown): boolean =>
  typeof value === "object" && value !== null && typeof (value as { readonly then?: unknown }).then === "function"

const refusePromise = Effect.suspend(() =>
  Effect.die(new TypeError("expected a step to give an effect or a value, got a promise: wrap it in Effect.promise"))
)

/*
 * The types below look at their argument as a whole first (`[T] extends [infer U]`): nothing is inferred through them, so
 * that a step whose parameters are annotated cannot change what another step gives back.
 */

/** What a value or an effect comes to. */
export type Of<T> = [T] extends [infer U] ? U extends Effect.Effect<infer A, any, any> ? A : U : never

/** How it can fail; a value cannot. */
export type ErrorOf<T> = [T] extends [infer U] ? U extends Effect.Effect<any, infer E, any> ? E : never : never

/** What it needs; a value needs nothing. */
export type ServicesOf<T> = [T] extends [infer U] ? U extends Effect.Effect<any, any, infer R> ? R : never : never

/** The error that a timeout of type `T` adds: none, where `T` holds nothing but `undefined`. */
export type Late<T> = [Exclude<T, undefined>] extends [never] ? never : Cause.TimeoutError

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
