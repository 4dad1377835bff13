/**
 * Sizes of batches: how many inputs go to a worker together.
 *
 * A message costs about as much as some hundred tiny tasks, so batches grow until one takes some milliseconds. They
 * shrink toward the end of the inputs, so that all workers end together. The times are those of joblib's automatic
 * batches, scaled down: a message between threads costs a hundredth of one between its processes.
 */

/** Target duration of a batch, in milliseconds. */
const targetMillis = 25

/**
 * Duration of an automatic batch after which it starts no further input, in milliseconds: the inputs have become slow.
 */
export const budget = 2 * targetMillis

/**
 * Duration below which batches do not shrink at the end of the inputs, in milliseconds. At most this much is lost to
 * waiting.
 */
const leastMillis = 2

/** Greatest ratio of the size of a batch to the one before. */
const growth = 8

/** Greatest number of inputs in a batch; the exits of more would hold up the event loop. */
const largest = 16_384

export class BatchSizer {
  private size = 1
  /** Number of inputs that take `leastMillis`. */
  private leastCount = 1
  private readonly batchSize: number | "auto"
  private readonly lanes: number
  private readonly most: number

  /** Makes a sizer for `lanes` lanes that share a window of inputs. */
  constructor(batchSize: number | "auto", lanes: number, window: number) {
    this.batchSize = batchSize
    this.lanes = lanes
    const share = lanes === Infinity ? 1 : Math.floor(window / lanes)
    this.most = Math.max(1, Math.min(largest, share))
  }

  get automatic(): boolean {
    return this.batchSize === "auto"
  }

  /** Returns the size of the next batch, when `left` inputs are left. */
  next(left: number): number {
    if (this.batchSize !== "auto") return this.batchSize
    const share = left === Infinity ? left : Math.max(left / (2 * this.lanes), this.leastCount)
    return Math.max(1, Math.min(this.size, this.most, Math.ceil(share)))
  }

  /** Learns from a batch of `count` inputs that took `millis` milliseconds. */
  learn(count: number, millis: number): void {
    if (count === 0) return
    const ideal = millis > 0 ? targetMillis * count / millis : Infinity
    this.leastCount = millis > 0 ? leastMillis * count / millis : this.leastCount
    const size = Math.floor(Math.min(ideal, Math.max(count * growth, this.size), largest))
    this.size = Math.max(1, size < this.size || count * 2 > this.size ? size : this.size)
  }
}
