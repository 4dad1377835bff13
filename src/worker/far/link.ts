/**
 * The parts of a worker as they see each other: its link to the near side, and the runner of its batches.
 */
import type { Crossing } from "../wire/crossing.ts"
import type { BatchMessage, FromFar, ToFar } from "../wire/messages.ts"

/** Connection of a worker to its near side. */
export interface Link {
  readonly crossing: Crossing
  readonly post: (message: FromFar, transfer?: ReadonlyArray<unknown>) => void
  readonly listen: (receive: (message: ToFar) => void) => void
  /**
   * Records that a batch starts the payload at a position, at a time of the system's monotonic clock in milliseconds.
   * False if the near side has cut the batch before that position: then it must not start.
   */
  readonly claim: (slot: number, position: number, since: number) => boolean
  /** Ends the worker. */
  readonly close: () => void
}

/** The part of the runner that the boot code uses. */
export interface Runner {
  /**
   * Runs a batch that was received at a time of the machine's clock, by a worker that has listened since another. Calls
   * `over` when the batch is over.
   */
  readonly run: (
    run: BatchMessage,
    task: unknown,
    came: { readonly upAt: number; readonly receivedAt: number },
    over: () => void
  ) => void
  readonly recall: (id: number) => void
  readonly cancel: (id: number) => void
  /** Posts the exits that have not been posted, before the worker ends. */
  readonly flush: () => void
  /** True if a batch is under way. */
  readonly busy: () => boolean
  readonly end: () => Promise<void>
}
