import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Metric, Schema, Stream } from "effect"
import { Parallel } from "effect-parallel"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as Otlp from "effect/observability/Otlp"
import { TestClock } from "effect/testing"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { isSampled } from "../src/observability/spans.ts"
import { range, spanRecorder } from "./helpers.ts"

const Value = Schema.Struct({
  intValue: Schema.optionalKey(Schema.Union([Schema.Int, Schema.String])),
  stringValue: Schema.optionalKey(Schema.String)
})
const Attributes = Schema.Array(Schema.Struct({ key: Schema.String, value: Value }))

const Span = Schema.Struct({
  traceId: Schema.String,
  spanId: Schema.String,
  parentSpanId: Schema.optionalKey(Schema.String),
  name: Schema.String,
  attributes: Attributes,
  status: Schema.Struct({ code: Schema.Int })
})
type Span = typeof Span.Type

const Traces = Schema.Struct({
  resourceSpans: Schema.Array(Schema.Struct({ scopeSpans: Schema.Array(Schema.Struct({ spans: Schema.Array(Span) })) }))
})

const Point = Schema.Struct({
  attributes: Attributes,
  asInt: Schema.optionalKey(Schema.Union([Schema.Int, Schema.String])),
  asDouble: Schema.optionalKey(Schema.Finite),
  count: Schema.optionalKey(Schema.Union([Schema.Int, Schema.String]))
})
const Points = Schema.optionalKey(Schema.Struct({ dataPoints: Schema.Array(Point) }))
const Metrics = Schema.Struct({
  resourceMetrics: Schema.Array(Schema.Struct({
    scopeMetrics: Schema.Array(Schema.Struct({
      metrics: Schema.Array(Schema.Struct({ name: Schema.String, sum: Points, gauge: Points, histogram: Points }))
    }))
  }))
})

/** An OTLP/HTTP endpoint: what was sent to each path. */
const endpoint = Effect.acquireRelease(
  Effect.callback<{ readonly url: string; readonly bodies: Map<string, Array<string>>; readonly close: () => void }>(
    (resume) => {
      const bodies = new Map<string, Array<string>>()
      const server = createServer((request, response) => {
        let body = ""
        request.setEncoding("utf8").on("data", (chunk: string) => body += chunk).on("end", () => {
          bodies.set(request.url!, [...bodies.get(request.url!) ?? [], body])
          response.setHeader("content-type", "application/json").end("{}")
        })
      })
      server.listen(0, "127.0.0.1", () => {
        const { port } = server.address() as AddressInfo
        resume(Effect.succeed({ url: `http://127.0.0.1:${port}`, bodies, close: () => server.close() }))
      })
    }
  ),
  ({ close }) => Effect.sync(close)
)

/** Runs an effect with Effect's own exporter; what arrived at the endpoint by its end. */
const exported = <A, E>(effect: Effect.Effect<A, E>) =>
  Effect.gen(function*() {
    const { bodies, url } = yield* endpoint
    const layer = Otlp.layerJson({ baseUrl: url, resource: { serviceName: "test" } }).pipe(
      Layer.provide(FetchHttpClient.layer)
    )
    yield* Effect.exit(effect).pipe(
      Effect.provide(layer),
      Effect.provideService(Metric.MetricRegistry, new Map())
    )
    const spans = (bodies.get("/v1/traces") ?? []).flatMap((body) =>
      Schema.decodeSync(Schema.fromJsonString(Traces))(body).resourceSpans
        .flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans))
    )
    const metrics = (bodies.get("/v1/metrics") ?? []).slice(-1).flatMap((body) =>
      Schema.decodeSync(Schema.fromJsonString(Metrics))(body).resourceMetrics
        .flatMap(({ scopeMetrics }) => scopeMetrics.flatMap(({ metrics }) => metrics))
    )
    return { spans, metrics }
  }).pipe(Effect.scoped)

const plain = (attributes: typeof Attributes.Type): Readonly<Record<string, string | number>> =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, value.stringValue ?? Number(value.intValue)]))

const named = (spans: ReadonlyArray<Span>, name: string) => spans.filter((span) => span.name === name)

const nested = Parallel.run(
  ["a", "b"],
  () => Parallel.forEach(range(3), (n) => Effect.sleep(1).pipe(Effect.as(n)), { name: "inner", spans: true }),
  {
    name: "outer",
    spans: true
  }
)

