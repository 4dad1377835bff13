/** Data of the charts, computed from the report: uses of time, rates, and steps of durations. */
import type { Wait } from "../src/report/plain.ts"
import { waits } from "./kinds.ts"
import { firstAfter, type Model, type Outcome, quantile, type Range } from "./model.ts"

/** A use of the time of a worker. */
export type Doing = "computing" | Wait | "idle"

export const doings: ReadonlyArray<Doing> = ["computing", ...waits, "idle"]

/**
 * Uses of the time of workers over a range. `workers` has the average number of workers for each use, at each time;
 * `shares` has the share of each use of the whole range.
 */
export interface Doings {
  readonly times: ReadonlyArray<number>
  readonly workers: Readonly<Record<Doing, ReadonlyArray<number>>>
  readonly shares: Readonly<Record<Doing, number>>
}

/** Computes how workers used their time in equal parts of a range. */
export const doingsOf = ({ gaps, rows }: Model, [from, to]: Range, parts = 160): Doings => {
  const width = (to - from) / parts
  const sums = Object.fromEntries(doings.map((doing) => [doing, new Array<number>(parts).fill(0)])) as Record<
    Doing,
    Array<number>
  >
  const add = (doing: Doing, start: number, end: number) => {
    const [first, last] = [Math.max(from, start), Math.min(to, end)]
    if (first >= last) return
    const until = Math.min(parts - 1, Math.floor((last - from) / width))
    for (let part = Math.min(parts - 1, Math.floor((first - from) / width)); part <= until; part++) {
      const [begin, finish] = [from + part * width, from + (part + 1) * width]
      sums[doing][part]! += Math.max(0, Math.min(last, finish) - Math.max(first, begin)) / width
    }
  }
  for (const [worker, row] of rows.entries()) {
    let free = 0
    for (let i = firstAfter(row, from); i < row.length && row[i]!.start <= to; i++) {
      const { end, start } = row[i]!
      add("computing", Math.max(free, start), end)
      free = Math.max(free, end)
    }
    const between = gaps[worker]!
    for (let i = firstAfter(between, from); i < between.length && between[i]!.start <= to; i++) {
      add(between[i]!.kind, between[i]!.start, between[i]!.end)
    }
  }
  for (let part = 0; part < parts; part++) {
    const spent = doings.reduce((sum, doing) => sum + (doing === "idle" ? 0 : sums[doing][part]!), 0)
    sums.idle[part] = Math.max(0, rows.length - spent)
  }
  const whole = Math.max(1e-9, rows.length * parts)
  const shares = Object.fromEntries(
    doings.map((doing) => [doing, sums[doing].reduce((sum, n) => sum + n, 0) / whole])
  ) as Record<Doing, number>
  const times = Array.from({ length: parts }, (_, part) => from + (part + 0.5) * width)
  // an area reaches from edge to edge, so the first and the last part are extended to the edges
  const reaching = (values: ReadonlyArray<number>) => [values[0]!, ...values, values.at(-1)!]
  const workers = Object.fromEntries(
    doings.map((doing) => [doing, reaching(sums[doing])] as const)
  ) as unknown as Doings["workers"]
  return { times: [from, ...times, to], workers, shares }
}

/** Inputs done per second over a range, smoothed by a bell curve. */
export interface Rates {
  readonly times: ReadonlyArray<number>
  readonly done: ReadonlyArray<number>
  readonly failed: ReadonlyArray<number>
  /** Width of the bell curve at half of its height, in milliseconds. */
  readonly window: number
}

/**
 * Least width of the window: in milliseconds, as a share of the range, and as the average number of inputs that end in
 * it.
 */
const leastWindow = 8
const leastShare = 0.03
const leastInputs = 8

