import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Option, Result, Schedule } from "effect"
import { Limit, Parallel } from "effect-parallel"

describe("Plan", () => {
  const build = (options: unknown, inputs: unknown = [1], work: unknown = Effect.succeed) => {
    let pulled = 0
    const watched = Array.isArray(inputs)
      ? {
        *[Symbol.iterator]() {
          pulled++
          yield* inputs
        }
      }
      : inputs
    return {
      run: () =>
        Parallel.run(watched as Iterable<number>, work as typeof Effect.succeed<number>, options as Parallel.Options),
      pulled: () => pulled
    }
  }

  describe("options", () => {
    const refused: ReadonlyArray<[options: object, message: string]> = [
      [{ concurrency: 0 }, "expected `concurrency` to be a positive integer or \"unbounded\", got 0"],
      [{ concurrency: -1 }, "expected `concurrency` to be a positive integer or \"unbounded\", got -1"],
      [{ concurrency: 1.5 }, "expected `concurrency` to be a positive integer or \"unbounded\", got 1.5"],
      [{ concurrency: NaN }, "expected `concurrency` to be a positive integer or \"unbounded\", got NaN"],
      [{ concurrency: Infinity }, "expected `concurrency` to be a positive integer or \"unbounded\", got Infinity"],
      [{ concurrency: "8" }, "expected `concurrency` to be a positive integer or \"unbounded\", got \"8\""],
      [{ concurrency: null }, "expected `concurrency` to be a positive integer or \"unbounded\", got null"],
      [{ timeout: -1 }, "expected `timeout` to be a positive duration, got -1"],
      [{ timeout: 0 }, "expected `timeout` to be a positive duration, got 0"],
      [{ timeout: "soon" }, "expected `timeout` to be a positive duration such as \"5 seconds\", got \"soon\""],
      [{ timeout: null }, "expected `timeout` to be a positive duration, got null"],
      [{ retry: {} }, "expected `retry` to be a Schedule, or an object with `times`, `schedule` or `while`, got {}"],
      [{ retry: 3 }, "expected `retry` to be an object, got 3"],
      [{ retry: { times: -1 } }, "expected `retry.times` to be an integer of at least 0, got -1"],
      [{ retry: { times: 1.5 } }, "expected `retry.times` to be an integer of at least 0, got 1.5"],
      [{ retry: { schedule: 100 } }, "expected `retry.schedule` to be a Schedule, got 100"],
      [{ retry: { while: true } }, "expected `retry.while` to be a function, got true"],
      [
        { retry: { time: 3 } },
        "expected `retry` to have only `times`, `schedule`, `while`, got `time`: did you mean `times`?"
      ],
      [{ maxErrors: 0 }, "expected `maxErrors` to be a positive integer, got 0"],
      [{ maxErrors: 2.5 }, "expected `maxErrors` to be a positive integer, got 2.5"],
      [{ stragglers: { after: 0 } }, "expected `stragglers.after` to be a positive duration, got 0"],
      [{ stragglers: {} }, "expected `stragglers.after` to be a positive duration, got undefined"],
      [{ stragglers: { after: 1, limit: 0 } }, "expected `stragglers.limit` to be a positive integer, got 0"],
      [{ stragglers: 100 }, "expected `stragglers` to be an object, got 100"],
      [{ limit: 3 }, "expected `limit` to be a Limit, an array of them, or a function, got 3"],
      [
        { limit: [Limit.concurrency(1), {}] },
        "expected `limit` to be a Limit, an array of them, or a function, got {}"
      ],
      [{ batchSize: 1.5 }, "expected `batchSize` to be a positive integer or \"auto\", got 1.5"],
      [{ batchSize: "all" }, "expected `batchSize` to be a positive integer or \"auto\", got \"all\""],
      [{ preDispatch: -1 }, "expected `preDispatch` to be an integer of at least 0 or \"all\", got -1"],
      [{ preDispatch: "auto" }, "expected `preDispatch` to be an integer of at least 0 or \"all\", got \"auto\""],
      [{ show: "short" }, "expected `show` to be a function, got \"short\""],
      [{ name: "" }, "expected `name` to be a non-empty string, got \"\""],
      [{ name: 3 }, "expected `name` to be a non-empty string, got 3"]
    ]
    for (const [options, message] of refused) {
      it(`refuses ${JSON.stringify(options)} when the effect is built, before anything starts`, () => {
        const { pulled, run } = build(options)

        assert.throws(run, message)
        assert.strictEqual(pulled(), 0)
      })
    }

    it("refuses an option that does not exist, and says which do", () => {
      assert.throws(
        build({ concurency: 3 }).run,
        "expected `options` to have only `concurrency`, `timeout`, `retry`, `maxErrors`, `stragglers`, `limit`, `batchSize`, "
          + "`preDispatch`, `spans`, `show`, `name`, `journal`, got `concurency`: did you mean `concurrency`?"
      )
      assert.throws(build(3).run, "expected `options` to be an object, got 3")
    })

    it.effect("accepts every option at the edge of its range, and undefined", () =>
      Effect.gen(function*() {
        const edges: ReadonlyArray<Parallel.Options> = [
          { concurrency: 1, preDispatch: 0, maxErrors: 1, batchSize: 1, timeout: "1 nanos", name: "n" },
          { concurrency: "unbounded", preDispatch: "all", maxErrors: Infinity, batchSize: "auto", timeout: Infinity },
          { retry: { times: 0 }, stragglers: { after: "1 nanos", limit: 1 }, limit: [] },
          { retry: Schedule.recurs(0), limit: Limit.concurrency(1) },
          { concurrency: undefined, timeout: undefined, retry: undefined, limit: undefined, name: undefined },
          { stragglers: undefined, preDispatch: undefined, batchSize: undefined, maxErrors: undefined }
        ]
        for (const options of edges) assert.deepStrictEqual((yield* build(options).run()).values, [1])
      }))
  })

  describe("inputs and work", () => {
    for (const inputs of [undefined, null, 3, {}]) {
      it(`refuses ${JSON.stringify(inputs)} as inputs`, () => {
        assert.throws(
          () => Parallel.forEach(inputs as Iterable<number>, Effect.succeed),
          /expected `inputs` to be an iterable, an async iterable or a Stream, got /
        )
      })
    }

    const only: ReadonlyArray<[name: string, inputs: unknown]> = [
      ["an effect of inputs", Effect.succeed([1])],
      ["an exit", Exit.succeed([1])],
      ["an option", Option.some([1])],
      ["a result", Result.succeed([1])]
    ]
    for (const [name, inputs] of only) {
      it(`refuses ${name}, whose iterator is meant for a generator`, () => {
        assert.throws(
          () => Parallel.forEach(inputs as Iterable<number>, Effect.succeed),
          /expected `inputs` to be an iterable, an async iterable or a Stream, not an? (Effect|Option|Result) of them, got /
        )
      })
    }

    it.effect("takes a string as its characters, like any iterable", () =>
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* Parallel.forEach("añ😀", Effect.succeed), ["a", "ñ", "😀"])
      }))

    it("refuses a work that is not a function", () => {
      assert.throws(build({}, [1], 3).run, "expected `work` to be a function or a task, got 3")
      assert.throws(build({}, [1], Effect.succeed(1)).run, "expected `work` to be a function or a task, got")
    })

    it("refuses an order that does not exist", () => {
      assert.throws(
        () => Parallel.stream([1], Effect.succeed, { order: "random" as "input" }),
        "expected `order` to be \"input\" or \"completion\", got \"random\""
      )
    })
  })
})
