/**
 * Where the exits of a run go, and what a run is asked while it goes on.
 */
import type * as Cause from "effect/Cause"
import type * as DateTime from "effect/DateTime"
import type * as Duration from "effect/Duration"
import type { Item } from "../inputs/item.ts"

/** Takes the exits of a run. What it says it needs decides what is done for each input, so a run pays for what it reports. */
export interface Sink<I, A, E> {
  /** Whether it reports attempts and times; otherwise nobody counts and clocks them. */
  readonly detailed: boolean
  /** Whether it says when inputs are done with (`Control.retire`); otherwise that is when they settle. */
  readonly retires: boolean
  /** Takes a value; true says that other code has run meanwhile, and time may have passed. */
  readonly onSuccess: (item: Item<I>, value: A) => true | void
  /** Takes a failure; true ends the run. */
  readonly onFailure: (item: Item<I>, cause: Cause.Cause<E>) => boolean
}

/**
 * Counts what is more to an input than that it is done. It is told of failures and, where items come back or the sink is
 * detailed, of all.
 */
export interface ItemObserver {
  settled(item: Item<unknown>, failed: boolean): void
}

/** What a sink may ask of its run. */
export interface Control {
  /** Number of inputs there will be, where that is known. */
  readonly size: number | undefined
  /** Start of the run, in nanoseconds of the monotonic clock. */
  readonly beganAt: number
  /** Says that so many inputs are done with, so that more may be pulled. */
  readonly retire: (count: number) => void
}

/** A run that is over. */
export interface RunSummary {
  readonly name: string
  /** How many inputs were taken. */
  readonly inputs: number
  readonly startedAt: DateTime.Utc
  readonly elapsed: Duration.Duration
}
