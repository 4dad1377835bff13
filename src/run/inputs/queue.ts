/**
 * The queue of inputs: which one a lane takes next. That is one that failed and is due again, a new one, or a straggler
 * to copy, in this order.
 *
 * An input is in one of these states:
 *
 * | state | kept in | leads to |
 * | --- | --- | --- |
 * | not taken | the source, pulled ahead as far as the window allows | in flight, by `next` or `takeSlice` |
 * | in flight | counted in `inFlight`; the item is with its lane | done by `settled`; dropped by `dropped`; waiting by `delay`; due by `requeue` |
 * | waiting | counted in `parked`; a timer has the item | due, when its delay has passed |
 * | due | counted in `parked`; the item is in `retryQueue` | in flight, by `next` |
 * | done | counted in `done` | |
 *
 * The run is over when the source is `exhausted` and nothing is in flight or parked; it is `stopped` when somebody ends it
 * early, and lanes find nothing from then on. `inFlight` is kept only where inputs may come back (`tracked`), since lanes
 * need it to know whether to wait; `onlyNew` says that a lane has nothing to consider but the next new input, which is so
 * nearly always, and is recomputed by `review` wherever one of its parts changes.
 */
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type { TurnBudget } from "../../primitives/eventLoop.ts"
import { LinkedQueue } from "../../primitives/linkedQueue.ts"
import type { Timers } from "../../primitives/timers.ts"
import { type AttemptContext, Item } from "./item.ts"
import * as Source from "./source.ts"
import { Stragglers } from "./stragglers.ts"
import { Waiters } from "./waiters.ts"

/** What a lane found. */
export type Found = typeof Taken | typeof Waiting | typeof Done
export const Taken = 0
export const Waiting = 1
export const Done = 2

/** What a lane takes items from, on either side. */
export interface ItemSource<I> {
  /** Whether items come back to the lanes, so that each needs an object of its own. */
  readonly revisits: boolean
  /** Whether nothing that takes time comes between an input that is settled and the next, where there is one. */
  readonly backToBack: boolean
  /** Whether the run has been told to end early. */
  readonly stopped: boolean
  /** The item of the last `next` that took one, where items come back. */
  readonly item: Item<I>
  /** Takes an input: into `own` where items do not come back, else into `item`. */
  next(own: Item<I> | undefined): Found
}

/** What the lanes of a run say to it, beside taking items; a lane in a worker has nobody to say it to. */
export interface LaneHost<I> {
  join(): void
  leave(wake: (() => void) | undefined): void
  wait(wake: () => void): void
  began(item: Item<I>, attempt: AttemptContext): void
  ended(item: Item<I>, attempt?: AttemptContext): void
  delay(item: Item<I>, delay: Duration.Duration): void
  settled(): void
  dropped(): void
  stop(): void
}

/** What the queue needs to know of its run. */
export interface QueueOptions {
  readonly window: number
  /** How large the window may become; it grows as inputs are done with. */
  readonly widest: number
  readonly retries: boolean
  readonly stragglers: { readonly after: Duration.Duration; readonly limit: number } | undefined
  /** Whether lanes take many inputs at once, and give some back. */
  readonly batches: boolean
  /** Whether the sink says when an input is done with; otherwise that is when it is settled. */
  readonly retiredElsewhere: boolean
  /** Whether attempts are reported. */
  readonly detailed: boolean
  /** Called when the run is to end early. */
  readonly stopped: () => void
}

export class InputQueue<I, E, R> implements ItemSource<I>, LaneHost<I> {
  item!: Item<I>
  /** Why the inputs failed, if they did. */
  failure: Cause.Cause<E> | undefined
  stopped = false
  readonly revisits: boolean
  readonly backToBack: boolean
  readonly stragglers: Stragglers<I> | undefined
  /** Brings inputs that have to be waited for; runs beside the lanes. */
  readonly feed: Effect.Effect<void, E, R> | undefined
  /** Closes the inputs. */
  readonly close: Effect.Effect<void>
  /** Number of inputs taken so far, and of those that have their outcome. */
  count = 0
  done = 0

