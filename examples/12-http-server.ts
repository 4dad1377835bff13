// A pool of threads inside an HTTP server: threads compute, and the event loop keeps answering other requests.
//
//   node examples/12-http-server.ts
//
// The example is also the client of its server. It ends when it has all answers.
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Threads from "effect-parallel/backend/Threads"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServer from "effect/http/HttpServer"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { createServer } from "node:http"
import { countPrimes } from "./http-server/countPrimes.ts"

const Query = Schema.Struct({
  below: Schema.FiniteFromString.check(Schema.isInt(), Schema.isBetween({ minimum: 0, maximum: 100_000 }))
})

const primes = HttpRouter.schemaPathParams(Query).pipe(
  Effect.flatMap(({ below }) => countPrimes(below)),
  Effect.map((count) => HttpServerResponse.text(`${count}`)),
  Effect.catchTags({
    SchemaError: ({ message }) => Effect.succeed(HttpServerResponse.text(message, { status: 400 })),
    BackendError: ({ message }) => Effect.succeed(HttpServerResponse.text(message, { status: 503 }))
  })
)

const server = HttpRouter.serve(
  Layer.mergeAll(
    HttpRouter.add("GET", "/primes/:below", primes),
    HttpRouter.add("GET", "/health", HttpServerResponse.text("ok"))
  ),
  { disableLogger: true, disableListenLog: true }
).pipe(
  Layer.provide(Threads.layer({ workers: 2 })),
  Layer.provideMerge(NodeHttpServer.layer(createServer, { port: 0, host: "127.0.0.1" }))
)

/** Requests a path of the server and returns the status and the text. */
const get = Effect.fnUntraced(function*(path: string) {
  const { address } = yield* HttpServer.HttpServer
  const response = yield* HttpClient.get(`${HttpServer.formatAddress(address)}${path}`)
  return `${response.status} ${yield* response.text}`
})

Effect.gen(function*() {
  let checks = 0
  const health = yield* Effect.forkChild(Effect.forever(Effect.tap(get("/health"), () => Effect.sync(() => checks++))))
  const paths = ["/primes/30000", "/primes/40000", "/primes/50000", "/primes/many"]
  const answers = yield* Effect.forEach(paths, get, { concurrency: "unbounded" })
  yield* Fiber.interrupt(health)
  yield* Console.log(paths.map((path, n) => `${path}: ${answers[n]}`).join("\n"))
  yield* Console.log(`/health: answered ${checks} times meanwhile`)
}).pipe(Effect.provide([server, FetchHttpClient.layer]), NodeRuntime.runMain)
