/**
 * What a run with a journal asks of each new input, before a lane has it.
 */
import type { Item } from "./item.ts"

/** Keeper of inputs that may be known, until that is found out. */
export interface Recaller<in I> {
  /** True if no further new input may be taken now; `notify` is called when that changes. */
  readonly isFull: boolean
  /** True once an outcome will end the run as soon as it is durable: nothing may begin until then. */
  readonly isEnding: boolean
  /** Takes a new item to look it up, or to wait for an equal one; false if it has to run. */
  readonly holds: (item: Item<I>) => boolean
  /** Tells that all inputs were taken. */
  readonly exhausted: () => void
}
