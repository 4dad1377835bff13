/** A report as charts need it. */
import type { Json } from "../src/report/json.ts"
import { attemptsOf } from "../src/report/trace.ts"

export type Outcome = Json["outcomes"][number]

/** How an attempt is drawn. What failed in the end is told from what was tried again. */
export type Kind = "succeeded" | "retried" | "failed" | "interrupted"

/** An attempt as a bar; times in milliseconds since the start of the run. */
export interface Bar {
  readonly outcome: Outcome
  readonly nth: number
  readonly start: number
  readonly end: number
  readonly worker: number
  readonly kind: Kind
  readonly message: string | undefined
}

export interface Model {
  readonly report: Json
  /** For each worker its bars, in the order of their starts. */
  readonly rows: ReadonlyArray<ReadonlyArray<Bar>>
  /** When the last attempt ended, or the run, whichever is later. */
  readonly until: number
}

export const make = (report: Json): Model => {
  const rows: Array<Array<Bar>> = []
  let until = report.elapsed
  for (const outcome of report.outcomes) {
    const attempts = attemptsOf(outcome)
    for (let nth = 0; nth < attempts.length; nth++) {
      const { elapsed, end, message, startedAt, worker } = attempts[nth]!
      const final = nth === attempts.length - 1 && outcome._tag === "Failure"
      const kind = end === "Failed" ? final ? "failed" : "retried" : end === "Succeeded" ? "succeeded" : "interrupted"
      const bar = { outcome, nth, start: startedAt, end: startedAt + elapsed, worker, kind, message } as const
      until = Math.max(until, bar.end)
      while (rows.length <= worker) rows.push([])
      rows[worker]!.push(bar)
    }
  }
  for (const row of rows) row.sort((a, b) => a.start - b.start)
  return { report, rows, until: until > 0 ? until : 1 }
}

/** The first bar of a row that ends after a time. */
export const firstAfter = (row: ReadonlyArray<Bar>, time: number): number => {
  let [from, to] = [0, row.length]
  while (from < to) {
    const middle = (from + to) >> 1
    if (row[middle]!.end < time) from = middle + 1
    else to = middle
  }
  return from
}

/** The value below which a share of sorted values lies. */
export const quantile = (sorted: ReadonlyArray<number>, share: number): number =>
  sorted.length === 0 ? 0 : sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]!

/** How long each input took that was run, the quickest first. */
export const latencies = ({ report }: Model): ReadonlyArray<number> =>
  report.outcomes.filter(({ attempts }) => attempts > 0).map(({ elapsed }) => elapsed).toSorted((a, b) => a - b)

/** The share of their time that workers were at an attempt, from 0 to 1. */
export const utilisation = ({ rows, until }: Model): number => {
  let busy = 0
  for (const row of rows) for (const bar of row) busy += bar.end - bar.start
  return rows.length === 0 ? 0 : Math.min(1, busy / (until * rows.length))
}
