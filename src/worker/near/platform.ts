/**
 * Platforms: the contract between the near side and a worker thread or process.
 */
import type { Crossing } from "../wire/crossing.ts"
import type { ToFar } from "../wire/messages.ts"
import type { Position } from "../wire/positions.ts"

/** End of a worker, as reported by the operating system or Node.js. */
export interface WorkerExit {
  readonly exitCode: number | undefined
  readonly signal: string | undefined
  /** Last lines that the worker wrote to its standard error. */
  readonly stderr: string
}

/** A running worker. */
export interface WorkerHandle {
  /** Sends a message. Throws if it cannot be cloned. Nothing is sent to a worker that has ended. */
  readonly post: (message: ToFar, transfer: ReadonlyArray<unknown>) => void
  /** Reads the position of the batch in a slot. */
  readonly position: (slot: number) => Position
  /** Clears a slot for another batch. */
  readonly clear: (slot: number) => void
  /**
   * Stops the worker from starting more of a batch, even if the worker is blocked; returns how many payloads it has
   * started. Undefined where the platform cannot do that.
   */
  readonly cut: ((slot: number) => number) | undefined
  /** As `cut`, for a batch of which nothing was started; false if something was, and then nothing has changed. */
  readonly withdraw: ((slot: number) => boolean) | undefined
  readonly kill: () => void
  /** Makes the worker keep the program running, or not. */
  readonly hold: (busy: boolean) => void
}

/** What is told of a worker. */
interface WorkerListener {
  readonly onMessage: (message: unknown) => void
  readonly onNonsense: (error: unknown) => void
  readonly onExit: (exit: WorkerExit) => void
}

/** Operations that differ between threads and processes. */
export interface Platform {
  readonly name: string
  readonly crossing: Crossing
  /** True if its workers can be made to return a batch that has not begun, whatever they do (`withdraw`). */
  readonly canWithdraw: boolean
  /**
   * Starts a worker. Throws if it cannot be started. What comes from it is passed to `onMessage` unchecked, and to
   * `onNonsense` if it is not even a message.
   */
  readonly spawn: (number: number, listener: WorkerListener) => WorkerHandle
}

/** Options of a pool; times are milliseconds. */
export interface PoolOptions {
  readonly workers: number
  readonly grace: number
  readonly startTimeout: number
  readonly idleTimeout: number
  readonly maxTasksPerWorker: number
  /** Size in bytes from which a typed array crosses as shared memory; undefined means never. */
  readonly maxBytes: number | undefined
}

/** Number of batches that a worker may have concurrently. */
export const slots = 64
