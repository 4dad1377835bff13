/**
 * When the attempts of one lane begin and end. Only lanes of runs that report times have a clock.
 *
 * Reading the clock is half of what a quick input costs, so it is read once for each attempt where that is true enough: the
 * end of one attempt is the start of the next where nothing that takes time comes between them (`backToBack`), and attempts
 * that are ready take no time and are not clocked at all.
 */
import type { AttemptContext, Item } from "../inputs/item.ts"

/** No time: the clock is read when one is needed. */
const Unread = -1

export class LaneClock {
  /** Reads the monotonic clock, in nanoseconds. */
  private readonly read: () => number
  /** Whether items come back, so that the starts of single attempts matter. */
  private readonly revisits: boolean
  private readonly backToBack: boolean
  /** The time where it was read just now, else `Unread`. */
  private now = Unread
  /** Whether the attempt before was ready: then the next may be too, and its start is not read before that is known. */
  private afterReady = false

  constructor(read: () => number, inputs: { readonly revisits: boolean; readonly backToBack: boolean }) {
    this.read = read
    this.revisits = inputs.revisits
    this.backToBack = inputs.backToBack && !inputs.revisits
  }

  /** Notes the start of an attempt. */
  begin(item: Item<unknown>, attempt: AttemptContext): void {
    if (this.revisits) {
      attempt.beganAt = this.time()
      if (!item.unstarted) return
      item.startedAt = item.endedAt = attempt.beganAt
      item.unstarted = false
    } else if (this.afterReady) {
      item.startedAt = item.endedAt
    } else {
      item.startedAt = item.endedAt = this.time()
    }
  }

  /** Notes that the attempt at hand was ready. */
  wasReady(): void {
    this.afterReady = true
  }

  /** Corrects the start of the attempt at hand: it follows ready ones, and is not ready itself. */
  beginAfterReady(item: Item<unknown>): void {
    if (!this.afterReady) return
    this.afterReady = false
    if (!this.revisits) item.startedAt = this.read()
  }

  /** Notes the end of an attempt. */
  end(item: Item<unknown>): void {
    item.endedAt = this.read()
  }

  /** Notes the end of an attempt inside the loop, which goes on with the next. */
  endInLoop(item: Item<unknown>): void {
    item.endedAt = this.read()
    if (this.backToBack) this.now = item.endedAt
  }

  /** Forgets the time: something else has run since it was read. */
  forget(): void {
    this.now = Unread
  }

  /** Reads the time, unless it was read just now. */
  private time(): number {
    const { now } = this
    if (now === Unread) return this.read()
    this.now = Unread
    return now
  }
}