  private readonly options: QueueOptions
  private readonly timers: Timers
  private readonly window: Source.Window
  private readonly source: Source.Source<I, E, R>
  private readonly waiters: Waiters
  private readonly retryQueue = new LinkedQueue<Item<I>>()
  /** Whether inputs may come back, if only unstarted. */
  private readonly tracked: boolean
  /** Whether a settled input makes room in the window; lanes that pull one input each for themselves need none. */
  private readonly retires: boolean
  private inFlight = 0
  private parked = 0
  private exhausted = false
  private onlyNew = true

  constructor(inputs: Source.Inputs<I, E, R>, options: QueueOptions, timers: Timers, turnBudget: TurnBudget) {
    this.options = options
    this.timers = timers
    this.revisits = options.retries || options.stragglers !== undefined
    this.tracked = this.revisits || options.batches
    this.window = new Source.Window(options.window)
    this.waiters = new Waiters(turnBudget, options.window, () => this.available)
    this.source = Source.open(inputs, this.window, () => this.notify())
    this.stragglers = options.stragglers && new Stragglers(options.stragglers, options.detailed, timers, this)
    this.close = this.source.close
    this.feed = this.source.feed
    this.backToBack = this.source.immediate && (this.feed === undefined || options.retiredElsewhere)
    this.retires = !options.retiredElsewhere && (this.revisits || this.feed !== undefined)
    if (!this.retires && !options.retiredElsewhere) this.window.size = Infinity
  }

  /** Whether a lane that starts now would find nothing, ever. */
  get finished(): boolean {
    return this.stopped || (this.exhausted && !this.tracked)
  }

  /** Number of inputs there are, once that is known. */
  get total(): number | undefined {
    return this.exhausted ? this.count : undefined
  }

  /** Number of inputs that wait to be tried again, or for another worker. */
  get waiting(): number {
    return this.parked
  }

  /** Number of inputs that lanes are at, one each at most. */
  get running(): number {
    return Math.min(this.waiters.lanes, this.tracked ? this.inFlight : this.count - this.done)
  }

  /** Number of inputs that were taken and have no outcome. */
  get unfinished(): number {
    return this.inFlight + this.parked
  }

  /** Whether no new input waits to be taken. */
  get drained(): boolean {
    return this.exhausted || (!this.window.open && this.source.available === 0)
  }

  next(own: Item<I> | undefined): Found {
    return this.onlyNew ? this.takeNew(own) : this.takeAny(own)
  }

  /**
   * Takes inputs that lie side by side, up to so many: the first has the index that `count` was. Empty where each has to
   * be taken by itself.
   */
  takeSlice(most: number): Array<I> {
    if (!this.onlyNew || this.revisits || this.source.slice === undefined) return []
    const inputs = this.source.slice(most)
    this.count += inputs.length
    this.inFlight += inputs.length
    return inputs
  }

  /** Notes that a lane has begun to come for inputs. */
  join(): void {
    this.waiters.lanes++
  }

  /** Notes that a lane comes no more; if it was waiting, to be woken by `wake`, it waits no longer. */
  leave(wake: (() => void) | undefined): void {
    this.waiters.lanes--
    if (wake !== undefined) this.waiters.remove(wake)
  }

  /** Has a lane that has just found `Waiting` woken when there may be something to take. */
  wait(wake: () => void): void {
    this.waiters.add(wake)
  }

  /** Wakes lanes: there is something to take. */
  readonly notify = (): void => this.waiters.notify()

  /** Notes that an attempt at an item has begun. */
  began(item: Item<I>, attempt: AttemptContext): void {
    this.stragglers?.began(item, attempt)
  }

  /** Ends the round of an item: this attempt was the first to end, and those that race with it have lost. */
  ended(item: Item<I>, attempt?: AttemptContext): void {
    item.round++
    this.stragglers?.ended(item, attempt)
  }

