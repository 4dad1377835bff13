/**
 * What a user's function gives back, which may be an effect or the value itself.
 *
 * @since 0.1.0
 */
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"

/** A value as an effect; an effect as it is. */
export const lift = (value: unknown): Effect.Effect<any, any, any> =>
  Effect.isEffect(value) ? value : Effect.succeed(value)

/** Goes on with what a value or an effect comes to; no effect is made where there is none. */
export const chain = (value: unknown, next: (value: any) => Effect.Effect<any, any, any>) =>
  Effect.isEffect(value) ? Effect.flatMap(value, next) : next(value)

/** What a value or an effect comes to. */
export type Of<T> = T extends Effect.Effect<infer A, any, any> ? A : T

/** How it can fail; a value cannot. */
export type ErrorOf<T> = T extends Effect.Effect<any, infer E, any> ? E : never

/** What it needs; a value needs nothing. */
export type ServicesOf<T> = T extends Effect.Effect<any, any, infer R> ? R : never

/** The error that a timeout of type `T` adds; `never` stands for none. */
export type Late<T> = [T] extends [never] ? never : Cause.TimeoutError
