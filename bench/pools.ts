/**
 * The cost of a pool of two worker threads apart from its tasks: its start, a call when it is running, and large
 * arrays.
 *
 * Baselines: Piscina, whose workers import the same module, and worker threads by hand.
 */
import * as Effect from "effect/Effect"
import * as ManagedRuntime from "effect/ManagedRuntime"
import { Worker } from "node:worker_threads"
import { Piscina } from "piscina"
import * as Threads from "../src/backend/Threads.ts"
import { Parallel } from "../src/index.ts"
import { type Case, type Group, measure, plain, ratio, type Topic } from "./measure.ts"
import { handOut, once } from "./work.ts"
import { filling, moving } from "./workers/fill.ts"
import { work } from "./workers/spin.ts"
import sum, { summing } from "./workers/sum.ts"

const workers = 2
const module = (name: string) => new URL(`./workers/${name}.ts`, import.meta.url)

const runtimeOf = () => ManagedRuntime.make(Threads.layer({ workers }))
const piscinaOf = (name: string) =>
  new Piscina({ filename: module(name).href, minThreads: workers, maxThreads: workers, execArgv: process.execArgv })

const warmRuntime = once(runtimeOf)
const warmPiscina = once(() => piscinaOf("spin"))
const summingPiscina = once(() => piscinaOf("sum"))
const fillingPiscina = once(() => piscinaOf("fill"))
const fillingThreads = once(() => Array.from({ length: workers }, () => new Worker(module("fills"))))
const summingThreads = once(() => Array.from({ length: workers }, () => new Worker(module("sums"))))

const start: Group = {
  name: "the first two results",
  metric: "first",
  isWhole: true,
  cases: {
    "ours": (count) => () => runtimeOf().runPromise(Effect.map(Parallel.forEach([1, 1], work), () => count)),
    "Piscina": (count) => async () => {
      const pool = piscinaOf("spin")
      await Promise.all([pool.run(1), pool.run(1)])
      return count
    }
  },
  sizes: [2],
  checks: [ratio("ours", "Piscina", 2, 1.25)]
}

const warm: Group = {
  name: "two inputs on a running pool",
  metric: "time",
  isWhole: true,
  cases: {
    "ours": (count) => {
      const inputs = new Array<number>(count).fill(1)
      return () => warmRuntime().runPromise(Effect.map(Parallel.forEach(inputs, work), () => count))
    },
    "Piscina": (count) => {
      const pool = warmPiscina()
      const inputs = new Array<number>(count).fill(1)
      return async () => (await Promise.all(inputs.map((input) => pool.run(input)))).length
    }
  },
  sizes: [2],
  checks: [plain("ours", 2, 0.3), ratio("ours", "Piscina", 2, 1.2)]
}

const call = (input: number): Effect.Effect<number> => Effect.orDie(work(input))

/** Makes a group of concurrent calls. The time of one call is measured. */
const calls = (name: string, inputs: number, concurrency: number, target: number): Group => ({
  name,
  metric: "time",
  cases: {
    "ours": (count) => {
      const inputs = new Array<number>(count).fill(1)
      const program = Effect.forEach(inputs, call, { concurrency, discard: true })
      return () => warmRuntime().runPromise(Effect.as(program, count))
    },
    "Piscina": (count) => {
      const pool = warmPiscina()
      return async () => {
        let next = 0
        const lane = async () => {
          while (next++ < count) await pool.run(1)
        }
        await Promise.all(Array.from({ length: concurrency }, lane))
        return count
      }
    }
  },
  sizes: [inputs],
  checks: [ratio("ours", "Piscina", inputs, target)]
})

/** Length of an array of 100 MB, and the parts of an array that the tasks get. */
const length = 12_500_000
const parts = (array: Float64Array, count: number) =>
  Array.from({ length: count }, (_, part) => array.subarray(part * length / count, (part + 1) * length / count))

const inMemory = () => new Float64Array(length).fill(1)
const sharedMemory = () => new Float64Array(new SharedArrayBuffer(length * 8))
const inSharedMemory = () => sharedMemory().fill(1)

const ours = (make: () => Float64Array): Case => (count) => {
  const inputs = parts(make(), count)
  return () => warmRuntime().runPromise(Effect.map(Parallel.forEach(inputs, summing), (sums) => sums.length))
}

const byHand: Case = (count) => {
  const inputs = parts(inSharedMemory(), count)
  return () => handOut(summingThreads(), inputs).then(() => count)
}

const arrays: Group = {
  name: "100 MB of numbers in 16 tasks",
  metric: "time",
  isWhole: true,
  cases: {
    "ours, an array": ours(inMemory),
    "ours, a shared array": ours(inSharedMemory),
    "shared memory by hand": byHand,
    "one copy, then shared memory by hand": (count) => {
      const array = inMemory()
      return () => {
        const copy = sharedMemory()
        copy.set(array)
        return handOut(summingThreads(), parts(copy, count)).then(() => count)
      }
    },
    "one copy to the same shared memory by hand": (count) => {
      const array = inMemory()
      const copy = sharedMemory()
      const inputs = parts(copy, count)
      return () => {
        copy.set(array)
        return handOut(summingThreads(), inputs).then(() => count)
      }
    },
    "Piscina, a slice each": (count) => {
      const pool = summingPiscina()
      const array = inMemory()
      return async () => (await Promise.all(parts(array, count).map((part) => pool.run(part.slice())))).length
    },
    "one thread": (count) => {
      const inputs = parts(inMemory(), count)
      return () => Promise.resolve(inputs.map(sum).length)
    }
  },
  sizes: [16],
  checks: [
    ratio("ours, a shared array", "shared memory by hand", 16, 1.2),
    ratio("ours, an array", "one copy, then shared memory by hand", 16, 1.3),
    ratio("ours, an array", "one copy to the same shared memory by hand", 16),
    ratio("ours, an array", "Piscina, a slice each", 16)
  ]
}

/** Lengths of the arrays that the tasks return, 100 MB in total. */
const lengths = (count: number) => new Array<number>(count).fill(length / count)

const filled = (task: typeof filling): Case => (count) => {
  const inputs = lengths(count)
  return () => warmRuntime().runPromise(Effect.map(Parallel.forEach(inputs, task), (arrays) => arrays.length))
}

const results: Group = {
  name: "100 MB of numbers from 16 tasks",
  metric: "time",
  isWhole: true,
  cases: {
    "ours": filled(filling),
    "ours, moved": filled(moving),
    "moved by hand": (count) => {
      const inputs = lengths(count)
      return () => handOut(fillingThreads(), inputs).then(() => count)
    },
    "Piscina": (count) => {
      const pool = fillingPiscina()
      const inputs = lengths(count)
      return async () => (await Promise.all(inputs.map((input) => pool.run(input)))).length
    }
  },
  sizes: [16],
  checks: [
    ratio("ours, moved", "moved by hand", 16, 1.3),
    ratio("ours", "moved by hand", 16),
    ratio("ours", "Piscina", 16)
  ]
}

export const topic: Topic = {
  title: "pools",
  url: import.meta.url,
  peers: ["effect", "piscina"],
  warmUp: 2000,
  groups: [
    start,
    warm,
    calls("calls one by one", 1000, 1, 1.1),
    calls("64 concurrent calls", 6400, 64, 1),
    arrays,
    results
  ]
}

if (import.meta.main) await measure(topic)