/** Computes rates at points of a range. Near the ends of the run, only the part of the window inside the run counts. */
export const ratesOf = (outcomes: ReadonlyArray<Outcome>, until: number, [from, to]: Range, points = 300): Rates => {
  const ends = outcomes.filter(({ attempts, elapsed, startedAt }) =>
    attempts > 0 && startedAt + elapsed >= from && startedAt + elapsed <= to
  )
  const perInput = (to - from) / Math.max(1, ends.length)
  const window = Math.max(
    leastWindow,
    Math.min(0.25, Math.max(leastShare, leastInputs * perInput / (to - from))) * (to - from)
  )
  const sigma = window / 2.355
  const reach = 3 * sigma
  const cell = Math.min((to - from) / points, sigma / 4)
  const first = from - reach
  const cells = Math.ceil((to - from + 2 * reach) / cell) + 1
  const [done, failed] = [new Float64Array(cells), new Float64Array(cells)]
  for (const { _tag, attempts, elapsed, startedAt } of outcomes) {
    const at = Math.floor((startedAt + elapsed - first) / cell)
    if (attempts === 0 || at < 0 || at >= cells) continue
    done[at]!++
    if (_tag === "Failure") failed[at]!++
  }
  const times = Array.from({ length: points + 1 }, (_, i) => from + i * (to - from) / points)
  const smooth = (counts: Float64Array) =>
    times.map((time) => {
      let [sum, mass] = [0, 0]
      const last = Math.min(cells - 1, Math.floor((time + reach - first) / cell))
      for (let i = Math.max(0, Math.floor((time - reach - first) / cell)); i <= last; i++) {
        const middle = first + (i + 0.5) * cell
        if (middle < 0 || middle > until + cell) continue
        const weight = Math.exp(-((middle - time) ** 2) / (2 * sigma * sigma))
        sum += weight * counts[i]!
        mass += weight * cell
      }
      return mass === 0 ? 0 : 1000 * sum / mass
    })
  return { times, done: smooth(done), failed: smooth(failed), window }
}

/** Durations counted in steps that grow with them. */
export interface Histogram {
  /** Base-ten logarithms of the edges of the steps in milliseconds. */
  readonly edges: ReadonlyArray<number>
  readonly counts: ReadonlyArray<number>
  readonly quantiles: ReadonlyArray<readonly [name: string, millis: number]>
}

/** Least duration of a histogram, in milliseconds. Shorter ones count as this. */
const leastDuration = 0.001

/** Counts sorted durations in steps. */
export const histogramOf = (sorted: Float64Array): Histogram => {
  const logOf = (millis: number) => Math.log10(Math.max(leastDuration, millis))
  const [least, most] = [logOf(quantile(sorted, 0)), logOf(quantile(sorted, 1))]
  const spare = Math.max(0.02, (most - least) * 0.02)
  const [low, high] = [least - spare, most + spare]
  const steps = Math.min(56, Math.max(8, Math.ceil(1.5 * Math.sqrt(sorted.length))))
  const counts = new Array<number>(steps).fill(0)
  for (const millis of sorted) {
    counts[Math.min(steps - 1, Math.floor((logOf(millis) - low) / (high - low) * steps))]!++
  }
  return {
    edges: Array.from({ length: steps + 1 }, (_, i) => low + i * (high - low) / steps),
    counts,
    quantiles: [["p50", quantile(sorted, 0.5)], ["p95", quantile(sorted, 0.95)], ["p99", quantile(sorted, 0.99)], [
      "longest",
      quantile(sorted, 1)
    ]]
  }
}

/** Returns round durations within logarithmic bounds, as logarithms, few enough for an axis. */
export const roundDurations = (low: number, high: number, most: number): Array<number> => {
  const candidates = [[1], [1, 3], [1, 2, 5], [1, 1.5, 2, 3, 4, 5, 6, 8]].map((digits) => {
    const ticks: Array<number> = []
    for (let power = Math.floor(low); power <= Math.ceil(high); power++) {
      for (const digit of digits) {
        const tick = power + Math.log10(digit)
        if (tick >= low && tick <= high) ticks.push(tick)
      }
    }
    return ticks
  })
  const fitting = candidates.findLast(({ length }) => length >= 2 && length <= most)
  if (fitting !== undefined) return fitting
  const ticks = candidates[0]!.filter((_, i, all) => i % Math.ceil(all.length / most) === 0)
  return ticks.length > 1 ? ticks : [low + (high - low) * 0.1, high - (high - low) * 0.1]
}
