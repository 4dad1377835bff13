/**
 * The contract by which a run with a journal checks each new input before a lane gets it.
 */
import type { Item } from "./item.ts"

/** Holds inputs whose outcome may be recorded, until that is known. */
export interface Recaller<in I> {
  /** True if no further new input may be taken now. `notify` is called when that changes. */
  readonly isFull: boolean
  /** True once an outcome will end the run as soon as it is durable. Nothing may begin until then. */
  readonly isEnding: boolean
  /** Takes a new item to look it up, or to wait for an equal one. Returns false if the item has to run. */
  readonly holds: (item: Item<I>) => boolean
  /** Called when all inputs have been taken. */
  readonly exhausted: () => void
}
