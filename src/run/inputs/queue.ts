/**
 * The queue of inputs: which one a lane takes next. That is a failed one that is due again, a new one, or a straggler
 * to copy, in this order.
 *
 * An input is in one of these states:
 *
 * | state | kept in | leads to |
 * | --- | --- | --- |
 * | not taken | the source, pulled ahead as far as the window allows | in flight, by `next` or `takeSlice` |
 * | in flight | counted in `inFlight`; a lane has taken the item | done, dropped, waiting (`delay`), due (`requeue`) |
 * | waiting | counted in `parked`; a timer has the item | due, when its delay has passed |
 * | held | counted in `parked`; the recaller has the item, and the window does not count it | done, by `recalled`; due, by `release` |
 * | aside | counted in `parked`; the admission has the item, whose limits hold it up | due, by `admitted` |
 * | due | counted in `parked`; the item is in `retryQueue` | in flight, by `next`; aside, if its limits hold it up |
 * | done | counted in `done` | |
 *
 * The run is over when the source is `exhausted` and nothing is in flight or parked. It is `stopped` when it is ended
 * early; lanes find nothing from then on, and what was in flight stays counted there. It is `draining` when nothing new is to begin:
 * lanes find nothing either, and end with the attempts that are under way. Only the queue writes its fields,
 * on calls of the lanes, the timers, the source and the sink. `inFlight` is kept only where inputs may come back (`tracked`), since lanes
 * need it to know whether to wait.
 *
 * Invariants: `count` equals `inFlight + parked + done` plus the dropped inputs, where inputs are tracked; `onlyNew` is
 * `!stopped && !draining && !exhausted && parked === 0`, so that a lane usually has one flag to read, and `updateOnlyNew` is called
 * wherever one of these three changes.
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

/** Greatest number of new inputs that a lane gives to a recaller before it looks at the clock. */
const mostHeldAtOnce = 64

export class InputQueue<I, E, R> implements ItemSource<I>, LaneHost<I>, AdmissionHost<I> {
  item!: Item<I>
  /** The item that the last `next` took back, where it was taken into the item of a lane; whoever uses it clears it. */
  returned: Item<I> | undefined = undefined
  /** Cause of the failure of the inputs. */
  failure: Cause.Cause<E> | undefined
  stopped = false
  draining = false
  readonly revisits: boolean
  readonly backToBack: boolean
  readonly stragglers: Stragglers<I> | undefined
  /** Effect that pulls inputs which have to be waited for; runs concurrently with the lanes. */
  readonly feed: Effect.Effect<void, E, R> | undefined
  /** Effect that closes the inputs. */
  readonly close: Effect.Effect<void>
  /** Number of inputs taken so far, and number of those that are settled. */
  count = 0
  done = 0

  private readonly options: QueueOptions
  private readonly timers: Timers
  private readonly window: Source.Window
  private readonly source: Source.Source<I, E, R>
  private readonly waiters: Waiters
  /** Number of items that the recaller holds; they are parked too. */
  private held = 0
  private readonly retryQueue = new LinkedQueue<Item<I>>()
  /** False while a lane wants no straggler to copy, since it has other inputs. */
  mayCopy = true
  /** Lets the batches of the run tell which inputs are under way. */
  gather: (() => void) | undefined = undefined
  /** Asks the batches of the run for what they have not started. */
  recall: (() => void) | undefined = undefined
  /** What lets inputs through, in a run whose limits depend on them. */
  admission: Admission<I> | undefined = undefined
  /** Number of lanes that ask it at this moment, and take the first item that is let through. */
  private asking = 0
  /** What inputs wait for, in runs with limits. */
  limitWaits: LimitWaits | undefined = undefined
  /** Who is told of attempts, if anybody sees the run. */
  watcher: AttemptWatcher<I> | undefined = undefined
  /** What is asked of new inputs, in a run with a journal. */
  recaller: Recaller<I> | undefined = undefined

  /** True if inputs may come back: to be tried again, to be copied, or unstarted. */
  private readonly tracked: boolean
  /** True if a settled input makes room in the window. Lanes that pull one input each need no window. */
  private readonly retires: boolean
  /** Number of inputs in flight, and number of those waiting or due; the first is kept only if `tracked`. */
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

  /** Number of inputs that wait to be tried again, or for another worker. */
  get waiting(): number {
    return this.parked - (this.limitWaits?.at("aside") ?? 0)
  }

  /** Number of inputs that lanes work on, one each at most; not of those that wait for limits. */
  get running(): number {
    const { limitWaits: waits, waiters: { lanes } } = this
    const taken = this.tracked ? this.inFlight : this.count - this.done
    return Math.min(lanes - (waits?.slots ?? 0), taken - (waits?.at("slot") ?? 0))
  }

