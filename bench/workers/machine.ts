/**
 * The other side of `bench/machines.ts`, in a process of its own. It prints a line when it is ready, its memory at
 * SIGUSR2, and the size of its heap without garbage at SIGHUP.
 */
import { Worker } from "bullmq"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { createServer } from "node:net"
import { createInterface } from "node:readline"
import * as BullMQ from "../../src/backend/BullMQ.ts"
import { Backend } from "../../src/index.ts"
import { tiny } from "./tiny.ts"

const port = Number(process.argv[3])
const connection = { port }

process.on("SIGUSR2", () => console.log(process.memoryUsage.rss()))
process.on("SIGHUP", () => {
  globalThis.gc?.()
  console.log(process.memoryUsage().heapUsed)
})

const roles: Readonly<Record<string, () => unknown>> = {
  machine: () => {
    const layer = BullMQ.layerWorker({
      connection,
      queue: "bench",
      tasks: [tiny],
      slots: 2,
      backend: Backend.layer(Backend.async)
    })
    Effect.runFork(Layer.launch(layer))
    setTimeout(() => console.log("up"), 500)
  },
  bullmq: async () => {
    const worker = new Worker("plain", async ({ data }) => data + 1, { connection, concurrency: 128 })
    await worker.waitUntilReady()
    console.log("up")
  },
  tcp: () =>
    createServer((socket) => {
      createInterface(socket.setNoDelay()).on("line", (line) => {
        const numbers = JSON.parse(line) as ReadonlyArray<number>
        socket.write(`${JSON.stringify(numbers.map((n) => n + 1))}\n`)
      })
    }).listen(port + 1, "127.0.0.1", () => console.log("up"))
}

for (const role of process.argv.slice(2, 3)) roles[role]?.()
