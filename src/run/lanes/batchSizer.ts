/**
 * Sizes of batches: how many inputs go to a worker together.
 *
 * A message costs about as much as a hundred tiny tasks, so batches grow until one takes some milliseconds. They shrink
 * toward the end of the inputs, so that all workers end together. The times are those of joblib's automatic batches,
 * scaled down: a message between threads costs a hundredth of one between joblib's processes.
 */

import type * as Backend from "../../Backend.ts"
import type { LaneCount } from "./laneCount.ts"

/**
 * Target duration of a batch, in milliseconds; the target as a multiple of what a message costs, where that is more;
 * and the longest target, in milliseconds.
 */
const targetMillis = 25
const targetOfMessage = 50
const longestTarget = 2000

/**
 * Share of the target below which batches do not shrink at the end of the inputs. At most this much is lost to waiting.
 */
const leastShare = 0.08

/** Share of the target at which a batch may be recalled. */
const recallShare = 0.4

/** Greatest ratio of the size of a batch to the size of the one before. */
const growth = 8

/** Greatest number of inputs in a batch. The exits of more would hold up the event loop. */
const largest = 16_384

export class BatchSizer {
  private size = 1
  /** Number of inputs that take `leastMillis`. */
  private leastCount = 1
  private readonly batchSize: number | "auto"
  private readonly count: Pick<LaneCount, "concurrency">
  private readonly window: number
  private readonly backend: Pick<Backend.Backend, "messageMillis">

  /** Makes a sizer for lanes that share a window of inputs. */
  constructor(
    batchSize: number | "auto",
    count: Pick<LaneCount, "concurrency">,
    window: number,
    backend: Pick<Backend.Backend, "messageMillis">
  ) {
    this.batchSize = batchSize
    this.count = count
    this.window = window
    this.backend = backend
  }

  /** Target duration of a batch, in milliseconds. */
  get target(): number {
    const { messageMillis = 0 } = this.backend
    return Math.min(Math.max(targetMillis, messageMillis * targetOfMessage), longestTarget)
  }

  /** Time after which an automatic batch starts no further input, in milliseconds: the inputs have become slow. */
  get budget(): number {
    return 2 * this.target
  }

  /** Least age, in milliseconds, of a batch that an idle lane asks for unstarted inputs. */
  get recallAge(): number {
    return this.target * recallShare
  }

  /** Greatest number of inputs in a batch. */
  private get most(): number {
    const { concurrency } = this.count
    const share = concurrency === Infinity ? 1 : Math.floor(this.window / concurrency)
    return Math.max(1, Math.min(largest, share))
  }

  get automatic(): boolean {
    return this.batchSize === "auto"
  }

  /** True if the last batch has run within its budget. What is sent behind such a batch waits only for a moment. */
  isQuick = false

  /** Returns the size of the next batch, when `left` inputs are left. */
  next(left: number): number {
    if (this.batchSize !== "auto") return this.batchSize
    const share = left === Infinity ? left : Math.max(left / (2 * this.count.concurrency), this.leastCount)
    return Math.max(1, Math.min(this.size, this.most, Math.ceil(share)))
  }

  /** Learns from a batch of `count` inputs that took `millis` milliseconds. */
  learn(count: number, millis: number): void {
    if (count === 0) return
    this.isQuick = millis <= this.budget
    const ideal = millis > 0 ? this.target * count / millis : Infinity
    this.leastCount = millis > 0 ? leastShare * this.target * count / millis : this.leastCount
    const size = Math.floor(Math.min(ideal, Math.max(count * growth, this.size), largest))
    this.size = Math.max(1, size < this.size || count * 2 > this.size ? size : this.size)
  }
}
