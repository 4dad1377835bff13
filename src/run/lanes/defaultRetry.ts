/**
 * The default retry of nested runs. It belongs to the innermost run or node.
 *
 * An attempt whose retry is a default has a mark in its context. A run or node inside sets the mark when it takes the
 * default retry. Then the attempt is not tried again by default, since the inner run or node has had its retries. So
 * retries do not multiply with the levels of nesting.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { isReady } from "../../primitives/effects.ts"
import type { AttemptContext, Item } from "../inputs/item.ts"
import type { Start } from "./attempt.ts"

/** Mark of an attempt whose retry is a default. */
export interface RetryMark {
  /** True once a run or node inside has taken the default retry. */
  isTaken: boolean
}

/** Mark of the attempt around. Undefined if there is none, or its retry is not a default. */
const Mark = Context.Reference<RetryMark | undefined>("effect-parallel/internal/DefaultRetry", {
  defaultValue: () => undefined
})

/** Takes the default retry from the attempt around, for the run or node with this context. */
export const take = (context: Context.Context<never>): void => {
  const mark = Context.get(context, Mark)
  if (mark !== undefined) mark.isTaken = true
}

/** Runs an attempt with its mark. */
export const marked = <A, E, R>(attempt: Effect.Effect<A, E, R>, mark: RetryMark): Effect.Effect<A, E, R> =>
  isReady(attempt) ? attempt : Effect.provideService(attempt, Mark, mark)

/** Wraps the start of attempts whose retry is a default. Each gets a mark of its own. */
export const marking =
  <I, A, E, R>(start: Start<I, A, E, R>): Start<I, A, E, R> => (item: Item<I>, context: AttemptContext) => {
    context.mark = { isTaken: false }
    return marked(start(item, context), context.mark)
  }
