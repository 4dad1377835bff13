/**
 * A machine as the program knows it: by its beats.
 */
import type { Beat } from "./messages.ts"

/** Share of the time of a new sample in an estimate that grows. A shorter one counts at once: nothing is faster than it is. */
const newShare = 0.1

export class KnownMachine {
  readonly name: string
  readonly session: string
  /** Session of the machine of this name that it has replaced. */
  readonly before: string | undefined
  slots = 1
  /** Number of the last beat, and time at which the machine was last heard of. */
  beat = 0
  seenAt: number
  /** Time of the last beat that was a new one: what repeats it only shows that the machine is there. */
  beatAt: number
  /** Time since which each beat has said that the machine waits for a batch; undefined if the last one did not. */
  freeSince: number | undefined = undefined
  /** What has to be added to a time of the machine's clock to get that of the program's, once there is an estimate. */
  private offset: number | undefined = undefined
  /** How long a message takes there and back, and the time of that way by which `offset` was estimated. */
  private roundTrip: number | undefined = undefined
  private offsetTrip = Infinity

  constructor(name: string, session: string, now: number, before: string | undefined) {
    this.name = name
    this.session = session
    this.before = before
    this.seenAt = this.beatAt = now
  }

  /** Milliseconds that a message takes there and back. */
  get messageMillis(): number {
    return this.roundTrip ?? 0
  }

  /** Takes a beat that has come `now` for a program. */
  heard({ at, beat, echoes, free, slots }: Beat, program: string, now: number): void {
    this.beat = beat
    this.beatAt = now
    this.slots = slots
    this.freeSince = free ? this.freeSince ?? now : undefined
    const echo = Object.hasOwn(echoes, program) ? echoes[program] : undefined
    if (echo === undefined) {
      // the beat may have waited: the least that was seen is the nearest
      if (this.offsetTrip === Infinity) this.offset = Math.min(this.offset ?? Infinity, now - at)
      return
    }
    const trip = Math.max(0, now - echo[0] - echo[1])
    this.roundTrip = this.roundTrip === undefined || trip < this.roundTrip
      ? trip
      : this.roundTrip + newShare * (trip - this.roundTrip)
    // the time of the answer lies within the trip, and is known best by the shortest; clocks drift, so an old one counts less
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
