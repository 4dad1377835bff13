/**
 * A translation service on this machine, as slow and as easily overloaded as a real one: each answer takes its time, and
 * more than three requests at once are refused with 429.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { createServer, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { translations } from "./Phrasebook.ts"

/** A server that listens. */
export interface Server {
  readonly url: string
  /** How many requests were answered, and how many refused, so far. */
  readonly stats: () => { readonly answered: number; readonly refused: number }
}

const capacity = 3

/** How long an answer takes, in milliseconds: another time for each language, always the same. */
const latency = (language: string): number => 10 + 5 * (language.codePointAt(0)! % 7)

/** Listens on a free port of this machine until the scope is closed. */
export const make: Effect.Effect<Server, never, Scope.Scope> = Effect.gen(function*() {
  let [answered, refused, busy] = [0, 0, 0]
  const send = (response: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}) =>
    response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body))
  const server = createServer((request, response) => {
    const language = new URL(request.url!, "http://localhost").searchParams.get("to") ?? ""
    const translation = translations[language]
    request.resume()
    if (translation === undefined) return void send(response, 404, { error: "unknown language" })
    if (busy === capacity) {
      refused++
      return void send(response, 429, { error: "too many requests" }, { "retry-after-ms": "20" })
    }
    busy++
    setTimeout(() => {
      busy--
      answered++
      send(response, 200, { translation })
    }, latency(language))
  })
  yield* Effect.acquireRelease(
    Effect.callback<void>((resume) => {
      server.listen(0, "127.0.0.1", () => resume(Effect.void))
    }),
    () =>
      Effect.callback<void>((resume) => {
        server.close(() => resume(Effect.void))
        server.closeAllConnections()
      })
  )
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}`, stats: () => ({ answered, refused }) }
})
