/**
 * Stragglers: when few inputs are left, an input that has run for long gets a second copy, and the first of the two to
 * end wins.
 *
 * An item is `running` while an attempt at it is in flight. In batches, it is `running` from when the end is near and
 * it is the last of its batch (`joined`). When the run comes near its end, each running item that has not been copied
 * gets a timer. If the end is still near when the timer fires, the item becomes a candidate, and the next free lane
 * takes it as a copy. The attempt that ends first decides; the others are interrupted.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import { identity } from "effect/Function"
import { inChildFiber } from "../../primitives/effects.ts"
import type { Timer, Timers } from "../../primitives/timers.ts"
import { type AttemptContext, interrupted, type Item } from "./item.ts"

/** The attempts in flight at one item, and its copy. Written only by `Stragglers`. */
export interface Race {
  attempts: Array<AttemptContext>
  fibers: Array<Interruptible>
  /** Start of the last attempt, in milliseconds of the monotonic clock, as the timers read it. */
  startMillis: number
  /** Timer that fires when the item may be copied. */
  timer: Timer | undefined
  copied: boolean
}

/** Something that can be interrupted: the fiber of an attempt, or its batch. */
type Interruptible = Pick<Fiber.Fiber<unknown, unknown>, "interruptUnsafe">

/** Counts of the unfinished inputs of a run. */
interface RemainingInputs {
  /** Number of inputs that were taken and are not settled. */
  readonly unfinished: number
  /** True if no input waits to be taken: the inputs have ended, or the window lets no more in. */
  readonly drained: boolean
  /** Wakes lanes because there is something to take. */
  readonly notify: () => void
  /** Called when the end is near. Batches then report by `joined` which inputs are in flight. */
  readonly gather: (() => void) | undefined
}

export class Stragglers<I> {
  private readonly after: number
  private readonly limit: number
  /** True if attempts are reported. */
  private readonly reported: boolean
  private readonly timers: Timers
  private readonly inputs: RemainingInputs
  private readonly running = new Set<Item<I>>()
  private readonly candidates = new Set<Item<I>>()

  constructor(
    options: { readonly after: Duration.Duration; readonly limit: number },
    reported: boolean,
    timers: Timers,
    inputs: RemainingInputs
  ) {
    this.after = Duration.toMillis(options.after)
    this.limit = options.limit
    this.reported = reported
    this.timers = timers
    this.inputs = inputs
  }

  /** Number of items that may be copied now. */
  get available(): number {
    return this.candidates.size
  }

  /** True if a lane that finds no input may take a copy. */
  get isNear(): boolean {
    return this.inputs.unfinished <= this.limit && this.inputs.drained
  }

  /** Takes a candidate. Each item is copied at most once. */
  take(): Item<I> | undefined {
    const [item] = this.candidates
    if (item === undefined) return undefined
    this.candidates.delete(item)
    item.race!.copied = true
    return item
  }

  /** Registers an attempt that has begun. */
  began(item: Item<I>, attempt: AttemptContext): void {
    const race = raceOf(item)
    race.attempts.push(attempt)
    race.startMillis = this.timers.now()
    this.running.add(item)
    this.watch()
  }

  /**
   * Registers an attempt in a batch, with the time at which it began, in milliseconds. If it loses, the batch is
   * interrupted.
   */
  joined(item: Item<I>, attempt: AttemptContext, startMillis: number, batch: Interruptible): void {
    const race = raceOf(item)
    race.attempts.push(attempt)
    if (!race.fibers.includes(batch)) race.fibers.push(batch)
    race.startMillis = startMillis
    this.running.add(item)
  }

  /** Registers a copy in a batch that has not begun because it waits for its limits. */
  waits(item: Item<I>, batch: Interruptible): void {
    raceOf(item).fibers.push(batch)
  }

  /**
   * Removes an attempt in a batch that has not begun, or was lost. Returns true if no other attempt at the item is in
   * flight, so that the item has to be dispatched again. A copy that has not begun by then has lost.
   */
  left(item: Item<I>, attempt: AttemptContext, batch: Interruptible): boolean {
    const race = raceOf(item)
    race.attempts = race.attempts.filter((other) => other !== attempt)
    race.fibers = race.fibers.filter((other) => other !== batch)
    if (race.attempts.length > 0) return false
    const { fibers } = race
    this.forget(item, race)
    item.round++
    for (const fiber of fibers) fiber.interruptUnsafe()
    return true
  }

  /** Ends the round of an item: the winner has decided it, and the attempts that race with it are interrupted. */
  ended(item: Item<I>, winner: AttemptContext | undefined): void {
    const { race } = item
    if (race === undefined) return
    const { attempts, fibers } = race
    // when a loser is interrupted, its lane may continue with another item immediately
    const losers = this.reported
      ? attempts.filter((attempt) => attempt !== winner).map(({ beganAt, remote, waits, worker }) =>
        [{ beganAt, waits, worker }, remote] as const
      )
      : []
    this.forget(item, race)
    const { endedAt } = item
    // a backend that is interrupted reports when the attempt had begun
    for (const fiber of fibers) fiber.interruptUnsafe()
    // the lane of a loser may have set its own end
    item.endedAt = endedAt
    for (const [attempt, remote] of losers) {
      const loser = interrupted(attempt, remote, winner?.remote?.tells === true)
      if (loser === undefined) item.attempts--
      else item.record(loser, "Interrupted", undefined)
    }
  }

  /** Ends a race: no attempt at the item is in flight. */
  private forget(item: Item<I>, race: Race): void {
    this.running.delete(item)
    this.candidates.delete(item)
    race.attempts = []
    race.fibers = []
    if (race.timer !== undefined) this.timers.cancel(race.timer)
    race.timer = undefined
  }

  /**
   * Starts timers for the running items that may be copied, if the end is near. The end is also near while the window
   * lets no more in: then the consumer of a stream waits for the slow item, or is slow itself, and more inputs may come
   * after it.
   */
  watch(): void {
    if (!this.isNear) return
    this.inputs.gather?.()
    if (this.candidates.size > 0) this.inputs.notify()
    for (const item of this.running) {
      const race = item.race!
      if (race.copied || race.timer !== undefined || this.candidates.has(item)) continue
      race.timer = this.timers.at(race.startMillis + this.after, () => {
        race.timer = undefined
        if (!this.isNear) return
        this.candidates.add(item)
        this.inputs.notify()
      })
    }
  }

  /**
   * Wraps the start of attempts. Each runs in a fiber of its own, which is interrupted when another attempt at its item
   * has ended. An attempt whose round is over has lost before it began.
   */
  readonly racing = <A, E, R>(
    start: (item: Item<I>, attempt: AttemptContext) => Effect.Effect<A, E, R>
  ): typeof start =>
  (item, attempt) => {
    const { round } = attempt
    return inChildFiber(
      Effect.suspend(() => item.round === round ? start(item, attempt) : Effect.interrupt),
      (fiber) => {
        if (item.round === round) raceOf(item).fibers.push(fiber)
        else fiber.interruptUnsafe()
      },
      identity
    )
  }
}

const raceOf = (item: Item<unknown>): Race =>
  item.race ??= { attempts: [], fibers: [], startMillis: 0, timer: undefined, copied: false }