describe("spans", () => {
  it.live("arrive at an OTLP endpoint with the right parents, also of nested runs", () =>
    Effect.gen(function*() {
      const { spans } = yield* exported(Effect.withSpan(nested, "program"))
      const [program] = named(spans, "program")
      const [outer] = named(spans, "outer")
      const attempts = named(spans, "outer.attempt")
      const inner = named(spans, "inner")
      const innerAttempts = named(spans, "inner.attempt")
      const parents = (children: ReadonlyArray<Span>) => [...new Set(children.map(({ parentSpanId }) => parentSpanId))]

      assert.deepStrictEqual([attempts.length, inner.length, innerAttempts.length], [2, 2, 6])
      assert.strictEqual(outer!.parentSpanId, program!.spanId)
      assert.deepStrictEqual(parents(attempts), [outer!.spanId])
      assert.sameMembers(parents(inner), attempts.map(({ spanId }) => spanId))
      assert.sameMembers(parents(innerAttempts), inner.map(({ spanId }) => spanId))
      assert.strictEqual(new Set(spans.map(({ traceId }) => traceId)).size, 1)
      assert.deepStrictEqual(plain(outer!.attributes), { inputs: 2, failed: 0, retried: 0 })
    }))

  it.live("of attempts tell index, attempt, worker and outcome", () =>
    Effect.gen(function*() {
      const { spans } = yield* exported(Parallel.run(range(2), (n) => n === 1 ? Effect.fail("no") : Effect.void, {
        name: "run",
        concurrency: 1,
        spans: true,
        retry: { times: 1 }
      }))

      assert.deepStrictEqual(named(spans, "run.attempt").map(({ attributes }) => plain(attributes)), [
        { index: 0, attempt: 1, worker: 0, outcome: "succeeded" },
        { index: 1, attempt: 1, worker: 0, outcome: "failed" },
        { index: 1, attempt: 2, worker: 0, outcome: "failed" }
      ])
      assert.deepStrictEqual(named(spans, "run").map(({ attributes }) => plain(attributes)), [
        { inputs: 2, failed: 1, retried: 1 }
      ])
    }))

  /** The spans that a tracer is asked for. */
  const traced = <A, E>(effect: Effect.Effect<A, E>) =>
    Effect.suspend(() => {
      const { spans, tracer } = spanRecorder()
      return Effect.as(Effect.withTracer(Effect.exit(effect), tracer), spans)
    })

  it.effect("are those of runs alone, unless attempts are asked for", () =>
    Effect.gen(function*() {
      const run = Parallel.forEach(range(10), Effect.succeed, { name: "run" })

      assert.deepStrictEqual((yield* traced(run)).map(({ name }) => name), ["run"])
      assert.strictEqual((yield* traced(Parallel.withDefaults(run, { spans: true }))).length, 11)
    }))

  it.effect("of a share of the inputs are of every so many", () =>
    Effect.gen(function*() {
      const spans = yield* traced(Parallel.forEach(range(100), Effect.succeed, { name: "run", spans: 0.1 }))
      const indices = spans.slice(1).map(({ attributes }) => attributes.get("index"))

      assert.deepStrictEqual(indices, [9, 19, 29, 39, 49, 59, 69, 79, 89, 99])
      for (const share of [0, 0.001, 0.3, 1 / 3, 1]) {
        const sampled = range(3000).filter((index) => isSampled(index, share)).length
        assert.closeTo(sampled, 3000 * share, 1)
      }
    }))

  it("refuse a share that is none", () => {
    for (const spans of [-1, 2, Number.NaN, "all"]) {
      assert.throws(() => Parallel.forEach([], Effect.succeed, { spans: spans as number }), /`spans`/)
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

  /** What the series of a run named `run` say. */
  const read = Effect.map(Metric.snapshot, (series) =>
    Object.fromEntries(series.map(({ attributes, id, state }) => [
      `${id.replace("effect_parallel_", "")}${attributes?.outcome === undefined ? "" : ` ${attributes.outcome}`}`,
      state
    ])))

  const isolated = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
    Effect.suspend(() => Effect.provideService(effect, Metric.MetricRegistry, new Map()))

  it.effect("tell of runs that go on, and sum those of a name", () =>
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

  it.effect("have how long inputs took, in buckets", () =>
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
