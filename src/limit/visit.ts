/**
 * The visitors of turnstiles: what they request, what they hold, and how they wait.
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
  /** Passes that the attempt around holds. */
  readonly around: ReadonlyMap<Turnstile, Pass>
}

/** Request of a visit to a turnstile, for a number of permits or tokens. */
export interface Request {
  readonly turnstile: Turnstile
  readonly units: number
  /** The pass that the attempt around holds of this turnstile. */
  readonly lender: Pass | undefined
}

/** Permits or tokens that an attempt has taken from a turnstile. */
export interface Pass {
  /** Ends with the attempt. Returns a mistake of the user, if it finds one. */
  readonly end: (ended: Ended) => unknown
}

/**
 * The end of an attempt. `error` is set if it failed with a typed error. `unused` is the share of its inputs that were
 * not started.
 */
export interface Ended {
  readonly isSuccess: boolean
  readonly error: { readonly value: unknown } | undefined
  readonly unused: number
  readonly now: number
}

/** A waiter in a line. */
export interface Waiter {
  readonly request: Request
  /** Its place in the line. Written by the turnstile. */
  entry: QueueEntry<Waiter> | undefined
  /** Number of inputs that wait here. */
  readonly count: number
  /** True if it could continue now. Otherwise it is passed over until it asks again itself. */
  readonly isReady: boolean
  /**
   * Called when its turn has come. Returns true if it has continued, and has left the line or keeps its turn. Returns
   * false if it cannot continue yet.
   */
  call(): boolean
  /** Called when it was passed over. */
  missed(): void
  /** Reads its clock, in milliseconds. */
  now(): number
  /** Calls `action` after `millis` milliseconds. Returns a function that cancels the call. */
  after(millis: number, action: () => void): () => void
}

/** Passes that the attempt of a fiber holds. */
export const Passes = Context.Reference<ReadonlyMap<Turnstile, Pass>>("effect-parallel/internal/Passes", {
  defaultValue: () => new Map()
})
