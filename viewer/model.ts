/** The report in the form that the parts of the page need. */
import type { Json } from "../src/report/json.ts"
import { type Plain, plain, type PlainLog, type PlainNested, type PlainOutcome } from "../src/report/plain.ts"
import { attemptsOf } from "../src/report/trace.ts"
import { type Gap, gapsOf } from "../src/report/usage.ts"

export type Outcome = PlainOutcome

/** Part of the time of a run, in milliseconds since its start. */
export type Range = readonly [from: number, to: number]

/** The part of the time of a run that is shown. If undefined, all of it. */
export type Zoom = Range | undefined

/** Kind of an attempt for drawing. A last failure is `failed`, a failure before another attempt is `retried`. */
export type Kind = "succeeded" | "retried" | "failed" | "interrupted" | "lost"

/** An attempt as a bar. Times are in milliseconds since the start of the run. */
export interface Bar {
  readonly outcome: Outcome
  /** Place of the outcome in the report. */
  readonly place: number
  readonly nth: number
  readonly start: number
  readonly end: number
  readonly worker: number
  readonly kind: Kind
  readonly message: string | undefined
  readonly waits: PlainOutcome["waits"]
}

/** A nested run with its place among all of them. */
export interface Nested extends PlainNested {
  readonly place: number
  /** Index of the input of the report whose attempt contains this run. */
  readonly outer: number | undefined
}

export interface Model {
  readonly json: Json
  readonly report: Plain
  /** Bars of each worker, in the order of their starts. */
  readonly rows: ReadonlyArray<ReadonlyArray<Bar>>
  /** Waits of each worker between its bars, in order. */
  readonly gaps: ReadonlyArray<ReadonlyArray<Gap>>
  /** End of the last attempt or of the run, whichever is later, in milliseconds since the start of the run. */
  readonly until: number
  readonly nested: ReadonlyArray<Nested>
  /** Finds the place of an outcome by the index of its input. */
  readonly placeOf: (index: number) => number | undefined
  readonly logsOf: (index: number) => ReadonlyArray<PlainLog>
  readonly nestedOf: (index: number) => ReadonlyArray<Nested>
}

export const make = (json: Json): Model => {
  const report = plain(json)
  const rows: Array<Array<Bar>> = []
  let until = report.elapsed
  for (const [place, outcome] of report.outcomes.entries()) {
    const attempts = attemptsOf(outcome)
    for (let nth = 0; nth < attempts.length; nth++) {
      const { elapsed, end, message, startedAt, waits, worker } = attempts[nth]!
      const kind = kindOfBar(end, nth === attempts.length - 1 && outcome._tag === "Failure")
      const bar = { outcome, place, nth, start: startedAt, end: startedAt + elapsed, worker, kind, message, waits }
      until = Math.max(until, bar.end)
      while (rows.length <= worker) rows.push([])
      rows[worker]!.push(bar)
    }
  }
  for (const row of rows) row.sort((a, b) => a.start - b.start)
  const gaps = rows.map((row) => gapsOf(row).toSorted((a, b) => a.start - b.start))
  const nested = withOuter(report.nested ?? [])
  const places = lazy(() => new Map(report.outcomes.map(({ index }, place) => [index, place])))
  const logs = lazy(() => Map.groupBy(report.logs ?? [], ({ index }) => index))
  const inside = lazy(() => Map.groupBy(nested, ({ outer }) => outer))
  return {
    json,
    report,
    rows,
    gaps,
    until: until > 0 ? until : 1,
    nested,
    placeOf: (index) => report.outcomes[index]?.index === index ? index : places().get(index),
    logsOf: (index) => logs().get(index) ?? [],
    nestedOf: (index) => inside().get(index) ?? []
  }
}

const kindOfBar = (end: "Succeeded" | "Failed" | "Interrupted" | "Lost", final: boolean): Kind => {
  if (end === "Failed") return final ? "failed" : "retried"
  if (end === "Succeeded") return "succeeded"
  return end === "Lost" ? "lost" : "interrupted"
}

/** Finds the input of the report for each nested run, which is the input of the outermost run around it. */
const withOuter = (nested: ReadonlyArray<PlainNested>): ReadonlyArray<Nested> =>
  nested.map((run, place) => {
    let around = run
    for (let steps = 0; around.parent !== undefined && steps < nested.length; steps++) {
      around = nested[around.parent] ?? { ...around, parent: undefined as never }
    }
    return { ...run, place, outer: around.index }
  })

const lazy = <A>(make: () => A): () => A => {
  let made: { readonly value: A } | undefined
  return () => (made ??= { value: make() }).value
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

/** Returns true if an outcome was running within a range. Recalled outcomes were not. */
export const isWithin = (
  { attempts, elapsed, startedAt }: Pick<Outcome, "attempts" | "elapsed" | "startedAt">,
  [from, to]: Range
): boolean => attempts > 0 && startedAt <= to && startedAt + elapsed >= from

/** Returns the value at a quantile of sorted values. */
export const quantile = (sorted: ArrayLike<number>, share: number): number =>
  sorted.length === 0 ? 0 : sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]!

/** Returns the durations of inputs that were run, in milliseconds, the shortest first. */
export const latencies = (outcomes: ReadonlyArray<Outcome>): Float64Array =>
  Float64Array.from(outcomes.filter(({ attempts }) => attempts > 0), ({ elapsed }) => elapsed).toSorted()

/** Returns the share of time in which workers were busy, from 0 to 1. */
export const utilisation = ({ rows, until }: Model): number => {
  let busy = 0
  for (const row of rows) for (const bar of row) busy += bar.end - bar.start
  return rows.length === 0 ? 0 : Math.min(1, busy / (until * rows.length))
}
