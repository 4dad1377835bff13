/**
 * The rate of a run, and the time that its remaining inputs take at that rate.
 */
import type { Counts } from "./contract.ts"

/** Length of the window over which a rate is taken, in milliseconds. */
const span = 10_000

/** Rate of a run over the last ten seconds, in inputs per second. */
export class RateMeter {
  private readonly startedAt: number
  /**
   * Counts of finished inputs by time (in milliseconds), the oldest first. Invariant: never empty, and only the first
   * may be older than the window.
   */
  private readonly samples: Array<{ readonly at: number; readonly done: number }>

  constructor(now: number) {
    this.startedAt = now
    this.samples = [{ at: now, done: 0 }]
  }

  /** Returns the inputs per second over the window, or over the whole run if none was finished in the window. */
  at(now: number, done: number): number {
    const { samples, startedAt } = this
    while (samples.length > 1 && samples[1]!.at <= now - span) samples.shift()
    const { at, done: before } = samples[0]!
    if (samples.at(-1)!.at < now) samples.push({ at: now, done })
    const [from, many] = done > before ? [at, done - before] : [startedAt, done]
    return now > from ? 1000 * many / (now - from) : 0
  }
}

/** Returns the seconds that the remaining inputs take at a rate. Returns undefined if that is not known. */
export const secondsLeft = ({ done, total }: Pick<Counts, "done" | "total">, rate: number): number | undefined =>
  total !== undefined && rate > 0 ? (total - done) / rate : undefined
