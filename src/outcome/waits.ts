/**
 * Waits: the time of an attempt that was not its work.
 */
import * as Duration from "effect/Duration"
import { millis } from "../primitives/clock.ts"

/**
 * What an attempt waited for, apart from its own work.
 *
 * **Details**
 *
 * On fibers only `limit`, `queue` and `retry` can be above zero.
 *
 * The waits of an attempt and its `elapsed` add up to the time until its result was known, measured from when it was
 * dispatched, or from when the attempt before it had failed. The waits of an input with several attempts are the sums
 * over its attempts; those between attempts are also in its `elapsed`. What an input waited for in a batch that gave it
 * back is not counted.
 *
 * @category models
 * @since 0.1.0
 */
export interface Waits {
  /**
   * Wait for the limits of the run, from when a lane took the input until they let it through. Less than 0.01 ms counts
   * as zero.
   */
  readonly limit: Duration.Duration
  /**
   * Wait behind other inputs: for a worker with room, at the worker behind earlier inputs, and, for an input that is
   * tried again, for a free lane. Inputs that no lane has taken yet do not count.
   */
  readonly queue: Duration.Duration
  /** Wait until the worker had started, imported the module of the task and built its layer. */
  readonly startup: Duration.Duration
  /** Time on the way to the worker and back: encoding, messages, decoding. */
  readonly transfer: Duration.Duration
  /** Delay before this attempt that the retry policy asked for. */
  readonly retry: Duration.Duration
}

/** Names of the waits, in the order in which an attempt may go through them. */
const kinds = ["retry", "limit", "queue", "startup", "transfer"] as const satisfies ReadonlyArray<keyof Waits>

/** Waits in nanoseconds. */
export type WaitedNanos = { readonly [K in keyof Waits]: number }

/** Waits of an attempt that is known only by the times of its messages: they depend on when it ran. */
export interface MessageWaits {
  /** Computes the waits of an attempt that ran between two times, in nanoseconds since the start of the run. */
  readonly waited: (startedAt: number, endedAt: number) => WaitedNanos
}

/** The waits, in nanoseconds, of an attempt that waited for nothing. */
export const noWaits: WaitedNanos = { limit: 0, queue: 0, startup: 0, transfer: 0, retry: 0 }

export const add = (a: WaitedNanos, b: WaitedNanos): WaitedNanos => ({
  limit: a.limit + b.limit,
  queue: a.queue + b.queue,
  startup: a.startup + b.startup,
  transfer: a.transfer + b.transfer,
  retry: a.retry + b.retry
})

/** The waits, as durations, of an attempt that waited for nothing. */
export const none: Waits = {
  limit: Duration.zero,
  queue: Duration.zero,
  startup: Duration.zero,
  transfer: Duration.zero,
  retry: Duration.zero
}

/** Returns the waits that took time, in milliseconds; undefined if there are none. */
export const waitsInMillis = (waits: Waits): { readonly [K in keyof Waits]?: number } | undefined => {
  if (waits === none) return undefined
  const taken = kinds.map((kind) => [kind, millis(waits[kind])] as const).filter(([, time]) => time > 0)
  return taken.length === 0 ? undefined : Object.fromEntries(taken)
}

export const toWaits = (waited: WaitedNanos): Waits => ({
  limit: nanos(waited.limit),
  queue: nanos(waited.queue),
  startup: nanos(waited.startup),
  transfer: nanos(waited.transfer),
  retry: nanos(waited.retry)
})

/** Adds up the waits of several attempts. */
export const sum = (all: ReadonlyArray<Waits>): Waits => {
  let total = none
  for (const waits of all) {
    total = {
      limit: Duration.sum(total.limit, waits.limit),
      queue: Duration.sum(total.queue, waits.queue),
      startup: Duration.sum(total.startup, waits.startup),
      transfer: Duration.sum(total.transfer, waits.transfer),
      retry: Duration.sum(total.retry, waits.retry)
    }
  }
  return total
}

const nanos = (count: number): Duration.Duration =>
  count <= 0 ? Duration.zero : Duration.nanos(BigInt(Math.round(count)))
