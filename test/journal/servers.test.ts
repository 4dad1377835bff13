import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { Journal, Parallel } from "effect-parallel"
import { journalSuite } from "effect-parallel/testing"
import type { BackingPersistence } from "effect/persistence/Persistence"
import { randomUUID } from "node:crypto"
import { afterAll } from "vitest"
import { range } from "../helpers.ts"
import { onServer } from "../onServer.ts"
import { ofServer, postgresLayer, redisLayer, startPostgres, startRedis, type TestServer } from "./servers.ts"
import { quiet } from "./stores.ts"

/** Starts a server once, on first use, and stops it when all tests are over. */
const once = (start: () => Promise<TestServer>) => {
  let server: Promise<TestServer> | undefined
  afterAll(async () => (await server)?.stop())
  return () => server ??= start()
}

const kinds: ReadonlyArray<
  readonly [
    name: "PostgreSQL" | "Redis",
    start: () => Promise<TestServer>,
    layer: (server: TestServer) => Layer.Layer<BackingPersistence>
  ]
> = [
  ["PostgreSQL", startPostgres, postgresLayer],
  ["Redis", startRedis, redisLayer]
]

const testsOf = ([name, start, backing]: (typeof kinds)[number]) => () => {
  const server = once(start)
  const layer = Journal.layerPersistence({ name }).pipe(Layer.provide(ofServer(server, backing)))
  journalSuite(`Journal.layerPersistence on ${name}`, layer, { lasting: true })

  describe(`two programs that share ${name}`, () => {
    it.live("lose nothing, and never mix up results", () =>
      quiet(Effect.gen(function*() {
        const run = `shared ${randomUUID()}`
        const ran: Array<number> = []
        const program = (from: number) =>
          Parallel.forEach(
            range(1500).map((n) => n + from),
            (n) => Effect.as(Effect.sleep(n % 3), `value ${(ran.push(n), n)}`),
            { name: run, journal: true, concurrency: 20 }
          ).pipe(Effect.provide(layer))
        const both = yield* Effect.all([program(0), program(500)], { concurrency: 2 })
        const [first, second] = both
        const before = ran.length
        const again = yield* program(250)

        assert.deepStrictEqual(first, range(1500).map((n) => `value ${n}`))
        assert.deepStrictEqual(second, range(1500).map((n) => `value ${n + 500}`))
        assert.deepStrictEqual(again, range(1500).map((n) => `value ${n + 250}`))
        assert.strictEqual(ran.length, before)
      })), 60_000)

    it.live(
      "and one whose server is gone ends with StoreFailed, with the finished inputs",
      () =>
        quiet(Effect.gen(function*() {
          const own = yield* Effect.promise(start)
          const run = Parallel.run(range(100_000), (n) => Effect.as(Effect.sleep(1), n), {
            name: "gone",
            journal: true,
            concurrency: 50
          }).pipe(Effect.provide(Journal.layerPersistence({ name }).pipe(Layer.provide(backing(own)))), Effect.flip)
          yield* Effect.forkChild(Effect.andThen(Effect.sleep(1000), Effect.sync(own.stop)))
          const error = yield* Effect.timeout(run, "30 seconds")

          assert.instanceOf(error, Journal.JournalError)
          assert.instanceOf(error.reason, Journal.StoreFailed)
          assert.isAbove(error.report!.outcomes.length, 0)
        })),
      60_000
    )
  })
}

for (const kind of kinds) onServer(kind[0], `Journal.layerPersistence on ${kind[0]}`, testsOf(kind))
