import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Layer, Logger, Stream } from "effect"
import { Backend, Parallel, Task } from "effect-parallel"
import { TestBackend } from "effect-parallel/testing"
import { Warned } from "../../src/task/heldLoop.ts"

/** Computes without a pause for a time in milliseconds, and on a busy machine until it has had as much CPU time. */
const hold = (millis: number): void => {
  const end = performance.now() + millis
  const from = process.cpuUsage()
  const used = () => process.cpuUsage(from)
  while (performance.now() < end || used().user + used().system < 1000 * millis);
}

const module = import.meta.url
const holds = Task.make("holds", { module, run: (millis: number) => Effect.sync(() => hold(millis)) })
const startsSlowly = Task.make("startsSlowly", {
  module,
  run: (millis: number) => {
    hold(millis)
    return Effect.void
  }
})
const layered = Task.make("layered", {
  module,
  layer: Layer.empty,
  run: (millis: number) => Effect.sync(() => hold(millis))
})
const fails = Task.make("fails", {
  module,
  run: (millis: number) => Effect.suspend(() => Effect.fail(hold(millis)))
})

/** Runs a program that nobody has warned, and returns what is logged. */
const warnings = <A, E>(program: Effect.Effect<A, E>): Effect.Effect<ReadonlyArray<string>> =>
  Effect.gen(function*() {
    const lines: Array<string> = []
    const logger = Logger.layer([
      Logger.make(({ logLevel, message }) => void lines.push(`${logLevel} ${String(message)}`))
    ])
    yield* Effect.exit(program).pipe(Effect.provideService(Warned, { isDone: false }), Effect.provide(logger))
    // the warning is logged by a fiber of its own
    yield* Effect.yieldNow
    return lines
  })

describe("a task that holds the event loop", () => {
  for (const task of [holds, startsSlowly, layered, fails]) {
    it.live(`is warned of once a program, where no backend is provided: ${task.name}`, () =>
      Effect.gen(function*() {
        const run = Parallel.run([60, 60, 60], task)
        const lines = yield* warnings(Effect.andThen(run, run))

        assert.strictEqual(lines.length, 1)
        assert.match(
          lines[0]!,
          new RegExp(`^Warn .*task "${task.name}" held the event loop for ([6-9]\\d|\\d{3,}) ms.*Threads\\.layer\\(\\)`)
        )
      }))
  }

  it.live("is not warned of what other code computes, or while it only waits", () =>
    Effect.gen(function*() {
      const quick = Task.make("quick", { module, run: (n: number) => Effect.as(Effect.yieldNow, n) })
      const slices = Task.make("slices", {
        module,
        run: () => Effect.repeat(Effect.andThen(Effect.sleep(10), Effect.sync(() => hold(5))), { times: 20 })
      })
      const consumer = Stream.runForEach(
        Parallel.stream([1, 2, 3], quick, { concurrency: 2 }),
        () => Effect.sync(() => hold(60))
      )
      function* slowInputs() {
        for (let n = 0; n < 3; n++) {
          hold(60)
          yield n
        }
      }

      assert.deepStrictEqual(yield* warnings(consumer), [])
      assert.deepStrictEqual(yield* warnings(Parallel.forEach(slowInputs(), quick)), [])
      assert.deepStrictEqual(yield* warnings(slices(1)), [])
      assert.deepStrictEqual(yield* warnings(Parallel.forEach([1, 2], slices, { concurrency: 1 })), [])
    }))

  it.live("keeps what it is made of: frozen, with getters, with its own `this`", () =>
    Effect.gen(function*() {
      class Counted {
        readonly name = "counted"
        readonly module = module
        readonly factor = 2
        get run() {
          return function(this: Counted, n: number) {
            return Effect.succeed(n * this.factor)
          }
        }
      }
      const frozen = Object.freeze(Task.make("frozen", { module, run: (n: number) => Effect.succeed(n) }))

      assert.deepStrictEqual(yield* Parallel.forEach([1, 2], frozen), [1, 2])
      assert.strictEqual(yield* frozen(3), 3)
      assert.strictEqual(yield* Backend.call(new Counted() as unknown as Backend.Job<number, number, never>, 4), 8)
    }))

  it.live("is not warned of when the thread only waited, as on a machine that is busy", () =>
    Effect.gen(function*() {
      const waits = Task.make("waits", {
        module,
        run: (millis: number) => Effect.sync(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, millis))
      })

      assert.deepStrictEqual(yield* warnings(Parallel.forEach([150, 150], waits)), [])
    }))

  it.live("is warned of in a call outside of runs", () =>
    Effect.gen(function*() {
      assert.strictEqual((yield* warnings(holds(60))).length, 1)
    }))

  it.live("is warned of after some that are fast, of which not all are measured", () =>
    Effect.gen(function*() {
      const inputs = [...Array<number>(8).fill(0), ...Array<number>(16).fill(60)]

      assert.strictEqual((yield* warnings(Parallel.forEach(inputs, holds))).length, 1)
    }))

  it.live("is not warned of where `Backend.async` is provided, or everything is sequential", () =>
    Effect.gen(function*() {
      const program = Effect.andThen(Parallel.forEach([60], holds), holds(60))

      assert.deepStrictEqual(yield* warnings(Effect.provide(program, Backend.layer(Backend.async))), [])
      assert.deepStrictEqual(yield* warnings(Parallel.sequential(program)), [])
    }))

  it("is not warned of in `Effect.runSync`, where there is no event loop", () => {
    const lines: Array<string> = []
    const logger = Logger.layer([Logger.make(({ message }) => void lines.push(String(message)))])
    const program = Effect.provideService(Parallel.forEach([60], holds), Warned, { isDone: false })
    const exit = Effect.runSyncExit(Effect.provide(program, logger))

    assert.isTrue(Exit.isSuccess(exit))
    assert.deepStrictEqual(lines, [])
  })
})

describe("a function that holds the event loop", () => {
  const work = (millis: number) => Effect.sync(() => hold(millis))

  it.live("is warned of where workers are provided, which it does not use", () =>
    Effect.gen(function*() {
      const run = Parallel.run([60, 60], work, { name: "titles" })
      const lines = yield* warnings(Effect.provide(run, TestBackend.layer()))

      assert.strictEqual(lines.length, 1)
      assert.match(lines[0]!, /run "titles" held the event loop for \d+ ms.*workers of "test".*Task\.make/)
    }))

  it.live("is not warned of when it did so once: the first call of a function may load modules", () =>
    Effect.gen(function*() {
      const run = Parallel.run([60, 0, 0], work, { concurrency: 1 })

      assert.deepStrictEqual(yield* warnings(Effect.provide(run, TestBackend.layer())), [])
    }))

  it.live("is not warned of where no workers are provided", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* warnings(Parallel.run([60, 60], work)), [])
      assert.deepStrictEqual(
        yield* warnings(Effect.provide(Parallel.run([60], work), Backend.layer(Backend.async))),
        []
      )
    }))
})

describe("three tasks of 400 ms with a timeout of 100 ms", () => {
  it.live("succeed as they always did, with a word", () =>
    Effect.gen(function*() {
      let report: ReadonlyArray<unknown> = []
      const run = Effect.tap(Parallel.run([400, 400, 400], holds, { timeout: "100 millis" }), ({ values }) =>
        Effect.sync(() => {
          report = values
        }))
      const lines = yield* warnings(run)

      assert.strictEqual(report.length, 3)
      assert.strictEqual(lines.length, 1)
    }))
})
