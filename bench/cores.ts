/**
 * The cost of each input and each batch for the thread of the program, and the number of workers that it can keep busy.
 *
 * The costs are CPU time of the main thread while two worker threads run square roots in batches of several sizes. A
 * cost per batch and a cost per input are fitted to them. A simulation then uses these costs: the engine itself, on a
 * virtual clock, sends its batches to workers that take time and compute nothing, through a main thread that takes that
 * long for each batch, half of it on the way out.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as ManagedRuntime from "effect/ManagedRuntime"
import { TestClock } from "effect/testing"
import * as Threads from "../src/backend/Threads.ts"
import { Backend, Parallel } from "../src/index.ts"
import { measure, plain, type Survey, type Topic } from "./measure.ts"
import { work } from "./workers/spin.ts"

/** Costs of the main thread, in microseconds. */
interface Costs {
  readonly batch: number
  readonly input: number
}

const total = 200_000
const sizes = [16, 64, 256, 1024, 8192]

/** Measures the CPU time of the main thread per input, in microseconds, for batches of a size. */
const measured = async (runtime: ManagedRuntime.ManagedRuntime<never, never>, batchSize: number): Promise<number> => {
  const count = Math.min(total, batchSize * 500)
  const inputs = new Array<number>(count).fill(1)
  const run = () => runtime.runPromise(Parallel.forEach(inputs, work, { batchSize }))
  for (const end = performance.now() + 1000; performance.now() < end;) await run()
  const before = process.threadCpuUsage()
  let runs = 0
  for (const end = performance.now() + 2000; performance.now() < end; runs++) await run()
  const { system, user } = process.threadCpuUsage(before)
  return (system + user) / runs / count
}

/** Fits a cost per batch and a cost per input to costs by size, which are linear in the inverse of the size. */
const fit = (points: ReadonlyArray<readonly [size: number, cost: number]>): Costs => {
  const [x, y] = [points.map(([size]) => 1 / size), points.map(([, cost]) => cost)]
  const mean = (values: ReadonlyArray<number>) => values.reduce((sum, value) => sum + value, 0) / values.length
  const slope = mean(x.map((value, k) => (value - mean(x)) * (y[k]! - mean(y)))) /
    mean(x.map((v) => (v - mean(x)) ** 2))
  return { batch: slope, input: mean(y) - slope * mean(x) }
}

/** Milliseconds that a message between two threads takes. */
const wayMillis = 0.03

/**
 * A backend of workers that take `taskMillis` for an input and compute nothing. The main thread does one thing after
 * another; a worker takes its batches in order.
 */
const simulated = (workers: number, taskMillis: number, costs: Costs, now: () => number): Backend.Backend => {
  let mainFreeAt = 0
  const busyUntil = new Array<number>(workers).fill(0)
  const held = new Array<number>(workers).fill(0)
  const main = (inputs: number): number => {
    mainFreeAt = Math.max(now(), mainFreeAt) + (costs.batch + inputs * costs.input) / 2000
    return mainFreeAt
  }
  const until = (time: number) => Effect.suspend(() => Effect.sleep(Duration.millis(Math.max(0, time - now()))))
  return {
    name: "simulated",
    workers,
    batches: true,
    prefetch: true,
    execute: (_, { inputs }, onExit) =>
      Effect.suspend(() => {
        const worker = held.indexOf(Math.min(...held))
        held[worker]!++
        const startedAt = Math.max(main(inputs.length) + wayMillis, busyUntil[worker]!)
        const endedAt = busyUntil[worker] = startedAt + inputs.length * taskMillis
        return Effect.flatMap(until(endedAt + wayMillis), () =>
          Effect.flatMap(until(main(inputs.length)), () =>
            Effect.sync(() => {
              held[worker]!--
              inputs.forEach((input, k) => {
                const start = startedAt + k * taskMillis
                onExit(k, Exit.succeed(input as never), worker, start, start + taskMillis)
              })
            })))
      })
  }
}

/** Greatest number of inputs of a simulated run. Runs that would take longer than a second have fewer. */
const mostInputs = 3_000_000

/** Share of the time in which simulated workers are busy, in a run of up to a second. */
const busyShare = (workers: number, taskMillis: number, costs: Costs): Promise<number> =>
  Effect.gen(function*() {
    const clock = yield* Clock.Clock
    const now = () => Number(clock.monotonicTimeNanosUnsafe()) / 1e6
    const count = Math.min(mostInputs, Math.ceil(workers * 1000 / taskMillis))
    const began = now()
    const run = Parallel.forEach(new Array<number>(count).fill(1), work)
    const backend = simulated(workers, taskMillis, costs, now)
    const fiber = yield* Effect.forkChild(Effect.provideService(run, Backend.Backend, backend))
    while (fiber.pollUnsafe() === undefined) {
      yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
      yield* TestClock.adjust(Duration.micros(100n))
    }
    yield* Fiber.join(fiber)
    return count * taskMillis / workers / (now() - began)
  }).pipe(Effect.provide(TestClock.layer()), Effect.runPromise)

const workerCounts = [4, 16, 64, 128]

/** Lengths of tasks, in milliseconds. */
const lengths: Readonly<Record<string, number>> = {
  "1 µs": 0.001,
  "10 µs": 0.01,
  "0.1 ms": 0.1,
  "1 ms": 1,
  "10 ms": 10
}

/** All numbers of workers with all lengths of tasks. The page finds them by these names. */
const simulations = workerCounts.flatMap((workers) =>
  Object.entries(lengths).map(([length, millis]) => ({
    workers,
    millis,
    name: `${workers} workers, tasks of ${length}`
  }))
)

const batches = (size: number): string => `an input in batches of ${size}`

const cores: Survey = {
  name: "the main thread and simulated workers",
  figures: {
    ...Object.fromEntries(sizes.map((size) => [batches(size), "µs"])),
    "CPU time for a batch": "µs",
    "CPU time for an input": "µs",
    "inputs that saturate the main thread": "per second",
    ...Object.fromEntries(simulations.map(({ name }) => [name, "%"]))
  },
  read: async () => {
    const figures: Record<string, number> = {}
    const runtime = ManagedRuntime.make(Threads.layer({ workers: 2 }))
    const points: Array<readonly [number, number]> = []
    for (const size of sizes) points.push([size, figures[batches(size)] = await measured(runtime, size)])
    await runtime.dispose()
    const costs = fit(points)
    if (costs.input <= 0) throw new Error("no costs explain these times; measure again on a machine that is less busy")
    for (const { millis, name, workers } of simulations) figures[name] = 100 * await busyShare(workers, millis, costs)
    return {
      ...figures,
      "CPU time for a batch": costs.batch,
      "CPU time for an input": costs.input,
      "inputs that saturate the main thread": 1e6 / costs.input
    }
  },
  checks: [
    plain("CPU time for a batch", undefined, 20, "µs"),
    plain("CPU time for an input", undefined, 0.15, "µs")
  ]
}

export const topic: Topic = { title: "cores", url: import.meta.url, peers: [], rounds: 1, groups: [cores] }

if (import.meta.main) await measure(topic)
