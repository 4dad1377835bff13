/**
 * The contract between the near side and a platform: worker threads or processes.
 */
import type { Crossing } from "../wire/crossing.ts"
import type { ToFar } from "../wire/messages.ts"
import type { Position } from "../wire/positions.ts"

/** The end of a worker, as reported by the operating system or Node.js. */
export interface WorkerExit {
  readonly exitCode: number | undefined
  readonly signal: string | undefined
  /** The last lines that the worker wrote to its standard error. */
  readonly stderr: string
}

/** A running worker. */
export interface WorkerHandle {
  /** Sends a message. Throws if it cannot be cloned. Does nothing if the worker has ended. */
  readonly post: (message: ToFar, transfer: ReadonlyArray<unknown>) => void
  /** Reads the position of the batch in a slot. */
  readonly position: (slot: number) => Position
  /** Clears a slot for another batch. */
  readonly clear: (slot: number) => void
  /**
   * Stops the worker from starting more payloads of a batch, even if the worker is blocked. Returns how many payloads
   * it has started. `undefined` if the platform cannot do this.
   */
  readonly cut: ((slot: number) => number) | undefined
  /** Cuts a batch only if none of its payloads was started. Otherwise changes nothing and returns false. */
  readonly withdraw: ((slot: number) => boolean) | undefined
  readonly kill: () => void
  /** Makes the worker keep the program running (true), or not (false). */
  readonly hold: (busy: boolean) => void
}

/** Callbacks for the events of a worker. */
interface WorkerListener {
  readonly onMessage: (message: unknown) => void
  readonly onNonsense: (error: unknown) => void
  readonly onExit: (exit: WorkerExit) => void
}

/** The operations that differ between threads and processes. */
export interface Platform {
  readonly name: string
  readonly crossing: Crossing
  /** True if a batch that has not begun can be taken back from a worker at any time (`withdraw`). */
  readonly canWithdraw: boolean
  /**
   * Starts a worker. Throws if it cannot be started. Passes its messages to `onMessage` unchecked. Calls `onNonsense`
   * if the worker sends something that cannot be read as a message.
   */
  readonly spawn: (number: number, listener: WorkerListener) => WorkerHandle
}

/** Options of a pool. Times are in milliseconds. */
export interface PoolOptions {
  readonly workers: number
  readonly grace: number
  readonly startTimeout: number
  readonly idleTimeout: number
  readonly maxTasksPerWorker: number
  /** Size in bytes from which a typed array crosses as shared memory. `undefined` means never. */
  readonly maxBytes: number | undefined
}

/** Greatest number of batches that a worker may have at a time. */
export const slots = 64
