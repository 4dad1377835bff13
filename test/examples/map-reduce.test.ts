import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { run } from "./run.ts"

it.live("the example of map-reduce sums the valid rows and shows the bad ones", () =>
  Effect.gen(function*() {
    const lines = yield* run("04-map-reduce.ts")

    assert.deepStrictEqual(lines, [
      "East: 1458 people, 55278 a year",
      "Isles: 1523 people, 55992 a year",
      "North: 1445 people, 54848 a year",
      "South: 1546 people, 55319 a year",
      "West: 1526 people, 55802 a year",
      "skipped 2023.csv:1232: Expected a string representing a finite number at [2]",
      "skipped 2024.csv:2524: Missing key at [3]",
      "Unreadable: broken.csv:3151: Unterminated quoted field"
    ])
    // three files of 2,500 rows, minus two bad rows
    assert.strictEqual(lines.reduce((sum, line) => sum + Number(/(\d+) people/.exec(line)?.[1] ?? 0), 0), 7498)
  }))
