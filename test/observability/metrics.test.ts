import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Metric, Stream } from "effect"
import { Parallel } from "effect-parallel"
import * as Context from "effect/Context"
import { TestClock } from "effect/testing"
import { seriesOf } from "../../src/observability/metrics.ts"
import { range } from "../helpers.ts"
import { exported, plain } from "./otlp.ts"

/** Returns the ends of the buckets that count a duration of whole nanoseconds. */
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

  it("is counted in exactly the buckets that do not end below it", () => {
    for (const nanos of [...around, ...powers, 3e9, 7e15]) {
      assert.deepStrictEqual(endsAbove(nanos).counting, all.filter((end) => nanos <= Math.round(end * 1e6)), `${nanos}`)
    }
  })
})

describe("metrics", () => {
  it.live("arrive at an OTLP endpoint", () =>
    Effect.gen(function*() {
      const tries = new Set<number>()
      const work = (n: number) => {
        if (n === 3) return Effect.fail("no")
        if (n === 5 && tries.size < 1) return Effect.andThen(Effect.sync(() => tries.add(n)), Effect.fail("down"))
        return Effect.sleep(1)
      }
      const { metrics } = yield* exported(
        Parallel.run(range(10), work, { name: "run", retry: { times: 1, while: (error) => error === "down" } })
      )
      const points = (name: string): ReadonlyArray<unknown> => {
        const metric = metrics.find((metric) => metric.name === name)!
        return (metric.sum ?? metric.gauge ?? metric.histogram)!.dataPoints
          .map(({ asDouble, asInt, attributes, count }) =>
            Object.assign(plain(attributes), { n: Number(count ?? asInt ?? asDouble) })
          )
      }

      assert.deepStrictEqual(points("effect_parallel_inputs"), [
        { run: "run", outcome: "succeeded", n: 9 },
        { run: "run", outcome: "failed", n: 1 }
      ])
      assert.deepStrictEqual(points("effect_parallel_retried"), [{ run: "run", n: 1 }])
      assert.deepStrictEqual(points("effect_parallel_running"), [{ run: "run", n: 0 }])
      assert.deepStrictEqual(points("effect_parallel_input_duration"), [
        { run: "run", time_unit: "milliseconds", n: 10 }
      ])
    }))

  /** Returns the values of the series of a run with this name. */
  const read = Effect.map(Metric.snapshot, (series) =>
    Object.fromEntries(series.map(({ attributes, id, state }) => [
      `${id.replace("effect_parallel_", "")}${attributes?.outcome === undefined ? "" : ` ${attributes.outcome}`}`,
      state
    ])))

  const isolated = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
    Effect.suspend(() => Effect.provideService(effect, Metric.MetricRegistry, new Map()))

  it.effect("cover runs in progress, and add up runs with the same name", () =>
    Effect.gen(function*() {
      const run = Parallel.forEach(range(10), (n) => n < 4 ? Effect.void : Effect.never, {
        name: "run",
        concurrency: 5
      })
      yield* Parallel.forEach(range(3), Effect.succeed, { name: "run" })
      const fibers = yield* Effect.all([Effect.forkChild(run), Effect.forkChild(run)])
      yield* Effect.yieldNow

      const during = yield* read
      yield* Fiber.interruptAll(fibers)
      const after = yield* read

      assert.deepStrictEqual(during["inputs succeeded"], { count: 11, incremental: true })
      assert.deepStrictEqual(during["running"], { value: 10 })
      assert.deepStrictEqual(after["inputs succeeded"], { count: 11, incremental: true })
      assert.deepStrictEqual(after["running"], { value: 0 })
    }).pipe(isolated))

  it.effect("have the durations of inputs in buckets", () =>
    Effect.gen(function*() {
      yield* Parallel.stream([1, 2, 30], (millis) => Effect.succeed(millis).pipe(Effect.delay(millis)), {
        name: "run",
        order: "completion"
      }).pipe(Stream.runDrain, Effect.timeout("1 seconds"), Effect.forkChild)
      yield* TestClock.adjust("100 millis")

      const { buckets, ...durations } = (yield* read)["input_duration"] as Metric.HistogramState
      assert.deepStrictEqual(durations, { count: 3, sum: 33, min: 1, max: 30 })
      assert.deepStrictEqual(buckets.filter(([end]) => [0.5, 1, 2, 20, 50].includes(end)), [
        [0.5, 0],
        [1, 1],
        [2, 2],
        [20, 2],
        [50, 3]
      ])
    }).pipe(isolated))
})
