/**
 * An attempt at an item with all that the settings of its run put around it.
 */
import * as Effect from "effect/Effect"
import type * as Limit from "../../Limit.ts"
import { sampled } from "../../observability/spans.ts"
import type { AttemptContext, Item } from "../inputs/item.ts"
import type { InputQueue } from "../inputs/queue.ts"
import { throughLimits } from "./afterFailure.ts"

/** Starts an attempt; its deadline is a matter of the place where it runs. */
export type Start<I, A, E, R> = (item: Item<I>, context: AttemptContext) => Effect.Effect<A, E, R>

/** What an attempt needs of its run. */
interface AttemptsOf<I> {
  readonly queue: InputQueue<I, any, any>
  readonly settings: {
    readonly name: string
    readonly limits: ReadonlyArray<Limit.Limit>
    /** The share of inputs whose attempts have spans. */
    readonly spans: number
  }
  /** Whether attempts are reported. */
  readonly detailed: boolean
  /** Reads the monotonic clock, in nanoseconds. */
  readonly time: () => number
}

/** Puts spans, limits and the race of stragglers around an attempt. It begins when the limits have let it through. */
export const attempt = <I, A, E, R>(
  start: Start<I, A, E, R>,
  { detailed, queue, settings, time }: AttemptsOf<I>
): Start<I, A, E, R> => {
  const { limits, name, spans } = settings
  const traced = spans === 0 ? start : sampled(start, name, spans)
  const begin: Start<I, A, E, R> = detailed || queue.revisits || spans > 0
    ? (item, context) => {
      item.attempts++
      queue.began(item, context)
      return traced(item, context)
    }
    : start
  const beginLate: Start<I, A, E, R> = (item, context) =>
    Effect.suspend(() => {
      context.withdrawn = queue.stopped
      if (context.withdrawn) return Effect.interrupt
      context.beganAt = time()
      if (item.attempts === 0) item.startedAt = context.beganAt
      return begin(item, context)
    })
  const limited: Start<I, A, E, R> = limits.length === 0
    ? begin
    : (item, context) => throughLimits(limits, beginLate(item, context))
  return queue.stragglers === undefined ? limited : queue.stragglers.racing(limited)
}
