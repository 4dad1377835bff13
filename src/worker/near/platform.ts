/**
 * Kinds of workers: what the near side asks of a thread or a process.
 */
import type { FromFar, ToFar } from "../wire/messages.ts"
import type { Clone } from "../wire/thrown.ts"

/** How a worker ended. */
export interface Death {
  readonly exitCode: number | undefined
  readonly signal: string | undefined
  /** The end of what it wrote there. */
  readonly stderr: string
}

/** A running worker, of whatever kind. */
export interface Handle {
  /** Throws when the message cannot be cloned. */
  readonly post: (message: ToFar, transfer: ReadonlyArray<unknown>) => void
  /** Where the batch of a slot is, and since when on the system's monotonic clock, in milliseconds. */
  readonly mark: (slot: number) => { readonly position: number; readonly since: number }
  /** Makes a slot ready for another batch. */
  readonly clear: (slot: number) => void
  /** Keeps the worker from starting more of a batch, whatever it is at; tells how many it has started. */
  readonly cut: ((slot: number) => number) | undefined
  readonly kill: () => void
  /** Whether the worker keeps the program running. */
  readonly hold: (busy: boolean) => void
}

/** A kind of worker. */
export interface Kind {
  readonly name: string
  readonly clone: Clone
  /** Throws when no worker can be started. */
  readonly spawn: (
    number: number,
    onMessage: (message: FromFar) => void,
    onDeath: (death: Death) => void
  ) => Handle
}

/** How workers are kept; times are in milliseconds. */
export interface Keeping {
  readonly grace: number
  readonly idleTimeout: number
  readonly maxTasksPerWorker: number
}

/** How many batches a worker may have at once. */
export const slots = 64
