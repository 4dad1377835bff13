/**
 * Sending and receiving of messages, on both sides.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"

/** Number of beats in a lease. */
export const beatsOfLease = 6

/** Logs an error if an effect ends that should run until it is interrupted. */
export const saidAtEnd = (effect: Effect.Effect<void>, text: string): Effect.Effect<void> =>
  Effect.onExit(effect, (exit) =>
    Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause)
      ? Effect.void
      : Effect.logError(text, ...Exit.isFailure(exit) ? [exit.cause] : []))

/** Sends a message within a lease. A failure is only logged, because a message may get lost anyway. */
export const bounded = (send: () => Effect.Effect<void>, lease: number): Effect.Effect<unknown> =>
  Effect.catchCause(
    Effect.timeoutOption(Effect.suspend(send), lease),
    (cause) =>
      Cause.hasInterruptsOnly(cause) ? Effect.failCause(cause) : Effect.logWarning("the transport failed", cause)
  )
