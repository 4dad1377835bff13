import { assert, describe, it } from "@effect/vitest"
import { Report } from "effect-parallel"
import { latencies, make, type Model } from "../../viewer/model.ts"
import { Rows } from "../../viewer/rows.ts"
import { doings, doingsOf, histogramOf, ratesOf, roundDurations } from "../../viewer/series.ts"
import { sample } from "./sample.ts"

const sum = (values: Iterable<number>): number => {
  let sum = 0
  for (const value of values) sum += value
  return sum
}

const modelOf = (count: number, workers = 8): Model => make(Report.toJson(sample(count, { workers })))

describe("the charts of a report", () => {
  it("divide all the time of workers, in the run and in parts of it", () => {
    const model = modelOf(1000)
    for (const range of [[0, model.until], [0.2 * model.until, 0.21 * model.until]] as const) {
      const { shares, times, workers } = doingsOf(model, range)

      assert.closeTo(sum(doings.map((doing) => shares[doing])), 1, 1e-6)
      assert.deepStrictEqual([times[0], times.at(-1)], [...range])
      for (const at of times.keys()) assert.closeTo(sum(doings.map((doing) => workers[doing][at]!)), 8, 1e-6)
    }
  })

  it("count finished inputs in any range", () => {
    const { report: { outcomes }, until } = modelOf(1000)
    for (const points of [100, 300]) {
      const { done, failed, times } = ratesOf(outcomes, until, [0, until], points)
      const area = (rates: ReadonlyArray<number>) => sum(rates.slice(1)) * (times[1]! - times[0]!) / 1000

      assert.closeTo(area(done), 1000, 30)
      assert.closeTo(area(failed), 20, 2)
    }
  })

  it("put each duration into one step", () => {
    for (const count of [1, 2, 60, 5000]) {
      const sorted = latencies(modelOf(count).report.outcomes)
      const { counts, edges, quantiles } = histogramOf(sorted)

      assert.strictEqual(sum(counts), count)
      assert.isBelow(edges[0]!, Math.log10(sorted[0]!))
      assert.strictEqual(quantiles.at(-1)![1], sorted.at(-1))
    }
    assert.strictEqual(sum(histogramOf(new Float64Array([0, 0])).counts), 2)
  })

  it("find a few round durations within any bounds", () => {
    for (const [low, high] of [[0, 0.01], [0.3, 0.9], [-3, 5], [1, 2.3]] as const) {
      const ticks = roundDurations(low, high, 6)

      assert.isAtLeast(ticks.length, 2)
      assert.isAtMost(ticks.length, 6)
      for (const tick of ticks) assert.isTrue(tick >= low && tick <= high)
    }
  })
})

describe("the rows of a table", () => {
  const filter = { text: "", status: "all", worker: undefined, zoom: undefined } as const

  it("sort numbers in texts as numbers, and equal texts by position", () => {
    const entry = (input: string, index: number) =>
      ({ _tag: "Success", index, input, attempts: 1, startedAt: 0, elapsed: 1, worker: 0 }) as const
    const rows = new Rows(["b2", "B10", "a", "b2", "9"].map(entry))

    assert.deepStrictEqual([...rows.visible({ column: "input", descending: false }, filter)], [4, 2, 0, 3, 1])
    assert.deepStrictEqual([...rows.visible({ column: "input", descending: true }, filter)], [1, 3, 0, 2, 4])
    assert.deepStrictEqual([...rows.visible({ column: "worker", descending: false }, filter)], [0, 1, 2, 3, 4])
  })
})
