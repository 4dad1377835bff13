/**
 * Which input a lane takes next: one that failed and is due again, a new one, or a straggler that gets a copy.
 */
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import { Burst, type TurnBudget } from "../../primitives/eventLoop.ts"
import { LinkedQueue } from "../../primitives/linkedQueue.ts"
import type { Timers } from "../../primitives/timers.ts"
import { Entry, type Place } from "./item.ts"
import * as Source from "./source.ts"

/** What a lane found. */
export type Found = typeof Taken | typeof Waiting | typeof Done
export const Taken = 0
export const Waiting = 1
export const Done = 2

/** What the supply needs to know of the run. */
export interface Options {
  readonly window: number
  readonly retries: boolean
  readonly stragglers: { readonly after: Duration.Duration; readonly limit: number } | undefined
  /** Whether lanes take many inputs at once, and give some back. */
  readonly batches: boolean
  /** How large the window may become; it grows as inputs are done with. */
  readonly widest: number
  /** Whether somebody else says when an input is done with; otherwise that is when it is settled. */
  readonly retiredElsewhere: boolean
  /** Called when the run is to end early. */
  readonly stopped: () => void
  /** Whether attempts are told of. */
  readonly detailed: boolean
}

export class Supply<I, E, R> {
  /** What the last successful `take` took. */
  entry!: Entry<I>
  /** Why the inputs failed, if they did. */
  failure: Cause.Cause<E> | undefined
  /** Whether the run has been told to end early. */
  stopped = false
  /** Whether inputs come back to the lanes, so that each needs an entry of its own. */
  readonly recurs: boolean
  /** Whether inputs may come back, if only as they were. */
  private readonly counts: boolean
  /** Brings inputs that have to be waited for; runs beside the lanes. */
  readonly feed: Effect.Effect<void, E, R> | undefined
  /** Whether nothing that takes time comes between an input that is settled and the next, where there is one. */
  readonly immediate: boolean
  /** Closes the inputs. */
  readonly close: Effect.Effect<void>

  private readonly options: Options
  /** Whether a settled input makes room in the window; lanes that pull one input each for themselves need none. */
  private readonly retires: boolean
  private readonly timers: Timers
  private readonly turnBudget: TurnBudget
  private readonly window: Source.Window
  private readonly source: Source.Source<I, E, R>
  /** What wakes the lanes that wait. */
  private readonly idle: Array<() => void> = []
  private lanes = 0
  private rousing = false
  private readonly burst = new Burst()
  private readonly handful: number
  private readonly again = new LinkedQueue<Entry<I>>()
  private readonly copies = new Set<Entry<I>>()
  private readonly racing = new Set<Entry<I>>()
  /** Where inputs come back: how many the lanes are at, and how many wait to be tried again. */
  private inFlight = 0
  private parked = 0
  /** Inputs taken so far. */
  count = 0
  /** How many have their outcome. */
  done = 0
  private exhausted = false
  /** Whether a lane has nothing to consider but the next new input: most of the time. */
  private ordinary = true

  constructor(inputs: Source.Inputs<I, E, R>, options: Options, timers: Timers, turnBudget: TurnBudget) {
    this.options = options
    this.timers = timers
    this.turnBudget = turnBudget
    this.recurs = options.retries || options.stragglers !== undefined
    this.counts = this.recurs || options.batches
    this.window = new Source.Window(options.window)
    this.handful = Math.max(1, Math.min(16, Math.floor(options.window / 3)))
    this.source = Source.open(inputs, this.window, () => this.rouse())
    this.close = this.source.close
    this.feed = this.source.feed
    this.immediate = this.source.immediate && (this.feed === undefined || options.retiredElsewhere)
    this.retires = !options.retiredElsewhere && (this.recurs || this.feed !== undefined)
    if (!this.retires && !options.retiredElsewhere) this.window.size = Infinity
  }

  /** Whether a lane that starts now would find nothing, ever. */
  get finished(): boolean {
    return this.stopped || (this.exhausted && !this.counts)
  }

  /** Takes an input: into `own` where entries are used again, else into `entry`. */
  take(own: Entry<I> | undefined): Found {
    return this.ordinary ? this.takeNew(own) : this.takeElse(own)
  }

