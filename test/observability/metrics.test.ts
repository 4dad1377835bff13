import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import { seriesOf } from "../../src/observability/metrics.ts"

/** The ends of the buckets of one duration, whole nanoseconds, that count it. */
const endsAbove = (
  nanos: number
): { readonly counting: ReadonlyArray<number>; readonly all: ReadonlyArray<number> } => {
  const series = seriesOf(Context.empty(), `metrics.test ${nanos}`)
  series.took(nanos)
  const { buckets } = series.durations
  return { counting: buckets.filter(([, count]) => count > 0).map(([end]) => end), all: buckets.map(([end]) => end) }
}

describe("how long inputs took", () => {
  const { all } = endsAbove(1)
  const around = all.flatMap((end) => [-1, 0, 1].map((more) => Math.round(end * 1e6) + more))
  const powers = Array.from({ length: 50 }, (_, k) => [2 ** k - 1, 2 ** k, 2 ** k + 1]).flat()

  it("is counted in every bucket that does not end below it, and in no other", () => {
    for (const nanos of [...around, ...powers, 3e9, 7e15]) {
      assert.deepStrictEqual(endsAbove(nanos).counting, all.filter((end) => nanos <= Math.round(end * 1e6)), `${nanos}`)
    }
  })
})
