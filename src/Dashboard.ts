/**
 * Runs while they go on, in a browser.
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
 * Where a dashboard is served.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** The port, from 0 to 65 535. Default: 0, which is any free port. */
  readonly port?: number | undefined
  /**
   * The address of this machine at which it listens. Default: `127.0.0.1`, which no other machine reaches. Traffic is not
   * encrypted: at any other address, those who see the network see the inputs.
   */
  readonly host?: string | undefined
  /** The title of the page. Default: `effect-parallel`. */
  readonly title?: string | undefined
}

/**
 * The dashboard of a program. `url` is the address of its page, with the token without which nobody sees it.
 *
 * @category services
 * @since 0.1.0
 */
export class Dashboard extends Context.Service<Dashboard, { readonly url: string }>()("effect-parallel/Dashboard") {}

/**
 * Serves a page that shows the runs of the effects for which it is provided, while they go on.
 *
 * **Details**
 *
 * Its address is logged, and is the `url` of `Dashboard`. The page shows runs with those inside of them, their rates and the time
 * that is left; inputs that are under way; failures by their messages; the last 1 000 outcomes; how flows are walked; and, once a
 * run has made a report, the whole of it. It is told of changes at most ten times a second, as server-sent events. Memory is bounded,
 * however many inputs there are: 200 runs that have ended are kept, and the last five reports.
 *
 * Cost: a run that is shown clocks each attempt, and writes down a line for each input: some two microseconds for a short one, up to a
 * millisecond for an object of thousands of keys, unless the option `show` of the run is quicker. Runs for which no dashboard is provided pay nothing.
 * Of two dashboards the outer sees what the inner sees; beside each other, as in one `Layer.mergeAll`, the last is the only one that sees.
 *
 * Errors: `ServeError` if the port is taken. Options that are none are a defect. Interruption: when the scope closes, the page is
 * told so, and the server ends within a second. What goes on in worker processes and machines by itself, as runs that a task starts there, is not
 * seen.
 *
 * **Example** (Watch a run)
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
    // a trace of requests would have the token in it
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
