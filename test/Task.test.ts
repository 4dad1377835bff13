import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Schema } from "effect"
import { Backend, Parallel, Task } from "effect-parallel"

const module = import.meta.url
const run = (n: number) => Effect.succeed(n + 1)

describe("Task", () => {
  it("has a name and is told from functions", () => {
    const task = Task.make("plus one", { module, run })

    assert.strictEqual(task.name, "plus one")
    assert.isTrue(Task.isTask(task))
    assert.isFalse(Task.isTask(run))
  })

  it("refuses what a worker could not find or run", () => {
    assert.throws(() => Task.make("", { module, run }), "expected `name` to be a non-empty string, got \"\"")
    assert.throws(
      () => Task.make("t", { module: "./task.ts", run }),
      "expected `module` to be a URL (`import.meta.url`)"
    )
    assert.throws(() => Task.make("t", { module, run: 3 as never }), "expected `run` to be a function, got 3")
    assert.throws(
      () => Task.make("t", { module, run, schema: Schema.Int } as never),
      "expected `task options` to be made of"
    )
  })

  it.effect("names the run it is given to", () =>
    Effect.gen(function*() {
      const report = yield* Parallel.run([1], Task.make("plus one", { module, run }))

      assert.strictEqual(report.name, "plus one")
    }))

  it.effect("has its layer once for each run, released when the run is over", () =>
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

  it.effect("that reports no exit is told as the backend's mistake", () =>
    Effect.gen(function*() {
      const silent: Backend.Backend = { name: "silent", workers: 1, execute: () => Effect.void }
      const exit = yield* Effect.exit(Effect.provide(Task.make("t", { module, run })(1), Backend.layer(silent)))

      assert.match(String(exit), /backend silent reported no exit/)
    }))
})
