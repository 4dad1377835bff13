/**
 * The flow: split the lines, map each part to partial sums, reduce them to one table.
 */
import { BatchNode, Flow, Node } from "effect-parallel"
import * as Effect from "effect/Effect"
import { parse } from "./Csv.ts"

/** What is summed for a group of people. */
interface Sums {
  readonly people: number
  readonly income: number
  readonly oldest: number
}

/** Sums by region. */
export type Table = Readonly<Record<string, Sums>>

const linesInPart = 500

const split = Node.make("split", {
  exec: (csv: string) => {
    const lines = csv.split("\n").slice(1)
    return Array.from(
      { length: Math.ceil(lines.length / linesInPart) },
      (_, part) => lines.slice(part * linesInPart, (part + 1) * linesInPart)
    )
  }
})

const add = (a: Sums, b: Sums): Sums => ({
  people: a.people + b.people,
  income: a.income + b.income,
  oldest: Math.max(a.oldest, b.oldest)
})

const merge = (tables: ReadonlyArray<Table>): Table => {
  const merged: Record<string, Sums> = {}
  for (const table of tables) {
    for (const [region, sums] of Object.entries(table)) {
      merged[region] = merged[region] === undefined ? sums : add(merged[region], sums)
    }
  }
  return merged
}

const map = BatchNode.make("map", {
  prep: (parts: ReadonlyArray<ReadonlyArray<string>>) => parts,
  exec: (lines) =>
    merge(
      lines.map(parse).filter((row) => row !== undefined).map(({ age, income, region }) => ({
        [region]: { people: 1, income, oldest: age }
      }))
    ),
  concurrency: 4
})

const reduce = Node.make("reduce", { exec: merge })

const mapReduce = Flow.chain("census", split, map, reduce)

/** The sums of each region in a census. */
export const run = (csv: string) => Effect.map(Flow.run(mapReduce, csv), ({ value }) => value)

/** A table as lines, the richest region first. */
export const toText = (table: Table): string =>
  Object.entries(table)
    .map(([region, { income, oldest, people }]) => ({ region, people, oldest, mean: Math.round(income / people) }))
    .toSorted((a, b) => b.mean - a.mean)
    .map(({ mean, oldest, people, region }) =>
      `${region.padEnd(6)} ${String(people).padStart(5)} people  ${mean} a year  oldest ${oldest}`
    )
    .join("\n")
