/**
 * One input on its way through a run.
 *
 * Fields, the code that writes them, and when they are valid:
 *
 * | field | written by | valid |
 * | --- | --- | --- |
 * | `index`, `input` | the queue that gives the item out; a batch that has one item for all its inputs | always |
 * | `attempts` | the queue, to 0; the attempt that begins; a batch | if reported, revisited or with spans |
 * | `startedAt`, `endedAt`, `unstarted` | the lane's clock, an attempt behind limits, or the batch | if reported |
 * | `placed` | an attempt on a backend | if reported |
 * | `worker` | the attempt that decides the exit | once there is an exit |
 * | `round` | `InputQueue.ended`, `Stragglers.left` | where items come back (retries, stragglers) |
 * | `decide` | `afterFailure`, at the first failure | in runs with retries |
 * | `race` | only `Stragglers` | in runs with stragglers |
 * | `waits` | the attempt that decides the exit; `record` | if reported, and the item has waited |
 * | `delayed`, `dueAt` | `waitsFrom`, `waitsNoLonger`; taken by the next attempt | from failure to retry, if reported |
 * | `history` | only `record` | if there is more than one attempt and attempts are reported |
 * | `admitted`, `refusal`, `asideAt` | the admission; taken by the attempt | where limits depend on the input |
 * | `key`, `recorded` | the recorder of a run with a journal | `key` once it was taken; `recorded` if nothing ran |
 *
 * An item belongs to one lane at a time, or to the queue. Two lanes have the same item only while two copies race.
 * Invariant: `round` decides the race. The first attempt to end increments it. An attempt that finds another round than
 * its own has lost: it settles nothing, and writes at most `endedAt` of the item, before it finds out.
 */
import type * as Cause from "effect/Cause"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Outcome from "../../Outcome.ts"
import type { Recorded } from "../../outcome/settled.ts"
import { type MessageWaits, noWaits, type WaitedNanos } from "../../outcome/waits.ts"
import type { Admitted } from "./admission.ts"
import type { Race } from "./stragglers.ts"

/**
 * Function that returns the delay before the next attempt after an error, or undefined if there is no next attempt. It
 * keeps state, so each input has its own.
 */
export type Decide = (error: unknown) => Effect.Effect<Duration.Duration | undefined>

/** Worker, start and waits of an attempt. `beganAt` is in nanoseconds of the monotonic clock. */
export interface AttemptStart {
  readonly worker: number
  readonly beganAt: number
  /** Waits before and after the attempt. Undefined if there are none. */
  readonly waits: WaitedNanos | MessageWaits | undefined
}

/** An attempt in flight. The lane itself implements it. */
export interface AttemptContext extends AttemptStart {
  /** Start in nanoseconds of the monotonic clock. Later than the start of the lane if limits held the attempt back. */
  beganAt: number
  waits: WaitedNanos | undefined
  /**
   * Number of this start at the item, from 1, where starts are counted. Otherwise 1: there is one start for each item.
   */
  attemptNumber: number
  /** Round of the item when the lane took it. */
  readonly round: number
  /** True if the run was stopped before the attempt began. */
  withdrawn: boolean
  /** The attempt as its backend reports it, in runs that report times on a backend. */
  remote: RemoteAttempt | undefined
  /** Mark that a run or node inside sets when it takes the default retry. Present in runs whose retry is a default. */
  mark?: { isTaken: boolean } | undefined
}

/** An attempt on a backend. Its fields are written when the backend reports them. */
export interface RemoteAttempt extends AttemptStart {
  worker: number
  waits: WaitedNanos | undefined
  /** True once the backend has reported everything, the trip of its message included. */
  tells: boolean
  /** Time at which the run sent the attempt. */
  readonly dispatchedAt: number
  /** Start and end as the backend has reported them. Before that, infinite and undefined. */
  beganAt: number
  endedAt: number | undefined
}

/**
 * Returns the start of an attempt that was interrupted. Returns undefined if the attempt never began: its backend,
 * which reports every start (`tells`), has reported none.
 */
