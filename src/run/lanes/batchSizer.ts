/**
 * How many inputs go to a worker together.
 *
 * A message costs about as much as some hundred tiny tasks, so batches grow until one takes some milliseconds; and they
 * shrink towards the end of the inputs, so that all workers end together. The times are those of joblib's automatic
 * batches, scaled down: a message between threads costs a hundredth of one between its processes.
 */

/** How long a batch should take, in milliseconds. */
const target = 25

/** How long an automatic batch may take before it is given back: the inputs have become slow. */
export const budget = 2 * target

/** What no batch is cut below at the end of the inputs, in milliseconds: so much is lost at most to waiting. */
const least = 2

/** How many times larger a batch may be than the one before. */
const growth = 8

/** The most inputs that go together; telling what became of more would keep the event loop waiting. */
const most = 16_384

export class BatchSizer {
  private size = 1
  /** How many inputs take as long as the least batch. */
  private few = 1
  private readonly batchSize: number | "auto"
  private readonly lanes: number
  private readonly most: number

  /** For so many lanes that share `window` inputs. */
  constructor(batchSize: number | "auto", lanes: number, window: number) {
    this.batchSize = batchSize
    this.lanes = lanes
    const share = lanes === Infinity ? 1 : Math.floor(window / lanes)
    this.most = Math.max(1, Math.min(most, share))
  }

  get automatic(): boolean {
    return this.batchSize === "auto"
  }

  /** The size of the next batch, when so many inputs are left. */
  next(left: number): number {
    if (this.batchSize !== "auto") return this.batchSize
    const share = left === Infinity ? left : Math.max(left / (2 * this.lanes), this.few)
    return Math.max(1, Math.min(this.size, this.most, Math.ceil(share)))
  }

  /** A batch of so many inputs has taken so many milliseconds. */
  learn(count: number, millis: number): void {
    if (count === 0) return
    const ideal = millis > 0 ? target * count / millis : Infinity
    this.few = millis > 0 ? least * count / millis : this.few
    const size = Math.floor(Math.min(ideal, Math.max(count * growth, this.size), most))
    this.size = Math.max(1, size < this.size || count * 2 > this.size ? size : this.size)
  }
}
