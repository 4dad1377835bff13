/**
 * One input on its way through a run, and what is known of it so far.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import type * as Fiber from "effect/Fiber"
import type { Appointment } from "./alarm.ts"
import type { Decide } from "./retry.ts"

export class Entry<out I> {
  declare index: number
  declare input: I
  /** Starts so far, copies included. */
  declare attempts: number
  /** When the first attempt started and the last ended, on the monotonic clock; equal where they took no time. */
  declare startedAt: bigint
  declare endedAt: bigint
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
  /** When the attempt of this round began, on the alarm's clock. */
  declare beganAt: number
  /** When a copy will start, and whether one has. */
  declare copyAt: Appointment | undefined
  declare copied: boolean

  constructor(index: number, input: I, worker: number) {
    this.index = index
    this.input = input
    this.attempts = 0
    this.startedAt = zero
    this.endedAt = zero
    this.fresh = true
    this.withdrawn = false
    this.worker = worker
    this.decide = undefined
    this.round = 0
    this.racers = undefined
    this.beganAt = 0
    this.copyAt = undefined
    this.copied = false
  }

  get elapsed(): Duration.Duration {
    return this.endedAt === this.startedAt ? Duration.zero : Duration.nanos(this.endedAt - this.startedAt)
  }
}

const zero = BigInt(0)