export const interrupted = (
  attempt: AttemptStart,
  remote: RemoteAttempt | undefined,
  tells: boolean
): AttemptStart | undefined => {
  if (remote === undefined) return attempt
  if (remote.beganAt < Infinity) return remote
  return tells ? undefined : attempt
}

/**
 * Receiver of the attempts of a run that is watched. `at` is the start of the attempt in nanoseconds of the monotonic
 * clock; if absent, it began now.
 */
export interface AttemptWatcher<in I> {
  began(item: { readonly index: number; readonly input: I }, worker: number, at?: number): void
  left(index: number, worker: number): void
}

/** An attempt that has ended. Times are in nanoseconds of the monotonic clock. */
export interface AttemptRecord extends AttemptStart {
  readonly endedAt: number
  readonly end: Outcome.Attempt["end"]
  readonly message: string | undefined
}

export class Item<out I> {
  declare index: number
  declare input: I
  /** Number of starts so far, copies included. */
  declare attempts: number
  /**
   * Start of the first attempt and end of the last, in nanoseconds of the monotonic clock. They are equal for a ready
   * attempt.
   */
  declare startedAt: number
  declare endedAt: number
  /** True until the start of the first attempt is recorded. */
  declare unstarted: boolean
  /** True once `startedAt` comes from what a backend has reported. */
  declare placed: boolean
  /** Number of the lane or worker whose attempt decided the exit. */
  declare worker: number
  /** Number of rounds that are over. A round ends with the first of the attempts that race. */
  declare round: number
  /** State of the retry policy for this input. */
  declare decide: Decide | undefined
  declare waits: WaitedNanos | MessageWaits | undefined
  /**
   * Delay before the retry, and the time at which it ended, in nanoseconds. While the delay lasts: 0, and the time at
   * which it began.
   */
  declare delayed: number
  declare dueAt: number | undefined
  declare race: Race | undefined
  declare history: Array<AttemptRecord> | undefined
  /** Key of this input in the journal, and what the journal had recorded for it. */
  declare key: string
  declare recorded: Recorded | undefined

  /**
   * Grants of its limits, where they depend on the input, or the cause with which they failed; and the time since which
   * the item has been aside.
   */
  declare admitted: Admitted | undefined
  declare refusal: Cause.Cause<never> | undefined
  declare asideAt: number | undefined

  constructor(index: number, input: I, worker: number) {
    this.index = index
    this.input = input
    this.attempts = 0
    this.startedAt = 0
    this.endedAt = 0
    this.unstarted = true
    this.placed = false
    this.worker = worker
    this.round = 0
    this.decide = undefined
    this.waits = undefined
    this.delayed = 0
    this.dueAt = undefined
    this.race = undefined
    this.history = undefined
    this.key = ""
    this.recorded = undefined
    this.admitted = undefined
    this.refusal = undefined
    this.asideAt = undefined
  }

  /** Notes that an attempt has failed, and that the delay before the next begins now. */
  waitsFrom(now: number): void {
    this.delayed = 0
    this.dueAt = now
  }

  /** Notes that this delay has passed. */
  waitsNoLonger(now: number): void {
    this.delayed = now - (this.dueAt ?? now)
    this.dueAt = now
  }

  /**
   * Returns the time that an attempt that begins now has waited since the attempt before. Returns undefined if there
   * was none.
   */
  sinceRetry(now: number): WaitedNanos | undefined {
    const { delayed, dueAt } = this
    if (dueAt === undefined) return undefined
    this.dueAt = undefined
    return { ...noWaits, retry: delayed, queue: Math.max(0, (this.asideAt ?? now) - dueAt) }
  }

  /** Adds an attempt that ended at `endedAt` to the history. */
  record({ beganAt, waits, worker }: AttemptStart, end: AttemptRecord["end"], message: string | undefined): void {
    const { endedAt } = this
    this.history ??= []
    this.history.push({ beganAt: Math.min(beganAt, endedAt), endedAt, waits, worker, end, message })
  }
}
