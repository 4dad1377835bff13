/** The conformance suite on machines that are processes and take their batches from BullMQ. */
import { Effect, Layer } from "effect"
import { suite } from "effect-parallel/testing"
import { afterAll } from "vitest"
import { range } from "../../helpers.ts"
import { startRedis, type TestServer } from "../../journal/servers.ts"
import { onServer } from "../../onServer.ts"
import type { MachineArgs } from "./machineMain.ts"
import { present, program, startMachine } from "./machines.ts"

let server: Promise<TestServer> | undefined
afterAll(async () => (await server)?.stop())
const redis = () => server ??= startRedis()

/** A program with this many machines. */
const fleet = (machines: number, options: Pick<MachineArgs, "backend" | "slots">) =>
  Layer.unwrap(Effect.gen(function*() {
    const { port } = yield* Effect.promise(redis)
    const queue = `suite-${machines}-${options.backend}`
    for (const k of range(machines)) yield* startMachine({ ...options, port, queue, machine: `machine ${k}` })
    yield* present(port, queue, machines)
    return program(port, queue)
  }))

const except = {
  "any value that a structured clone keeps survives without a schema": "machines are sent JSON"
}

onServer("Redis", "BullMQ", () => {
  for (const machines of [1, 2, 3]) {
    suite(`${machines} machines on BullMQ`, fleet(machines, { backend: "fibers", slots: 16 }), {
      concurrent: true,
      except
    })
  }
  suite("machines on BullMQ, on threads", fleet(2, { backend: "threads", slots: 1 }), { except, isolated: true })
})
