/** What the charts show, computed from results. Pure. */
import { median, ratios, type Readings, readingsOf, type Results } from "./results.ts"

/** Median and range of a figure. */
export interface Point {
  readonly middle: number
  readonly least: number
  readonly most: number
}

const point = (values: ReadonlyArray<number>): Point => ({
  middle: median(values),
  least: Math.min(...values),
  most: Math.max(...values)
})

export interface Cost extends Point {
  readonly row: string
  readonly tool: Tool
}

export type Tool = "effect-parallel" | "p-map" | "Effect"

/** Rows of the chart of costs: in a topic and a group, the case of each tool. */
const costRows: ReadonlyArray<
  readonly [row: string, topic: string, group: string, cases: Readonly<Partial<Record<Tool, string>>>]
> = [
  ["forEach, ready", "forEach", "ready bodies", { "effect-parallel": "ours", "Effect": "Effect.forEach" }],
  ["forEach, synchronous", "forEach", "synchronous bodies", { "effect-parallel": "ours", "Effect": "Effect.forEach" }],
  ["forEach, promises", "forEach", "resolved promises", {
    "effect-parallel": "ours",
    "p-map": "p-map",
    "Effect": "Effect.forEach"
  }],
  ["forEach, promises of the next turn", "forEach", "promises of the next turn", {
    "effect-parallel": "ours",
    "p-map": "p-map",
    "Effect": "Effect.forEach"
  }],
  ["partition, synchronous", "partition", "synchronous bodies", {
    "effect-parallel": "partition",
    "Effect": "Effect.partition"
  }],
  ["partition, promises", "partition", "resolved promises", {
    "effect-parallel": "partition",
    "Effect": "Effect.partition"
  }],
  ["run, synchronous", "partition", "synchronous bodies", { "effect-parallel": "run", "Effect": "Effect.exit" }],
  ["run, promises", "partition", "resolved promises", { "effect-parallel": "run", "Effect": "Effect.exit" }],
  ["stream, from an array", "stream", "from an array", { "effect-parallel": "ours", "p-map": "pMapIterable" }],
  ["stream, from an async generator", "stream", "from an async generator", {
    "effect-parallel": "ours",
    "p-map": "pMapIterable"
  }],
  ["stream, from an async generator", "stream", "compared with Stream.mapEffect", { "Effect": "mapEffect" }]
]

/** Number of inputs of the costs in the chart. */
export const costInputs = 100_000

/** Microseconds of an input on fibers, by tool. */
export const costs = (results: Results): ReadonlyArray<Cost> =>
  costRows.flatMap(([row, topic, group, cases]) =>
    Object.entries(cases).flatMap(([tool, name]): ReadonlyArray<Cost> => {
      const readings = readingsOf(results, topic, group, name, costInputs)
      return readings === undefined ? [] : [{ row, tool: tool as Tool, ...point(readings.values) }]
    })
  )

export interface Share extends Point {
  readonly length: string
  readonly case: string
}

/** Groups of the topic `threads` by the length of their tasks. */
const lengths: ReadonlyArray<readonly [length: string, group: string]> = [
  ["a square root", "a square root"],
  ["1 µs", "tasks of 1 µs"],
  ["10 µs", "tasks of 10 µs"],
  ["0.1 ms", "tasks of 0.1 ms"],
  ["3 ms", "tasks of 3 ms"]
]

/** What tasks of each length take on two threads, as a share of what they take in one. */
export const shares = (results: Results): ReadonlyArray<Share> =>
  lengths.flatMap(([length, group]) =>
    ["ours", "chunks by hand", "Piscina"].flatMap((name): ReadonlyArray<Share> => {
      const of = readingsOf(results, "threads", group, name)
      const base = readingsOf(results, "threads", group, "one thread")
      return of === undefined || base === undefined ? [] : [{ length, case: name, ...point(ratios(of, base)) }]
    })
  )

export interface Busy {
  readonly workers: string
  readonly length: string
  readonly readings: Readings
}

/** How much of the time simulated workers are busy, by their number and the length of their tasks. */
export const busy = (results: Results): ReadonlyArray<Busy> =>
  (results["cores"]?.groups ?? []).flatMap(({ readings }) =>
    readings.flatMap((each) => {
      const [, workers, length] = /^(\d+) workers, tasks of (.+)$/.exec(each.case) ?? []
      return workers === undefined || length === undefined ? [] : [{ workers, length, readings: each }]
    })
  )