  /**
   * Takes inputs that lie side by side, up to so many: the first has the index that `count` was. Empty where each has to
   * be taken by itself.
   */
  takeSlice(most: number): Array<I> {
    if (!this.ordinary || this.recurs || this.source.slice === undefined) return []
    const inputs = this.source.slice(most)
    this.count += inputs.length
    this.inFlight += inputs.length
    return inputs
  }

  /** A lane has begun to come for inputs. */
  join(): void {
    this.lanes++
  }

  /** A lane comes no more; it may have been waiting, to be woken by this. */
  leave(wake: (() => void) | undefined): void {
    this.lanes--
    const place = wake === undefined ? -1 : this.idle.indexOf(wake)
    if (place >= 0) this.idle.splice(place, 1)
  }

  /** A lane that has just found `Waiting` waits: it is woken when there may be something to take. */
  enlist(wake: () => void): void {
    this.idle.push(wake)
  }

  /** An attempt at an input has begun. */
  began(entry: Entry<I>, place: Place): void {
    if (this.options.stragglers === undefined) return
    entry.places ??= []
    entry.places.push(place)
    entry.beganAt = this.timers.now()
    this.racing.add(entry)
    this.watch()
  }

  /** An attempt has ended: it was the first of its round, and those that race with it have lost. */
  ended(entry: Entry<I>, place?: Place): void {
    entry.round++
    if (this.options.stragglers === undefined) return
    if (this.options.detailed) {
      for (const other of entry.places ?? []) if (other !== place) entry.record(other, "Interrupted", undefined)
    }
    entry.places = undefined
    this.racing.delete(entry)
    this.copies.delete(entry)
    if (entry.copyAt !== undefined) this.timers.cancel(entry.copyAt)
    entry.copyAt = undefined
    const { racers } = entry
    entry.racers = undefined
    racers?.forEach((racer) => racer.interruptUnsafe())
  }

  /** An input has its outcome. */
  settled(): void {
    this.done++
    if (this.retires) this.retire(1)
    if (!this.counts) return
    this.inFlight--
    if (this.over) this.wake(Infinity)
    else this.watch()
  }

  /** An input is out of hand without an outcome. */
  dropped(): void {
    this.done--
    this.settled()
  }

  /** An input is to be tried again when `delay` has passed. */
  park(entry: Entry<I>, delay: Duration.Duration): void {
    this.inFlight--
    this.parked++
    this.review()
    if (Duration.isZero(delay)) {
      this.again.push(entry)
      return
    }
    this.timers.after(delay, () => {
      this.again.push(entry)
      this.rouse()
    })
  }

  /** An input was not started after all, and is there for any lane. */
  giveBack(entry: Entry<I>): void {
    this.inFlight--
    this.parked++
    this.again.push(entry)
    this.review()
    this.rouse()
  }

  /** So many inputs are done with, and as many more may be pulled. */
  retire(count: number): void {
    const closed = !this.window.open
    this.window.retired += count
    if (this.window.size < this.options.widest) {
      this.window.size = Math.min(this.options.widest, this.options.window + this.window.retired)
    }
    this.source.resume()
    if (closed) this.rouse()
  }

  /** Lanes that come for more find nothing. */
  stop(): void {
    if (this.stopped) return
    this.stopped = true
    this.review()
    this.source.stop()
    this.wake(Infinity)
    this.options.stopped()
  }

  /** The inputs have failed, and so has the run. */
  fail(cause: Cause.Cause<E>): void {
    if (this.stopped) return
    this.failure = cause
    this.stop()
  }

  /** How many inputs there are, once that is known. */
  get total(): number | undefined {
    return this.exhausted ? this.count : undefined
  }

  /** How many inputs wait to be tried again, or for another worker. */
  get waiting(): number {
    return this.parked
  }

  /** How many inputs lanes are at, one each at most. */
  get running(): number {
    return Math.min(this.lanes, this.counts ? this.inFlight : this.count - this.done)
  }

  private review(): void {
    this.ordinary = !this.stopped && !this.exhausted && this.parked === 0
  }

