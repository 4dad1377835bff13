/**
 * Spans of attempts, for runs that ask for them.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Tracer from "effect/Tracer"

/** What is told of an attempt. */
export interface Facts {
  readonly index: number
  readonly attempt: number
  readonly worker: number
}

/**
 * Whether the input at an index is one of the share that has spans: every third for a share of a third, always the same.
 */
export const isSampled = (index: number, share: number): boolean =>
  Math.floor((index + 1) * share) > Math.floor(index * share)

/** Puts a span around an attempt, which is the parent of what the attempt does. */
export const around = <A, E, R>(
  run: string,
  facts: Facts,
  attempt: () => Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Effect.useSpan(`${run}.attempt`, { attributes: { ...facts } }, (span) =>
    Effect.onExit(
      Effect.provideService(Effect.suspend(attempt), Tracer.ParentSpan, span),
      (exit) => Effect.sync(() => span.attribute("outcome", outcomeOf(exit)))
    ))

const outcomeOf = (exit: Exit.Exit<unknown, unknown>): "succeeded" | "failed" | "interrupted" =>
  Exit.isSuccess(exit) ? "succeeded" : Cause.hasInterruptsOnly(exit.cause) ? "interrupted" : "failed"
