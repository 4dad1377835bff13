import { assert, describe, it } from "@effect/vitest"
import { DateTime, Effect, Exit, Fiber, Option, Stream } from "effect"
import { BatchNode, Flow, Limit, Node } from "effect-parallel"
import { TestBackend } from "effect-parallel/testing"
import { TestClock } from "effect/testing"
import { drive, Probe, range, Refused } from "../helpers.ts"
import { half } from "../Node.tasks.ts"

const refuse = (n: number) => Effect.fail(new Refused({ n }))

/** Returns the items 0, 1, … up to, and not including, `n`. */
const items = (n: number) => range(n)

const errorOf = <A, E>(exit: Exit.Exit<A, E>): E => Option.getOrThrow(Exit.findErrorOption(exit))

describe("BatchNode", () => {
  describe("concurrency", () => {
    it.effect("is never exceeded over 20,000 items", () =>
      Effect.gen(function*() {
        let [running, most] = [0, 0]
        const batch = BatchNode.make("batch", {
          prep: items,
          exec: (n) =>
            Effect.suspend(() => {
              most = Math.max(most, ++running)
              return Effect.yieldNow
            }).pipe(Effect.andThen(Effect.sync(() => (running--, n)))),
          concurrency: 8
        })
        const { value } = yield* Flow.run(batch, 20_000)

        assert.strictEqual(most, 8)
        assert.deepStrictEqual(value, range(20_000))
      }))

    it.effect("of 1 runs items sequentially", () =>
      Effect.gen(function*() {
        const probe = new Probe()
        const batch = BatchNode.make("batch", {
          prep: items,
          exec: (n) => probe.watch(n, Effect.sleep(10)),
          concurrency: 1
        })
        yield* drive(Flow.run(batch, 5))

        assert.deepStrictEqual([probe.most, probe.ended], [1, range(5)])
      }))

    it.effect("passes limits, timeouts and look-ahead to the run", () =>
      Effect.gen(function*() {
        const probe = new Probe()
        let pulled = 0
        const batch = BatchNode.make("batch", {
          prep: function*(n: number) {
            for (; pulled < n; pulled++) yield pulled
          },
          exec: (n) => probe.watch(n, Effect.never),
          concurrency: 4,
          limit: Limit.concurrency(2),
          timeout: 10,
          preDispatch: 1,
          collect: "partition"
        })
        const fiber = yield* Effect.forkChild(Flow.run(batch, 100))
        yield* TestClock.adjust(9)
        const early = [probe.most, pulled]
        yield* Fiber.interrupt(fiber)

        assert.strictEqual(early[0], 2)
        assert.isAtMost(early[1]!, 5)
      }))
  })

  describe("prep", () => {
    const joined = Exit.succeed(Node.out("default", ["a!", "b!"]))
    const shout = { exec: (text: string) => Effect.delay(Effect.succeed(`${text}!`), 1), concurrency: 2 }

    it.effect("may give a set, a generator, an async iterable, a stream, or an effect of one", () =>
      Effect.gen(function*() {
        const batches = [
          BatchNode.make("set", { ...shout, prep: (_: void) => new Set(["a", "b"]) }),
          BatchNode.make("generator", {
            ...shout,
            prep: function*(_: void) {
              yield "a"
              yield "b"
            }
          }),
          BatchNode.make("async", {
            ...shout,
            prep: async function*(_: void) {
              yield "a"
              yield "b"
            }
          }),
          BatchNode.make("stream", { ...shout, prep: (_: void) => Stream.make("a", "b") }),
          BatchNode.make("effect", { ...shout, prep: (_: void) => Effect.delay(Effect.succeed(["a", "b"]), 5) })
        ]
        const exits = yield* Effect.forEach(batches, (batch) => drive(Flow.run(batch, undefined)))

        assert.deepStrictEqual(exits, batches.map(() => joined))
      }))

    it.effect("may be left out: then the input is the items", () =>
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* drive(Flow.run(BatchNode.make("batch", shout), ["a", "b"])), joined)
      }))

    it.effect("a stream that fails is the failure of the node", () =>
      Effect.gen(function*() {
        const batch = BatchNode.make("batch", { ...shout, prep: (_: void) => Stream.fail("broken") })
        const exit = yield* drive(Flow.run(batch, undefined))

        assert.strictEqual(errorOf(exit), "broken")
      }))
  })

  describe("watch", () => {
    const modes = ["forEach", "validate", "partition", "run", "race"] as const

    it.effect("gets each outcome with its index as it arrives", () =>
      Effect.gen(function*() {
        const seen: Array<readonly [index: number, tag: string, attempts: number]> = []
        const batch = BatchNode.make("batch", {
          prep: () => [30, 10, 20],
          exec: (millis, index) => Effect.delay(index === 2 ? refuse(index) : Effect.succeed(index), millis),
          retry: { times: 1 },
          collect: "partition",
          watch: ({ _tag, attempts, index }) => Effect.sync(() => seen.push([index, _tag, attempts])),
          concurrency: 3
        })
        const fiber = yield* Effect.forkChild(Flow.run(batch, undefined))
        yield* TestClock.adjust(10)
        const early = seen.map(([index]) => index)
        yield* TestClock.adjust(30)
        const [values] = (yield* Fiber.join(fiber)).value

        assert.deepStrictEqual(early, [1])
        assert.deepStrictEqual(seen, [[1, "Success", 1], [0, "Success", 1], [2, "Failure", 2]])
        assert.deepStrictEqual(values, [0, 1])
      }))

    it.effect("keeps the date of the run in its report", () =>
      Effect.gen(function*() {
        yield* TestClock.setTime(5000)
        const node = BatchNode.make("batch", {
          prep: () => [1],
          exec: Effect.succeed,
          collect: "run",
          concurrency: 1,
          watch: () => {}
        })
        const report = (yield* Flow.run(node, undefined)).value

        assert.deepStrictEqual(report.startedAt, DateTime.makeUnsafe(5000))
      }))

    it.effect("does not change the results of a batch", () =>
      Effect.gen(function*() {
        const batch = (collect: BatchNode.Collect, fails: number, watched: boolean, maxErrors?: number) =>
          BatchNode.make("batch", {
            prep: () => [3, 1, 2, 4],
            exec: (millis) => Effect.delay(millis === fails ? refuse(millis) : Effect.succeed(millis), millis),
            collect,
            concurrency: 2,
            maxErrors,
            watch: watched ? () => undefined : undefined
          })
        for (const collect of modes) {
          for (const [fails, maxErrors] of [[0, undefined], [2, undefined], [2, 1]] as const) {
            const [plain, watched] = yield* Effect.forEach(
              [false, true],
              (watched) => drive(Flow.run(batch(collect, fails, watched, maxErrors), undefined))
            )
            const told = (exit: Exit.Exit<unknown, unknown>) =>
              JSON.stringify(
                exit,
                (key, value) => ["elapsed", "_elapsed", "startedAt"].includes(key) ? undefined : value
              )

            assert.strictEqual(told(watched!), told(plain!), `${collect}, ${fails} fails`)
          }
        }
      }))
  })

  describe("a task as exec", () => {
    it.effect("runs on the provided backend, with its retries and its fallback", () =>
      Effect.gen(function*() {
        const batch = BatchNode.make("batch", {
          prep: items,
          exec: half,
          concurrency: 2,
          retry: { times: 1 },
          fallback: (n, cause) => `${n} ${Option.getOrThrow(Node.location(cause)).attempt}`,
          collect: "run"
        })
        const { value } = yield* Flow.run(batch, 4)
        const calls = yield* TestBackend.TestBackend.use((backend) => backend.started)

        assert.deepStrictEqual(value.values, [0, "1 2", 1, 1.5])
        assert.deepStrictEqual(value.outcomes.map(({ attempts }) => attempts), [1, 2, 2, 1])
        assert.deepStrictEqual(calls.length, 6)
      }).pipe(Effect.provide(TestBackend.layer({
        when: ({ attempt, index }) =>
          index === 1 || (index === 2 && attempt === 1) ? TestBackend.fail("down") : TestBackend.run
      }))))
  })

  it("refuses options that cannot run when it is built", () => {
    const make = BatchNode.make as (name: unknown, options: unknown) => unknown
    const batch = { exec: (n: number) => n, concurrency: 2 }
    const bad: ReadonlyArray<readonly [unknown, ErrorConstructor, RegExp]> = [
      [
        { exec: batch.exec },
        TypeError,
        /expected `concurrency` to be a positive integer or "unbounded", got undefined/
      ],
      [
        { ...batch, concurrency: 0 },
        RangeError,
        /expected `concurrency` to be a positive integer or "unbounded", got 0/
      ],
      [{ ...batch, retry: { times: -1 } }, RangeError, /expected `retry.times` to be an integer of at least 0, got -1/],
      [{ ...batch, collect: "all" }, RangeError, /expected `collect` to be "forEach", .*, got "all"/],
      [{ ...batch, exec: 3 }, TypeError, /expected `exec` to be a function or a task, got 3/],
      [{ ...batch, post: 3 }, TypeError, /expected `post` to be a function, got 3/],
      [{ ...batch, name: "x" }, TypeError, /expected `batch options` to have only .*, got .*name/]
    ]

    for (const [options, error, message] of bad) assert.throws(() => make("batch", options), error, message)
  })
})
