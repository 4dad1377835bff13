/**
 * Parts of a worker as they know each other: its link to the near side, and what runs the batches.
 */
import type { BatchMessage, FromFar, ToFar } from "../wire/messages.ts"
import type { Clone } from "../wire/thrown.ts"

/** How a worker of some kind reaches its near side. */
export interface Link {
  readonly clone: Clone
  readonly post: (message: FromFar, transfer?: ReadonlyArray<unknown>) => void
  readonly listen: (receive: (message: ToFar) => void) => void
  /**
   * Notes that a batch comes to a position, at this time of the system's monotonic clock in milliseconds; `false` when
   * the near side has cut the batch before it.
   */
  readonly claim: (slot: number, position: number, since: number) => boolean
  /** Ends the worker. */
  readonly close: () => void
}

/** What boots a worker asks of what runs in it. */
export interface Runner {
  readonly run: (run: BatchMessage, task: unknown) => void
  readonly recall: (id: number) => void
  readonly cancel: (id: number) => void
  /** Tells at once what has not been told: the worker is about to end. */
  readonly flush: () => void
  /** Whether any batch is under way. */
  readonly busy: () => boolean
  readonly end: () => Promise<void>
}
