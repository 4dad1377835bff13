import { assert, describe, it } from "@effect/vitest"
import { Cause, Duration, Effect, Exit, Fiber, Option, Schedule } from "effect"
import { BatchNode, Flow, Limit, Node } from "effect-parallel"
import { TestClock } from "effect/testing"
import { drive, Probe, Refused } from "./helpers.ts"
import { half } from "./Node.tasks.ts"

const refuse = (n: number) => Effect.fail(new Refused({ n }))

/** The location of a failed exit. */
const located = (exit: Exit.Exit<unknown, unknown>) =>
  Exit.isFailure(exit) ? Option.getOrUndefined(Node.location(exit.cause)) : undefined

describe("Node", () => {
  describe("make", () => {
    it.effect("runs prep, exec and post, each of them a value or an effect", () =>
      Effect.gen(function*() {
        const values = Node.make("values", {
          prep: (n: number) => n + 1,
          exec: (n) => n * 2,
          post: (input, prepared, result) => Node.out("all", [input, prepared, result])
        })
        const effects = Node.make("effects", {
          prep: (n: number) => Effect.succeed(n + 1).pipe(Effect.delay("1 second")),
          exec: (n) => Effect.promise(() => Promise.resolve(n * 2)),
          post: (input, prepared, result) => Effect.succeed(Node.out("all", [input, prepared, result]))
        })

        const left = [yield* drive(Flow.run(values, 1)), yield* drive(Flow.run(effects, 1))]

        const expected = Exit.succeed(Node.out("all", [1, 2, 4]))
        assert.deepStrictEqual(left, [expected, expected])
      }))

    it.effect("needs no step that is left out", () =>
      Effect.gen(function*() {
        const exec = Node.make("exec", { exec: (n: number) => n * 2 })
        const post = Node.make("post", { post: (n: number, prepared, result) => Node.out("a", [n, prepared, result]) })
        const prepared = Node.make("prepared", { prep: (n: number) => n + 1, post: (n, p) => Node.out("a", [n, p]) })
        const executed = Node.make("executed", {
          exec: (n: number) => n + 1,
          post: (n, p, r) => Node.out("a", [n, p, r])
        })

        assert.deepStrictEqual(yield* Flow.run(exec, 1), Node.out("default", 2))
        assert.deepStrictEqual(yield* Flow.run(post, 1), Node.out("a", [1, 1, 1]))
        assert.deepStrictEqual(yield* Flow.run(prepared, 1), Node.out("a", [1, 2]))
        assert.deepStrictEqual(yield* Flow.run(executed, 1), Node.out("a", [1, 1, 2]))
      }))

    it.effect("an exit that exec returns is the exit of the node, without post", () =>
      Effect.gen(function*() {
        const node = Node.make("node", {
          exec: (n: number) => n < 0 ? Node.out("negative", n) : Effect.succeed(n),
          post: (_, __, n) => Node.out("positive", n)
        })

        assert.deepStrictEqual(yield* Flow.run(node, -1), Node.out("negative", -1))
        assert.deepStrictEqual(yield* Flow.run(node, 1), Node.out("positive", 1))
      }))

    it.effect("retries exec for typed errors after the delay, and runs prep and post once", () =>
      Effect.gen(function*() {
        const calls: Array<string> = []
        const log = <A>(name: string, value: A) => Effect.sync(() => (calls.push(name), value))
        const node = Node.make("node", {
          prep: (n: number) => log("prep", n),
          exec: (n) => Effect.andThen(log("exec", n), calls.length < 4 ? refuse(n) : Effect.succeed(n)),
          post: (_, __, n) => log("post", Node.out("done", n)),
          retry: { times: 5, schedule: Schedule.spaced("10 millis") }
        })
        const fiber = yield* Effect.forkChild(Flow.run(node, 1))
        yield* TestClock.adjust(29)
        const before = fiber.pollUnsafe()
        yield* TestClock.adjust(1)

        assert.strictEqual(before, undefined)
        assert.deepStrictEqual(fiber.pollUnsafe(), Exit.succeed(Node.out("done", 1)))
        assert.deepStrictEqual(calls, ["prep", "exec", "exec", "exec", "exec", "post"])
      }))

    it.effect("does not retry a defect, and gives it to the fallback", () =>
      Effect.gen(function*() {
        let calls = 0
        const options = {
          exec: (n: number): number => {
            calls++
            throw new RangeError(`bug ${n}`)
          },
          retry: { times: 3 }
        }
        const dies = yield* Effect.exit(Flow.run(Node.make("node", options), 1))
        const falls = yield* Flow.run(
          Node.make("node", { ...options, fallback: (_, cause) => String(Cause.squash(cause)) }),
          2
        )

        assert.strictEqual(calls, 2)
        assert.isTrue(Exit.hasDies(dies))
        assert.deepStrictEqual(falls, Node.out("default", "RangeError: bug 2"))
      }))

    it.effect("a fallback gets the typed error after the last attempt, and may exit with another action", () =>
      Effect.gen(function*() {
        let calls = 0
        const node = Node.make("node", {
          exec: (n: number) => Effect.suspend(() => refuse(n + calls++)),
          retry: { times: 2 },
          fallback: (n, cause) => {
            const error = Option.getOrThrow(Cause.findErrorOption(cause))
            return n > 0 ? Node.out("refused", error.n) : Effect.succeed("nothing")
          },
          post: (_, __, text) => Node.out("done", text)
        })

        assert.deepStrictEqual(yield* Flow.run(node, 10), Node.out("refused", 12))
        assert.deepStrictEqual(yield* Flow.run(node, -10), Node.out("done", "nothing"))
      }))

    it.effect("its own timeout counts as an attempt", () =>
      Effect.gen(function*() {
        const probe = new Probe()
        let attempts = 0
        const node = Node.make("slow", {
          exec: (n: number) => probe.watch(attempts++, Effect.delay(Effect.succeed(n), 1000)),
          timeout: 20,
          retry: { times: 2, while: (error) => error._tag === "TimeoutError" }
        })
        const fiber = yield* Effect.forkChild(Flow.run(node, 1))
        yield* TestClock.adjust(60)
        const exit = fiber.pollUnsafe()!

        assert.deepStrictEqual(probe.interrupted, [0, 1, 2])
        assert.isTrue(Exit.isFailure(exit) && Cause.isTimeoutError(Cause.squash(exit.cause)))
        assert.strictEqual(located(exit)?.attempt, 3)
      }))

    it.effect("a timeout around it interrupts it, without a retry", () =>
      Effect.gen(function*() {
        const probe = new Probe()
        let fallbacks = 0
        const node = Node.make("slow", {
          exec: (n: number) => probe.watch(n, Effect.delay(Effect.succeed(n), 1000)),
          retry: { times: 5 },
          fallback: () => fallbacks++
        })
        const fiber = yield* Effect.forkChild(Effect.timeout(Flow.run(node, 1), 20))
        yield* TestClock.adjust(20)
        const exit = fiber.pollUnsafe()!
        yield* TestClock.adjust("1 hour")

        assert.isTrue(Exit.isFailure(exit) && Cause.isTimeoutError(Cause.squash(exit.cause)))
        assert.deepStrictEqual([probe.started, probe.interrupted, fallbacks], [[1], [1], 0])
      }))

    it.effect("applies its limits to each attempt, and waits for a retry outside them", () =>
      Effect.gen(function*() {
        const probe = new Probe()
        const limit = Limit.concurrency(1)
        const failing = Node.make("failing", {
          exec: (n: number) => probe.watch(n, Effect.delay(refuse(n), 10)),
          retry: { times: 1, schedule: Schedule.spaced(100) },
          limit,
          fallback: () => "none"
        })
        const fiber = yield* Effect.forkChild(
          Effect.all([Flow.run(failing, 1), Flow.run(failing, 2)], { concurrency: 2 })
        )
        yield* TestClock.adjust(20)
        const early = [...probe.ended]
        yield* TestClock.adjust(110)

        assert.deepStrictEqual(early, [1, 2])
        assert.strictEqual(probe.most, 1)
        assert.deepStrictEqual(yield* Fiber.join(fiber), [Node.out("default", "none"), Node.out("default", "none")])
      }))

    it.effect("runs a task on the provided backend", () =>
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* Flow.run(Node.make("half", { exec: half }), 8), Node.out("default", 4))
      }))

    it.effect("runs many times concurrently without shared state", () =>
      Effect.gen(function*() {
        const node = Node.make("node", {
          exec: (n: number) => n === 1 ? refuse(n) : Effect.delay(Effect.succeed(n), 10 * n),
          retry: { times: 3, schedule: Schedule.spaced(7) }
        })
        const runs = Effect.forEach([1, 2, 3], (n) => Effect.exit(Flow.run(node, n)), { concurrency: 3 })
        const [first, second, third] = Exit.getSuccess(yield* drive(runs)).pipe(Option.getOrThrow)

        assert.strictEqual(located(first!)?.attempt, 4)
        assert.deepStrictEqual([second, third], [2, 3].map((n) => Exit.succeed(Node.out("default", n))))
      }))

    it.effect("a promise is not a value: it dies with a message that says what to do", () =>
      Effect.gen(function*() {
        const make = Node.make as unknown as (name: string, options: unknown) => typeof one
        const batch = BatchNode.make as unknown as (name: string, options: unknown) => typeof items
        const exec = (n: number) => Promise.resolve(n)
        const one = Node.make("one", { exec: (n: number) => n })
        const items = BatchNode.make("items", { exec: (n: number) => n, concurrency: 1 })
        const exits = [
          yield* Effect.exit(Flow.run(make("n", { prep: exec, exec: (n: number) => n }), 1)),
          yield* Effect.exit(Flow.run(make("n", { exec }), 1)),
          yield* Effect.exit(Flow.run(make("n", { exec, retry: { times: 1 } }), 1)),
          yield* Effect.exit(Flow.run(batch("n", { exec, concurrency: 1 }), [1]))
        ]

        for (const exit of exits) {
          assert.match(
            Cause.pretty((exit as Exit.Failure<unknown, unknown>).cause),
            /a step returned a promise: wrap it with Effect\.tryPromise/
          )
        }
      }))

    it("cannot be changed", () => {
      const node = Node.make("node", { exec: (n: number) => n })

      assert.isFrozen(node)
    })

    it("refuses options that cannot run when it is built", () => {
      const make = Node.make as (name: unknown, options: unknown) => unknown
      const exec = (n: number) => n
      const bad: ReadonlyArray<readonly [unknown, unknown, ErrorConstructor, RegExp]> = [
        ["", { exec }, RangeError, /expected `name` to be a non-empty string, got ""/],
        ["n", {}, TypeError, /expected `exec` to be given where there is no `post`/],
        ["n", { exec: 3 }, TypeError, /expected `exec` to be a function, got 3/],
        [
          "n",
          { exec, retry: { times: -1 } },
          RangeError,
          /expected `retry.times` to be an integer of at least 0, got -1/
        ],
        ["n", { exec, retry: {} }, TypeError, /expected `retry` to be a Schedule/],
        ["n", { exec, timeout: 0 }, RangeError, /expected `timeout` to be a positive duration, got 0/],
        ["n", { exec, limit: 3 }, TypeError, /expected `limit` to be a Limit/],
        ["n", { exec, retries: 3 }, TypeError, /expected `node options` to have only .*, got .*retries/],
        ["n", { post: exec, fallback: exec }, TypeError, /expected `fallback` to be left out where there is no `exec`/],
        [
          "n",
          { post: exec, timeout: 3 },
          TypeError,
          /expected `timeout` to be left out where there is no `exec`, got 3/
        ]
      ]

      for (const [name, options, error, message] of bad) assert.throws(() => make(name, options), error, message)
    })
  })

  describe("location", () => {
    it.effect("names node, path and attempt, in prep and post too, and does not change the error", () =>
      Effect.gen(function*() {
        const nodes = {
          prep: Node.make("a", { prep: refuse, exec: (n: number) => n }),
          exec: Node.make("b", { exec: refuse, retry: { times: 1 } }),
          post: Node.make("c", { post: (n: number) => Effect.as(refuse(n), Node.out("x", n)) })
        }
        const seen = yield* Effect.forEach(
          Object.entries(nodes),
          ([key, node]) =>
            Effect.exit(Flow.run(
              Flow.make("outer", {
                start: "inner",
                nodes: { inner: Flow.chain(key, node) },
                on: { inner: { default: Flow.end, x: Flow.end } as never }
              }),
              3
            ))
        )

        assert.deepStrictEqual(seen.map(located), [
          { path: "outer/inner/a", node: "a", index: undefined, attempt: 1 },
          { path: "outer/inner/b", node: "b", index: undefined, attempt: 2 },
          { path: "outer/inner/c", node: "c", index: undefined, attempt: 1 }
        ])
        for (const exit of seen) {
          assert.deepStrictEqual(Exit.findErrorOption(exit), Option.some(new Refused({ n: 3 })))
          assert.match(Cause.pretty((exit as Exit.Failure<unknown, unknown>).cause), /at outer\/inner\/[abc]/)
        }
        assert.match(
          Cause.pretty((seen[1] as Exit.Failure<unknown, unknown>).cause),
          /at outer\/inner\/b \(attempt 2\)/
        )
      }))

    it.effect("is none if no node has failed, and does not change interruptions", () =>
      Effect.gen(function*() {
        const node = Node.make("node", { exec: (_: number) => Effect.never })
        const fiber = yield* Effect.forkChild(Flow.run(node, 1))
        yield* TestClock.adjust(Duration.seconds(1))
        yield* Fiber.interrupt(fiber)

        assert.isTrue(Option.isNone(Node.location(Cause.fail("x"))))
        assert.isTrue(Exit.hasInterrupts(fiber.pollUnsafe()!))
        assert.strictEqual(located(fiber.pollUnsafe()!), undefined)
      }))
  })
})
