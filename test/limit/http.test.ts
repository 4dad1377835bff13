/**
 * `Limit.adaptive` with services over HTTP, in real time. Beside it, a client that knows the quota uses an equal
 * service, so that a busy computer slows both.
 */
import { assert, describe, it } from "@effect/vitest"
import { Data, Effect, Fiber, Schedule, type Scope } from "effect"
import { Limit, Parallel } from "effect-parallel"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { callMillis, endless, MovingService, phaseMillis, quotas } from "./service.ts"

/** The `retry-after` of a refusal: no wait. */
class TooMany extends Data.TaggedError("TooMany")<{ readonly retryAfter: number }> {}

/** A service on a free port, which refuses with 429 or queues calls. */
const serving = (kind: "refuses" | "queues"): Effect.Effect<
  { readonly service: MovingService; readonly url: string },
  never,
  Scope.Scope
> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.callback<{ readonly service: MovingService; readonly url: string; readonly close: () => void }>(
        (resume) => {
          const service = new MovingService(() => performance.now())
          const server = createServer((_, response) => {
            const work = () =>
              void setTimeout(() => {
                service.leaves()
                response.end("done")
              }, callMillis)
            if (kind === "queues") service.queue(work)
            else if (service.enters()) work()
            else response.writeHead(429, { "retry-after": "0" }).end()
          })
          server.listen(0, "127.0.0.1", () => {
            const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
            const close = () => {
              server.closeAllConnections()
              server.close()
            }
            resume(Effect.succeed({ service, url, close }))
          })
        }
      ),
      ({ close }) => Effect.sync(close)
    ),
    ({ service, url }) => ({ service, url })
  )

const call = (url: string): Effect.Effect<string, TooMany> =>
  Effect.flatMap(
    Effect.promise(async (signal) => {
      const response = await fetch(url, { signal })
      return { status: response.status, after: response.headers.get("retry-after"), text: await response.text() }
    }),
    ({ after, status, text }) =>
      status === 429 ? Effect.fail(new TooMany({ retryAfter: Number(after) })) : Effect.succeed(text)
  )

/** Calls a service under a limit as long as its quota changes. Returns how often it answered and refused. */
const served = (
  kind: "refuses" | "queues",
  limitOf: (service: MovingService) => Effect.Effect<Limit.Limit, never, Scope.Scope>
) =>
  Effect.scoped(Effect.gen(function*() {
    const { service, url } = yield* serving(kind)
    const limit = yield* limitOf(service)
    const run = Parallel.forEach(endless(), () => call(url), { concurrency: 64, limit, retry: { times: 1000 } })
    const fiber = yield* Effect.forkChild(run)
    yield* Effect.sleep(quotas.length * phaseMillis)
    yield* Fiber.interrupt(fiber)
    return { answered: service.answered, refused: service.refusals / service.calls }
  }))

/** A limit that always equals the quota. */
const oracle = (service: MovingService) =>
  Effect.gen(function*() {
    const permits = Limit.concurrency(service.quota)
    yield* Effect.forkScoped(
      Effect.repeat(Effect.suspend(() => permits.resize(service.quota)), Schedule.spaced("1 millis"))
    )
    return permits
  })

describe.runIf(process.env["SERVERS"] !== undefined)("Limit.adaptive over HTTP", () => {
  const limits = {
    refuses: () =>
      Limit.adaptive({
        max: 64,
        overload: (error) => error instanceof TooMany && (error.retryAfter === 0 || `${error.retryAfter} seconds`)
      }),
    queues: () => Limit.adaptive({ max: 64, latency: 1.5 })
  }
  for (const kind of ["refuses", "queues"] as const) {
    it.live(
      `has at least nine tenths of what a client gets that knows the quota, at a service that ${kind}`,
      () =>
        Effect.gen(function*() {
          const [ours, known] = yield* Effect.all([
            served(kind, () => Effect.sync(limits[kind])),
            served(kind, oracle)
          ], { concurrency: 2 })

          assert.isAtLeast(ours.answered / known.answered, 0.9)
          // on a busy computer the client that knows the quota is sometimes refused, too
          assert.isAtMost(ours.refused, 0.02 + known.refused)
        }),
      60_000
    )
  }
})
