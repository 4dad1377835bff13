/**
 * A census of people who do not exist: rows from a seed, as CSV.
 */
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"

const regions = ["North", "South", "East", "West", "Isles"]
const trades = ["baker", "smith, \"black\"", "tailor", "teacher"]

/** One person. */
export interface Row {
  readonly region: string
  readonly trade: string
  readonly age: number
  readonly income: number
}

/** A CSV of so many rows below a head; the same seed gives the same rows. */
export const make = (rows: number, seed: string): Effect.Effect<string> =>
  Effect.gen(function*() {
    const lines = ["id,region,trade,age,income"]
    for (let id = 1; id <= rows; id++) {
      const region = regions[yield* Random.nextIntBetween(0, regions.length - 1)]!
      const trade = trades[yield* Random.nextIntBetween(0, trades.length - 1)]!
      const age = yield* Random.nextIntBetween(18, 90)
      const income = yield* Random.nextIntBetween(10_000, 99_999)
      lines.push([id, region, quoted(trade), age, income].join(","))
    }
    return lines.join("\n")
  }).pipe(Random.withSeed(seed))

/** The fields of a line, without their quotes (RFC 4180). */
export const fields = (line: string): ReadonlyArray<string> =>
  [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^",]*))/g)]
    .map(([, quoted, plain]) => quoted?.replaceAll("\"\"", "\"") ?? plain!)

/** The person on a line; `undefined` when it tells of none. */
export const parse = (line: string): Row | undefined => {
  const [, region, trade, age, income] = fields(line)
  const row = { region: region ?? "", trade: trade ?? "", age: Number(age), income: Number(income) }
  return row.region === "" || !(row.age > 0) || !(row.income >= 0) ? undefined : row
}

const quoted = (field: string): string => /[",\n]/.test(field) ? `"${field.replaceAll("\"", "\"\"")}"` : field
