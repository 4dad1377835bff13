/**
 * Where the exits of a run go.
 */
import type * as Cause from "effect/Cause"
import type { Entry } from "../inputs/item.ts"

/**
 * What a run reports to. What a sink says it needs decides what the engine does for each input, so that a run pays only
 * for what it tells.
 */
export interface Sink<I, A, E> {
  /** Whether it tells of attempts and times; otherwise nobody counts and clocks them. */
  readonly detailed: boolean
  /** Whether the sink says itself when inputs are done with (`Control.retire`); otherwise that is when they settle. */
  readonly retires: boolean
  /** Takes a value; `true` says that other code has run meanwhile, and time may have passed. */
  readonly onSuccess: (entry: Entry<I>, value: A) => true | void
  /** Takes a failure; `true` ends the run. */
  readonly onFailure: (entry: Entry<I>, cause: Cause.Cause<E>) => boolean
}

/**
 * Counts, for whoever watches the run, what is more to an input than that it is done: it is told of failures and, where
 * inputs come back or the sink is detailed, of all.
 */
export interface Watch {
  settled(entry: Entry<unknown>, failed: boolean): void
}

/** What a sink may ask of the run it belongs to. */
export interface Control {
  /** How many inputs there will be, where that is known. */
  readonly size: number | undefined
  /** When the run began, in nanoseconds of the monotonic clock. */
  readonly beganAt: number
  /** Says that so many inputs are done with, so that more may be pulled. */
  readonly retire: (count: number) => void
}
