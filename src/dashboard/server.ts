/**
 * The server of a dashboard: its page, the events that keep the page up to date, and the reports of ended runs.
 */
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Sse from "effect/encoding/Sse"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Stream from "effect/Stream"
import { toJsonStream } from "../Report.ts"
import { live } from "../report/page.ts"
import type { LiveBoard } from "./board.ts"
import type { Update } from "./messages.ts"

/** Shortest time between two events of a page in milliseconds. */
const pause = 100
/** Longest time without an event in milliseconds. */
const silence = 1000

/** The things that a server needs. */
interface Served {
  readonly board: LiveBoard
  /** Title of the page. */
  readonly title: string
  /** The token that each request must have. */
  readonly token: string
  /** Completes when the dashboard closes. */
  readonly closed: Deferred.Deferred<void>
}

/** Answers requests that have the token. Refuses all others. */
export const app = (served: Served) =>
  Effect.map(HttpServerRequest.HttpServerRequest, ({ method, url }) => {
    // not by `URL`, which throws if it cannot read an address
    const [pathname, query] = url.split("?", 2)
    // browsers request this by themselves
    if (pathname === "/favicon.ico") return HttpServerResponse.empty()
    if (new URLSearchParams(query).get("token") !== served.token) {
      return refusal(403, "the address lacks the token of the dashboard")
    }
    if (method !== "GET") return refusal(405, "a dashboard answers only GET requests")
    if (pathname === "/") {
      return HttpServerResponse.text(live(served.title, served.token), { headers, contentType: html })
    }
    if (pathname === "/events") return HttpServerResponse.stream(events(served), { headers, contentType: eventStream })
    const id = /^\/reports\/(\d{1,15})$/.exec(pathname!)?.[1]
    const report = id === undefined ? undefined : served.board.reportOf(Number(id))
    return report === undefined
      ? refusal(404, "there is no such page, or the report is not kept any more")
      : HttpServerResponse.stream(Stream.encodeText(toJsonStream(report)), { headers, contentType: "application/json" })
  })

const html = "text/html; charset=utf-8"
const eventStream = "text/event-stream; charset=utf-8"

/** Headers that prevent caching and referrers, because the addresses of a dashboard contain the token. */
const headers = {
  "cache-control": "no-store",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff"
}

const refusal = (status: number, why: string): HttpServerResponse.HttpServerResponse =>
  HttpServerResponse.text(`${why}\n`, { status, headers })

/** The part of the state that a page has received. */
interface PageState {
  readonly changes: number
  readonly outcomes: number
  readonly at: number
  readonly isOver: boolean
}

/** Makes the events of a page: first the current state, then its changes, until the dashboard closes. */
const events = ({ board, closed }: Served): Stream.Stream<Uint8Array> =>
  Stream.unfold<PageState, Update, never, never>(
    { changes: -1, outcomes: 0, at: -Infinity, isOver: false },
    (told) => told.isOver ? Effect.undefined : next(board, Deferred.await(closed), told)
  ).pipe(
    Stream.map((update) =>
      Sse.encoder.write({ _tag: "Event", id: undefined, event: "message", data: JSON.stringify(update) })
    ),
    Stream.encodeText
  )

/** Waits until an update is due, and returns it. */
const next = (
  board: LiveBoard,
  closed: Effect.Effect<void>,
  told: PageState
): Effect.Effect<readonly [Update, PageState]> =>
  Effect.flatMap(Clock.currentTimeMillis, (now) => {
    const isFirst = told.changes < 0
    const isDue = board.changes !== told.changes || now - told.at >= silence || board.isOver
    if (!isFirst && (!isDue || (now - told.at < pause && !board.isOver))) {
      return Effect.andThen(Effect.raceFirst(Effect.sleep(pause), closed), next(board, closed, told))
    }
    const update = board.update(told.outcomes)
    return Effect.succeed(
      [update, { changes: board.changes, outcomes: update.settled, at: now, isOver: update.over }] as const
    )
  })
