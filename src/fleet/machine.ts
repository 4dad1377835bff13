/**
 * A machine, as the program knows it from its beats.
 */
import type { Beat } from "./messages.ts"

/**
 * Weight of a new, longer sample in the estimate of the round trip. A shorter sample replaces the estimate immediately.
 */
const newShare = 0.1

export class KnownMachine {
  readonly name: string
  readonly session: string
  /** The session of the machine of this name that it replaced. */
  readonly before: string | undefined
  slots = 1
  /** Number of the last beat. */
  beat = 0
  /** Time of the last message of any kind. */
  seenAt: number
  /** Time of the last new beat. A repeated beat only shows that the machine is alive. */
  beatAt: number
  /**
   * Time since which each beat has reported that the machine waits for a batch. `undefined` if the last beat did not.
   */
  freeSince: number | undefined = undefined
  /**
   * Milliseconds to add to a time of the machine's clock to get a time of the program's clock, once it is estimated.
   */
  private offset: number | undefined = undefined
  /** Estimate of the round trip of a message, and the round trip from which `offset` was estimated. */
  private roundTrip: number | undefined = undefined
  private offsetTrip = Infinity

  constructor(name: string, session: string, now: number, before: string | undefined) {
    this.name = name
    this.session = session
    this.before = before
    this.seenAt = this.beatAt = now
  }

  /** Round trip of a message in milliseconds. */
  get messageMillis(): number {
    return this.roundTrip ?? 0
  }

  /** Reads a beat that arrived at `now`. */
  heard({ at, beat, echoes, free, slots }: Beat, program: string, now: number): void {
    this.beat = beat
    this.beatAt = now
    this.slots = slots
    this.freeSince = free ? this.freeSince ?? now : undefined
    const echo = Object.hasOwn(echoes, program) ? echoes[program] : undefined
    if (echo === undefined) {
      // a beat may have been delayed, so the smallest difference is the best estimate
      if (this.offsetTrip === Infinity) this.offset = Math.min(this.offset ?? Infinity, now - at)
      return
    }
    const trip = Math.max(0, now - echo[0] - echo[1])
    this.roundTrip = this.roundTrip === undefined || trip < this.roundTrip
      ? trip
      : this.roundTrip + newShare * (trip - this.roundTrip)
    // the answer was sent during the trip, so the shortest trip gives the best estimate; clocks drift, so old trips
    // count less
    this.offsetTrip *= 1.01
    if (trip > this.offsetTrip) return
    this.offsetTrip = trip
    this.offset = now - trip / 2 - at
  }

  /** Converts a time of the machine's clock to the program's. */
  toProgram(at: number): number {
    return at + (this.offset ?? 0)
  }
}
