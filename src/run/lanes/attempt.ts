/**
 * Attempts at an item, with everything that the settings of a run put around them.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { aroundAll } from "../../limit/around.ts"
import type * as Limit from "../../limit/contract.ts"
import { type Passengers, withPasses } from "../../limit/passing.ts"
import { sampled, SpanRecorder } from "../../observability/spans.ts"
import { noWaits, type WaitedNanos } from "../../outcome/waits.ts"
import type { CurrentAttempt } from "../../task/attempt.ts"
import type { Admission } from "../inputs/admission.ts"
import type { AttemptContext, Item } from "../inputs/item.ts"
import type { InputQueue } from "../inputs/queue.ts"

/** Function that starts an attempt. It applies the timeout itself, since that depends on where the attempt runs. */
export type Start<I, A, E, R> = (item: Item<I>, context: AttemptContext) => Effect.Effect<A, E, R>

/** Makes the function that describes an attempt to its work, for a run of this name. */
export const attemptOf = (run: string) =>
(
  { index, key }: Item<unknown>,
  { attemptNumber }: Pick<AttemptContext, "attemptNumber">
): CurrentAttempt => ({
  run,
  index,
  attempt: attemptNumber,
  key: key === "" ? undefined : key
})

/** Makes the recorder of spans for attempts in batches. Returns undefined if no input has spans. */
export const spanRecorder = (
  { name, spans }: { readonly name: string; readonly spans: number },
  time: () => number
): SpanRecorder | undefined => spans > 0 ? new SpanRecorder(name, spans, time) : undefined

/**
 * Shortest time that counts as a wait for limits, in nanoseconds. Anything less is the time that the code of the limits
 * takes.
 */
export const leastLimitWait = 10_000

/** The part of a run that its attempts use. */
interface AttemptsOf<I> {
  readonly queue: InputQueue<I, any, any>
  readonly settings: {
    readonly name: string
    readonly limits: ReadonlyArray<Limit.Limit<any>>
    /** Share of inputs whose attempts have spans, from 0 to 1. */
    readonly spans: number
  }
  /** True if attempts are reported. */
  readonly detailed: boolean
  /** Reads the monotonic clock, in nanoseconds. */
  readonly time: () => number
}

/**
 * Wraps attempts in spans, limits and the race of stragglers. An attempt begins when the limits have let it through. If
 * the run was stopped by then, or nothing new may begin, the attempt is withdrawn, and its input has no outcome.
 */
export const attempt = <I, A, E, R>(
  start: Start<I, A, E, R>,
  { detailed, queue, settings, time }: AttemptsOf<I>
): Start<I, A, E, R> => {
  const { limits, name, spans } = settings
  const { limitWaits } = queue
  const traced = spans === 0 ? start : sampled(start, name, spans)
  const begin: Start<I, A, E, R> = detailed || queue.revisits || spans > 0
    ? (item, context) => {
      context.attemptNumber = ++item.attempts
      queue.began(item, context)
      return traced(item, context)
    }
    : start
  const beginAfterLimits = (item: Item<I>, context: AttemptContext, takenAt: number): Effect.Effect<A, E, R> =>
    Effect.suspend(() => {
      context.withdrawn = queue.stopped || queue.draining
      if (context.withdrawn) return Effect.interrupt
      context.beganAt = time()
      context.waits = withLimit(context.waits, context.beganAt - takenAt)
      if (item.attempts === 0) item.startedAt = context.beganAt
      return begin(item, context)
    })
  /** Describes an attempt to its limits. The wait of a copy is not counted: its input is running. */
  const passengersOf = (item: Item<I>, context: AttemptContext): Passengers => ({
    input: item.input,
    count: 1,
    unused: () => Number(context.withdrawn),
    waits: item.race?.copied === true ? undefined : limitWaits,
    abandoned: () => context.withdrawn = true
  })
  const afterAdmission = (admission: Admission<I>, item: Item<I>, context: AttemptContext): Effect.Effect<A, E, R> => {
    const { admitted, asideAt, refusal } = item
    item.asideAt = item.refusal = undefined
    if (refusal !== undefined) return Exit.failCause(refusal)
    const begun = beginAfterLimits(item, context, asideAt ?? time())
    const passengers = passengersOf(item, context)
    // a copy of a straggler passes its limits by itself, and keeps its slot while it waits
    if (admitted === undefined) return aroundAll(limits, begun, passengers)
    const others = Effect.suspend(() => aroundAll(admitted.others, begun, passengers))
    return withPasses(() => admission.start(item), others, passengers.unused)
  }
  const limited: Start<I, A, E, R> = limits.length === 0
    ? begin
    : (item, context) => {
      context.remote = undefined
      context.withdrawn = false
      context.attemptNumber = item.attempts + 1
      if (!queue.revisits) context.waits = undefined
      const { admission } = queue
      return admission === undefined
        ? aroundAll(limits, beginAfterLimits(item, context, time()), passengersOf(item, context))
        : afterAdmission(admission, item, context)
    }
  return queue.stragglers === undefined ? limited : queue.stragglers.racing(limited)
}

/** Adds the wait for limits to the earlier waits. */
const withLimit = (waits: WaitedNanos | undefined, limit: number): WaitedNanos | undefined =>
  limit < leastLimitWait ? waits : { ...(waits ?? noWaits), limit }
