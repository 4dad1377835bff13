/**
 * The clock of one lane: it measures when its attempts begin and end. Only lanes of runs that report times have one.
 *
 * Reading the clock is half of the cost of a quick input, so it is read once for each attempt where that is accurate
 * enough. The end of one attempt is the start of the next if nothing that takes time happens in between (`backToBack`).
 * Attempts that are ready take no time, and need no reading.
 */
import type { AttemptContext, Item } from "../inputs/item.ts"

/** Value of `now` when the clock has to be read. */
const Unread = -1

export class LaneClock {
  /** Reads the monotonic clock, in nanoseconds. */
  private readonly read: () => number
  /** True if items come back, so that the start of each attempt matters. */
  private readonly revisits: boolean
  private readonly backToBack: boolean
  /** Time in nanoseconds if it was read just now. Otherwise `Unread`. */
  private now = Unread
  /** True if the attempt before was ready. Then the next may be ready too, and its start is read only if it is not. */
  private afterReady = false

  constructor(read: () => number, inputs: { readonly revisits: boolean; readonly backToBack: boolean }) {
    this.read = read
    this.revisits = inputs.revisits
    this.backToBack = inputs.backToBack && !inputs.revisits
  }

  /** Sets the start of an attempt. */
  begin(item: Item<unknown>, attempt: AttemptContext): void {
    if (this.revisits) {
      attempt.beganAt = this.time()
      attempt.waits = item.sinceRetry(attempt.beganAt)
      attempt.remote = undefined
      if (!item.unstarted) return
      item.startedAt = item.endedAt = attempt.beganAt
      item.unstarted = false
    } else if (this.afterReady) {
      item.startedAt = item.endedAt
    } else {
      item.startedAt = item.endedAt = this.time()
    }
  }

  /** Notes that the current attempt was ready. */
  wasReady(): void {
    this.afterReady = true
  }

  /** Corrects the start of an attempt that follows ready ones and is not ready itself. */
  beginAfterReady(item: Item<unknown>): void {
    if (!this.afterReady) return
    this.afterReady = false
    if (!this.revisits) item.startedAt = this.read()
  }

  /** Sets the end of an attempt. */
  end(item: Item<unknown>): void {
    item.endedAt = this.read()
  }

  /** Sets the end of an attempt inside the loop, which continues with the next. */
  endInLoop(item: Item<unknown>): void {
    item.endedAt = this.read()
    if (this.backToBack) this.now = item.endedAt
  }

  /** Forgets the time, because other code has run since it was read. */
  forget(): void {
    this.now = Unread
  }

  /** Returns the time that was read just now, or reads it. */
  private time(): number {
    const { now } = this
    if (now === Unread) return this.read()
    this.now = Unread
    return now
  }
}
