/**
 * The queue of inputs: chooses the input that a lane takes next. That is an input that is due again, a new one, or a
 * straggler to copy, in this order.
 *
 * An input is in one of these states:
 *
 * | state | kept in | leads to |
 * | --- | --- | --- |
 * | not taken | the source, pulled ahead as far as the window allows | in flight, by `next` or `takeSlice` |
 * | in flight | counted in `inFlight`; a lane has taken the item | done, dropped, waiting (`delay`), due (`requeue`) |
 * | waiting | counted in `parked`; a timer has the item | due, when its delay has passed |
 * | held | counted in `parked`, not in the window; the recaller has the item | done, by `recalled`; due, by `release` |
 * | aside | counted in `parked`; the admission has the item, whose limits hold it up | due, by `admitted` |
 * | due | counted in `parked`; the item is in `retryQueue` | in flight, by `next`; aside, if its limits hold it up |
 * | done | counted in `done` | |
 *
 * The run is over when the source is `exhausted` and nothing is in flight or parked. The run is `stopped` when it is
 * ended early: lanes find nothing from then on, and what was in flight stays counted as in flight. It is `draining`
 * when nothing new may begin: lanes find nothing either, and end when their current attempts have ended. Only the queue
 * writes its fields, on calls of the lanes, the timers, the source and the sink. `inFlight` is kept only where inputs
 * may come back (`tracked`), since lanes need it to know whether to wait.
 *
 * Invariants: `count` equals `inFlight + parked + done` plus the dropped inputs, where inputs are tracked. `onlyNew` is
 * `!stopped && !draining && !exhausted && parked === 0`, so that a lane usually has one flag to read. `updateOnlyNew`
 * is called wherever one of these four changes.
 */
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type { LimitWaits } from "../../limit/waits.ts"
import type { TurnBudget } from "../../primitives/eventLoop.ts"
import { LinkedQueue } from "../../primitives/linkedQueue.ts"
import type { Timers } from "../../primitives/timers.ts"
import type { Admission, AdmissionHost } from "./admission.ts"
import { Done, type Found, type ItemSource, type LaneHost, type QueueOptions, Taken, Waiting } from "./contract.ts"
import { type AttemptContext, type AttemptWatcher, Item } from "./item.ts"
import { open } from "./open.ts"
import type { Recaller } from "./recaller.ts"
import * as Source from "./source.ts"
import { Stragglers } from "./stragglers.ts"
import { Waiters } from "./waiters.ts"

/**
 * Greatest number of new inputs that a lane passes to the recaller or the admission before it lets the event loop turn.
 */
const mostHeldAtOnce = 64

export class InputQueue<I, E, R> implements ItemSource<I>, LaneHost<I>, AdmissionHost<I> {
  item!: Item<I>
  /**
   * The item that the last `next` took back, where it was taken into the item of a lane. The code that uses it clears
   * it.
   */
  returned: Item<I> | undefined = undefined
  /** Cause with which the inputs have failed. */
  failure: Cause.Cause<E> | undefined
  stopped = false
  draining = false
  readonly revisits: boolean
  readonly backToBack: boolean
  readonly stragglers: Stragglers<I> | undefined
  /** Effect that pulls inputs that have to be waited for. Runs concurrently with the lanes. */
  readonly feed: Effect.Effect<void, E, R> | undefined
  readonly close: Effect.Effect<void>
  /** Number of inputs taken so far, and number of those that are settled. */
  count = 0
  done = 0

  private readonly options: QueueOptions
  private readonly timers: Timers
  private readonly window: Source.Window
  private readonly source: Source.Source<I, E, R>
  private readonly waiters: Waiters
  /** Number of items that the recaller holds. They are counted in `parked` too. */
  private held = 0
  private readonly retryQueue = new LinkedQueue<Item<I>>()
  /** False while a lane wants no straggler to copy because it has other inputs. */
  mayCopy = true
  /** Makes the batches of the run report which inputs are in flight. */
  gather: (() => void) | undefined = undefined
  /** Asks the batches of the run to give back the inputs that they have not started. */
  recall: (() => void) | undefined = undefined
  /** Lets inputs through their limits, in a run whose limits depend on the input. */
  admission: Admission<I> | undefined = undefined
  /** Number of lanes that are asking the admission right now, and will take the first item that it lets through. */
  private asking = 0
  /** Counts of the inputs that wait for limits, in runs with limits. */
  limitWaits: LimitWaits | undefined = undefined
  /** Receiver of the attempts of the run, if anybody watches it. */
  watcher: AttemptWatcher<I> | undefined = undefined
  /** Looks up new inputs, in a run with a journal. */
  recaller: Recaller<I> | undefined = undefined

