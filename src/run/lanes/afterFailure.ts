/**
 * The step after a failed attempt, in a run and at the `exec` of a node: another attempt, a value or failure that
 * replaces the failure, or the failure itself.
 */
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type { Decide } from "../inputs/item.ts"
import type { RetryMark } from "./defaultRetry.ts"

/**
 * Function that replaces the failure of an input, when no attempt is left, with a value or another failure. It runs in
 * the slot of the input, after its limits, and does not count as an attempt. `attempts` is the number of starts so far.
 */
export type Recover<in I, out A, out E, out R> = (
  failed: { readonly index: number; readonly input: I; readonly attempts: number },
  cause: Cause.Cause<any>
) => Effect.Effect<A, E, R>

/** An input with its attempts so far, and the state of the retry policy for it. */
export interface Tried<out I> {
  readonly index: number
  readonly input: I
  readonly attempts: number
  decide: Decide | undefined
}

/**
 * Function that returns the delay before the next attempt, or the exit of the input. An attempt whose `mark` is taken
 * is not tried again.
 */
export type AfterFailure<in I, A, E, out R> = (
  tried: Tried<I>,
  cause: Cause.Cause<E>,
  mark?: RetryMark
) => Effect.Effect<Duration.Duration | Exit.Exit<A, E>, never, R>

/** Combines retries and recovery. Returns undefined if a failure is always the exit of its input. */
export const afterFailure = <I, A, E, R>(
  retry: (() => Decide) | undefined,
  recover: Recover<I, A, E, R> | undefined
): AfterFailure<I, A, E, R> | undefined => {
  if (retry === undefined && recover === undefined) return undefined
  const settle = recover === undefined
    ? (_: Tried<I>, cause: Cause.Cause<E>): Effect.Effect<Exit.Exit<A, E>, never, R> =>
      Effect.succeed(Exit.failCause(cause))
    : ({ attempts, index, input }: Tried<I>, cause: Cause.Cause<E>) =>
      Effect.exit(Effect.suspend(() => recover({ index, input, attempts: Math.max(1, attempts) }, cause)))
  if (retry === undefined) return settle
  return (tried, cause, mark) =>
    mark?.isTaken === true ? settle(tried, cause) : Effect.flatMap(
      delayOf(retry, tried, cause),
      (next): Effect.Effect<Duration.Duration | Exit.Exit<A, E>, never, R> =>
        Duration.isDuration(next) ? Effect.succeed(next) : settle(tried, next)
    )
}

/**
 * Asks the retry policy for the delay before the next attempt. Returns the cause if there is no next attempt. Defects
 * and interruptions are not tried again. A policy that dies adds its defect to the cause.
 */
const delayOf = <E>(
  retry: () => Decide,
  tried: Tried<unknown>,
  cause: Cause.Cause<E>
): Effect.Effect<Duration.Duration | Cause.Cause<E>> => {
  const error = Cause.hasDies(cause) ? Option.none() : Cause.findErrorOption(cause)
  if (Option.isNone(error)) return Effect.succeed(cause)
  tried.decide ??= retry()
  return Effect.matchCause(tried.decide(error.value), {
    onFailure: (defect): Duration.Duration | Cause.Cause<E> => Cause.combine(cause, defect),
    onSuccess: (delay) => delay ?? cause
  })
}
