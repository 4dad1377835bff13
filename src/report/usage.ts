/**
 * Use of the time of workers: the time at work, and the waits of the work that came next.
 *
 * A worker without work may be waiting for many inputs at the same time. That time counts for the input that it takes
 * next. The waits of that attempt are laid out backward from its start, the last wait first, as far as they reach back
 * to the end of the work before. Any time that they do not cover is idle. The viewer is bundled with this module, so it
 * imports only types.
 */
import type { Wait } from "./plain.ts"

/** Time of a worker at one attempt, with the waits of that attempt, in milliseconds. */
export interface Busy {
  readonly start: number
  readonly end: number
  readonly waits?: { readonly [K in Wait]?: number | undefined } | undefined
}

/** Part of a worker's time before an attempt, in milliseconds since the start of the run. */
export interface Gap {
  readonly kind: Wait
  readonly start: number
  readonly end: number
}

/** Sums over all workers, in milliseconds. */
export interface Sums extends Readonly<Record<Wait | "working" | "idle", number>> {
  readonly workers: number
}

/** Names of the waits in texts, in the order in which texts list them. */
export const waitedFor: Readonly<Record<Wait, string>> = {
  startup: "starting up",
  transfer: "in transfer",
  limit: "waiting for limits",
  retry: "waiting for retries",
  queue: "queued"
}

/** Waits in the order in which they end, the last first. */
const backwards: ReadonlyArray<Wait> = ["transfer", "startup", "queue", "limit", "retry"]

/** Finds the waits of a worker between its attempts. The attempts have to be in the order of their starts. */
export const gapsOf = (row: ReadonlyArray<Busy>): ReadonlyArray<Gap> => {
  const gaps: Array<Gap> = []
  let free = 0
  for (const { end, start, waits } of row) {
    let until = start
    for (const kind of backwards) {
      const from = Math.max(free, until - (waits?.[kind] ?? 0))
      if (from < until) gaps.push({ kind, start: from, end: until })
      until = Math.min(until, from)
    }
    free = Math.max(free, end)
  }
  return gaps
}

/** Sums up the time of workers until the end of a run. Each row has the attempts of a worker, in any order. */
export const sumsOf = (rows: Iterable<ReadonlyArray<Busy>>, until: number): Sums => {
  const sums = { workers: 0, working: 0, retry: 0, limit: 0, queue: 0, startup: 0, transfer: 0, idle: 0 }
  for (const unsorted of rows) {
    const row = unsorted.toSorted((a, b) => a.start - b.start)
    let free = 0
    let spent = 0
    for (const { end, start } of row) {
      if (end <= free) continue
      spent += end - Math.max(start, free)
      free = end
    }
    sums.workers++
    sums.working += spent
    for (const { end, kind, start } of gapsOf(row)) {
      sums[kind] += end - start
      spent += end - start
    }
    sums.idle += Math.max(0, until - spent)
  }
  return sums
}
