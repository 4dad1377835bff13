import { assert, describe, it } from "@effect/vitest"
import { Cause, Context, Effect, Exit, Fiber, Option, Ref, Schedule, type Tracer } from "effect"
import { BatchFlow, BatchNode, Flow, Node } from "effect-parallel"
import { TestClock } from "effect/testing"
import { drive, Probe, range, Refused, spanRecorder } from "./helpers.ts"

interface Expense {
  readonly id: string
  readonly amount: number
}

const review = Node.make("review", {
  prep: ({ amount }: Expense) => amount,
  exec: (amount) => Effect.succeed(amount > 500 ? "big" : amount > 100 ? "middle" : "small"),
  post: (expense, _, size) =>
    size === "small"
      ? Node.out("approved", expense)
      : size === "big"
      ? Node.out("rejected", "too much")
      : Node.out("needsRevision", expense)
})
const revise = Node.make("revise", { exec: (expense: Expense): Expense => ({ ...expense, amount: 75 }) })
const payment = Node.make("payment", { post: ({ amount, id }: Expense) => Node.out("paid", `${id}: ${amount}`) })
const approval = Flow.make("approval", {
  start: "review",
  nodes: { review, revise, payment },
  on: {
    review: { approved: "payment", needsRevision: "revise", rejected: Flow.end },
    revise: { default: "review" },
    payment: { paid: Flow.end }
  }
})

const idle = Node.make("idle", { post: (n: number) => n < 0 ? Node.out("end", n) : Node.out("again", n) })
const wait = (millis: number) => Node.make("wait", { exec: (n: number) => Effect.delay(Effect.succeed(n), millis) })
const fails = Node.make("fails", { exec: (n: number) => Effect.fail(new Refused({ n })) })
const add = (name: string, m: number) => Node.make(name, { exec: (n: number) => n + m })
const locationOf = (exit: Exit.Exit<unknown, unknown>) =>
  Option.getOrThrow(Node.location((exit as Exit.Failure<unknown, unknown>).cause))

