import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Exit, Fiber, Option, Ref } from "effect"
import { BatchFlow, Flow, Node } from "effect-parallel"
import { TestClock } from "effect/testing"
import { drive, Probe, range, Refused, turn } from "./helpers.ts"

class Store extends Context.Service<Store, Ref.Ref<ReadonlyArray<string>>>()("test/BatchFlow/Store") {}

/** A pipeline of three nodes whose work goes through `wait`. */
const pipeline = (wait: (step: string, id: number) => Effect.Effect<void>) => {
  const step = (name: string) =>
    Node.make(name, {
      exec: ({ id, text }: { readonly id: number; readonly text: string }) =>
        Effect.as(wait(name, id), { id, text: `${text} ${name}` })
    })
  return Flow.chain("pipeline", step("load"), step("filter"), step("save"))
}

const over = (wait: (step: string, id: number) => Effect.Effect<void>) =>
  BatchFlow.make("perId", {
    prep: (ids: ReadonlyArray<number>) => ids.map((id) => ({ id, text: `#${id}` })),
    flow: pipeline(wait),
    post: (_, outs) => Node.out("saved", outs.map(({ value }) => value.text)),
    concurrency: 4
  })

const saved = Exit.succeed(Node.out("saved", range(4).map((id) => `#${id} load filter save`)))

describe("BatchFlow", () => {
  describe("every iteration keeps its own value", () => {
    it.effect("when its work is ready immediately", () =>
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* drive(Flow.run(over(() => Effect.void), range(4))), saved)
      }))

    it.effect("when all wait for one promise", () =>
      Effect.gen(function*() {
        const shared = Promise.resolve()
        const exit = yield* drive(Flow.run(over(() => Effect.promise(() => shared)), range(4)))

        assert.deepStrictEqual(exit, saved)
      }))

    it.effect("when each has its own timer, the last with the shortest", () =>
      Effect.gen(function*() {
        const exit = yield* drive(Flow.run(over((_, id) => Effect.sleep(40 - 10 * id)), range(4)))

        assert.deepStrictEqual(exit, saved)
      }))
  })

  it.effect("a failure stops the others, so shared state does not change after it", () =>
    Effect.gen(function*() {
      const store = yield* Ref.make<ReadonlyArray<string>>([])
      const save = Node.make("save", {
        exec: (millis: number) =>
          Effect.sleep(millis).pipe(
            Effect.andThen(millis === 10 ? Effect.fail(new Refused({ n: millis })) : Effect.void),
            Effect.andThen(Store.use((store) => Ref.update(store, (all) => [...all, `${millis}`])))
          )
      })
      const batch = BatchFlow.make("perFile", { flow: Flow.chain("file", save), concurrency: 3 })
      const fiber = yield* Effect.forkChild(
        Flow.run(batch, [5, 10, 20, 30]).pipe(Effect.provideService(Store, store))
      )
      yield* TestClock.adjust(10)
      const exit = fiber.pollUnsafe()!
      const atFailure = yield* Ref.get(store)
      yield* TestClock.adjust(100)
      yield* turn

      assert.deepStrictEqual(Exit.findErrorOption(exit), Option.some(new Refused({ n: 10 })))
      assert.deepStrictEqual(atFailure, ["5"])
      assert.deepStrictEqual(yield* Ref.get(store), ["5"])
      assert.deepStrictEqual(
        Option.map(Node.location((exit as Exit.Failure<unknown, unknown>).cause), ({ index, path }) => [path, index]),
        Option.some(["perFile[1]/save", 1])
      )
    }))

  it.effect("gives post the exits in input order, for any actions", () =>
    Effect.gen(function*() {
      const sort = Node.make("sort", {
        exec: (n: number) => Effect.sleep(30 - n),
        post: (n) => n % 2 === 0 ? Node.out("even", n) : Node.out("odd", `${n}`)
      })
      const batch = BatchFlow.make("batch", {
        flow: sort,
        post: (_, outs) => Node.out("sorted", outs.map(({ action, value }) => [action, value])),
        concurrency: 3
      })
      const exit = yield* drive(Flow.run(batch, [1, 2, 3]))

      assert.deepStrictEqual(exit, Exit.succeed(Node.out("sorted", [["odd", "1"], ["even", 2], ["odd", "3"]])))
    }))

  it.effect("nests: a batch flow in the flow of a batch flow", () =>
    Effect.gen(function*() {
      const cell = Node.make("cell", {
        exec: (n: number) => n === 22 ? Effect.fail(new Refused({ n })) : Effect.delay(Effect.succeed(n), n)
      })
      const row = BatchFlow.make("row", {
        prep: (n: number) => range(3).map((m) => 10 * n + m),
        flow: cell,
        post: (_, outs) => Node.out("row", outs.map(({ value }) => value)),
        concurrency: 3
      })
      const table = BatchFlow.make("table", {
        flow: Flow.chain("line", row),
        collect: "partition",
        post: (_, [rows, failures]) => Node.out("table", { rows: rows.map(({ value }) => value), failures }),
        concurrency: 3
      })
      const exit = yield* drive(Flow.run(table, [0, 1, 2]))
      const { failures, rows } = Option.getOrThrow(Exit.getSuccess(exit)).value

      assert.deepStrictEqual(rows, [[0, 1, 2], [10, 11, 12]])
      assert.deepStrictEqual(failures.map(({ index }) => index), [2])
      assert.deepStrictEqual(Option.getOrThrow(Node.location(failures[0]!.cause)), {
        path: "table[2]/row[2]",
        node: "row",
        index: 2,
        attempt: 1
      })
    }))

  it.effect("retry, timeout and fallback apply to the whole flow of an item", () =>
    Effect.gen(function*() {
      const probe = new Probe()
      let calls = 0
      const flow = Flow.chain(
        "line",
        Node.make("first", { exec: (n: number) => (calls++, n) }),
        Node.make("second", { exec: (n: number) => n === 1 ? probe.watch(n, Effect.never) : n })
      )
      const batch = BatchFlow.make("batch", {
        flow,
        retry: { times: 1 },
        timeout: 10,
        fallback: (n) => `none for ${n}`,
        concurrency: 2
      })
      const fiber = yield* Effect.forkChild(Flow.run(batch, [0, 1]))
      yield* TestClock.adjust(20)

      assert.deepStrictEqual((yield* Fiber.join(fiber)).value, [Node.out("default", 0), "none for 1"])
      assert.deepStrictEqual([calls, probe.interrupted], [3, [1, 1]])
    }))

  it("refuses a value that is not a flow when it is built", () => {
    const make = BatchFlow.make as (name: string, options: unknown) => unknown

    assert.throws(() => make("x", { flow: 3, concurrency: 1 }), TypeError, /expected `flow` to be a flow/)
    assert.throws(
      () => make("x", { flow: pipeline(() => Effect.void), concurrency: 1, exec: 3 }),
      TypeError,
      /expected `batch options` to have only .*, got .*exec/
    )
  })
})