  /** True if inputs may come back: to be tried again, to be copied, or unstarted. */
  private readonly tracked: boolean
  /** True if a settled input makes room in the window. Lanes that pull one input each need no window. */
  private readonly retires: boolean
  /**
   * Number of inputs in flight, kept only if `tracked`, and number of those that wait, are held, are aside or are due.
   */
  private inFlight = 0
  private parked = 0
  /** True once the source has ended. */
  private exhausted = false
  private onlyNew = true

  constructor(inputs: Source.Inputs<I, E, R>, options: QueueOptions, timers: Timers, turnBudget: TurnBudget) {
    this.options = options
    this.timers = timers
    this.revisits = options.retries || (options.stragglers !== undefined && !options.batches)
    this.tracked = this.revisits || options.batches
    this.window = new Source.Window(options.window, options.widest)
    this.waiters = new Waiters(turnBudget, options.window, () => this.available)
    this.source = open(inputs, this.window, () => this.notify())
    this.stragglers = options.stragglers && new Stragglers(options.stragglers, options.detailed, timers, this)
    this.close = this.source.close
    this.feed = this.source.feed
    this.backToBack = this.source.immediate && (this.feed === undefined || options.retiredElsewhere)
    this.retires = !options.retiredElsewhere && (this.revisits || this.feed !== undefined)
    if (!this.retires && !options.retiredElsewhere) this.window.size = Infinity
  }

  /** True if a lane that starts now would never find an input. */
  get finished(): boolean {
    return this.stopped || this.draining || (this.exhausted && !this.tracked)
  }

  /** True if every input was taken and is settled. */
  get complete(): boolean {
    return this.exhausted && this.done === this.count
  }

  /** Number of inputs, once it is known. */
  get total(): number | undefined {
    return this.exhausted ? this.count : undefined
  }

  /** Number of inputs that wait to be tried again, for another worker, or for the journal. */
  get waiting(): number {
    return this.parked - (this.limitWaits?.at("aside") ?? 0)
  }

  /** Number of inputs that lanes work on, at most one for each lane. Inputs that wait for limits are not counted. */
  get running(): number {
    const { limitWaits: waits, waiters: { lanes } } = this
    const taken = this.tracked ? this.inFlight : this.count - this.done
    return Math.min(lanes - (waits?.slots ?? 0), taken - (waits?.at("slot") ?? 0))
  }

  /** Number of inputs that were taken, have to run, and are not settled. Kept only if `tracked`. */
  get unfinished(): number {
    return this.inFlight + this.parked - this.held
  }

  /** True if no new input is available. */
  get drained(): boolean {
    return this.exhausted || (!this.window.open && this.source.available === 0)
  }

  next(own: Item<I> | undefined): Found {
    return this.onlyNew ? this.takeNew(own) : this.takeAny(own)
  }

  /**
   * Takes up to `most` adjacent inputs of an array. The first has the index that `count` had before. Returns none if
   * each input has to be taken separately.
   */
  takeSlice(most: number): Array<I> {
    if (!this.onlyNew || this.revisits || this.source.slice === undefined) return []
    const inputs = this.source.slice(most)
    this.count += inputs.length
    this.inFlight += inputs.length
    return inputs
  }

  /** Counts a lane that comes for inputs. */
  join(): void {
    this.waiters.lanes++
  }

  /** Removes a lane. `wake` is the function by which it was waiting, if it was. */
  leave(wake: (() => void) | undefined): void {
    this.waiters.lanes--
    if (wake !== undefined) this.waiters.remove(wake)
  }

  /** Adds a lane that has just found `Waiting`. `wake` is called when there may be something to take. */
  wait(wake: () => void): void {
    this.waiters.add(wake)
    this.admission?.ask()
  }

  /** Wakes lanes because there is something to take. */
  readonly notify = (): void => this.waiters.notify()