describe("Flow", () => {
  describe("make and run", () => {
    it.effect("returns the action and the value of its exit", () =>
      Effect.gen(function*() {
        const amounts = [50, 200, 900]
        const left = yield* Effect.forEach(amounts, (amount) => Flow.run(approval, { id: "a", amount }))

        assert.deepStrictEqual(left, [
          Node.out("paid", "a: 50"),
          Node.out("paid", "a: 75"),
          Node.out("rejected", "too much")
        ])
      }))

    it.effect("a flow is a node: the action of its exit selects the edge in the flow around it", () =>
      Effect.gen(function*() {
        const file = Node.make("file", { exec: (receipt: string) => `filed ${receipt}` })
        const outer = Flow.make("outer", {
          start: "approval",
          nodes: { approval, file },
          on: { approval: { paid: "file", rejected: Flow.exit("refused") }, file: { default: Flow.end } }
        })

        assert.deepStrictEqual(yield* Flow.run(outer, { id: "a", amount: 1 }), Node.out("default", "filed a: 1"))
        assert.deepStrictEqual(yield* Flow.run(outer, { id: "a", amount: 999 }), Node.out("refused", "too much"))
      }))

    it.effect("a nested flow keeps its own values while others run beside it", () =>
      Effect.gen(function*() {
        const inner = Flow.chain("inner", add("a", 1), wait(10), add("b", 10))
        const outer = (m: number) => Flow.chain("outer", add("first", m), inner, add("last", 1000))
        const runs = Effect.all([Flow.run(outer(100), 1), Flow.run(outer(200), 2)], { concurrency: 2 })

        assert.deepStrictEqual(
          yield* drive(runs),
          Exit.succeed([Node.out("default", 1112), Node.out("default", 1213)])
        )
      }))

    it.effect("takes its input last as well", () =>
      Effect.gen(function*() {
        const left = yield* Flow.run({ id: "b", amount: 2 })(approval)

        assert.deepStrictEqual(left, Node.out("paid", "b: 2"))
      }))

    it.live("a node wired to itself that does nothing lets timers fire", () =>
      Effect.gen(function*() {
        const flow = Flow.make("loop", {
          start: "idle",
          nodes: { idle },
          on: { idle: { again: "idle", end: Flow.end } },
          maxSteps: Infinity
        })
        const fiber = yield* Effect.forkChild(Flow.run(flow, 1))
        yield* Effect.sleep(10)
        yield* Fiber.interrupt(fiber)

        assert.isTrue(Exit.hasInterrupts(fiber.pollUnsafe()!))
      }))

    it.live("so does a loop over promises that are resolved already", () =>
      Effect.gen(function*() {
        const promise = Node.make("promise", { exec: (n: number) => Effect.promise(() => Promise.resolve(n)) })
        const flow = Flow.make("loop", {
          start: "promise",
          nodes: { promise },
          on: { promise: { default: "promise" } },
          maxSteps: Infinity
        })
        const fiber = yield* Effect.forkChild(Flow.run(flow, 1))
        yield* Effect.sleep(10)
        yield* Fiber.interrupt(fiber)

        assert.isTrue(Exit.hasInterrupts(fiber.pollUnsafe()!))
      }))

    it.effect("stops at its step limit with an error that names the path and the last nodes", () =>
      Effect.gen(function*() {
        const ping = Node.make("ping", { exec: (n: number) => n + 1 })
        const loop = (maxSteps?: number) =>
          Flow.make("loop", {
            start: "a",
            nodes: { a: ping, b: ping },
            on: { a: { default: "b" }, b: { default: "a" } },
            maxSteps
          })
        const error = yield* Effect.flip(Flow.run(Flow.chain("game", loop(5)), 0))
        const byDefault = yield* Effect.flip(Flow.run(loop(), 0))

        assert.deepStrictEqual(
          error,
          new Flow.StepLimit({ path: "game/loop", limit: 5, last: ["a", "b", "a", "b", "a"] })
        )
        assert.strictEqual(error.message, "flow game/loop ran 5 nodes and did not exit; the last were a, b, a, b, a")
        assert.deepInclude(byDefault, { limit: 10_000, last: ["a", "b", "a", "b", "a", "b", "a", "b"] })
      }))

    it.effect("a step limit is for each run", () =>
      Effect.gen(function*() {
        const flow = Flow.make("flow", {
          start: "a",
          nodes: { a: add("a", 1), b: add("b", 1) },
          on: { a: { default: "b" }, b: { default: Flow.end } },
          maxSteps: 2
        })
        const left = yield* Effect.forEach(range(3), (n) => Flow.run(flow, n), { concurrency: 3 })

        assert.deepStrictEqual(left.map(({ value }) => value), [2, 3, 4])
      }))

    it.effect("nodes share state through a service", () =>
      Effect.gen(function*() {
        class Total extends Context.Service<Total, Ref.Ref<number>>()("test/Total") {}
        const count = Node.make("count", {
          exec: (n: number) => Total.use((total) => Ref.update(total, (m) => m + n)),
          post: (n) => n === 3 ? Node.out("done", n) : Node.out("more", n + 1)
        })
        const flow = Flow.make("flow", {
          start: "count",
          nodes: { count },
          on: { count: { more: "count", done: Flow.end } }
        })
        const total = yield* Ref.make(0)
        yield* Flow.run(flow, 1).pipe(Effect.provideService(Total, total))

        assert.strictEqual(yield* Ref.get(total), 6)
      }))

    it.effect("interruption stops the node in progress, and no other starts", () =>
      Effect.gen(function*() {
        const probe = new Probe()
        const slow = (id: number) =>
          Node.make(`slow${id}`, { exec: (n: number) => probe.watch(id, Effect.delay(Effect.succeed(n), 10)) })
        const fiber = yield* Effect.forkChild(Flow.run(Flow.chain("line", slow(0), slow(1), slow(2)), 1))
        yield* TestClock.adjust(15)
        yield* Fiber.interrupt(fiber)
        yield* TestClock.adjust(100)

        assert.deepStrictEqual([probe.ended, probe.interrupted, probe.started], [[0], [1], [0, 1]])
      }))

    it.effect("an untyped wiring that does not fit dies with a message", () =>
      Effect.gen(function*() {
        const make = Flow.make as (name: string, options: unknown) => Node.Any
        const one = (node: Node.Any) => make("f", { start: "a", nodes: { a: node }, on: { a: { default: Flow.end } } })
        const stray = one(Node.make("n", { post: (n: number) => Node.out("toString", n) }))
        const garbage = one(Node.make("n", { post: () => 3 as never }))

        const defects = yield* Effect.forEach([stray, garbage], (flow) => Effect.exit(Flow.run(flow, 1)))

        assert.match(
          Cause.pretty((defects[0] as Exit.Failure<unknown, unknown>).cause),
          /node `a` exited with the action "toString", which has no target/
        )
        assert.match(
          Cause.pretty((defects[1] as Exit.Failure<unknown, unknown>).cause),
          /expected node `a` to exit with .*, got 3/
        )
      }))

    it("refuses a wiring that cannot run when it is built", () => {
      const make = Flow.make as (name: unknown, options: unknown) => unknown
      const a = add("a", 1)
      const good = { start: "a", nodes: { a }, on: { a: { default: Flow.end } } }
      const bad: ReadonlyArray<readonly [unknown, ErrorConstructor, RegExp]> = [
        [{ ...good, start: "b" }, RangeError, /expected `start` to be one of "a", got "b"/],
        [{ ...good, nodes: {} }, RangeError, /expected `nodes` to be at least one node/],
        [{ ...good, nodes: { a: 3 } }, TypeError, /expected `nodes.a` to be a node, got 3/],
        [{ ...good, on: {} }, TypeError, /expected `on.a` to be given/],
        [
          { ...good, on: { a: { default: "b" } } },
          RangeError,
          /expected `on.a.default` to be one of "a", Flow.end or .*, got "b"/
        ],
        [{ ...good, on: { ...good.on, b: {} } }, TypeError, /expected `on` to have only `a`, got .*b/],
        [{ ...good, maxSteps: 0 }, RangeError, /expected `maxSteps` to be a positive integer, got 0/],
        [{ ...good, steps: 3 }, TypeError, /expected `flow options` to have only .*, got .*steps/]
      ]

      for (const [options, error, message] of bad) assert.throws(() => make("flow", options), error, message)
      assert.throws(() => make("", good), RangeError, /expected `name`/)
    })
  })

  describe("chain", () => {
    it.effect("runs nodes in their order, with any names", () =>
      Effect.gen(function*() {
        const twice = Node.make("2", { exec: (n: number) => 2 * n })
        const line = Flow.chain("line", twice, add("1", 1), twice, add("1", 3))

        assert.deepStrictEqual(yield* Flow.run(line, 5), Node.out("default", 25))
      }))

    it.effect("exits immediately with any action other than default", () =>
      Effect.gen(function*() {
        const probe = new Probe()
        const even = Node.make("even", {
          post: (n: number) => n % 2 === 0 ? Node.out("default", n) : Node.out("odd", n)
        })
        const last = Node.make("last", { exec: (n: number) => probe.watch(n, Effect.succeed(n)) })
        const line = Flow.chain("line", even, last)

        assert.deepStrictEqual(yield* Flow.run(line, 3), Node.out("odd", 3))
        assert.deepStrictEqual(yield* Flow.run(line, 4), Node.out("default", 4))
        assert.deepStrictEqual(probe.started, [4])
      }))
  })

  describe("fanOut", () => {
    it.effect("runs different nodes concurrently and joins their values by name", () =>
      Effect.gen(function*() {
        const double = Node.make("double", { exec: (n: number) => Effect.delay(Effect.succeed(2 * n), 20) })
        const text = Node.make("text", { exec: (n: number) => Effect.delay(Effect.succeed(`${n}`), 10) })
        const fiber = yield* Effect.forkChild(Flow.run(Flow.fanOut("all", { a: double, b: text, c: add("c", 1) }), 7))
        yield* TestClock.adjust(20)

        assert.deepStrictEqual(fiber.pollUnsafe(), Exit.succeed(Node.out("default", { a: 14, b: "7", c: 8 })))
      }))

    it.effect("a branch that fails or exits with another action ends the others", () =>
      Effect.gen(function*() {
        const probe = new Probe()
        const slow = Node.make("slow", { exec: (n: number) => probe.watch(n, Effect.never) })
        const denied = Node.make("denied", { post: (n: number) => Effect.delay(Effect.succeed(Node.out("no", n)), 10) })
        const left = yield* drive(Flow.run(Flow.fanOut("all", { slow, denied }), 1))
        const failed = yield* drive(Flow.run(Flow.fanOut("all", { slow, fails }), 2))

        assert.deepStrictEqual(left, Exit.succeed(Node.out("no", 1)))
        assert.deepStrictEqual(Exit.findErrorOption(failed), Option.some(new Refused({ n: 2 })))
        assert.strictEqual(locationOf(failed).path, "all/fails")
        assert.deepStrictEqual(probe.interrupted, [1, 2])
      }))
  })

  describe("race", () => {
    it.effect("is won by the first success, which interrupts the others", () =>
      Effect.gen(function*() {
        const probe = new Probe()
        const slow = Node.make("slow", { exec: (n: number) => probe.watch(n, Effect.delay(Effect.succeed(n), 1000)) })
        const race = Flow.race("race", { slow, fast: wait(10), fails })

        assert.deepStrictEqual(yield* drive(Flow.run(race, 3)), Exit.succeed(Node.out("default", 3)))
        assert.deepStrictEqual(probe.interrupted, [3])
      }))

    it.effect("fails with all when none succeeds", () =>
      Effect.gen(function*() {
        const exit = yield* Effect.exit(Flow.run(Flow.race("race", { a: fails, b: fails }), 3))
        const { cause } = exit as Exit.Failure<never, Refused>

        assert.strictEqual(cause.reasons.length, 2)
        assert.strictEqual(locationOf(exit).path, "race/a")
      }))
  })

  describe("spans", () => {
    interface Seen {
      readonly name: string
      readonly parent: string | undefined
      readonly path: unknown
      readonly events: ReadonlyArray<string>
      readonly ended: boolean
    }

    /** A tracer that keeps every span. */
    const recorder = () => {
      const { spans, tracer } = spanRecorder()
      const seen = (): ReadonlyArray<Seen> =>
        spans.map((span) => ({
          name: span.name,
          parent: Option.getOrUndefined(Option.map(span.parent, (parent) => (parent as Tracer.Span).name)),
          path: span.attributes.get("flow.path"),
          events: span.events.map(([name]) => name),
          ended: span.status._tag === "Ended"
        }))
      return { tracer, seen }
    }

    const flaky = (calls: Set<number>) => (n: number) =>
      Effect.suspend(() => calls.has(n) ? Effect.succeed(n) : (calls.add(n), Effect.fail(new Refused({ n }))))

    const flow = () => {
      const calls = new Set<number>()
      const once = Node.make("once", {
        exec: flaky(calls),
        retry: { times: 1 },
        post: (n) => Node.out("default", [n, n + 1])
      })
      const each = BatchNode.make("each", {
        exec: flaky(calls),
        retry: { times: 1, schedule: Schedule.spaced(10) },
        concurrency: 2
      })
      return Flow.chain("outer", Flow.chain("inner", once, each))
    }

    it.effect("exist for each flow, node, item and attempt, nested as they run; retries are events", () =>
      Effect.gen(function*() {
        const { seen, tracer } = recorder()
        const exit = yield* drive(Flow.run(flow(), 1).pipe(Effect.withTracer(tracer)))
        const spans = seen()
        const of = (name: string) => spans.filter((span) => span.name === name)

        assert.deepStrictEqual(exit, Exit.succeed(Node.out("default", [1, 2])))
        assert.isTrue(spans.every(({ ended }) => ended))
        assert.deepStrictEqual(of("outer"), [
          { name: "outer", parent: undefined, path: "outer", events: [], ended: true }
        ])
        assert.deepStrictEqual(of("inner"), [
          { name: "inner", parent: "outer", path: "outer/inner", events: [], ended: true }
        ])
        assert.deepStrictEqual(of("once"), [
          { name: "once", parent: "inner", path: "outer/inner/once", events: ["retry"], ended: true }
        ])
        assert.deepStrictEqual(
          of("each").map(({ parent, path }) => [parent, path]),
          [["inner", "outer/inner/each"], ["each", undefined]]
        )
        assert.deepStrictEqual(
          of("item").map(({ events, parent, path }) => [parent, path, events]),
          [["each", "outer/inner/each[0]", []], ["each", "outer/inner/each[1]", ["retry"]]]
        )
        assert.deepStrictEqual(of("attempt").map(({ parent }) => parent), ["once", "once", "item", "item", "item"])
      }))

    it.effect("distinguish the copy of a straggler from a retry", () =>
      Effect.gen(function*() {
        const { seen, tracer } = recorder()
        const slow = BatchNode.make("each", {
          prep: () => [0],
          exec: () => Effect.sleep(100),
          stragglers: { after: 10 },
          concurrency: 2
        })
        yield* drive(Flow.run(slow, undefined).pipe(Effect.withTracer(tracer)))

        assert.deepStrictEqual(seen().filter(({ name }) => name === "item").map(({ events }) => events), [["copy"]])
      }))

    it.effect("change no result, and are not made without a tracer", () =>
      Effect.gen(function*() {
        const { seen, tracer } = recorder()
        const off = yield* drive(Flow.run(flow(), 1))
        const disabled = yield* drive(
          Flow.run(flow(), 1).pipe(Effect.withTracer(tracer), Effect.withTracerEnabled(false))
        )
        const none = seen().length
        const on = yield* drive(Flow.run(flow(), 1).pipe(Effect.withTracer(tracer)))

        assert.deepStrictEqual([off, disabled], [on, on])
        assert.strictEqual(none, 0)
      }))

    it.effect("end when their work is interrupted or fails", () =>
      Effect.gen(function*() {
        const { seen, tracer } = recorder()
        const batch = BatchNode.make("batch", {
          exec: (n: number) => n === 1 ? Effect.delay(Effect.fail("no"), 10) : Effect.never,
          concurrency: 3
        })
        const each = BatchFlow.make("perBatch", { flow: Flow.chain("line", batch), concurrency: 2 })
        const exit = yield* drive(Flow.run(each, [[0, 1], [2]]).pipe(Effect.withTracer(tracer)))

        assert.strictEqual(locationOf(exit).path, "perBatch[0]/batch[1]")
        assert.deepStrictEqual(seen().filter(({ ended }) => !ended), [])
        assert.strictEqual(seen().filter(({ name }) => name === "item").length, 5)
        assert.strictEqual(seen().filter(({ name }) => name === "line").length, 2)
      }))
  })
})
