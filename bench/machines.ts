/**
 * The cost of tasks that another process takes from a queue in Redis: as little work as possible, end to end.
 *
 * Baselines: plain BullMQ with a job for each task, whose results come by its events; and the floor, a plain TCP
 * connection on which lines with 500 numbers go back and forth, four at a time. The memory is what the two sides take
 * for a million tasks after the first 200,000 and, on the machine, since its start. It needs a `redis-server`.
 */
import { Queue, QueueEvents } from "bullmq"
import * as Effect from "effect/Effect"
import { type ChildProcess, spawn, spawnSync } from "node:child_process"
import { connect } from "node:net"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import * as BullMQ from "../src/backend/BullMQ.ts"
import { Parallel } from "../src/index.ts"
import { measure, ratio, type Survey, type Topic } from "./measure.ts"
import { tiny } from "./workers/tiny.ts"

const port = 20_000 + process.pid % 30_000
const first = 200_000
const inputs = 1_000_000
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
  const child = start(process.execPath, [
    "--expose-gc",
    "--conditions=@effect-parallel/source",
    file,
    role,
    String(port)
  ])
  return new Promise((resolve) => createInterface(child.stdout!).once("line", () => resolve(child)))
}

const megabytes = (more: number, less = 0): number => (more - less) / 2 ** 20

/** Asks a machine for a number of bytes: of its memory, or of its heap without garbage. */
const bytesOf = (machine: ChildProcess, signal: "SIGUSR2" | "SIGHUP"): Promise<number> =>
  new Promise((resolve) => {
    createInterface(machine.stdout!).once("line", (line) => resolve(Number(line)))
    machine.kill(signal)
  })

const timed = async (count: number, run: () => Promise<unknown>): Promise<number> => {
  const from = performance.now()
  await run()
  return 1000 * count / (performance.now() - from)
}

const ours = async (): Promise<Readonly<Record<string, number>>> => {
  const machine = await other("machine")
  const all = (count: number) => Array.from({ length: count }, (_, n) => n)
  const [warm, many] = [all(first), all(inputs)]
  const program = Effect.gen(function*() {
    const there = Effect.promise(() => bytesOf(machine, "SIGUSR2"))
    const atStart = yield* there
    yield* Parallel.forEach(warm, tiny)
    const [here, before] = [process.memoryUsage.rss(), yield* there]
    const from = performance.now()
    yield* Parallel.forEach(many, tiny)
    const rate = 1000 * inputs / (performance.now() - from)
    const [hereAfter, after] = [process.memoryUsage.rss(), yield* there]
    const heap = yield* Effect.promise(() => bytesOf(machine, "SIGHUP"))
    return {
      [batches]: rate,
      "memory that the program has taken": megabytes(hereAfter, here),
      "memory that the machine has taken": megabytes(after, before),
      "memory that the machine has taken since its start": megabytes(after, atStart),
      "heap of the machine without garbage": megabytes(heap)
    }
  })
  return await Effect.runPromise(Effect.provide(program, BullMQ.layer({ connection, queue: "bench" })))
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

const plainBullMQ = "BullMQ, a job for each task"
const batches = "tasks on a machine, by batches"
const floor = "TCP, 500 numbers a line"

const machines: Survey = {
  name: "tasks that do nothing",
  figures: {
    [plainBullMQ]: "per second",
    [batches]: "per second",
    [floor]: "per second",
    "memory that the program has taken": "MB",
    "memory that the machine has taken": "MB",
    "memory that the machine has taken since its start": "MB",
    "heap of the machine without garbage": "MB"
  },
  read: async () => {
    start("redis-server", ["--port", String(port), "--save", "", "--appendonly", "no"])
    await new Promise((resolve) => setTimeout(resolve, 500))
    try {
      return { [plainBullMQ]: await bullmq(), [floor]: await tcp(), ...await ours() }
    } finally {
      for (const child of children) child.kill("SIGKILL")
    }
  },
  checks: [ratio(batches, plainBullMQ, undefined), ratio(floor, plainBullMQ, undefined)]
}

const redis = spawnSync("redis-server", ["--version"], { encoding: "utf8" })

export const topic: Topic = {
  title: "machines",
  url: import.meta.url,
  peers: ["bullmq", "ioredis"],
  programs: () => ({ Redis: /v=([\d.]+)/.exec(redis.stdout)?.[1] ?? "" }),
  lacks: redis.status === 0 ? undefined : "a redis-server",
  groups: [machines]
}

if (import.meta.main) await measure(topic)
