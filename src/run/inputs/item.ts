/**
 * One input on its way through a run, and what is known of it so far.
 */
import type * as Fiber from "effect/Fiber"
import type * as Outcome from "../../Outcome.ts"
import type { Timer } from "../../primitives/timers.ts"
import type { Decide } from "../retry.ts"

/** A lane, and when the attempt in it began, in nanoseconds of the monotonic clock. */
export interface Place {
  readonly worker: number
  readonly beganAt: number
}

/** An attempt that has ended; times are nanoseconds of the monotonic clock. */
export interface Try extends Place {
  readonly endedAt: number
  readonly end: Outcome.Attempt["end"]
  readonly message: string | undefined
}

export class Entry<out I> {
  declare index: number
  declare input: I
  /** Starts so far, copies included. */
  declare attempts: number
  /**
   * When the first attempt started and the last ended, in nanoseconds of the monotonic clock; equal where they took no
   * time.
   */
  declare startedAt: number
  declare endedAt: number
  /** Whether the start of the first attempt is still to be noted. */
  declare fresh: boolean
  /** Whether the run was stopped before the attempt began. */
  declare withdrawn: boolean
  /** The lane that ran the attempt which settled the input. */
  declare worker: number
  /** Decides whether a failure is followed by another attempt; made when the input first fails. */
  declare decide: Decide | undefined
  /** Counts the attempts that ended and were heeded. One that began in an earlier round has lost to another. */
  declare round: number
  /** The attempts of this round that are under way, where they may race. */
  declare racers: Array<Fiber.Fiber<unknown, unknown>> | undefined
  /** The lanes that are at them. */
  declare places: Array<Place> | undefined
  /** The attempts that have ended, where there is more than one and somebody is told. */
  declare tries: Array<Try> | undefined
  /** When the attempt of this round began, on the timers's clock. */
  declare beganAt: number
  /** When a copy will start, and whether one has. */
  declare copyAt: Timer | undefined
  declare copied: boolean

  constructor(index: number, input: I, worker: number) {
    this.index = index
    this.input = input
    this.attempts = 0
    this.startedAt = 0
    this.endedAt = 0
    this.fresh = true
    this.withdrawn = false
    this.worker = worker
    this.decide = undefined
    this.round = 0
    this.racers = undefined
    this.places = undefined
    this.tries = undefined
    this.beganAt = 0
    this.copyAt = undefined
    this.copied = false
  }

  /** An attempt at this input has ended just now. */
  record({ beganAt, worker }: Place, end: Try["end"], message: string | undefined): void {
    const { endedAt } = this
    this.tries ??= []
    this.tries.push({ beganAt: Math.min(beganAt, endedAt), endedAt, worker, end, message })
  }
}
