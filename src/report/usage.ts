/**
 * What workers did with their time: what they worked on, and what the work that came next had waited for.
 *
 * A worker without work may be waiting for many inputs at once. Its time counts for the one that it takes next: the waits
 * of that attempt are laid out before its start, the last first, as far as they reach back to the end of the work
 * before; what they do not cover is idle. The viewer is bundled with this, so it imports types alone.
 */
import type { Wait } from "./plain.ts"

/** Time of a worker at one attempt, with what that attempt had waited for; in milliseconds. */
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

/** What a worker does that waits for something, as texts say it, in the order in which they list it. */
export const waitedFor: Readonly<Record<Wait, string>> = {
  startup: "starting up",
  transfer: "messages",
  limit: "waiting for limits",
  retry: "waiting for retries",
  queue: "queueing"
}

/** Waits in the order in which they end, the last first. */
const backwards: ReadonlyArray<Wait> = ["transfer", "startup", "queue", "limit", "retry"]

/** Finds what a worker waited for between its attempts, which are given in the order of their starts. */
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

/** Sums up what workers did until the end of a run. Each row has the attempts of a worker, in any order. */
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
