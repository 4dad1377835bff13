/**
 * Spans of attempts, for runs that ask for them.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Tracer from "effect/Tracer"
import { shortenName } from "../primitives/shorten.ts"

/**
 * True if the input at an index has spans. The choice is even and deterministic: every third input for a share of a
 * third.
 */
export const isSampled = (index: number, share: number): boolean =>
  Math.floor((index + 1) * share) > Math.floor(index * share)

/**
 * Puts a span around the attempts at a share of the inputs. It is the parent of the spans inside the attempt. Its
 * attributes are index, attempt and worker, and the outcome when it ends.
 */
export const sampled = <
  Item extends { readonly index: number; readonly attempts: number },
  AttemptContext extends { readonly worker: number },
  A,
  E,
  R
>(start: (item: Item, context: AttemptContext) => Effect.Effect<A, E, R>, run: string, share: number): typeof start =>
(item, context) => {
  const { attempts: attempt, index } = item
  if (!isSampled(index, share)) return start(item, context)
  return Effect.useSpan(
    `${shortenName(run)}.attempt`,
    { attributes: { index, attempt, worker: context.worker } },
    (span) =>
      Effect.onExit(
        Effect.provideService(Effect.suspend(() => start(item, context)), Tracer.ParentSpan, span),
        (exit) => Effect.sync(() => span.attribute("outcome", outcomeOf(exit)))
      )
  )
}

const outcomeOf = (exit: Exit.Exit<unknown, unknown>): "succeeded" | "failed" | "interrupted" =>
  Exit.isSuccess(exit) ? "succeeded" : Cause.hasInterruptsOnly(exit.cause) ? "interrupted" : "failed"