  /** Number of inputs that were taken, run and are not settled; only kept if `tracked`. */
  get unfinished(): number {
    return this.inFlight + this.parked - this.held
  }

  /** True if no new input waits to be taken. */
  get drained(): boolean {
    return this.exhausted || (!this.window.open && this.source.available === 0)
  }

  next(own: Item<I> | undefined): Found {
    return this.onlyNew ? this.takeNew(own) : this.takeAny(own)
  }

  /**
   * Takes up to `most` adjacent inputs of an array; the first has the index that `count` had before. Returns none if
   * each has to be taken separately.
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

  /** Removes a lane; if it was waiting, to be woken by `wake`, it waits no longer. */
  leave(wake: (() => void) | undefined): void {
    this.waiters.lanes--
    if (wake !== undefined) this.waiters.remove(wake)
  }

  /** Adds a lane that has just found `Waiting`. `wake` is called when there may be something to take. */
  wait(wake: () => void): void {
    this.waiters.add(wake)
    this.admission?.ask()
  }

  /** Wakes lanes, because there is something to take. */
  readonly notify = (): void => this.waiters.notify()

  /** Registers an attempt that has begun. */
  began(item: Item<I>, attempt: AttemptContext): void {
    this.stragglers?.began(item, attempt)
    this.watcher?.began(item, attempt.worker)
  }

  /** Ends the round of an item: this attempt was the first to end, and those that race with it have lost. */
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
   * Keeps an item until `delay` has passed; then it is due. Without a delay it is due immediately and no lane is woken:
   * the calling lane takes next.
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

  /** Takes back an item that was not started; any lane may take it, when `delay` has passed if one is given. */
  requeue(item: Item<I>, delay?: Duration.Duration): void {
    this.park()
    if (delay === undefined) this.offer(item)
    else this.timers.after(delay, () => this.offer(item))
  }

  /** Counts a held item as done: what became of it was known. */
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

  /** Number of lanes that wait or ask, beyond those for which there is an input already. */
  get freeLanes(): number {
    return this.waiters.waiting + this.asking - this.retryQueue.size
  }

  /** Leaves so many inputs out of the window, or counts them again if negative. */
  exempt(count: number): void {
    this.window.retired += count
    if (count > 0) this.source.resume()
  }

  /** Changes the size of the window, as there are more or fewer workers. */
  resize(window: number): void {
    if (!this.retires && !this.options.retiredElsewhere) return
    this.refill(this.window.resize(window))
  }

  /** Makes room in the window: `count` inputs are done, and as many more may be pulled. */
  retire(count: number): void {
    this.refill(this.window.retire(count))
  }

  /** Lets nothing new begin: lanes end with their attempts, and what waits stays where it is. */
  drain(): void {
    if (this.stopped || this.draining) return
    this.draining = true
    this.updateOnlyNew()
    this.source.stop()
    this.waiters.wake(Infinity)
    this.recall?.()
  }

  /** Ends the run early; lanes that come for more find nothing. */
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

  /** Has inputs pulled that the window lets in; lanes wait for them if it was closed. */
  private refill(closed: boolean): void {
    this.source.resume()
    if (closed) this.notify()
  }

  /** Number of inputs that are there to take. */
  private get available(): number {
    return this.retryQueue.size + (this.stragglers?.available ?? 0) + this.source.available
  }

  /** Reads the monotonic clock, in nanoseconds. */
  private get nanos(): number {
    return Math.round(this.timers.now() * 1e6)
  }

  /** True if no input is left and none is unfinished; meaningful only if `tracked`, otherwise `exhausted`. */
  private get over(): boolean {
    return this.exhausted && this.parked === 0 && this.inFlight === 0
  }

  /** Wakes all lanes, so that they end, if no input is left. */
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

  /** Takes the next new input. */
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

  /** Handles a poll that gave no input: it may come later, the source has ended, or its iterator threw. */
  private takeNone(poll: Source.Poll, own: Item<I> | undefined): Found {
    if (poll === Source.Pending) return this.stragglers?.isNear === true ? this.takeCopy(own) ?? Waiting : Waiting
    if (poll === Source.Ended) this.exhausted = true
    else this.fail(Cause.die(this.source.defect))
    this.updateOnlyNew()
    if (this.exhausted) this.recaller?.exhausted()
    this.stragglers?.watch()
    return this.takeAny(own)
  }

  /** Takes an input if more than the next new one has to be considered. */
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

  /** Takes the first item that is due again, and that its limits let through; undefined if there is none. */
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

  /** Takes a straggler to copy; undefined if there is none. */
  private takeCopy(own: Item<I> | undefined): Found | undefined {
    const item = this.mayCopy ? this.stragglers?.take() : undefined
    if (item === undefined) return undefined
    this.handOut(item, own)
    return Taken
  }

  /** Gives an item that has been taken before to a lane. */
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
