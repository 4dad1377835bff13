/** Effect's exporter, and an endpoint for it. */
import { Effect, Layer, Metric, Schema } from "effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as Otlp from "effect/observability/Otlp"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"

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
export type Span = typeof Span.Type

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

/** An OTLP/HTTP endpoint that keeps the requests to each path. */
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

/** Runs an effect with Effect's exporter. Returns what has arrived at the endpoint at its end. */
export const exported = <A, E>(effect: Effect.Effect<A, E>) =>
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

/** Attributes as a record. */
export const plain = (attributes: typeof Attributes.Type): Readonly<Record<string, string | number>> =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, value.stringValue ?? Number(value.intValue)]))
