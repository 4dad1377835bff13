/**
 * What lanes ask of where their inputs come from, and what they tell their run.
 */
import type * as Duration from "effect/Duration"
import type { AttemptContext, Item } from "./item.ts"

/** Result of a lane that asks for an input. */
export type Found = typeof Taken | typeof Waiting | typeof Done
export const Taken = 0
export const Waiting = 1
export const Done = 2

/** Source of the items of a lane, in the program and in a worker. */
export interface ItemSource<I> {
  /** True if items come back to the lanes, so that each needs an object of its own. */
  readonly revisits: boolean
  /** True if nothing that takes time happens between the end of an input and the start of the next available one. */
  readonly backToBack: boolean
  /** True once the run was ended early. */
  readonly stopped: boolean
  /** True once nothing new is to begin. */
  readonly draining: boolean
  /** Item of the last `next` that took one, where items come back. */
  readonly item: Item<I>
  /**
   * Takes an input: into `own`, an item that the lane uses for all its inputs, where items do not come back; otherwise
   * into `item`.
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
