/**
 * A page in the browser that shows runs while they go on.
 *
 * This module runs on Node.js, and needs the package `@effect/platform-node`.
 *
 * @since 0.1.0
 */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as HttpMiddleware from "effect/http/HttpMiddleware"
import * as HttpServer from "effect/http/HttpServer"
import type * as HttpServerError from "effect/http/HttpServerError"
import * as Layer from "effect/Layer"
import { randomBytes } from "node:crypto"
import { createServer } from "node:http"
import { LiveBoard } from "./dashboard/board.ts"
import { app } from "./dashboard/server.ts"
import { Spectators } from "./observability/spectator.ts"
import { knownKeys, nonEmptyString, numberWhere } from "./primitives/check.ts"
import { nanoClock } from "./primitives/clock.ts"
import { shortenName } from "./primitives/shorten.ts"

/**
 * The options of a dashboard.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** The port: an integer from 0 to 65,535. Default: 0, which takes any free port. */
  readonly port?: number | undefined
  /**
   * The address of this machine on which the server listens. Default: `127.0.0.1`, which other machines cannot reach.
   * Traffic is not encrypted: on another address, everybody who can read the network can read the inputs.
   */
  readonly host?: string | undefined
  /** The title of the page. Default: `effect-parallel`. */
  readonly title?: string | undefined
}

/**
 * The dashboard of a program.
 *
 * @category services
 * @since 0.1.0
 */
export class Dashboard extends Context.Service<Dashboard, {
  /** The address of the page, with a token. Without the token, the server shows nothing. */
  readonly url: string
}>()("effect-parallel/Dashboard") {}

/**
 * Serves a page that shows the runs of the effects for which it is provided, while they go on.
 *
 * **Details**
 *
 * The address of the page is logged, and is the `url` of `Dashboard`. The page shows:
 *
 * - runs and the runs inside of them, with their rates and the time that is left,
 * - the inputs that are running, the last 1,000 outcomes, and failures by their messages,
 * - how often each node and edge of a flow was taken,
 * - the whole report of each run that makes one.
 *
 * The server sends changes to the page at most ten times a second, as server-sent events. Memory is bounded, however
 * many inputs there are: it keeps 200 runs that have ended, and the last five reports. Runs that a task starts in a
 * worker process or on a machine are not shown.
 *
 * A run that is shown measures the time of each attempt, and writes a line for each input. That takes about two
 * microseconds for a short input, and up to a millisecond for an object with thousands of keys, unless the option
 * `show` of the run is faster. Runs without a dashboard pay nothing.
 *
 * Building the layer fails with `ServeError` if the port is taken. Wrong options are defects. When the scope closes,
 * the page says so, and the server ends within a second.
 *
 * **Gotchas**
 *
 * If a dashboard is provided inside another one, the outer one shows what the inner one shows. If two are next to each
 * other, as in one `Layer.mergeAll`, only the last one shows runs.
 *
 * **Example** (Watching a run)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Parallel } from "effect-parallel"
 * import * as Dashboard from "effect-parallel/Dashboard"
 *
 * const program = Effect.gen(function*() {
 *   const { url } = yield* Dashboard.Dashboard
 *   const page = yield* Effect.promise(() => fetch(url))
 *   yield* Parallel.forEach([1, 2, 3], (n) => Effect.succeed(n * 2))
 *   return page.status
 * })
 *
 * console.log(await Effect.runPromise(Effect.provide(program, Dashboard.layer()))) // => 200
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options = {}): Layer.Layer<Dashboard, HttpServerError.ServeError> => {
  knownKeys("dashboard options", options, ["port", "host", "title"])
  const { host = "127.0.0.1", port = 0, title = "effect-parallel" } = options
  numberWhere("port", port, "an integer from 0 to 65535", (n) => Number.isInteger(n) && n >= 0 && n <= 65_535)
  nonEmptyString("host", host)
  nonEmptyString("title", title)
  const server = NodeHttpServer.layer(createServer, { host, port, gracefulShutdownTimeout: "1 seconds" })
  return Layer.effectContext(serving(shortenName(title))).pipe(Layer.provide(server))
}

const serving = (title: string) =>
  Effect.gen(function*() {
    const token = randomBytes(18).toString("base64url")
    const board = new LiveBoard(nanoClock(yield* Clock.Clock))
    const closed = yield* Deferred.make<void>()
    // traces of requests would contain the token
    yield* Effect.provideService(
      HttpServer.serveEffect(app({ board, title, token, closed })),
      HttpMiddleware.TracerDisabledWhen,
      () => true
    )
    yield* Effect.addFinalizer(() => {
      board.isOver = true
      return Deferred.succeed(closed, undefined)
    })
    const { address } = yield* HttpServer.HttpServer
    const url = `${HttpServer.formatAddress(address)}/?token=${token}`
    yield* Effect.logInfo(`dashboard: ${url}`)
    const around = yield* Spectators
    return Context.make(Dashboard, { url }).pipe(Context.add(Spectators, [...around, board]))
  })
