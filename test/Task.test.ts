import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Fiber, Layer, Option, Schema } from "effect"
import { Backend, Outcome, Parallel, Task } from "effect-parallel"
import * as Threads from "effect-parallel/backend/Threads"
import { TestClock } from "effect/testing"

const module = import.meta.url
const run = (n: number) => Effect.succeed(n + 1)

describe("Task", () => {
  it("has a name and is distinguished from functions", () => {
    const task = Task.make("plus one", { module, run })

    assert.strictEqual(task.name, "plus one")
    assert.isTrue(Task.isTask(task))
    assert.isFalse(Task.isTask(run))
  })

  it("refuses options with which a worker could not find or run it", () => {
    assert.throws(() => Task.make("", { module, run }), "expected `name` to be a non-empty string, got \"\"")
    assert.throws(
      () => Task.make("t", { module: "./task.ts", run }),
      "expected `module` to be a URL (`import.meta.url`)"
    )
    assert.throws(() => Task.make("t", { module, run: 3 as never }), "expected `run` to be a function, got 3")
    assert.throws(
      () => Task.make("t", { module, run, schema: Schema.Int } as never),
      "expected `task options` to have only"
    )
    assert.throws(
      () => Task.make("t", { module, run, layer: Threads as never }),
      /expected `layer` to be a Layer, got .*: call its `layer\(\)`/
    )
    assert.throws(
      () => Task.make("t", { module, run, layer: Threads.layer as never }),
      /expected `layer` to be a Layer, got .*: call it to make the layer/
    )
    assert.throws(() => Task.make("t", { module, run, layer: 3 as never }), /^expected `layer` to be a Layer, got 3$/)
  })

  it.effect("names the run it is given to", () =>
    Effect.gen(function*() {
      const report = yield* Parallel.run([1], Task.make("plus one", { module, run }))

      assert.strictEqual(report.name, "plus one")
    }))

  it.effect("builds its layer once for each run, and releases it when the run is over", () =>
    Effect.gen(function*() {
      class Log extends Context.Service<Log, Array<string>>()("test/Log") {}
      const log: Array<string> = []
      const layer = Layer.effect(
        Log,
        Effect.acquireRelease(
          Effect.sync(() => {
            log.push("built")
            return log
          }),
          () => Effect.sync(() => log.push("released"))
        )
      )
      const task = Task.make("logs", { module, run: (n: number) => Log.useSync((log) => log.push(`ran ${n}`)), layer })
      yield* Parallel.forEach([1, 2], task)
      yield* task(3)

      assert.deepStrictEqual(log, ["built", "ran 1", "ran 2", "released", "built", "ran 3", "released"])
    }))

  it.effect("builds its layer again after a failure, within the same run, and releases a partial build", () =>
    Effect.gen(function*() {
      class Db extends Context.Service<Db, string>()("test/Db") {}
      const log: Array<string> = []
      let tries = 0
      const layer = Layer.effect(
        Db,
        Effect.acquireRelease(
          Effect.sync(() => log.push("acquired")),
          () => Effect.sync(() => log.push("released"))
        ).pipe(Effect.andThen(() => ++tries < 3 ? Effect.fail("down") : Effect.succeed("up")))
      )
      const task = Task.make("asks", { module, run: (n: number) => Db.useSync((db) => `${db} ${n}`), layer })
      const run = Parallel.run([1, 2], task, { retry: { times: 2 }, concurrency: 1 })
      let values: ReadonlyArray<string> = []
      const program = Effect.map(run, (report) => values = report.values)
      yield* Effect.scoped(Layer.build(Layer.effectDiscard(program)))
      log.push("over")

      assert.deepStrictEqual(values, ["up 1", "up 2"])
      assert.deepStrictEqual(log, ["acquired", "released", "acquired", "released", "acquired", "released", "over"])
    }))

  it.effect("has an index in its error as an input of a run, and none if called directly", () =>
    Effect.gen(function*() {
      const task = Task.make("ints", { module, payload: Schema.Int, run })
      const called = yield* Effect.flip(task(1.5))
      const [failure] = (yield* Parallel.run([1, 1.5], task)).failures
      const ran = Option.getOrUndefined(Outcome.error(failure!))

      assert.isTrue(called instanceof Backend.BackendError && ran instanceof Backend.BackendError)
      assert.strictEqual(called.index, undefined)
      assert.match(called.message, /^task ints, backend async: the payload schema refuses 1\.5/)
      assert.strictEqual(ran?.index, 1)
      assert.match(ran?.message ?? "", /^task ints, input #1, backend async: /)
      for (const error of [called, ran!]) {
        const codec = Schema.toCodecJson(Backend.BackendError)
        const json = JSON.parse(JSON.stringify(yield* Schema.encodeEffect(codec)(error)))
        assert.deepStrictEqual(yield* Schema.decodeUnknownEffect(codec)(json), error)
      }
    }))

  it.effect("whose backend reports no exit is tried for 30 seconds, then fails with NoWorkers", () =>
    Effect.gen(function*() {
      let times = 0
      const silent: Backend.Backend = { name: "silent", workers: 1, execute: () => Effect.sync(() => void times++) }
      const fiber = yield* Effect.forkChild(Effect.exit(
        Effect.provide(Task.make("t", { module, run })(1), Backend.layer(silent))
      ))
      yield* TestClock.adjust("40 seconds")
      const exit = yield* Fiber.join(fiber)

      assert.match(
        String(exit),
        /task t, backend silent: no worker started it in 3\d(\.\d+)? s; .* given back 49 times/
      )
      assert.strictEqual(times, 49)
    }))
})
