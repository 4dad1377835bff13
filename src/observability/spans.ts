/**
 * Spans of attempts, for runs that ask for them.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Tracer from "effect/Tracer"

/**
 * Whether the input at an index is one of the share that has spans: every third for a share of a third, always the same.
 */
export const isSampled = (index: number, share: number): boolean =>
  Math.floor((index + 1) * share) > Math.floor(index * share)

/**
 * Puts a span around the attempts at a share of the inputs. It is the parent of what the attempt does; index, attempt and
 * worker are its attributes, and in the end the outcome.
 */
export const sampled = <
  Entry extends { readonly index: number; readonly attempts: number },
  Hand extends { readonly worker: number },
  A,
  E,
  R
>(start: (entry: Entry, hand: Hand) => Effect.Effect<A, E, R>, run: string, share: number): typeof start =>
(entry, hand) => {
  const { attempts: attempt, index } = entry
  if (!isSampled(index, share)) return start(entry, hand)
  return Effect.useSpan(
    `${run}.attempt`,
    { attributes: { index, attempt, worker: hand.worker } },
    (span) =>
      Effect.onExit(
        Effect.provideService(Effect.suspend(() => start(entry, hand)), Tracer.ParentSpan, span),
        (exit) => Effect.sync(() => span.attribute("outcome", outcomeOf(exit)))
      )
  )
}

const outcomeOf = (exit: Exit.Exit<unknown, unknown>): "succeeded" | "failed" | "interrupted" =>
  Exit.isSuccess(exit) ? "succeeded" : Cause.hasInterruptsOnly(exit.cause) ? "interrupted" : "failed"
