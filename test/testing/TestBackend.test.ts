import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Fiber, Option } from "effect"
import { Backend, Outcome, Parallel, Task } from "effect-parallel"
import { suite, TestBackend } from "effect-parallel/testing"
import { TestClock } from "effect/testing"
import { range } from "../helpers.ts"

const double = Task.make("double", { module: import.meta.url, run: (n: number) => Effect.succeed(n * 2) })
const started = TestBackend.TestBackend.use((backend) => backend.started)
const running = TestBackend.TestBackend.use((backend) => backend.running)
const release = TestBackend.TestBackend.use((backend) => backend.release)

suite("TestBackend", TestBackend.layer({ workers: 4 }), { virtual: true, concurrent: true })

describe("TestBackend", () => {
  it.effect("records started inputs, and has the number of workers that is set", () =>
    Effect.gen(function*() {
      const values = yield* Parallel.forEach(range(5), double)
      const calls = yield* started

      assert.deepStrictEqual(values, [0, 2, 4, 6, 8])
      assert.deepStrictEqual(
        calls.map((call) => [call.task, call.index, call.input]),
        range(5).map((n) => ["double", n, n])
      )
      assert.strictEqual((yield* Backend.Backend).workers, 3)
    }).pipe(Effect.provide(TestBackend.layer({ workers: 3 }))))

  it.effect("fails on request, and runs the retry", () =>
    Effect.gen(function*() {
      const report = yield* Parallel.run([1, 2], double, { retry: { times: 1 } })

      assert.deepStrictEqual(report.values, [2, 4])
      assert.deepStrictEqual(report.outcomes.map((outcome) => outcome.attempts), [1, 2])
      assert.deepStrictEqual((yield* started).map((call) => call.attempt), [1, 1, 2])
    }).pipe(Effect.provide(TestBackend.layer({
      when: ({ attempt, index }) => index === 1 && attempt === 1 ? TestBackend.fail("down") : TestBackend.run
    }))))

  it.effect("has nothing in progress after `when` has thrown", () =>
    Effect.gen(function*() {
      const [values, failures] = yield* Parallel.partition([1, 2], double)

      assert.deepStrictEqual(values, [2])
      assert.strictEqual(failures.length, 1)
      assert.deepStrictEqual(yield* running, [])
    }).pipe(Effect.provide(TestBackend.layer({
      when: ({ input }) => {
        if (input === 2) throw new Error("when")
        return TestBackend.run
      }
    }))))

  it.effect("stalls on request, until it is released or times out", () =>
    Effect.gen(function*() {
      const late = yield* Effect.forkChild(Parallel.partition([1, 2], double, { timeout: "1 minute" }))
      yield* TestClock.adjust("1 minute")
      const [values, failures] = yield* Fiber.join(late)
      const waiting = yield* Effect.forkChild(Parallel.forEach([1, 2], double))
      yield* TestClock.adjust("1 hour")
      const stalled = yield* running
      yield* release

      assert.deepStrictEqual(values, [4])
      assert.isTrue(Option.exists(Outcome.error(failures[0]!), Cause.isTimeoutError))
      assert.deepStrictEqual(stalled.map((call) => call.input), [1])
      assert.deepStrictEqual(yield* Fiber.join(waiting), [2, 4])
    }).pipe(Effect.provide(TestBackend.layer({
      when: ({ input }) => input === 1 ? TestBackend.stall : TestBackend.run
    }))))

  it.effect("crashes on request: only the guilty input fails", () =>
    Effect.gen(function*() {
      const [values, failures] = yield* Parallel.partition(range(6), double, { batchSize: 3 })
      const error = Option.getOrThrow(Outcome.error(failures[0]!))

      assert.deepStrictEqual(values, [0, 2, 6, 8, 10])
      assert.strictEqual(error._tag === "BackendError" && error.reason._tag, "WorkerCrashed")
      assert.strictEqual(error.message, "task double, input #2, backend test: its worker exited with code 137")
    }).pipe(Effect.provide(TestBackend.layer({
      when: ({ index }) => index === 2 ? TestBackend.crash(137) : TestBackend.run
    }))))
})
