/**
 * The interfaces between the parts of a worker: its link to the near side, and the runner of its batches.
 */
import type { Crossing } from "../wire/crossing.ts"
import type { BatchMessage, FromFar, ToFar } from "../wire/messages.ts"

/** Connection of a worker to its near side. */
export interface Link {
  readonly crossing: Crossing
  readonly post: (message: FromFar, transfer?: ReadonlyArray<unknown>) => void
  readonly listen: (receive: (message: ToFar) => void) => void
  /**
   * Records that a batch starts the payload at a position, at a time of the machine's monotonic clock in milliseconds.
   * Returns false if the near side has cut the batch before that position; then the payload must not start.
   */
  readonly claim: (slot: number, position: number, since: number) => boolean
  /** Ends the worker. */
  readonly close: () => void
}

/** The part of the runner that the boot code uses. */
export interface Runner {
  /**
   * Runs a batch. `came` has the times of the machine's clock at which the worker began to listen (`upAt`) and received
   * the batch (`receivedAt`). Calls `over` when the batch is over.
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
  /** True if a batch is in progress. */
  readonly busy: () => boolean
  readonly end: () => Promise<void>
}
