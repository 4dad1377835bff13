import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Limit, Parallel, Report } from "effect-parallel"
import { fromColumns, toColumns } from "../../src/report/columns.ts"
import { sample } from "./sample.ts"

const again = <A>(value: A): A => JSON.parse(JSON.stringify(value))

describe("the columns of a report", () => {
  it("convert back to the report", () => {
    for (const report of [sample(0), sample(1), sample(1000)]) {
      const json = again(Report.toJson(report))
      assert.deepStrictEqual(fromColumns(again(toColumns(json))), json)
    }
  })

  it.live("keep waits, history and indices that are not consecutive", () =>
    Effect.gen(function*() {
      const work = (n: number) => n === 2 ? Effect.fail("no") : Effect.sleep("2 millis")
      const report = yield* Parallel.run([1, 2, 3, 4], work, { limit: Limit.concurrency(1), retry: { times: 1 } })
      const json = again(Report.toJson(report))
      const part = Object.assign(again(json), { outcomes: json.outcomes.slice(1) })

      assert.isTrue(json.outcomes.some(({ waits }) => waits !== undefined))
      for (const each of [json, part]) assert.deepStrictEqual(fromColumns(again(toColumns(each))), each)
    }))
})