  /** Registers an attempt that has begun. */
  began(item: Item<I>, attempt: AttemptContext): void {
    this.stragglers?.began(item, attempt)
    this.watcher?.began(item, attempt.worker)
  }

  /** Ends the round of an item: this attempt ended first, and the attempts that race with it have lost. */
  ended(item: Item<I>, attempt?: AttemptContext): void {
    item.round++
    this.stragglers?.ended(item, attempt)
    if (attempt !== undefined) this.watcher?.left(item.index, attempt.worker)
  }

  /** Counts a settled input. The last one wakes all lanes, so that they end. */
  settled(): void {
    this.done++
    if (this.retires) this.retire(1)
    if (!this.tracked) return
    this.inFlight--
    this.wakeIfOver()
  }

  /** Releases an input that ends without an outcome, after the run was stopped. */
  dropped(): void {
    this.done--
    this.settled()
  }

  /**
   * Keeps an item until `delay` has passed; then it is due. Without a delay it is due immediately and no lane is woken,
   * since the calling lane takes next.
   */
  delay(item: Item<I>, delay: Duration.Duration): void {
    this.park()
    const { detailed } = this.options
    if (detailed) item.waitsFrom(this.nanos)
    if (Duration.isZero(delay)) return void this.retryQueue.push(item)
    this.timers.after(delay, () => {
      if (detailed) item.waitsNoLonger(this.nanos)
      this.offer(item)
    })
  }

  /** Takes back an item that was not started. Any lane may take it, after `delay` if one is given. */
  requeue(item: Item<I>, delay?: Duration.Duration): void {
    this.park()
    if (delay === undefined) this.offer(item)
    else this.timers.after(delay, () => this.offer(item))
  }

  /** Counts a held item as done: its outcome was recorded. */
  recalled(): void {
    this.parked--
    this.held--
    this.done++
    if (this.options.retiredElsewhere) this.exempt(-1)
    this.updateOnlyNew()
    this.wakeIfOver()
  }

  /** Lets lanes take an item that was held: it has to run. */
  release(item: Item<I>): void {
    this.exempt(-1)
    this.held--
    this.retryQueue.push(item)
  }

  /** Lets lanes take an item that its limits had held up. */
  admitted(item: Item<I>): void {
    this.retryQueue.push(item)
    if (this.retryQueue.size > this.asking) this.notify()
  }

  /** Number of lanes that wait or ask and have no due input to take. */
  get freeLanes(): number {
    return this.waiters.waiting + this.asking - this.retryQueue.size
  }

  /** Leaves `count` inputs out of the window. A negative `count` counts them again. */
  exempt(count: number): void {
    this.window.retired += count
    if (count > 0) this.source.resume()
  }

  /** Changes the size of the window because there are more or fewer workers. */
  resize(window: number): void {
    if (!this.retires && !this.options.retiredElsewhere) return
    this.refill(this.window.resize(window))
  }

  /** Makes room in the window: `count` inputs are done, so that many more may be pulled. */
  retire(count: number): void {
    this.refill(this.window.retire(count))
  }

  /** Lets nothing new begin. Lanes end with their attempts, and inputs that wait are left waiting. */
  drain(): void {
    if (this.stopped || this.draining) return
    this.draining = true
    this.updateOnlyNew()
    this.source.stop()
    this.waiters.wake(Infinity)
    this.recall?.()
  }

  /** Ends the run early. Lanes that come for more find nothing. */
  stop(): void {
    if (this.stopped) return
    this.stopped = true
    this.updateOnlyNew()
    this.source.stop()
    this.waiters.wake(Infinity)
    this.options.stopped()
  }

  /** Ends the run early because its inputs have failed. */
  fail(cause: Cause.Cause<E>): void {
    if (this.stopped) return
    this.failure = cause
    this.stop()
  }

  /** Pulls the inputs that the window now lets in. If it was closed, lanes are waiting for them and are woken. */
  private refill(closed: boolean): void {
    this.source.resume()
    if (closed) this.notify()
  }

  /** Number of inputs that are available. */
  private get available(): number {
    return this.retryQueue.size + (this.stragglers?.available ?? 0) + this.source.available
  }

