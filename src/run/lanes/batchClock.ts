/**
 * Times and waits of the attempts of a batch, as its backend reports them. Used in runs that report these or make spans
 * from them.
 */
import * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Backend from "../../Backend.ts"
import type { SpanRecorder } from "../../observability/spans.ts"
import { add, noWaits, type WaitedNanos } from "../../outcome/waits.ts"
import * as Causes from "../../primitives/causes.ts"
import type { Item } from "../inputs/item.ts"
import { leastLimitWait } from "./attempt.ts"
import { endOf, MessageWay, type RunClock, startOf } from "./remote.ts"

export class BatchClock {
  private readonly clock: RunClock
  private readonly spans: SpanRecorder | undefined
  private readonly isLimited: boolean
  /** Context of the lane, in which spans are made. */
  private context: Context.Context<never> | undefined
  /** Time of sending, and how long the batch waited for limits, both in nanoseconds of the monotonic clock. */
  dispatchedAt: number
  private limitWait = 0
  /** The backend's report on the trip of the exits that come next, that trip, and the time of their report. */
  private delivery: Backend.Delivery | undefined = undefined
  private way: MessageWay | undefined = undefined
  private reportedAt = -Infinity

  /** Makes the clock of a batch that reaches its limits now, if it has any. */
  constructor(clock: RunClock, spans: SpanRecorder | undefined, isLimited: boolean) {
    this.clock = clock
    this.spans = spans
    this.isLimited = isLimited
    this.dispatchedAt = clock.time()
  }

  /** True once the backend has reported on the trip of exits. */
  get tells(): boolean {
    return this.way !== undefined
  }

  /**
   * Begins attempts: the limits have let the batch through. `items` are those that have begun before, or may be tried
   * again.
   */
  begin(items: Iterable<Item<unknown>>, context: Context.Context<never>): void {
    const now = this.clock.time()
    const waited = now - this.dispatchedAt
    this.context = context
    if (this.isLimited && waited >= leastLimitWait) this.limitWait = waited
    this.dispatchedAt = now
    for (const item of items) item.waits = item.sinceRetry(now - this.limitWait) ?? item.waits
  }

  /** Takes the backend's report on the trip of the exits that it reports next. */
  readonly delivered = (delivery: Backend.Delivery): void => {
    this.delivery = delivery
    this.measureWay()
  }

  private measureWay(): void {
    this.reportedAt = this.clock.time()
    this.way = new MessageWay(this.clock, this.delivery!, this.dispatchedAt, this.reportedAt, this.limitWait)
  }

  /**
   * Sets times and waits of an item as the backend reports them. If it reports none, the attempt ran from its dispatch
   * until now. The item of a lane (`isOwn`) has no earlier waits. Returns the start.
   */
  setTimes(
    item: Item<unknown>,
    isOwn: boolean,
    startedAt: number | undefined,
    endedAt: number | undefined
  ): number {
    const { clock, delivery, dispatchedAt } = this
    const isLater = delivery === undefined || endedAt === undefined || clock.nanosOf(endedAt) > this.reportedAt
    if (isLater && delivery !== undefined) this.measureWay()
    const { way } = this
    const now = way === undefined ? clock.time() : this.reportedAt
    const beganAt = startOf(clock, startedAt, dispatchedAt, now)
    if (item.unstarted) {
      item.startedAt = beganAt
      item.unstarted = false
    }
    item.endedAt = endOf(clock, endedAt, beganAt, now)
    const before = isOwn ? undefined : item.waits as WaitedNanos | undefined
    if (way === undefined) item.waits = this.limited(before)
    else if (before === undefined) item.waits = way
    else item.waits = add(before, way.waited(beganAt - clock.beganAt, item.endedAt - clock.beganAt))
    return beganAt
  }

  /** Adds the wait for limits to the earlier waits, where the trip of an exit does not include it. */
  private limited(before: WaitedNanos | undefined): WaitedNanos | undefined {
    return this.limitWait === 0 ? before : { ...(before ?? noWaits), limit: this.limitWait }
  }

  /** Returns the current time, and the start of an attempt that ends now and was reported to start at `startedAt`. */
  ends(startedAt: number): { readonly now: number; readonly beganAt: number } {
    const now = this.clock.time()
    return { now, beganAt: startOf(this.clock, startedAt, this.dispatchedAt, now) }
  }

  /** Makes a span of an attempt, if its input has spans. */
  recordSpan(
    { attempts, endedAt, index }: Pick<Item<unknown>, "index" | "attempts" | "endedAt">,
    worker: number,
    beganAt: number,
    exit: Exit.Exit<unknown, unknown>
  ): void {
    const { context, spans } = this
    if (spans === undefined || context === undefined) return
    try {
      spans.record(context, { index, attempt: attempts, worker, beganAt, endedAt }, exit)
    } catch (defect) {
      // the tracer is at fault, not an input
      Effect.runForkWith(context)(Causes.warn("a span could not be made", Cause.die(defect)))
    }
  }
}
