// Count primes on a fleet of machines, which take batches from a queue in Redis.
//
//   docker compose -f examples/machines/docker-compose.yml up -d
//   REDIS_URL=redis://localhost:6379 node examples/09-machines.ts worker    (on each machine)
//   REDIS_URL=redis://localhost:6379 node examples/09-machines.ts
//
// Without REDIS_URL the same program runs on threads of this machine. Only the layer differs.
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Parallel, Report } from "effect-parallel"
import * as BullMQ from "effect-parallel/backend/BullMQ"
import * as Threads from "effect-parallel/backend/Threads"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { countPrimes } from "./machines/tasks.ts"

const url = process.env["REDIS_URL"]
const isWorker = process.argv[2] === "worker"
const step = 10_000
const ranges = Array.from({ length: 100 }, (_, k) => ({ from: k * step, to: (k + 1) * step }))

const program = Parallel.run(ranges, countPrimes, { name: "primes" }).pipe(
  Effect.tap((report) => Console.log(`${report.values.reduce((sum, count) => sum + count, 0)} primes below a million`)),
  Effect.tap((report) => Console.log(Report.toText(report)))
)

if (isWorker && url !== undefined) {
  NodeRuntime.runMain(
    Layer.launch(BullMQ.layerWorker({ connection: url, queue: "primes", tasks: [countPrimes], drain: "10 seconds" }))
  )
} else if (isWorker) {
  console.error("a worker needs REDIS_URL, as in redis://localhost:6379")
  process.exitCode = 1
} else {
  const layer = url === undefined ? Threads.layer() : BullMQ.layer({ connection: url, queue: "primes" })
  NodeRuntime.runMain(Effect.provide(program, layer))
}
