/**
 * Contracts between lanes, the source of their inputs, their run and its queue.
 */
import type * as Duration from "effect/Duration"
import type { AttemptContext, Item } from "./item.ts"

/** Answer to a lane that asks for an input. */
export type Found = typeof Taken | typeof Waiting | typeof Done
export const Taken = 0
export const Waiting = 1
export const Done = 2

/** Source of the items of a lane, in the program or in a worker. */
export interface ItemSource<I> {
  /** True if items come back to the lanes, so that each needs an object of its own. */
  readonly revisits: boolean
  /** True if nothing that takes time happens between the end of an input and the start of the next available one. */
  readonly backToBack: boolean
  /** True once the run was ended early. */
  readonly stopped: boolean
  /** True once nothing new may begin. */
  readonly draining: boolean
  /** The item that the last `next` took, where items come back. */
  readonly item: Item<I>
  /**
   * Takes an input. Where items do not come back, it goes into `own`, an item that the lane uses for all its inputs;
   * otherwise into `item`.
   */
  next(own: Item<I> | undefined): Found
}

/** Notifications from the lanes to their run, apart from taking items. A lane in a worker has none. */
export interface LaneHost<I> {
  join(): void
  leave(wake: (() => void) | undefined): void
  wait(wake: () => void): void
  began(item: Item<I>, attempt: AttemptContext): void
  ended(item: Item<I>, attempt?: AttemptContext): void
  delay(item: Item<I>, delay: Duration.Duration): void
  settled(): void
  dropped(): void
  stop(): void
}

export interface QueueOptions {
  readonly window: number
  /** Greatest size of the window. The window grows as inputs are done. */
  readonly widest: number
  readonly retries: boolean
  readonly stragglers: { readonly after: Duration.Duration; readonly limit: number } | undefined
  /** True if lanes take several inputs together, and may return some of them unstarted. */
  readonly batches: boolean
  /** True if the sink calls `retire` when an input is done. Otherwise an input is done when it is settled. */
  readonly retiredElsewhere: boolean
  /** True if attempts are reported. */
  readonly detailed: boolean
  /** Called when the run is ended early. */
  readonly stopped: () => void
}
