import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Schema } from "effect"
import { BatchFlow, BatchNode, Flow, Journal, Node, Parallel, Task } from "effect-parallel"
import { drive, pass, turns } from "../helpers.ts"
import { layerOf, quiet, ScriptedStore } from "../journal/stores.ts"

/** Nodes that record when they run. `breaks` fails after it has run this many times. */
const notes = () => {
  const ran: Array<string> = []
  const node = (name: string, breaksAt = 0) => {
    let runs = 0
    return Node.make(name, {
      exec: (n: number) =>
        Effect.suspend(() => {
          ran.push(name)
          return ++runs === breaksAt ? Effect.fail(`${name} broke` as const) : Effect.succeed(n + 1)
        })
    })
  }
  return { ran, node }
}

const inMemory = <A, E, R>(effect: Effect.Effect<A, E, R | Journal.Journal>) =>
  quiet(Effect.provide(effect, Journal.layerMemory))

describe("Flow.run with a journal", () => {
  it.effect("continues after the last recorded node", () =>
    inMemory(Effect.gen(function*() {
      const { node, ran } = notes()
      const line = Flow.chain("line", node("a"), node("b"), node("c", 1), node("d"))
      const first: string | Journal.JournalError<number, number> = yield* Effect.flip(
        Flow.run(line, 0, { journal: true })
      )
      assert.strictEqual(first, "c broke")
      assert.deepStrictEqual(ran.splice(0), ["a", "b", "c"])

      assert.strictEqual((yield* Flow.run(line, 0, { journal: true })).value, 4)
      assert.deepStrictEqual(ran.splice(0), ["c", "d"])
      assert.strictEqual((yield* Flow.run(line, 0, { journal: true })).value, 4)
      assert.deepStrictEqual(ran, [])
    })))

  it.effect("distinguishes the rounds of a loop, the branches of a fan-out, and nested flows", () =>
    inMemory(Effect.gen(function*() {
      const { node, ran } = notes()
      const inner = Flow.chain("inner", node("i"), node("j"))
      const both = Flow.fanOut("both", { left: node("left"), right: inner })
      const again = Node.make("again", {
        post: (n: number) => n < 3 ? Node.out("again", n) : Node.out("done", n)
      })
      const join = Node.make("join", { exec: ({ left, right }: { left: number; right: number }) => left + right })
      const flow = Flow.make("flow", {
        start: "step",
        nodes: { step: node("step"), again, both, join, last: node("last", 1) },
        on: {
          step: { default: "again" },
          again: { again: "step", done: "both" },
          both: { default: "join" },
          join: { default: "last" },
          last: { default: Flow.end }
        }
      })
      yield* Effect.exit(Flow.run(flow, 0, { journal: true }))
      assert.deepStrictEqual(ran.splice(0).toSorted(), ["i", "j", "last", "left", "step", "step", "step"])
      assert.strictEqual((yield* Flow.run(flow, 0, { journal: true })).value, 10)
      assert.deepStrictEqual(ran, ["last"])
    })))

  it.effect("separates inputs, versions and keys", () =>
    inMemory(Effect.gen(function*() {
      const { node, ran } = notes()
      const line = Flow.chain("line", node("a"))
      for (const input of [1, 2, 1]) yield* Flow.run(line, input, { journal: true })
      assert.strictEqual(ran.length, 2)
      for (const version of ["1", "2", "1"]) yield* Flow.run(line, 1, { journal: { version } })
      assert.strictEqual(ran.length, 4)
      for (const input of [5, 6]) yield* Flow.run(line, input, { journal: { version: "key", key: () => "one" } })
      assert.strictEqual(ran.length, 5)
    })))

  it.effect("accepts undefined as an input and as a value", () =>
    inMemory(Effect.gen(function*() {
      let runs = 0
      const node = Node.make("node", { exec: (_: void) => Effect.sync(() => void runs++) })
      for (let k = 0; k < 2; k++) {
        assert.strictEqual((yield* Flow.run(node, undefined, { journal: true })).value, undefined)
      }
      assert.strictEqual(runs, 1)
    })))

  it.effect("stores values by the schema of their node, and refuses others with the path to them", () =>
    inMemory(Effect.gen(function*() {
      const date = Node.make("date", { exec: (n: number) => ({ list: [new Date(n)] }) })
      const flow = Flow.chain("flow", date)
      const error = yield* Effect.flip(Flow.run(flow, 1, { journal: true }))
      assert.instanceOf(error, Journal.JournalError)
      assert.match(error.message, /success of flow\/date cannot be recorded at \.list\[0\].*Node\.withSchema/)

      const stated = Node.withSchema(date, Schema.Struct({ list: Schema.mutable(Schema.Array(Schema.Date)) }))
      for (let k = 0; k < 2; k++) {
        const { value } = yield* Flow.run(stated, 1, { journal: { version: "stated" } })
        assert.deepStrictEqual(value, { list: [new Date(1)] })
      }
      const other = Node.withSchema(Node.make("date", { exec: (n: number) => n }), Schema.Number)
      const differs = yield* Effect.flip(Flow.run(other, 1, { journal: { version: "stated" } }))
      assert.match(String(differs), /recorded with another schema/)
    })))

  describe("refuses", () => {
    for (
      const [what, value, issue] of [
        [
          "a value that contains itself",
          (() => {
            const self: Record<string, unknown> = {}
            return self["self"] = self
          })(),
          /nested too deeply, or contains itself/
        ],
        [
          "ten thousand levels",
          Array.from({ length: 10_000 }).reduce<unknown>((inner) => [inner], 1),
          /nested too deeply, or contains itself/
        ],
        [
          "a getter that throws",
          {
            get a(): never {
              throw new Error("hands off")
            }
          },
          /at \.a: .*hands off/
        ],
        [
          "what cannot be looked at",
          new Proxy({}, {
            getPrototypeOf: () => {
              throw new Error("hands off")
            }
          }),
          /hands off/
        ],
        ["an object that would be read as an exit", { "~effect-parallel/Out": "other" }, /that marks exits of flows/]
      ] as ReadonlyArray<[string, unknown, RegExp]>
    ) {
      it.effect(`${what}, from a node and from the exit of a batch flow`, () =>
        inMemory(Effect.gen(function*() {
          const flow = Flow.chain("flow", Node.make("node", { exec: (_: number) => Effect.succeed(value) }))
          const batch = BatchFlow.make("batch", { flow, journal: true, concurrency: 1 })
          const ofNode = yield* Effect.flip(Flow.run(flow, 1, { journal: true }))
          const ofBatch = yield* Effect.flip(Flow.run(batch, [1]))

          for (const error of [ofNode, ofBatch] as ReadonlyArray<unknown>) {
            assert.instanceOf(error, Journal.JournalError)
            assert.instanceOf(error.reason, Journal.NotEncodable)
            assert.strictEqual(error.reason.value, "success")
          }
          assert.match(ofNode.message, issue)
        })))
    }
  })

  it.effect("starts a node only after the record of the previous one is durable", () =>
    Effect.gen(function*() {
      const store = new ScriptedStore()
      const { node, ran } = notes()
      store.appending = () => Effect.sync(() => void ran.push("durable"))
      yield* Flow.run(Flow.chain("line", node("a"), node("b")), 0, { journal: true }).pipe(
        Effect.provide(layerOf(store))
      )
      assert.deepStrictEqual(ran, ["a", "durable", "b", "durable", "durable"])
    }).pipe(quiet))

  it.effect("ends with JournalError when its store fails", () =>
    Effect.gen(function*() {
      const store = new ScriptedStore()
      store.failsAt = 1
      const { node, ran } = notes()
      const error = yield* Flow.run(Flow.chain("line", node("a"), node("b"), node("c")), 0, { journal: true }).pipe(
        Effect.provide(layerOf(store)),
        Effect.flip
      )
      assert.strictEqual((error as Journal.JournalError)._tag, "JournalError")
      assert.deepStrictEqual(ran, ["a", "b"])
    }).pipe(quiet))

  it("refuses invalid options", () => {
    const { node } = notes()
    const run = (options: unknown) => () => Flow.run(node("a"), 1, options as {})
    assert.throws(run({ journal: 1 }), /`journal` to be true or an object/)
    assert.throws(run({ journal: { retryFailed: true } }), /`journal` to have only `key`, `version`/)
    assert.throws(run({ name: "x" }), /`options` to have only `journal`/)
    assert.throws(() => Node.withSchema({} as never, Schema.Number), /`node` to be a node/)
    assert.throws(() => Node.withSchema(node("a"), {} as never), /`schema` to be a schema/)
  })

  it.effect("waits for its record when interrupted after a node, so that the node does not run again", () =>
    Effect.gen(function*() {
      const store = new ScriptedStore()
      store.appending = () => Effect.sleep(50)
      const { node, ran } = notes()
      const once = Flow.run(node("charge"), 0, { journal: true }).pipe(Effect.provide(layerOf(store)))
      const fiber = yield* Effect.forkChild(once)
      yield* turns(1)
      const interruption = yield* Effect.forkChild(Fiber.interrupt(fiber))
      yield* pass(50)
      yield* Fiber.join(interruption)
      const again = yield* Effect.forkChild(once)
      yield* pass(50)
      yield* Fiber.join(again)
      assert.deepStrictEqual(ran, ["charge"])
    }).pipe(quiet))

  it.effect("records one node at a time, even if several end together", () =>
    Effect.gen(function*() {
      const store = new ScriptedStore()
      let [at, most] = [0, 0]
      store.appending = () =>
        Effect.andThen(
          Effect.sync(() => most = Math.max(most, ++at)),
          Effect.ensuring(Effect.sleep(10), Effect.sync(() => at--))
        )
      const { node } = notes()
      const flow = Flow.fanOut("both", { a: node("a"), b: node("b"), c: node("c") })
      yield* drive(Flow.run(flow, 0, { journal: true }).pipe(Effect.provide(layerOf(store))), "10 millis")
      assert.strictEqual(most, 1)
      assert.strictEqual(store.appended, 4)
    }).pipe(quiet))

  it.effect("records nothing inside the items of a batch, which it could not distinguish", () =>
    inMemory(Effect.gen(function*() {
      let items = ["a", "b", "c"]
      let breaks = true
      const step = Node.make("step", {
        exec: (text: string) => text === "c" && breaks ? Effect.fail("broke") : Effect.succeed(`done ${text}`)
      })
      const flow = Flow.chain(
        "all",
        BatchFlow.make("batch", {
          prep: (_: void) => items,
          flow: step,
          concurrency: 1,
          journal: true,
          post: (_, outs) => Node.out("default", outs.map(({ value }) => value))
        })
      )
      yield* Effect.flip(Flow.run(flow, undefined, { journal: true }))
      breaks = false
      items = ["c", "b", "a"]
      assert.deepStrictEqual((yield* Flow.run(flow, undefined, { journal: true })).value, [
        "done c",
        "done b",
        "done a"
      ])
    })))

  it.effect("runs an item of a batch again from its start", () =>
    inMemory(Effect.gen(function*() {
      const log: Array<string> = []
      let count = 0
      const a = Node.make("a", { exec: (_: number) => (log.push("a"), ++count) })
      const b = Node.make("b", {
        exec: (n: number) => (log.push(`b${n}`), n < 3 ? Effect.fail("stale") : Effect.succeed(n))
      })
      const batch = BatchFlow.make("batch", { flow: Flow.chain("one", a, b), concurrency: 1, retry: { times: 3 } })
      yield* Flow.run(Flow.chain("flow", batch), [1], { journal: true })
      assert.deepStrictEqual(log, ["a", "b1", "a", "b2", "a", "b3"])
    })))

  it.effect("stores exits inside values, such as those of a batch flow without a post", () =>
    inMemory(Effect.gen(function*() {
      let runs = 0
      const inner = BatchFlow.make("inner", {
        flow: Node.make("sign", { post: (n: number) => (runs++, Node.out(n < 0 ? "below" : "above", n)) }),
        concurrency: 1
      })
      const outer = BatchFlow.make("outer", { flow: inner, concurrency: 1, journal: { success: undefined } })
      const flow = Flow.chain("flow", outer)
      const first = yield* Flow.run(flow, [[-1, 2], [3]], { journal: true })
      const second = yield* Flow.run(flow, [[-1, 2], [3]], { journal: true })
      const third = yield* Flow.run(outer, [[3], [-1, 2]])

      assert.deepStrictEqual(second, first)
      assert.deepStrictEqual(third.value, first.value.toReversed())
      assert.isTrue(first.value.every((out) => Node.isOut(out) && out.value.every(Node.isOut)))
      assert.strictEqual(runs, 3)
    })))
})

