import { assert, describe, it } from "@effect/vitest"
import { Cause, Deferred, Duration, Effect, Exit, Logger, Stream } from "effect"
import { Flow, Journal, Node, Parallel, Report } from "effect-parallel"
import * as Threads from "effect-parallel/backend/Threads"
import * as tasks from "../backend/workerTasks.ts"
import { drive, range } from "../helpers.ts"

const silent = Effect.provide(Logger.layer([]))

/** Runs an effect while the test clock moves. */
const driven = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.flatMap(
    drive(effect, "5 millis", 400),
    (exit) => Exit.isSuccess(exit) ? Effect.succeed(exit.value) : Effect.die(exit.cause)
  )

describe("the runs inside a report", () => {
  it.effect("are the runs that attempts have started, with their failures", () =>
    Effect.gen(function*() {
      const inner = (n: number) => n % 2 === 0 ? Effect.sleep(10) : Effect.fail(n === 1 ? "odd" : "very odd")
      const outer = (n: number) =>
        Parallel.partition(range(4 + n), inner, { name: `inner`, concurrency: 1 }).pipe(Effect.delay(5))
      const report = yield* Parallel.run(range(2), outer, { name: "outer", concurrency: 1 })

      const [first, second] = report.inside.runs
      assert.strictEqual(report.inside.runs.length, 2)
      assert.strictEqual(report.failures.length, 0)
      assert.deepStrictEqual(
        { ...first!, startedAt: Duration.toMillis(first!.startedAt), elapsed: Duration.toMillis(first!.elapsed) },
        {
          name: "inner",
          parent: undefined,
          index: 0,
          startedAt: 5,
          elapsed: 20,
          state: "done",
          succeeded: 2,
          failed: 2,
          retried: 0,
          recalled: 0,
          failures: [{ message: "odd", count: 1, input: "1" }, { message: "very odd", count: 1, input: "3" }]
        }
      )
      assert.deepStrictEqual([second!.index, second!.succeeded, second!.failed], [1, 3, 2])
      assert.include(Report.toText(report), "\n  4 of 9 inputs failed in 2 runs inside")
    }).pipe(driven))

  it.effect("include nested runs, with their outer runs", () =>
    Effect.gen(function*() {
      const third = (n: number) => n === 0 ? Effect.fail("deep") : Effect.succeed(n)
      const second = (n: number) => Parallel.validate(range(2), third, { name: "third" }).pipe(Effect.as(n))
      const first = () => Parallel.forEach([7, 8], second, { name: "second", concurrency: 1 })
      const report = yield* Parallel.run(["a"], first)

      assert.deepStrictEqual(
        report.inside.runs.map(({ failed, index, name, parent, state, succeeded }) => ({
          name,
          parent,
          index,
          state,
          succeeded,
          failed
        })),
        [
          { name: "second", parent: undefined, index: 0, state: "stopped", succeeded: 0, failed: 1 },
          { name: "third", parent: 0, index: 0, state: "done", succeeded: 1, failed: 1 }
        ]
      )
    }))

  it.effect("are also in the report of a nested run", () =>
    Effect.gen(function*() {
      const inner = Parallel.run([1, 2], (n) => Parallel.partition([n], () => Effect.fail("no"), { name: "third" }), {
        name: "second"
      })
      const report = yield* Parallel.run(["a"], () => inner)

      assert.deepStrictEqual(report.inside.runs.map(({ name, parent }) => [name, parent]), [
        ["second", undefined],
        ["third", 0],
        ["third", 0]
      ])
      assert.deepStrictEqual(report.values[0]!.inside.runs.map(({ name, parent }) => [name, parent]), [
        ["third", undefined],
        ["third", undefined]
      ])
    }))

  it.effect("show that a run was interrupted", () =>
    Effect.gen(function*() {
      const inner = Parallel.forEach([1], () => Effect.never, { name: "inner" })
      const report = yield* Parallel.run([1], () => inner, { timeout: "10 millis" }).pipe(driven)

      assert.deepStrictEqual(report.inside.runs.map(({ state }) => state), ["interrupted"])
    }))

  it.effect("are bounded, whatever attempts do", () =>
    Effect.gen(function*() {
      const inner = Parallel.partition(range(30), (n) => Effect.fail(`no ${n}`), { name: "inner" })
      const many = Effect.forEach(range(6000), () => Effect.andThen(Effect.logInfo("many"), inner), { discard: true })
      const { inside } = yield* Parallel.run([1, 2], () => many)

      assert.deepStrictEqual([inside.runs.length, inside.runsLeft], [10_000, 2000])
      assert.deepStrictEqual([inside.logs.length, inside.logsLeft], [10_000, 2000])
      assert.strictEqual(inside.runs[0]!.failures.length, 20)
    }).pipe(silent), 30_000)

  it.effect("come with the walks of flows", () =>
    Effect.gen(function*() {
      const sign = Node.make("sign", {
        post: (n: number) => n < 0 ? Node.out("negative", n) : Node.out("positive", n)
      })
      const root = Node.make("root", { exec: (n: number) => n > 3 ? Effect.fail("large") : Effect.succeed(n) })
      const flow = Flow.make("roots", {
        start: "sign",
        nodes: { sign, root },
        on: { sign: { negative: Flow.exit("none"), positive: "root" }, root: { default: Flow.end } }
      })
      const report = yield* Parallel.run([-1, 1, 2, 5], (n) => Flow.run(flow, n))

      assert.deepStrictEqual(report.inside.flows, [{
        name: "roots",
        walks: 4,
        start: "sign",
        nodes: [
          { name: "sign", kind: "Node", entered: 4, failed: 0 },
          { name: "root", kind: "Node", entered: 3, failed: 1 }
        ],
        edges: [
          { from: "sign", action: "negative", to: undefined, exit: "none", taken: 1 },
          { from: "sign", action: "positive", to: "root", exit: undefined, taken: 3 },
          { from: "root", action: "default", to: undefined, exit: "default", taken: 2 }
        ]
      }])
    }))

  it.effect("come with the log entries of attempts and nested runs, and no others", () =>
    Effect.gen(function*() {
      const inner = (n: number) => Effect.logWarning("inside", n)
      const work = (n: number) =>
        Effect.andThen(
          Effect.log("hello", { n }),
          n === 2 ? Parallel.forEach([7], inner, { name: "inner" }) : n === 3 ? Effect.fail("no") : Effect.void
        )
      const report = yield* Parallel.run([1, 2, 3], work, { concurrency: 1, retry: { times: 1 } })
      yield* Effect.log("after")

      assert.deepStrictEqual(
        report.inside.logs.map((
          { attempt, index, level, message, within }
        ) => [index, attempt, within, level, message]),
        [
          [0, 1, undefined, "Info", "hello { n: 1 }"],
          [1, 1, undefined, "Info", "hello { n: 2 }"],
          [1, undefined, "inner", "Warn", "inside 7"],
          [2, 1, undefined, "Info", "hello { n: 3 }"],
          [2, 2, undefined, "Info", "hello { n: 3 }"]
        ]
      )
    }).pipe(silent))

  it.live("come with the log entries of tasks on threads", () =>
    Effect.gen(function*() {
      const report = yield* Parallel.run(["a", "b"], tasks.logs, { batchSize: 2, concurrency: 1 })

      assert.deepStrictEqual(
        report.inside.logs.map(({ index, level, message }) => [index, level, message]),
        ["a", "b"].flatMap((text, index) => [
          [index, "Info", `info ${text} { text: ${JSON.stringify(text)} }`],
          [index, "Error", `broken RangeError: ${text}`]
        ])
      )
    }).pipe(Effect.provide(Threads.layer({ workers: 1 })), silent))

  it.effect("include runs with a journal, without changing how they end", () =>
    Effect.gen(function*() {
      const inner = (name: string) =>
        Parallel.partition(range(4), (n) => n === 1 ? Effect.fail("no") : Effect.succeed(n), { name, journal: true })
      const alone = yield* inner("alone")
      const report = yield* Parallel.run(["a"], (name) => inner(name), { name: "outer" })

      assert.deepStrictEqual(
        report.values.map(([values, failures]) => [values, failures.length]),
        [[alone[0], alone[1].length]]
      )
      assert.deepStrictEqual(
        report.inside.runs.map(({ failed, failures, state, succeeded }) => [state, succeeded, failed, failures]),
        [["done", 3, 1, [{ message: "no", count: 1, input: "1" }]]]
      )
    }).pipe(Effect.provide(Journal.layerMemory), silent))

  it.effect("count flows with the same path separately if their wiring differs", () =>
    Effect.gen(function*() {
      const flowOf = (n: number) => {
        const name = n === 0 ? "first" : "second"
        return Flow.make("pipeline", {
          start: name,
          nodes: { [name]: Node.make(name, { exec: (n: number) => n }) },
          on: { [name]: { default: Flow.end } }
        } as never) as unknown as Node.Node<number, Node.Out<"default", number>>
      }
      const report = yield* Parallel.run([0, 1, 1], (n) => Flow.run(flowOf(n), n))

      assert.deepStrictEqual(
        report.inside.flows.map(({ name, nodes, walks }) => [name, walks, nodes.map(({ name }) => name)]),
        [["pipeline", 1, ["first"]], ["pipeline", 2, ["second"]]]
      )
      assert.strictEqual(report.failures.length, 0)
    }))

  it.effect("count no failure of a node if a flow has taken too many steps", () =>
    Effect.gen(function*() {
      const again = Node.make("again", { exec: (n: number) => n })
      const flow = Flow.make("loop", {
        start: "again",
        nodes: { again },
        on: { again: { default: "again" } },
        maxSteps: 5
      })
      const report = yield* Parallel.run([1], (n) => Flow.run(flow, n))

      assert.strictEqual(report.failures.length, 1)
      assert.deepStrictEqual(report.inside.flows[0]!.nodes, [{ name: "again", kind: "Node", entered: 5, failed: 0 }])
    }))

  it.effect("include runs that make the inputs of a run, which no attempt has started", () =>
    Effect.gen(function*() {
      const inputs = Stream.fromEffect(Parallel.forEach([1, 2], Effect.succeed, { name: "feeds" })).pipe(
        Stream.flattenIterable
      )
      const inner = Parallel.run(inputs, Effect.succeed, { name: "fed" })
      const report = yield* Parallel.run(range(3), (n) => n === 2 ? inner : Effect.succeed(undefined))

      assert.deepStrictEqual(report.inside.runs.map(({ index, name, parent }) => [name, parent, index]), [
        ["fed", undefined, 2],
        ["feeds", 0, undefined]
      ])
      assert.deepStrictEqual(report.values[2]!.inside.runs.map(({ index, name }) => [name, index]), [
        ["feeds", undefined]
      ])
    }))

  it.effect("show that a run continues after the report, and collect no more of it", () =>
    Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const goesOn = Parallel.forEach([1, 2], (n) => n === 1 ? Effect.void : Deferred.await(gate), { name: "goes on" })
      const report = yield* Parallel.run([1], () => Effect.andThen(Effect.forkDetach(goesOn), Effect.yieldNow))
      yield* Deferred.succeed(gate, undefined)
      yield* Effect.yieldNow

      assert.deepStrictEqual(report.inside.runs.map(({ state, succeeded }) => [state, succeeded]), [["running", 1]])
    }))

  it.effect("have the causes of log entries", () =>
    Effect.gen(function*() {
      const work = () => Effect.logError("it broke", Cause.fail("no"))
      const { inside } = yield* Parallel.run([1], work)

      assert.deepStrictEqual(inside.logs.map(({ message }) => message), ["it broke no"])
    }).pipe(silent))
})
