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
 * Receiver of the exits of a run. Its flags decide the work done for each input, so a run pays only for what it
 * reports.
 */
export interface Sink<I, A, E> {
  /** True if it reports attempts and times. Otherwise they are not measured. */
  readonly detailed: boolean
  /** True if it calls `Control.retire` when inputs are done. Otherwise an input is done when it is settled. */
  readonly retires: boolean
  /** Takes a value. Returns true if other code has run meanwhile, so that time may have passed. */
  readonly onSuccess: (item: Item<I>, value: A) => true | void
  /** Takes a failure. Returns true to end the run; then no other code has run meanwhile. */
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
  /** Reports that `count` more inputs are done, so that as many may be pulled. */
  readonly retire: (count: number) => void
}

/** Summary of a run that is over. */
export interface RunSummary {
  readonly name: string
  /** Name of the backend of its task. Undefined for a function. */
  readonly backend: string | undefined
  /** Makes texts of its options, by name. */
  readonly options: () => Readonly<Record<string, string>>
  /** Receiver of the report for the spectators of the run, if there are any. */
  readonly seen: { readonly reported: (report: unknown) => void } | undefined
  /** The option `show` of the run. */
  readonly show: ShowInput | undefined
  /** Names the machine of a worker, on backends with several machines. */
  readonly machineOf: ((worker: number) => string | undefined) | undefined
  /** Number of inputs taken. */
  readonly inputs: number
  readonly startedAt: DateTime.Utc
  readonly elapsed: Duration.Duration
  /** Error with which the journal has ended the run. */
  readonly journalError: JournalError | undefined
  /** Waits of its inputs for limits, one entry for each limit. */
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
