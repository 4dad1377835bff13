/**
 * Which input a lane takes next: one that failed and is due again, a new one, or a straggler that gets a copy.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { Alarm } from "./alarm.ts"
import { Entry } from "./entry.ts"
import { Line } from "./line.ts"
import * as Source from "./source.ts"
import { Pace, type Turnstile } from "./turn.ts"

/** What a lane found. `Broken`: the inputs themselves failed, and the run has to end. */
export type Found = typeof Taken | typeof Waiting | typeof Done | typeof Broken
export const Taken = 0
export const Waiting = 1
export const Done = 2
export const Broken = 3

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
  /** Brings inputs that have to be waited for; runs beside the lanes. */
  readonly feed: Effect.Effect<void, E, R> | undefined
  /** Closes the inputs. */
  readonly close: Effect.Effect<void>

  private readonly options: Options
  /** Whether a settled input makes room in the window; lanes that pull one input each for themselves need none. */
  private readonly retires: boolean
  private readonly alarm: Alarm
  private readonly turnstile: Turnstile
  private readonly window: Source.Window
  private readonly source: Source.Source<I, E, R>
  private readonly idle: Array<() => void> = []
  private lanes = 0
  private rousing = false
  private readonly pace = new Pace()
  private readonly handful: number
  private readonly again = new Line<Entry<I>>()
  private readonly copies = new Set<Entry<I>>()
  private readonly running = new Set<Entry<I>>()
  /** Where inputs come back: how many the lanes are at, and how many wait to be tried again. */
  private inFlight = 0
  private parked = 0
  /** Inputs taken so far. */
  count = 0
  private exhausted = false
  /** Whether a lane has nothing to consider but the next new input: most of the time. */
  private ordinary = true

  constructor(inputs: Source.Inputs<I, E, R>, options: Options, alarm: Alarm, turnstile: Turnstile) {
    this.options = options
    this.alarm = alarm
    this.turnstile = turnstile
    this.recurs = options.retries || options.stragglers !== undefined || options.batches
    this.window = new Source.Window(options.window)
    this.handful = Math.max(1, Math.min(16, Math.floor(options.window / 4)))
    this.source = Source.open(inputs, this.window, () => this.rouse())
    this.close = this.source.close
    const { feed } = this.source
    this.retires = !options.retiredElsewhere &&
      (options.retries || options.stragglers !== undefined || feed !== undefined)
    if (!this.retires && !options.retiredElsewhere) this.window.size = Infinity
    this.feed = feed && Effect.interruptible(Effect.tapCause(feed, (cause) => Effect.sync(() => this.fail(cause))))
  }

  /** Whether a lane that starts now would find nothing, ever. */
  get finished(): boolean {
    return this.stopped || (this.exhausted && !this.recurs)
  }

  /** Takes an input: into `own` where entries are used again, else into `entry`. */
  take(own: Entry<I> | undefined): Found {
    return this.ordinary ? this.takeNew(own) : this.takeElse(own)
  }

  /** A lane has begun to come for inputs. */
  join(): void {
    this.lanes++
  }

  /** Waits until there may be something to take. */
  readonly wait: Effect.Effect<void> = Effect.callback<void>((resume) => {
    this.idle.push(() => resume(Effect.void))
  })

  /** An attempt at an input has begun. */
  began(entry: Entry<I>): void {
    if (this.options.stragglers === undefined) return
    entry.beganAt = this.alarm.now()
    this.running.add(entry)
    this.watch()
  }

  /** An attempt has ended: it was the first of its round, and those that race with it have lost. */
  ended(entry: Entry<I>): void {
    entry.round++
    if (this.options.stragglers === undefined) return
    this.running.delete(entry)
    this.copies.delete(entry)
    if (entry.copyAt !== undefined) this.alarm.cancel(entry.copyAt)
    entry.copyAt = undefined
    const { racers } = entry
    entry.racers = undefined
    racers?.forEach((racer) => racer.interruptUnsafe())
  }

  /** An input has its outcome. */
  settled(): void {
    if (this.retires) this.retire(1)
    if (!this.recurs) return
    this.inFlight--
    if (this.over) this.wake(Infinity)
    else this.watch()
  }

  /** An input is to be tried again when `delay` has passed. */
  park(entry: Entry<I>, delay: Duration.Duration): void {
    this.inFlight--
    this.parked++
    this.review()
    if (Duration.isZero(delay)) {
      this.again.join(entry)
      return
    }
    this.alarm.after(delay, () => {
      this.again.join(entry)
      this.rouse()
    })
  }

  /** An input was not started after all, and is there for any lane. */
  giveBack(entry: Entry<I>): void {
    this.inFlight--
    this.parked++
    this.again.join(entry)
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
    this.stopped = true
    this.review()
    this.source.stop()
    this.wake(Infinity)
  }

  private review(): void {
    this.ordinary = !this.stopped && !this.exhausted && this.parked === 0
  }

  private get over(): boolean {
    return this.exhausted && this.parked === 0 && this.inFlight === 0
  }

  private fail(cause: Cause.Cause<E>): void {
    if (this.stopped) return
    this.failure = cause
    this.stop()
  }

  private takeNew(own: Entry<I> | undefined): Found {
    const poll = this.source.poll()
    if (poll !== Source.Ready) return this.takeNone(poll)
    const index = this.count++
    if (own === undefined) {
      this.entry = new Entry(index, this.source.value, -1)
      this.inFlight++
    } else {
      own.index = index
      own.input = this.source.value
      own.attempts = 0
      own.startedAt = own.endedAt
    }
    return Taken
  }

  private takeNone(poll: Source.Poll): Found {
    if (poll === Source.Pending) return Waiting
    if (poll === Source.Ended) this.exhausted = true
    else this.fail(Cause.die(this.source.defect))
    this.review()
    this.watch()
    return this.takeElse(undefined)
  }

  /** Takes when there is more to consider than the next new input. */
  private takeElse(own: Entry<I> | undefined): Found {
    if (this.stopped) return this.failure === undefined ? Done : Broken
    if (this.again.size > 0) return this.takeAgain()
    if (!this.exhausted) return this.takeNew(own)
    if (this.copies.size > 0) return this.takeCopy()
    if (!this.over) return Waiting
    this.wake(Infinity)
    return Done
  }

  private takeAgain(): Found {
    this.entry = this.again.shift()!
    this.parked--
    this.inFlight++
    this.review()
    return Taken
  }

  private takeCopy(): Found {
    const [entry] = this.copies
    this.copies.delete(entry!)
    this.entry = entry!
    return Taken
  }

  /** When few inputs are left, each that has run for long enough is put up to be copied. */
  private watch(): void {
    const { stragglers } = this.options
    if (stragglers === undefined || !this.exhausted || this.inFlight + this.parked > stragglers.limit) return
    for (const entry of this.running) {
      if (entry.copied || entry.copyAt !== undefined) continue
      entry.copyAt = this.alarm.at(entry.beganAt + Duration.toMillis(stragglers.after), () => {
        entry.copyAt = undefined
        entry.copied = true
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
    this.turnstile.afterTurn(() => {
      this.rousing = false
      this.wake(Math.max(1, this.available))
    })
    if (asleep && this.pace.isFirst()) this.wake(1)
  }

  /** How much there is to take. */
  private get available(): number {
    return this.again.size + this.copies.size + this.source.available
  }

  private wake(count: number): void {
    for (let n = Math.min(count, this.idle.length); n > 0 && this.idle.length > 0; n--) this.idle.pop()!()
  }
}
