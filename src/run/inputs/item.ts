/**
 * One input on its way through a run.
 *
 * Who writes what, and when it holds:
 *
 * | field | written by | holds |
 * | --- | --- | --- |
 * | `index`, `input` | the queue that gives the item out | always |
 * | `attempts` | the attempt that begins; a batch counts when it is sent, and takes back what was not started | always |
 * | `startedAt`, `endedAt`, `unstarted` | the lane's clock, or the batch that was told | in runs that report times |
 * | `worker` | the attempt that decides the exit | once there is an exit |
 * | `round` | `InputQueue.ended` alone | where items come back (retries, stragglers) |
 * | `decide` | `retrying`, at the first failure | in runs with retries |
 * | `race` | `Stragglers` alone | in runs with stragglers |
 * | `history` | `record` alone | where there is more than one attempt and somebody reports it |
 *
 * An item belongs to one lane at a time, or to the queue. Two lanes have the same item only while two copies race; then
 * `round` decides: the first to end raises it, and an attempt that finds another round than its own has lost.
 */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Outcome from "../../Outcome.ts"
import type { Race } from "./stragglers.ts"

/** Gives the delay before the next attempt after an error; none where there is no next. It has a state for each input. */
export type Decide = (error: unknown) => Effect.Effect<Duration.Duration | undefined>

/** Where and when an attempt began; `beganAt` is in nanoseconds of the monotonic clock. */
export interface AttemptStart {
  readonly worker: number
  readonly beganAt: number
}

/** An attempt that is under way, as its lane keeps it. */
export interface AttemptContext extends AttemptStart {
  /** Later than the lane's own start where limits held it back. */
  beganAt: number
  /** Round of the item when the lane took it. */
  readonly round: number
  /** Whether the run was stopped before the attempt began. */
  withdrawn: boolean
}

/** An attempt that has ended; times are nanoseconds of the monotonic clock. */
export interface AttemptRecord extends AttemptStart {
  readonly endedAt: number
  readonly end: Outcome.Attempt["end"]
  readonly message: string | undefined
}

export class Item<out I> {
  declare index: number
  declare input: I
  /** Starts so far, copies included. */
  declare attempts: number
  /** Start of the first attempt and end of the last, in nanoseconds of the monotonic clock; equal if they took no time. */
  declare startedAt: number
  declare endedAt: number
  /** Whether the start of the first attempt is still to be noted. */
  declare unstarted: boolean
  /** Number of the lane or worker whose attempt decided the exit. */
  declare worker: number
  /** Number of attempts that have ended as the first of their round. */
  declare round: number
  declare decide: Decide | undefined
  declare race: Race | undefined
  declare history: Array<AttemptRecord> | undefined

  constructor(index: number, input: I, worker: number) {
    this.index = index
    this.input = input
    this.attempts = 0
    this.startedAt = 0
    this.endedAt = 0
    this.unstarted = true
    this.worker = worker
    this.round = 0
    this.decide = undefined
    this.race = undefined
    this.history = undefined
  }

  /** Adds an attempt that has ended at `endedAt` to the history. */
  record({ beganAt, worker }: AttemptStart, end: AttemptRecord["end"], message: string | undefined): void {
    const { endedAt } = this
    this.history ??= []
    this.history.push({ beganAt: Math.min(beganAt, endedAt), endedAt, worker, end, message })
  }
}
