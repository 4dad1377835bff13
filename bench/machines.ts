/**
 * The cost of tasks that another process takes from a queue in Redis: as little work as possible, end to end.
 *
 * `node bench/machines.ts [inputs]` needs a `redis-server`. Baselines: plain BullMQ with a job for each task, whose
 * results come by its events; and a plain TCP connection on which lines with 500 numbers go back and forth, four at a
 * time. Prints tasks per second, the ratio to plain BullMQ, and the memory that the two sides have taken after the
 * first 200,000 tasks.
 */
import { Queue, QueueEvents } from "bullmq"
import * as Effect from "effect/Effect"
import { type ChildProcess, spawn } from "node:child_process"
import { connect } from "node:net"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import * as BullMQ from "../src/backend/BullMQ.ts"
import { Parallel } from "../src/index.ts"
import { tiny } from "./workers/tiny.ts"

const port = 20_000 + process.pid % 30_000
const inputs = Number(process.argv[2] ?? 400_000)
const jobs = 10_000
const connection = { port }

const children: Array<ChildProcess> = []
const start = (command: string, args: ReadonlyArray<string>): ChildProcess => {
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "inherit"] })
  children.push(child)
  return child
}
const other = (role: string): Promise<ChildProcess> => {
  const file = fileURLToPath(new URL("workers/machine.ts", import.meta.url))
  const child = start(process.execPath, ["--conditions=@effect-parallel/source", file, role, String(port)])
  return new Promise((resolve) => createInterface(child.stdout!).once("line", () => resolve(child)))
}
const megabytes = (bytes: number): number => Math.round(bytes / 2 ** 20)
const memoryOf = (child: ChildProcess): Promise<number> =>
  new Promise((resolve) => {
    createInterface(child.stdout!).once("line", (line) => resolve(Number(line)))
    child.kill("SIGUSR2")
  })

const timed = async (count: number, run: () => Promise<unknown>): Promise<number> => {
  const from = performance.now()
  await run()
  return 1000 * count / (performance.now() - from)
}

const ours = async (): Promise<{ readonly rate: number; readonly here: number; readonly there: number }> => {
  const machine = await other("machine")
  const all = (count: number) => Array.from({ length: count }, (_, n) => n)
  const layer = BullMQ.layer({ connection, queue: "bench" })
  const warm = all(200_000)
  const many = all(inputs)
  const program = Effect.gen(function*() {
    yield* Parallel.forEach(warm, tiny)
    const before = [process.memoryUsage.rss(), yield* Effect.promise(() => memoryOf(machine))] as const
    const from = performance.now()
    yield* Parallel.forEach(many, tiny)
    const rate = 1000 * inputs / (performance.now() - from)
    const after = [process.memoryUsage.rss(), yield* Effect.promise(() => memoryOf(machine))] as const
    return { rate, here: megabytes(after[0] - before[0]), there: megabytes(after[1] - before[1]) }
  })
  return await Effect.runPromise(Effect.provide(program, layer))
}

const bullmq = async (): Promise<number> => {
  await other("bullmq")
  const queue = new Queue("plain", { connection })
  const events = new QueueEvents("plain", { connection })
  await events.waitUntilReady()
  const rate = await timed(jobs, () =>
    new Promise<void>((resolve) => {
      let left = jobs
      events.on("completed", () => --left === 0 && resolve())
      const data = Array.from({ length: jobs }, (_, n) => ({ name: "tiny", data: n, opts: { removeOnComplete: true } }))
      void queue.addBulk(data)
    }))
  await queue.close()
  await events.close()
  return rate
}

const tcp = async (): Promise<number> => {
  await other("tcp")
  const socket = connect(port + 1, "127.0.0.1").setNoDelay()
  const line = `${JSON.stringify(Array.from({ length: 500 }, (_, n) => n))}\n`
  const lines = 4000
  const rate = await timed(500 * lines, () =>
    new Promise<void>((resolve) => {
      let sent = 4
      let come = 0
      createInterface(socket).on("line", (text) => {
        JSON.parse(text)
        if (++come === lines) resolve()
        else if (sent++ < lines) socket.write(line)
      })
      socket.write(line.repeat(4))
    }))
  socket.destroy()
  return rate
}

start("redis-server", ["--port", String(port), "--save", "", "--appendonly", "no"])
await new Promise((resolve) => setTimeout(resolve, 500))
try {
  const plain = await bullmq()
  const floor = await tcp()
  const { here, rate, there } = await ours()
  const line = (name: string, rate: number) =>
    console.log(
      `${name.padEnd(34)} ${Math.round(rate).toLocaleString("en").padStart(12)} /s ${
        (rate / plain).toFixed(1).padStart(8)
      }`
    )
  line("BullMQ, a job for each task", plain)
  line("tasks on a machine, by batches", rate)
  line("TCP, 500 numbers a line", floor)
  console.log(`memory of ${inputs.toLocaleString("en")} tasks: ${here} MB here, ${there} MB on the machine`)
} finally {
  for (const child of children) child.kill("SIGKILL")
}
process.exit()
