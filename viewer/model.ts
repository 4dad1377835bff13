/** The report in the form that the charts need. */
import type { Plain, PlainOutcome } from "../src/report/plain.ts"
import { attemptsOf } from "../src/report/trace.ts"
import { type Gap, gapsOf } from "../src/report/usage.ts"

export type Outcome = PlainOutcome

/** Kind of an attempt for drawing: a last failure is `failed`, a failure before another attempt `retried`. */
export type Kind = "succeeded" | "retried" | "failed" | "interrupted" | "lost"

/** An attempt as a bar; times in milliseconds since the start of the run. */
export interface Bar {
  readonly outcome: Outcome
  readonly nth: number
  readonly start: number
  readonly end: number
  readonly worker: number
  readonly kind: Kind
  readonly message: string | undefined
  readonly waits: PlainOutcome["waits"]
}

export interface Model {
  readonly report: Plain
  /** Bars of each worker, in the order of their starts. */
  readonly rows: ReadonlyArray<ReadonlyArray<Bar>>
  /** What each worker waited for between its bars, in order. */
  readonly gaps: ReadonlyArray<ReadonlyArray<Gap>>
  /** End of the last attempt or of the run, whichever is later, in milliseconds since the start of the run. */
  readonly until: number
}

export const make = (report: Plain): Model => {
  const rows: Array<Array<Bar>> = []
  let until = report.elapsed
  for (const outcome of report.outcomes) {
    const attempts = attemptsOf(outcome)
    for (let nth = 0; nth < attempts.length; nth++) {
      const { elapsed, end, message, startedAt, waits, worker } = attempts[nth]!
      const final = nth === attempts.length - 1 && outcome._tag === "Failure"
      const kind = end === "Failed"
        ? final ? "failed" : "retried"
        : end === "Succeeded"
        ? "succeeded"
        : end === "Lost"
        ? "lost"
        : "interrupted"
      const bar = { outcome, nth, start: startedAt, end: startedAt + elapsed, worker, kind, message, waits } as const
      until = Math.max(until, bar.end)
      while (rows.length <= worker) rows.push([])
      rows[worker]!.push(bar)
    }
  }
  for (const row of rows) row.sort((a, b) => a.start - b.start)
  const gaps = rows.map((row) => gapsOf(row).toSorted((a, b) => a.start - b.start))
  return { report, rows, gaps, until: until > 0 ? until : 1 }
}

/** Finds the index of the first bar or gap in a row that ends after a time. */
export const firstAfter = (row: ReadonlyArray<{ readonly end: number }>, time: number): number => {
  let [from, to] = [0, row.length]
  while (from < to) {
    const middle = (from + to) >> 1
    if (row[middle]!.end < time) from = middle + 1
    else to = middle
  }
  return from
}

/** Returns the value at a quantile of sorted values. */
export const quantile = (sorted: ReadonlyArray<number>, share: number): number =>
  sorted.length === 0 ? 0 : sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]!

/** Returns the durations of all inputs that were run, the shortest first, in milliseconds. */
export const latencies = ({ report }: Model): ReadonlyArray<number> =>
  report.outcomes.filter(({ attempts }) => attempts > 0).map(({ elapsed }) => elapsed).toSorted((a, b) => a - b)

/** Returns the share of time in which workers were busy, from 0 to 1. */
export const utilisation = ({ rows, until }: Model): number => {
  let busy = 0
  for (const row of rows) for (const bar of row) busy += bar.end - bar.start
  return rows.length === 0 ? 0 : Math.min(1, busy / (until * rows.length))
}
