import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Schedule, Stream } from "effect"
import { Backend, BatchNode, Flow, Journal, Limit, Node, Parallel, Task } from "effect-parallel"
import { TestBackend } from "effect-parallel/testing"
import { TestClock } from "effect/testing"
import { drive, range } from "../helpers.ts"
import { layerOf, quiet, ScriptedStore } from "../journal/stores.ts"

/** The attempt that an effect reads, without its key. */
const told = Effect.map(Parallel.attempt, ({ attempt, index, run }) => `${run} #${index}, ${attempt}`)

const seen: Array<string> = []

const tells = Task.make("tells", {
  module: import.meta.url,
  run: (millis: number) =>
    Effect.gen(function*() {
      seen.push(yield* told)
      yield* Effect.sleep(millis)
      seen.push(yield* told)
    })
})

const fails = Task.make("fails", { module: import.meta.url, run: (_: number) => Effect.fail("no") })

describe("Parallel.attempt", () => {
  it.effect("fails outside of an attempt", () =>
    Effect.gen(function*() {
      assert.isTrue(Cause.isNoSuchElementError(yield* Effect.flip(Parallel.attempt)))
    }))

  it.effect("has run, input and number of the attempt, even after waiting", () =>
    Effect.gen(function*() {
      const failed = new Set<number>()
      const work = (n: number) =>
        Effect.gen(function*() {
          const before = yield* told
          yield* Effect.sleep(n)
          const after = yield* told
          if (n % 2 === 1 && !failed.has(n)) {
            failed.add(n)
            return yield* Effect.fail("once")
          }
          return [before, after]
        })
      const exit = yield* drive(
        Parallel.forEach(range(6), work, {
          name: "waits",
          concurrency: 3,
          retry: { times: 1, schedule: Schedule.spaced(5) }
        })
      )

      const lines = range(6).map((n) => `waits #${n}, ${n % 2 + 1}`)
      assert.deepStrictEqual(exit, Exit.succeed(lines.map((line) => [line, line])))
    }))

  it.effect("holds in forks, behind limits, in streams and in pairs", () =>
    Effect.gen(function*() {
      const forked = Effect.flatMap(Effect.forkChild(told), Fiber.join)
      const options = { name: "x", concurrency: 2, limit: Limit.concurrency(1) }
      const values = yield* Parallel.forEach([1, 2, 3], () => forked, options)
      const streamed = yield* Stream.runCollect(Parallel.stream([1, 2], () => told, { name: "s" }))
      const [a, b] = yield* Parallel.pairs([[(_: number) => told, 1], [(_: string) => told, "b"]], { name: "p" })

      assert.deepStrictEqual(values, ["x #0, 1", "x #1, 1", "x #2, 1"])
      assert.deepStrictEqual(streamed.map((outcome) => outcome._tag === "Success" && outcome.value), [
        "s #0, 1",
        "s #1, 1"
      ])
      assert.deepStrictEqual([a, b], ["p #0, 1", "p #1, 1"])
    }))

  it.effect("is the innermost one, and afterwards the outer one again", () =>
    Effect.gen(function*() {
      const values = yield* Parallel.forEach(["a", "b"], () =>
        Effect.all([told, Parallel.forEach([1, 2], () => told, { name: "inner" }), told]), { name: "outer" })

      assert.deepStrictEqual(
        values,
        [0, 1].map((n) => [`outer #${n}, 1`, ["inner #0, 1", "inner #1, 1"], `outer #${n}, 1`])
      )
    }))

  it.effect("distinguishes the copy of a straggler from the straggler", () =>
    Effect.gen(function*() {
      const seen: Array<string> = []
      const work = Effect.gen(function*() {
        const first = yield* told
        seen.push(first)
        yield* Effect.sleep(first.endsWith("1") ? 90 : 50)
        seen.push(yield* told)
        return yield* told
      })
      const fiber = yield* Effect.forkChild(
        Parallel.forEach([1], () => work, { name: "slow", concurrency: 2, stragglers: { after: "10 millis" } })
      )
      yield* TestClock.adjust("1 second")

      assert.deepStrictEqual(yield* Fiber.join(fiber), ["slow #0, 2"])
      assert.deepStrictEqual(seen, ["slow #0, 1", "slow #0, 2", "slow #0, 2"])
    }))

  it.effect("has the key of the journal, which is the same when the run is resumed", () =>
    Effect.gen(function*() {
      const keys: Array<string | undefined> = []
      let isDown = true
      const work = (_: string) =>
        Effect.flatMap(Parallel.attempt, ({ key }) => {
          keys.push(key)
          return isDown ? Effect.fail("down") : Effect.succeed(1)
        })
      const run = Parallel.partition(["a", "b"], work, { name: "keys", concurrency: 1, journal: true })
      yield* run
      isDown = false
      yield* run
      yield* Parallel.partition([7], () => Effect.map(Parallel.attempt, ({ key }) => void keys.push(key)), {
        name: "own",
        journal: { key: String }
      })

      assert.strictEqual(new Set(keys.slice(0, 4)).size, 2)
      assert.deepStrictEqual(keys.slice(0, 2), keys.slice(2, 4))
      assert.strictEqual(keys[4], "7")
    }).pipe(Effect.provide(Journal.layerMemory), quiet))

  it.effect("is known to custom limits, which wrap it", () =>
    Effect.gen(function*() {
      const lines: Array<string> = []
      const noted = Effect.map(Effect.orDie(told), (line) => void lines.push(line))
      const mine = Limit.make({ name: "mine", around: (attempt) => Effect.andThen(noted, attempt) })
      let hasFailed = false
      const work = () =>
        Effect.suspend(() => {
          if (hasFailed) return Effect.void
          hasFailed = true
          return Effect.fail("once")
        })
      yield* Parallel.forEach([0, 1], work, { name: "r", limit: mine, retry: { times: 1 }, concurrency: 1 })

      assert.deepStrictEqual(lines, ["r #0, 1", "r #0, 2", "r #1, 1"])
    }))

  const options = { retry: { times: 1 } }
  for (
    const [mode, run] of [
      ["forEach", Effect.asVoid(Parallel.forEach([0], tells, options))],
      ["run", Effect.asVoid(Parallel.run([0], tells, options))]
    ] as const
  ) {
    it.effect(`counts starts that were lost, with ${mode}`, () =>
      Effect.gen(function*() {
        const numbers: Array<number> = []
        const backend: Backend.Backend = {
          name: "losing",
          workers: 1,
          execute: (_, batch, onExit) =>
            Effect.sync(() => {
              numbers.push(batch.attempt!(0))
              if (numbers.length === 1) batch.lost!(0, 0, 0)
              else onExit(0, numbers.length === 2 ? Exit.fail("once" as never) : Exit.succeed("done" as never))
            })
        }
        yield* Effect.provide(run, Backend.layer(backend))

        assert.deepStrictEqual(numbers, [1, 2, 3])
      }))
  }

  for (const times of [0, 1]) {
    it.effect(`of a straggler in a batch stays the first while its copy runs, with ${times} retries`, () =>
      Effect.gen(function*() {
        seen.length = 0
        const fiber = yield* Effect.forkChild(
          Parallel.run([50], tells, { name: "slow", concurrency: 2, retry: { times }, stragglers: { after: 10 } })
        )
        yield* TestClock.adjust("1 second")
        yield* Fiber.join(fiber)

        assert.deepStrictEqual(seen, ["slow #0, 1", "slow #0, 2", "slow #0, 1"])
      }).pipe(Effect.provide(TestBackend.layer({ batches: true }))))
  }

  describe("in nodes", () => {
    it.effect("has the path and the number of the attempt, with and without options", () =>
      Effect.gen(function*() {
        const plain = Node.make("plain", { exec: (_: number) => told })
        const retried = Node.make("retried", {
          exec: (before: string) =>
            Effect.flatMap(told, (line) => line.endsWith("2") ? Effect.succeed([before, line]) : Effect.fail("once")),
          retry: { times: 1 }
        })
        const { value } = yield* Flow.run(Flow.chain("flow", plain, retried), 1)

        assert.deepStrictEqual(value, ["flow/plain #0, 1", "flow/retried #0, 2"])
      }))

    it.effect("has the item of a batch", () =>
      Effect.gen(function*() {
        const batch = BatchNode.make("batch", { exec: (_: number) => told, concurrency: 2 })
        const { value } = yield* Flow.run(batch, [4, 5])

        assert.deepStrictEqual(value, ["batch #0, 1", "batch #1, 1"])
      }))

    for (const batches of [false, true]) {
      it.effect(`tells a fallback, where the backend ${batches ? "takes" : "takes no"} batches`, () =>
        Effect.gen(function*() {
          const node = BatchNode.make("batch", { concurrency: 1, exec: fails, fallback: () => Effect.orDie(told) })
          assert.deepStrictEqual((yield* Flow.run(node, [1])).value, ["batch #0, 1"])
        }).pipe(Effect.provide(TestBackend.layer({ batches }))))
    }

    it.effect("has the key under which the journal of the flow records the node", () =>
      Effect.gen(function*() {
        const store = new ScriptedStore()
        const keys: Array<string | undefined> = []
        const node = (name: string) =>
          Node.make(name, {
            exec: (n: number) => Effect.map(Parallel.attempt, ({ key }) => (keys.push(key), n + 1))
          })
        yield* Flow.run(Flow.chain("flow", node("a"), node("b")), 0, { journal: true }).pipe(
          Effect.provide(layerOf(store)),
          quiet
        )

        // the last record is the one of the flow itself
        assert.deepStrictEqual(
          keys,
          store.records.values().toArray().flatMap((records) => records.keys().toArray()).slice(0, 2)
        )
        assert.strictEqual(new Set(keys).size, 2)
      }))
  })
})
