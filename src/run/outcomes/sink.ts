/**
 * The contract between a run and the sink of its exits.
 */
import type * as Cause from "effect/Cause"
import type * as Clock from "effect/Clock"
import type * as DateTime from "effect/DateTime"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type { JournalError } from "../../journal/record/errors.ts"
import type * as Outcome from "../../Outcome.ts"
import type { TurnBudget } from "../../primitives/eventLoop.ts"
import type { ShowInput } from "../../primitives/shorten.ts"
import type { Item } from "../inputs/item.ts"
import type { InputQueue } from "../inputs/queue.ts"

/**
 * Receiver of the exits of a run. What it declares to need decides what is done for each input, so a run pays only for
 * what it reports.
 */
export interface Sink<I, A, E> {
  /** True if it reports attempts and times; otherwise they are not measured. */
  readonly detailed: boolean
  /** True if it calls `Control.retire` when inputs are done; otherwise an input is done when it is settled. */
  readonly retires: boolean
  /** Takes a value; returns true if other code has run meanwhile, so that time may have passed. */
  readonly onSuccess: (item: Item<I>, value: A) => true | void
  /** Takes a failure; returns true to end the run, and then no other code has run meanwhile. */
  readonly onFailure: (item: Item<I>, cause: Cause.Cause<E>) => boolean
}

/**
 * Counter of settled inputs. It is called for failures, and for successes if items come back or the sink is detailed.
 */
export interface ItemObserver {
  settled(item: Item<unknown>, failed: boolean): void
}

/** The part of its run that a sink may use. */
export interface Control {
  /** Number of inputs, if it is known. */
  readonly size: number | undefined
  /** Start of the run, in nanoseconds of the monotonic clock. */
  readonly beganAt: number
  /** Reports that so many inputs are done, so that more may be pulled. */
  readonly retire: (count: number) => void
}

/** Summary of a run that is over. */
export interface RunSummary {
  readonly name: string
  /** Name of the backend of its task; undefined for a function. */
  readonly backend: string | undefined
  /** Makes texts of its options, by their names. */
  readonly options: () => Readonly<Record<string, string>>
  /** Who has seen it. */
  readonly seen: { readonly reported: (report: unknown) => void } | undefined
  /** How the run shows its inputs. */
  readonly show: ShowInput | undefined
  /** Names the machine of a worker, on backends of several. */
  readonly machineOf: ((worker: number) => string | undefined) | undefined
  /** Number of inputs that were taken. */
  readonly inputs: number
  readonly startedAt: DateTime.Utc
  readonly elapsed: Duration.Duration
  /** Error of the journal, by which the run has ended. */
  readonly journalError: JournalError | undefined
  /** What its inputs have waited for, by the names of limits. */
  readonly limits: ReadonlyArray<Outcome.LimitWait>
}

/** The part of a run that its recorder uses. */
export interface RecordedRun<I> {
  readonly queue: InputQueue<I, any, any>
  readonly observer: ItemObserver
  readonly turnBudget: TurnBudget
  readonly fork: (effect: Effect.Effect<void>) => Fiber.Fiber<void>
  readonly clock: Clock.Clock
  /** Reads the monotonic clock, in nanoseconds. */
  readonly time: () => number
  readonly beganAt: number
  readonly name: string
  readonly retryFailed: boolean
  readonly maxErrors: number
}
