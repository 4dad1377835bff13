/**
 * Those who pass turnstiles: what they ask, what they have then, and how they wait.
 */
import * as Context from "effect/Context"
import type { QueueEntry } from "../primitives/linkedQueue.ts"
import type { Turnstile } from "./turnstile.ts"

/** An attempt, or a batch of inputs, as its limits see it. */
export interface Visit {
  readonly input: unknown
  /** Number of inputs that pass together. */
  readonly inputs: number
  readonly context: Context.Context<never>
  /** What the attempt around has passed. */
  readonly around: ReadonlyMap<Turnstile, Pass>
}

/** What a visit asks of a turnstile: so many permits or tokens. */
export interface Request {
  readonly turnstile: Turnstile
  readonly units: number
  /** What the attempt around has of this turnstile. */
  readonly lender: Pass | undefined
}

/** What an attempt has of a turnstile. */
export interface Pass {
  /** Ends with the attempt. Returns a mistake of the user that it found, or nothing. */
  readonly end: (ended: Ended) => unknown
}

/**
 * How an attempt has ended: `error` is there if it failed with a typed error; `unused` is the share of its inputs that
 * were not started.
 */
export interface Ended {
  readonly isSuccess: boolean
  readonly error: { readonly value: unknown } | undefined
  readonly unused: number
  readonly now: number
}

/** Someone in a line. */
export interface Waiter {
  readonly request: Request
  /** Its place in the line; written by the turnstile. */
  entry: QueueEntry<Waiter> | undefined
  /** Number of inputs that wait here. */
  readonly count: number
  /** True if it could go on now; otherwise it is passed over until it asks itself. */
  readonly isReady: boolean
  /** Its turn has come: true if it has gone on, and has left the line or keeps its turn; false if it cannot yet. */
  call(): boolean
  /** It was passed over. */
  missed(): void
  /** Reads its clock, in milliseconds. */
  now(): number
  /** Calls back after so many milliseconds, unless that is cancelled. */
  after(millis: number, action: () => void): () => void
}

/** What the attempt of a fiber has passed. */
export const Passes = Context.Reference<ReadonlyMap<Turnstile, Pass>>("effect-parallel/internal/Passes", {
  defaultValue: () => new Map()
})