  private get over(): boolean {
    return this.exhausted && this.parked === 0 && this.inFlight === 0
  }

  private takeNew(own: Entry<I> | undefined): Found {
    const poll = this.source.poll()
    if (poll !== Source.Ready) return this.takeNone(poll, own)
    const index = this.count++
    if (this.counts) this.inFlight++
    if (own === undefined) {
      this.entry = new Entry(index, this.source.value, -1)
    } else {
      own.index = index
      own.input = this.source.value
      own.attempts = 0
    }
    return Taken
  }

  private takeNone(poll: Source.Poll, own: Entry<I> | undefined): Found {
    if (poll === Source.Pending) return this.copies.size > 0 && this.few ? this.takeCopy() : Waiting
    if (poll === Source.Ended) this.exhausted = true
    else this.fail(Cause.die(this.source.defect))
    this.review()
    this.watch()
    return this.takeElse(own)
  }

  /** Takes when there is more to consider than the next new input. */
  private takeElse(own: Entry<I> | undefined): Found {
    if (this.stopped) return Done
    if (this.again.size > 0) return this.takeAgain(own)
    if (!this.exhausted) return this.takeNew(own)
    if (this.copies.size > 0) return this.takeCopy()
    if (!this.over) return Waiting
    this.wake(Infinity)
    return Done
  }

  private takeAgain(own: Entry<I> | undefined): Found {
    const entry = this.again.shift()!
    if (own === undefined) {
      this.entry = entry
    } else {
      own.index = entry.index
      own.input = entry.input
    }
    this.parked--
    this.inFlight++
    this.review()
    return Taken
  }

  private takeCopy(): Found {
    const [entry] = this.copies
    this.copies.delete(entry!)
    entry!.copied = true
    this.entry = entry!
    return Taken
  }

  /** Whether no input waits and at most `limit` are unfinished: when those that are slow may be copied. */
  private get few(): boolean {
    const { stragglers } = this.options
    if (stragglers === undefined || this.inFlight + this.parked > stragglers.limit) return false
    return this.exhausted || (!this.window.open && this.source.available === 0)
  }

  /**
   * When few inputs are left, each that has run for long enough is put up to be copied. Where it is the window that lets
   * no more in, because the consumer of a stream waits for the slow one or is slow itself, more may come later.
   */
  private watch(): void {
    const { stragglers } = this.options
    if (stragglers === undefined || !this.few) return
    if (this.copies.size > 0) this.rouse()
    for (const entry of this.racing) {
      if (entry.copied || entry.copyAt !== undefined || this.copies.has(entry)) continue
      entry.copyAt = this.timers.at(entry.beganAt + Duration.toMillis(stragglers.after), () => {
        entry.copyAt = undefined
        if (!this.few) return
        this.copies.add(entry)
        this.rouse()
      })
    }
  }

  /**
   * Tells the lanes that there is something to take. One lane is woken at once, after a pause or when there is a handful,
   * and the others when the event loop turns, if by then there is still something: lanes that are woken one for each
   * input, to find nothing after it, would cost more than quick works do.
   */
  private rouse(): void {
    if (this.idle.length === 0) return
    const asleep = this.idle.length === this.lanes
    if (this.rousing) {
      if (asleep && this.available >= this.handful) this.wake(1)
      return
    }
    this.rousing = true
    this.turnBudget.afterTurn(() => {
      this.rousing = false
      this.wake(Math.max(1, this.available))
    })
    if (asleep && this.burst.begins()) this.wake(1)
  }

  /** How much there is to take. */
  private get available(): number {
    return this.again.size + this.copies.size + this.source.available
  }

  private wake(count: number): void {
    if (count === 1 || this.idle.length === 1) this.idle.pop()?.()
    else for (const wake of this.idle.splice(-count).toReversed()) wake()
  }
}

/** Where a lane gets its inputs: what it needs of a supply. */
export type Inlet<I> = Pick<
  Supply<I, unknown, unknown>,
  | "recurs"
  | "immediate"
  | "stopped"
  | "entry"
  | "join"
  | "leave"
  | "take"
  | "enlist"
  | "settled"
  | "dropped"
  | "ended"
  | "park"
  | "stop"
>
