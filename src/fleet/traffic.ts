/**
 * Messages on their way, as both sides send and hear them.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"

/** Number of beats in a lease. */
export const beatsOfLease = 6

/** Says that something has ended that was to go on until it is interrupted. */
export const saidAtEnd = (effect: Effect.Effect<void>, text: string): Effect.Effect<void> =>
  Effect.onExit(effect, (exit) =>
    Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause)
      ? Effect.void
      : Effect.logError(text, ...Exit.isFailure(exit) ? [exit.cause] : []))

/** Bounds what a transport does with a message, which may get lost anyway. */
export const bounded = (send: () => Effect.Effect<void>, lease: number): Effect.Effect<unknown> =>
  Effect.catchCause(
    Effect.timeoutOption(Effect.suspend(send), lease),
    (cause) =>
      Cause.hasInterruptsOnly(cause) ? Effect.failCause(cause) : Effect.logWarning("a transport has failed", cause)
  )
