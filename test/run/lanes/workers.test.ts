/** Backends whose workers come and go during a run. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Latch } from "effect"
import { Backend, Limit, Parallel, Task } from "effect-parallel"
import { TestClock } from "effect/testing"
import { range } from "../../helpers.ts"

const sleeps = Task.make("sleeps", { module: import.meta.url, run: (n: number) => Effect.as(Effect.sleep(1000), n) })

/** A backend of workers that a test changes, and the number of batches in progress there. */
const changing = (workers: number, batches: boolean) => {
  const listeners = new Set<() => void>()
  const sent: Array<Backend.RunIdentity> = []
  let underWay = 0
  const backend = {
    name: "changing",
    batches,
    workers,
    onResize: (changed: () => void) => {
      listeners.add(changed)
      return () => listeners.delete(changed)
    },
    machineOf: (worker: number) => worker === 0 ? "first" : undefined,
    execute: (job, batch, onExit) => {
      underWay++
      sent.push(batch.run)
      return Effect.ensuring(Backend.async.execute(job, batch, onExit), Effect.sync(() => underWay--))
    }
  } satisfies Backend.Backend
  const resize = (count: number) =>
    Effect.sync(() => {
      backend.workers = count
      for (const listener of listeners) listener()
    })
  return { backend, listeners, resize, sent, underWay: () => underWay }
}

const latch = Latch.makeUnsafe(true)
const options = {
  batches: { batchSize: 1 },
  lanes: { limit: Limit.make({ name: "open", around: (attempt) => latch.whenOpen(attempt) }) }
}

describe("workers that come and go", () => {
  for (const [kind, given] of Object.entries(options)) {
    it.effect(`are followed by the lanes of a run: ${kind}`, () =>
      Effect.gen(function*() {
        const { backend, listeners, resize, underWay } = changing(1, kind === "batches")
        const run = Parallel.forEach(range(600), sleeps, given)
        const fiber = yield* Effect.forkChild(Effect.provideService(run, Backend.Backend, backend))
        const seen: Array<number> = []
        for (const workers of [1, 3, 40, 40, 2, 2, 0, 5]) {
          yield* resize(workers)
          yield* TestClock.adjust(1500)
          seen.push(underWay())
        }
        yield* TestClock.adjust("10 minutes")

        // lanes with one input each do not end; surplus inputs wait for a worker
        assert.deepStrictEqual(seen, kind === "batches" ? [1, 3, 40, 40, 2, 2, 2, 5] : [1, 3, 40, 40, 40, 40, 40, 40])
        assert.deepStrictEqual(yield* Fiber.join(fiber), range(600))
        assert.strictEqual(listeners.size, 0)
      }))
  }

  it.effect("are not followed by a run with a `concurrency` of its own", () =>
    Effect.gen(function*() {
      const { backend, listeners, resize, underWay } = changing(2, true)
      const run = Parallel.forEach(range(20), sleeps, { concurrency: 3, batchSize: 1 })
      const fiber = yield* Effect.forkChild(Effect.provideService(run, Backend.Backend, backend))
      yield* resize(8)
      yield* TestClock.adjust(500)

      assert.strictEqual(underWay(), 3)
      assert.strictEqual(listeners.size, 0)
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(yield* Fiber.join(fiber), range(20))
    }))

  it.effect("are forgotten when a run is interrupted", () =>
    Effect.gen(function*() {
      const { backend, listeners, resize, underWay } = changing(2, true)
      const run = Parallel.forEach(range(20), sleeps)
      const fiber = yield* Effect.forkChild(Effect.provideService(run, Backend.Backend, backend))
      yield* TestClock.adjust(500)
      yield* Fiber.interrupt(fiber)
      yield* resize(8)

      assert.strictEqual(listeners.size, 0)
      assert.strictEqual(underWay(), 0)
    }))
})

describe("a run", () => {
  it.effect("has its own id and its name in all its batches", () =>
    Effect.gen(function*() {
      const { backend, sent } = changing(2, true)
      const program = Effect.gen(function*() {
        yield* Parallel.forEach(range(4), sleeps, { batchSize: 1 })
        yield* Parallel.forEach(range(2), sleeps, { batchSize: 1, name: "named", spans: true })
        yield* sleeps(1)
      })
      const fiber = yield* Effect.forkChild(Effect.provideService(program, Backend.Backend, backend))
      yield* TestClock.adjust("1 minute")
      yield* Fiber.join(fiber)

      assert.deepStrictEqual(sent.map(({ name }) => name), [
        ...range(4).map(() => "sleeps"),
        "named",
        "named",
        "sleeps"
      ])
      assert.deepStrictEqual([...Map.groupBy(sent, ({ id }) => id).values()].map((run) => run.length), [4, 2, 1])
    }))

  it.effect("names the machines of its workers", () =>
    Effect.gen(function*() {
      const { backend } = changing(2, true)
      const told = {
        ...backend,
        execute: ((_, { inputs }, onExit) =>
          Effect.sync(() =>
            inputs.forEach((_, position) => onExit(position, Exit.succeed(undefined as never), position % 2))
          )) as Backend.Backend["execute"]
      }
      const run = Parallel.run(range(4), sleeps, { batchSize: 4 })
      const report = yield* Effect.provideService(run, Backend.Backend, told)

      assert.deepStrictEqual([...report.machines], [[0, "first"]])
    }))
})