  /** Reads the monotonic clock, in nanoseconds. */
  private get nanos(): number {
    return Math.round(this.timers.now() * 1e6)
  }

  /** True if no input is left and none is unfinished. Meaningful only if `tracked`; otherwise `exhausted` says it. */
  private get over(): boolean {
    return this.exhausted && this.parked === 0 && this.inFlight === 0
  }

  /** Wakes all lanes if no input is left, so that they end. */
  private wakeIfOver(): void {
    if (this.over) this.waiters.wake(Infinity)
    else this.stragglers?.watch()
  }

  /** Lets any lane take a parked item. */
  private offer(item: Item<I>): void {
    this.retryQueue.push(item)
    this.notify()
  }

  /** Moves an input from in flight to parked. */
  private park(): void {
    this.inFlight--
    this.parked++
    this.updateOnlyNew()
  }

  private updateOnlyNew(): void {
    this.onlyNew = !this.stopped && !this.draining && !this.exhausted && this.parked === 0
  }

  private takeNew(own: Item<I> | undefined): Found {
    if (this.recaller !== undefined || this.admission !== undefined) return this.takeUnknown()
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

  /** Takes the next new input that neither the recaller nor the admission holds. */
  private takeUnknown(): Found {
    const { recaller } = this
    for (let held = 0; held < mostHeldAtOnce && !this.stopped; held++) {
      if (recaller?.isFull === true) break
      const poll = this.source.poll()
      if (poll !== Source.Ready) return this.takeNone(poll, undefined)
      const item = new Item(this.count++, this.source.value, -1)
      if (recaller?.holds(item) === true) {
        this.held++
        this.parked++
        this.exempt(1)
      } else if (this.admission?.admits(item) === false) {
        this.parked++
      } else {
        this.inFlight++
        this.item = item
        return Taken
      }
      this.updateOnlyNew()
    }
    if (this.stopped) return Done
    if (this.retryQueue.size > 0 && recaller?.isEnding !== true) return this.takeDue(undefined) ?? Waiting
    if (recaller?.isFull !== true) this.waiters.notifyAfterTurn()
    return Waiting
  }

  /** Handles a poll that gave no input: one may come later, the source has ended, or its iterator threw. */
  private takeNone(poll: Source.Poll, own: Item<I> | undefined): Found {
    if (poll === Source.Pending) return this.stragglers?.isNear === true ? this.takeCopy(own) ?? Waiting : Waiting
    if (poll === Source.Ended) this.exhausted = true
    else this.fail(Cause.die(this.source.defect))
    this.updateOnlyNew()
    if (this.exhausted) this.recaller?.exhausted()
    this.stragglers?.watch()
    return this.takeAny(own)
  }

  /** Takes an input when there is more to consider than the next new one. */
  private takeAny(own: Item<I> | undefined): Found {
    if (this.stopped || this.draining) return Done
    if (this.recaller?.isEnding === true) return Waiting
    if (this.retryQueue.size === 0) {
      this.asking++
      this.admission?.ask()
      this.asking--
    }
    const due = this.takeDue(own)
    if (due !== undefined) return due
    if (!this.exhausted) return this.takeNew(own)
    if (!this.over) return this.takeCopy(own) ?? Waiting
    this.waiters.wake(Infinity)
    return Done
  }

  /** Takes the first item that is due and that its limits let through. Returns undefined if there is none. */
  private takeDue(own: Item<I> | undefined): Found | undefined {
    for (let item = this.retryQueue.shift(); item !== undefined; item = this.retryQueue.shift()) {
      if (this.admission?.admits(item) === false) continue
      this.handOut(item, own)
      this.parked--
      this.inFlight++
      this.updateOnlyNew()
      return Taken
    }
    return undefined
  }

  /** Takes a straggler to copy. Returns undefined if there is none. */
  private takeCopy(own: Item<I> | undefined): Found | undefined {
    const item = this.mayCopy ? this.stragglers?.take() : undefined
    if (item === undefined) return undefined
    this.handOut(item, own)
    return Taken
  }

  /** Gives a lane an item that has been taken before. */
  private handOut(item: Item<I>, own: Item<I> | undefined): void {
    if (own === undefined) {
      this.item = item
    } else {
      this.returned = item
      own.index = item.index
      own.input = item.input
    }
  }
}