describe("batches with a journal", () => {
  it.effect("record each item of a batch node, under its name", () =>
    inMemory(Effect.gen(function*() {
      const ran: Array<number> = []
      let broken = true
      const node = BatchNode.make("halves", {
        prep: (ns: ReadonlyArray<number>) => ns,
        exec: (n) =>
          Effect.suspend(() => {
            ran.push(n)
            return broken && n === 3 ? Effect.fail("three" as const) : Effect.succeed(n / 2)
          }),
        journal: true,
        concurrency: 1
      })
      const error: string | Journal.JournalError<number, number, "three"> = yield* Effect.flip(
        Flow.run(node, [1, 2, 3, 4])
      )
      assert.strictEqual(error, "three")
      broken = false
      assert.deepStrictEqual((yield* Flow.run(node, [1, 2, 3, 4])).value, [0.5, 1, 1.5, 2])
      assert.deepStrictEqual(ran.slice(0, 3), [1, 2, 3])
      assert.sameMembers(ran.slice(3), [3, 4])
    })))

  it.effect("record the exits of a batch flow, and the values of a fallback", () =>
    inMemory(Effect.gen(function*() {
      const ran: Array<number> = []
      const flow = Node.make("sign", {
        post: (n: number) => {
          ran.push(n)
          if (n === 0) throw new Error("zero")
          return n < 0 ? Node.out("negative", -n) : Node.out("positive", undefined)
        }
      })
      const signs = BatchFlow.make("signs", {
        prep: (ns: ReadonlyArray<number>) => ns,
        flow,
        fallback: () => "none",
        journal: true,
        concurrency: 2,
        post: (_, outs) =>
          Node.out("default", outs.map((out) => typeof out === "string" ? out : [out.action, out.value]))
      })
      const first = yield* Flow.run(signs, [-1, 0, 2])
      const second = yield* Flow.run(signs, [-1, 0, 2])

      assert.deepStrictEqual(first.value, [["negative", 1], "none", ["positive", undefined]])
      assert.deepStrictEqual(second.value, first.value)
      assert.deepStrictEqual(ran, [-1, 0, 2])
    })))

  it.effect("of a task may have other schemas if a fallback returns other values than the task", () =>
    inMemory(Effect.gen(function*() {
      const task = Task.make("task", {
        module: import.meta.url,
        payload: Schema.Int,
        success: Schema.Int,
        run: (n) => n === 2 ? Effect.die("two") : Effect.succeed(n)
      })
      const node = BatchNode.make("node", {
        exec: task,
        fallback: () => "none",
        journal: { success: Schema.Union([Schema.Int, Schema.String]) },
        concurrency: 1
      })
      for (let k = 0; k < 2; k++) assert.deepStrictEqual((yield* Flow.run(node, [1, 2, 3])).value, [1, "none", 3])
    })))

  it.effect("need the journal in their type", () =>
    inMemory(Effect.gen(function*() {
      const node = BatchNode.make("types", {
        exec: (n: number) => Effect.succeed(`${n}`),
        journal: { key: (n) => n.toFixed(), success: Schema.String },
        concurrency: 1
      })
      const services: Journal.Journal extends Node.Services<typeof node> ? true : false = true
      const run: Effect.Effect<unknown, Journal.JournalError<number, string, never>, Journal.Journal> = Flow.run(node, [
        1
      ])
      assert.isTrue(services)
      yield* run
      yield* Parallel.forEach([1], (n) => Effect.succeed(n), { name: "another", journal: true })
    })))
})
