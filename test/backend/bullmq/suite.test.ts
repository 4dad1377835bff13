/** The conformance suite on machines that take their batches from BullMQ. */
import { it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { Backend } from "effect-parallel"
import * as BullMQ from "effect-parallel/backend/BullMQ"
import { suite, tasks } from "effect-parallel/testing"
import { afterAll } from "vitest"
import { hasRedis, startRedis, type TestServer } from "../../journal/servers.ts"

let server: Promise<TestServer> | undefined
afterAll(async () => (await server)?.stop())
const redis = () => server ??= startRedis()

const fleet = (machines: number) =>
  Layer.unwrap(Effect.map(Effect.promise(redis), ({ port }) => {
    const at = { connection: `redis://127.0.0.1:${port}`, queue: `suite-${machines}` }
    const machine = (k: number) =>
      BullMQ.layerWorker({ ...at, machine: `m${k}`, tasks: tasks.all, slots: 8, backend: Backend.layer(Backend.async) })
    const all = Array.from({ length: machines }, (_, k) => machine(k))
    return Layer.provideMerge(BullMQ.layer(at), Layer.mergeAll(Layer.empty, ...all))
  }))

if (hasRedis && process.env["SERVERS"] !== undefined) {
  for (const machines of [1, 2]) {
    suite(`${machines} machines on BullMQ`, fleet(machines), {
      concurrent: true,
      except: { "any value that a structured clone keeps survives without a schema": "machines are sent JSON" }
    })
  }
} else {
  it.skip(`BullMQ (${hasRedis ? "skipped: npm run check starts it" : "skipped: this machine has none"})`, () => {})
}
