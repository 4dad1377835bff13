/**
 * The cost of one input on worker threads, compared with processes and fibers.
 *
 * Baselines: the same function in this thread; Piscina and tinypool, with one call for each input; and the floor, two
 * worker threads by hand that get the inputs in sixteen chunks.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import { Worker } from "node:worker_threads"
import { Piscina } from "piscina"
import { Tinypool } from "tinypool"
import * as Processes from "../src/backend/Processes.ts"
import * as Threads from "../src/backend/Threads.ts"
import { Limit, Parallel } from "../src/index.ts"
import { type Case, type Group, measure, ratio, small, type Topic } from "./measure.ts"
import { handOut, once, over } from "./work.ts"
import spin from "./workers/plain.ts"
import { work } from "./workers/spin.ts"

const workers = 2
const plain = new URL("./workers/plain.ts", import.meta.url).href

const alike = (count: number, rounds: number) => new Array<number>(count).fill(rounds)

const on = (layer: Layer.Layer<never>) => {
  const runtime = once(() => ManagedRuntime.make(layer))
  return (rounds: number, options: Parallel.DefaultOptions = {}): Case => (count) => {
    const inputs = alike(count, rounds)
    return () => runtime().runPromise(Effect.map(Parallel.forEach(inputs, work, options), (values) => values.length))
  }
}

export const ours = on(Threads.layer({ workers }))
const onProcesses = on(Processes.layer({ workers }))
const onFibers = on(Layer.empty)

export const oneThread = (rounds: number): Case => (count) => {
  const inputs = alike(count, rounds)
  return () => Promise.resolve(inputs.map(spin).length)
}

const threads = { filename: plain, minThreads: workers, maxThreads: workers }
const piscinaPool = once(() => new Piscina(threads))
const tinypoolPool = once(() => new Tinypool(threads))
const byHand = once(() =>
  Array.from({ length: workers }, () => new Worker(new URL("./workers/chunks.ts", import.meta.url)))
)

/** Makes a case that calls a pool once for each input. */
const calls =
  (pool: () => { readonly run: (input: number) => Promise<unknown> }) => (rounds: number): Case => (count) => {
    const inputs = alike(count, rounds)
    return async () => (await Promise.all(inputs.map((input) => pool().run(input)))).length
  }

const piscina = calls(piscinaPool)
const tinypool = calls(tinypoolPool)

const chunked = (rounds: number): Case => (count) => {
  const inputs = alike(count, rounds)
  const size = Math.ceil(count / 16)
  const chunks = () => Array.from({ length: Math.ceil(count / size) }, (_, n) => inputs.slice(n * size, (n + 1) * size))
  return () => handOut(byHand(), chunks()).then(() => count)
}

const tiny: Group = {
  name: "a square root",
  metric: "time",
  cases: {
    "ours": ours(1),
    "ours, processes": onProcesses(1),
    "ours, fibers": onFibers(1),
    "chunks by hand": chunked(1),
    "Piscina": piscina(1),
    "tinypool": tinypool(1),
    "one thread": oneThread(1)
  },
  sizes: [small],
  checks: [
    ratio("ours", "chunks by hand", small, 3),
    ratio("ours", "Piscina", small, 1 / 20),
    ratio("ours", "tinypool", small),
    ratio("ours", "one thread", small),
    ratio("ours, processes", "Piscina", small),
    ratio("ours, fibers", "one thread", small)
  ]
}

/** Number of rounds that take about a microsecond. */
export const microsecond = 160

/**
 * Options that keep V8 from slowing down. After a few hundred calls, V8 13.6 replaces the code of the long loop with
 * code that takes twice as long when a closure calls it, even without any library ("a loop of 3 ms that a closure
 * calls"), unless its middle compiler is off. An effect is such a closure; the function that Piscina calls is not.
 */
const steady = ["--no-maglev"]

/**
 * Makes a group of tasks of a length. The targets are a speed-up over one thread, and the greatest ratio to chunks by
 * hand.
 */
const longer = (name: string, micros: number, inputs: number, speedUp: number, besideChunks = 1.05): Group => ({
  name,
  metric: "time",
  flags: micros >= 100 ? steady : undefined,
  cases: {
    "ours": ours(micros * microsecond),
    "chunks by hand": chunked(micros * microsecond),
    "Piscina": piscina(micros * microsecond),
    "one thread": oneThread(micros * microsecond)
  },
  sizes: [inputs],
  checks: [
    ratio("ours", "one thread", inputs, Math.round(1000 / speedUp) / 1000),
    ratio("ours", "chunks by hand", inputs, besideChunks),
    ratio("ours", "Piscina", inputs),
    ratio("Piscina", "one thread", inputs)
  ]
})

/** The shortest tasks again, in this thread. They show which part of the cost is the effect. */
const effects: Group = {
  name: "tasks of 1 µs as effects, in one thread",
  metric: "time",
  cases: {
    "Effect.forEach": over((inputs) => Effect.forEach(inputs, () => Effect.sync(() => spin(microsecond)))),
    "one thread": oneThread(microsecond)
  },
  sizes: [200_000],
  checks: [ratio("Effect.forEach", "one thread", 200_000)]
}

/** Options that used to make each input a message of its own. */
const options: Readonly<Record<string, Parallel.DefaultOptions>> = {
  "a limit of concurrency": { limit: Limit.concurrency(workers) },
  "a rate": { limit: Limit.rate({ limit: 1e9, window: "1 second" }) },
  "stragglers": { stragglers: { after: "1 second" } },
  "spans of one in a hundred": { spans: 0.01 },
  "tries": { retry: { times: 2 } }
}

const withOptions: Group = {
  name: "a square root with options",
  metric: "time",
  cases: {
    "without": ours(1),
    ...Object.fromEntries(Object.entries(options).map(([name, option]) => [name, ours(1, option)]))
  },
  sizes: [small],
  checks: Object.keys(options).map((name) => ratio(name, "without", small, name === "tries" ? undefined : 2))
}

/**
 * The loop of the row of 3 ms with all of V8's compilers, in this thread and without any library: called directly, and
 * called by a closure, as the body of every effect calls it.
 */
const closed: Group = {
  name: "a loop of 3 ms that a closure calls",
  metric: "time",
  cases: {
    "called": oneThread(3000 * microsecond),
    "called by a closure": (count) => {
      const bodies = alike(count, 3000 * microsecond).map((rounds) => () => spin(rounds))
      return () => Promise.resolve(bodies.map((body) => body()).length)
    }
  },
  sizes: [160],
  checks: [ratio("called by a closure", "called", 160)]
}

export const topic: Topic = {
  title: "threads",
  url: import.meta.url,
  peers: ["effect", "piscina", "tinypool"],
  warmUp: 2000,
  groups: [
    tiny,
    withOptions,
    longer("tasks of 1 µs", 1, 200_000, 1, 1.15),
    effects,
    longer("tasks of 10 µs", 10, 20_000, 1.5),
    longer("tasks of 0.1 ms", 100, 3000, 1.6),
    longer("tasks of 3 ms", 3000, 160, 1.7),
    closed
  ]
}

if (import.meta.main) await measure(topic)
