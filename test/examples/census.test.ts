import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Csv from "../../examples/census/Csv.ts"
import * as Program from "../../examples/census/Program.ts"

describe("map-reduce", () => {
  it.effect("comes to the same sums as one pass over the same 10,000 rows", () =>
    Effect.gen(function*() {
      const csv = yield* Csv.make(10_000, "census")
      const table = yield* Program.run(csv)
      const plain: Record<string, { people: number; income: number; oldest: number }> = {}
      for (const line of csv.split("\n").slice(1)) {
        const [, region, , age, income] = Csv.fields(line)
        const sums = plain[region!] ??= { people: 0, income: 0, oldest: 0 }
        sums.people++
        sums.income += Number(income)
        sums.oldest = Math.max(sums.oldest, Number(age))
      }

      assert.deepStrictEqual(table, plain)
      assert.strictEqual(Object.values(table).reduce((sum, { people }) => sum + people, 0), 10_000)
      assert.deepStrictEqual(Program.toText(table).split("\n"), [
        "Isles   2042 people  55649 a year  oldest 90",
        "West    2008 people  55569 a year  oldest 90",
        "East    1961 people  54962 a year  oldest 90",
        "South   2035 people  54860 a year  oldest 90",
        "North   1954 people  54625 a year  oldest 90"
      ])
    }))

  it("lines with commas and quotes have as many fields as others, and lines that tell of nobody are left out", () => {
    assert.deepStrictEqual(Csv.fields("1,\"smith, \"\"black\"\"\",,x"), ["1", "smith, \"black\"", "", "x"])
    assert.deepStrictEqual(Csv.parse("1,North,\"smith, \"\"black\"\"\",40,5"), {
      region: "North",
      trade: "smith, \"black\"",
      age: 40,
      income: 5
    })
    assert.strictEqual(Csv.parse(""), undefined)
    assert.strictEqual(Csv.parse("1,North,baker,old,5"), undefined)
  })
})
