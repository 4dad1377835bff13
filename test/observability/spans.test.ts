import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Parallel } from "effect-parallel"
import { isSampled } from "../../src/observability/spans.ts"
import { range, spanRecorder } from "../helpers.ts"
import { exported, plain, type Span } from "./otlp.ts"

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

  it.live("of attempts have index, attempt, worker and outcome", () =>
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

  /** Collects the spans that are made. */
  const traced = <A, E>(effect: Effect.Effect<A, E>) =>
    Effect.suspend(() => {
      const { spans, tracer } = spanRecorder()
      return Effect.as(Effect.withTracer(Effect.exit(effect), tracer), spans)
    })

  it.effect("exist only for runs, unless spans of attempts are requested", () =>
    Effect.gen(function*() {
      const run = Parallel.forEach(range(10), Effect.succeed, { name: "run" })

      assert.deepStrictEqual((yield* traced(run)).map(({ name }) => name), ["run"])
      assert.strictEqual((yield* traced(Parallel.withDefaults(run, { spans: true }))).length, 11)
    }))

  it.effect("of a share of the inputs are evenly spaced", () =>
    Effect.gen(function*() {
      const spans = yield* traced(Parallel.forEach(range(100), Effect.succeed, { name: "run", spans: 0.1 }))
      const indices = spans.slice(1).map(({ attributes }) => attributes.get("index"))

      assert.deepStrictEqual(indices, [9, 19, 29, 39, 49, 59, 69, 79, 89, 99])
      for (const share of [0, 0.001, 0.3, 1 / 3, 1]) {
        const sampled = range(3000).filter((index) => isSampled(index, share)).length
        assert.closeTo(sampled, 3000 * share, 1)
      }
    }))

  it("refuse an invalid share", () => {
    for (const spans of [-1, 2, Number.NaN, "all"]) {
      assert.throws(() => Parallel.forEach([], Effect.succeed, { spans: spans as number }), /`spans`/)
    }
  })
})
