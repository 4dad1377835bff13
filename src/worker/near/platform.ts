/**
 * Platforms: what the near side asks of a worker thread or process.
 */
import type { FromFar, ToFar } from "../wire/messages.ts"
import type { Position } from "../wire/positions.ts"
import type { Clone } from "../wire/thrown.ts"

/** The end of a worker, as the operating system or Node.js told it. */
export interface WorkerExit {
  readonly exitCode: number | undefined
  readonly signal: string | undefined
  /** The end of what it wrote there. */
  readonly stderr: string
}

/** A running worker. */
export interface WorkerHandle {
  /** Throws when the message cannot be cloned. */
  readonly post: (message: ToFar, transfer: ReadonlyArray<unknown>) => void
  /** Reads where the batch of a slot is. */
  readonly position: (slot: number) => Position
  /** Makes a slot ready for another batch. */
  readonly clear: (slot: number) => void
  /** Keeps the worker from starting more of a batch, whatever it is at; gives how many it has started. */
  readonly cut: ((slot: number) => number) | undefined
  readonly kill: () => void
  /** Lets the worker keep the program running, or not. */
  readonly hold: (busy: boolean) => void
}

/** What differs between threads and processes. */
export interface Platform {
  readonly name: string
  readonly clone: Clone
  /** Throws when no worker can be started. */
  readonly spawn: (
    number: number,
    onMessage: (message: FromFar) => void,
    onExit: (exit: WorkerExit) => void
  ) => WorkerHandle
}

/** How the workers of a pool are kept; times are in milliseconds. */
export interface PoolOptions {
  readonly workers: number
  readonly grace: number
  readonly idleTimeout: number
  readonly maxTasksPerWorker: number
  /** From how many bytes on a typed array crosses as shared memory; none without. */
  readonly maxBytes: number | undefined
}

/** Number of batches that a worker may have at once. */
export const slots = 64
