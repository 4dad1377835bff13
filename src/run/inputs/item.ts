/**
 * One input on its way through a run.
 *
 * Who writes which field, and when it is valid:
 *
 * | field | written by | valid |
 * | --- | --- | --- |
 * | `index`, `input` | the queue that gives the item out; a batch that uses one item for all its inputs | always |
 * | `attempts` | the queue, to 0; the attempt that begins; a batch | if reported, revisited or with spans |
 * | `startedAt`, `endedAt`, `unstarted` | the lane's clock, an attempt behind limits, or the batch | if reported |
 * | `placed` | an attempt on a backend | if reported |
 * | `worker` | the attempt that decides the exit | once there is an exit |
 * | `round` | `InputQueue.ended`, `Stragglers.left` | where items come back (retries, stragglers) |
 * | `decide` | `afterFailure`, at the first failure | in runs with retries |
 * | `race` | `Stragglers` alone | in runs with stragglers |
 * | `waits` | the attempt that decides the exit; `record` | if reported, and the item has waited |
 * | `delayed`, `dueAt` | `waitsFrom` and `waitsNoLonger`, when a failure is tried again; taken by the attempt that begins next | from a failure to the next attempt, if reported |
 * | `history` | `record` alone | if there is more than one attempt and attempts are reported |
 * | `admitted`, `refusal`, `asideAt` | the admission; taken by the attempt | where limits depend on the input |
 * | `key`, `recorded` | the recorder of a run with a journal | `key` once it was taken; `recorded` if nothing ran |
 *
 * An item belongs to one lane at a time, or to the queue. Two lanes have the same item only while two copies race.
 * Invariant: `round` decides the race. The first attempt to end increments it, and an attempt that finds another round
 * than its own has lost: it settles nothing, and of the item it writes at most `endedAt`, before it finds out.
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
 * Function that returns the delay before the next attempt after an error; undefined if there is no next attempt. It
 * keeps state, so each input has its own.
 */
export type Decide = (error: unknown) => Effect.Effect<Duration.Duration | undefined>

/** Worker, start and waits of an attempt; `beganAt` is nanoseconds of the monotonic clock. */
export interface AttemptStart {
  readonly worker: number
  readonly beganAt: number
  /** Waits before and after the attempt; undefined if there are none. */
  readonly waits: WaitedNanos | MessageWaits | undefined
}

/** An attempt under way. The lane itself implements it. */
export interface AttemptContext extends AttemptStart {
  /** Start in nanoseconds of the monotonic clock; later than the start of the lane if limits held the attempt back. */
  beganAt: number
  waits: WaitedNanos | undefined
  /** Which start at the item this is, from 1, where starts are counted; 1 where there is one for each item. */
  attemptNumber: number
  /** Round of the item when the lane took it. */
  readonly round: number
  /** True if the run was stopped before the attempt began. */
  withdrawn: boolean
  /** The attempt as its backend tells of it, in runs that report times on a backend. */
  remote: RemoteAttempt | undefined
  /** Whether a run or node inside has taken the default retry, in runs whose retry is a default. */
  mark?: { isTaken: boolean } | undefined
}

/** An attempt on a backend, which is written when the backend tells of it. */
export interface RemoteAttempt extends AttemptStart {
  worker: number
  waits: WaitedNanos | undefined
  /** True once its backend has told all that there is to tell, the way of its message included. */
  tells: boolean
  /** Time at which the run has sent it. */
  readonly dispatchedAt: number
  /** Start and end by what the backend has told; infinite and undefined before that. */
  beganAt: number
  endedAt: number | undefined
}

/**
 * Returns what is known of an attempt that was interrupted; undefined if it was none, because its backend, which `tells` of
 * each that has begun, has told nothing of it.
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

/** Who is told of attempts, in a run that is watched: `at` is when one began, in nanoseconds of the monotonic clock, if that is not now. */
export interface AttemptWatcher<in I> {
  began(item: { readonly index: number; readonly input: I }, worker: number, at?: number): void
  left(index: number, worker: number): void
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
  /** Number of starts so far, copies included. */
  declare attempts: number
  /**
   * Start of the first attempt and end of the last, in nanoseconds of the monotonic clock; equal for a ready attempt.
   */
  declare startedAt: number
  declare endedAt: number
  /** True until the start of the first attempt is recorded. */
  declare unstarted: boolean
  /** True once `startedAt` is what a backend has told of an attempt. */
  declare placed: boolean
  /** Number of the lane or worker whose attempt decided the exit. */
  declare worker: number
  /** Number of rounds that are over: attempts that ended first among those that raced. */
  declare round: number
  /** State of the retry policy for this input. */
  declare decide: Decide | undefined
  declare waits: WaitedNanos | MessageWaits | undefined
  /** Delay that the retry policy asked for, and time at which it has passed, or begun until then, in nanoseconds. */
  declare delayed: number
  declare dueAt: number | undefined
  declare race: Race | undefined
  declare history: Array<AttemptRecord> | undefined
  /** Key by which a journal knows this input, and what it has known of it. */
  declare key: string
  declare recorded: Recorded | undefined

  /** What its limits have granted, where they depend on the input, or why they failed; and since when it was put aside. */
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

  /** Notes that an attempt has failed, and that the delay before the next begins. */
  waitsFrom(now: number): void {
    this.delayed = 0
    this.dueAt = now
  }

  /** Notes that this delay has passed. */
  waitsNoLonger(now: number): void {
    this.delayed = now - (this.dueAt ?? now)
    this.dueAt = now
  }

  /** Returns what an attempt that begins now has waited for since the one before; undefined if there was none. */
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