  /** Notes that an input has its outcome. */
  settled(): void {
    this.done++
    if (this.retires) this.retire(1)
    if (!this.tracked) return
    this.inFlight--
    if (this.over) this.waiters.wake(Infinity)
    else this.stragglers?.watch()
  }

  /** Notes that a lane has put an input down without an outcome. */
  dropped(): void {
    this.done--
    this.settled()
  }

  /** Keeps an item until `delay` has passed; then it is due again. */
  delay(item: Item<I>, delay: Duration.Duration): void {
    this.park()
    if (Duration.isZero(delay)) {
      this.retryQueue.push(item)
      return
    }
    this.timers.after(delay, () => {
      this.retryQueue.push(item)
      this.notify()
    })
  }

  /** Takes back an item that was not started after all; any lane may take it. */
  requeue(item: Item<I>): void {
    this.retryQueue.push(item)
    this.park()
    this.notify()
  }

  /** Makes room in the window: so many inputs are done with, and as many more may be pulled. */
  retire(count: number): void {
    const closed = !this.window.open
    this.window.retired += count
    if (this.window.size < this.options.widest) {
      this.window.size = Math.min(this.options.widest, this.options.window + this.window.retired)
    }
    this.source.resume()
    if (closed) this.notify()
  }

  /** Ends the run early: lanes that come for more find nothing. */
  stop(): void {
    if (this.stopped) return
    this.stopped = true
    this.review()
    this.source.stop()
    this.waiters.wake(Infinity)
    this.options.stopped()
  }

  /** Ends the run, since its inputs have failed. */
  fail(cause: Cause.Cause<E>): void {
    if (this.stopped) return
    this.failure = cause
    this.stop()
  }

  /** Number of inputs there are to take. */
  private get available(): number {
    return this.retryQueue.size + (this.stragglers?.available ?? 0) + this.source.available
  }

  private get over(): boolean {
    return this.exhausted && this.parked === 0 && this.inFlight === 0
  }

  private park(): void {
    this.inFlight--
    this.parked++
    this.review()
  }

  private review(): void {
    this.onlyNew = !this.stopped && !this.exhausted && this.parked === 0
  }

  private takeNew(own: Item<I> | undefined): Found {
    const poll = this.source.poll()
    if (poll !== Source.Ready) return this.takeNone(poll, own)
    const index = this.count++
    if (this.tracked) this.inFlight++
    if (own === undefined) {
      this.item = new Item(index, this.source.value, -1)
    } else {
      own.index = index
      own.input = this.source.value
      own.attempts = 0
    }
    return Taken
  }

  private takeNone(poll: Source.Poll, own: Item<I> | undefined): Found {
    if (poll === Source.Pending) return this.stragglers?.isNear === true ? this.takeCopy() ?? Waiting : Waiting
    if (poll === Source.Ended) this.exhausted = true
    else this.fail(Cause.die(this.source.defect))
    this.review()
    this.stragglers?.watch()
    return this.takeAny(own)
  }

  /** Takes when there is more to consider than the next new input. */
  private takeAny(own: Item<I> | undefined): Found {
    if (this.stopped) return Done
    if (this.retryQueue.size > 0) return this.takeDue(own)
    if (!this.exhausted) return this.takeNew(own)
    if (!this.over) return this.takeCopy() ?? Waiting
    this.waiters.wake(Infinity)
    return Done
  }

  private takeDue(own: Item<I> | undefined): Found {
    const item = this.retryQueue.shift()!
    if (own === undefined) {
      this.item = item
    } else {
      own.index = item.index
      own.input = item.input
    }
    this.parked--
    this.inFlight++
    this.review()
    return Taken
  }

  private takeCopy(): Found | undefined {
    const item = this.stragglers?.take()
    if (item === undefined) return undefined
    this.item = item
    return Taken
  }
}
