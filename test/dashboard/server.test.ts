import { assert, describe, it } from "@effect/vitest"
import { Deferred, Duration, Effect, Exit, Fiber, Logger, Option, Scheduler, Stream, Tracer } from "effect"
import { Flow, Journal, Node, Parallel, Report } from "effect-parallel"
import * as Threads from "effect-parallel/backend/Threads"
import * as Dashboard from "effect-parallel/Dashboard"
import { Sse } from "effect/encoding"
import { connect } from "node:net"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import type { Update } from "../../src/dashboard/messages.ts"
import * as tasks from "../backend/workerTasks.ts"
import { range } from "../helpers.ts"

const silent = Effect.provide(Logger.layer([]))

const served = <A, E, R>(effect: Effect.Effect<A, E, R>, options?: Dashboard.Options) =>
  effect.pipe(Effect.provide(Dashboard.layer(options)), silent)

/** Returns the address of a path of the dashboard. */
const at = (path: string) =>
  Effect.map(Dashboard.Dashboard, ({ url }) => {
    const address = new URL(url)
    address.pathname = path
    return address
  })

const get = (url: URL | string, init?: RequestInit) => Effect.promise(() => fetch(url, init))

/** Connects as a page does, and returns the events that arrive. */
const connected = Effect.gen(function*() {
  const { body } = yield* get(yield* at("/events"))
  return Stream.fromReadableStream({ evaluate: () => body!, onError: () => "cut" as const }).pipe(
    Stream.decodeText(),
    Stream.pipeThroughChannel(Sse.decode<"cut", unknown>()),
    Stream.map(({ data }) => JSON.parse(data) as Update)
  )
})

const events = Stream.unwrap(connected)

/** Waits for the first update that satisfies a condition. */
const until = (isRight: (update: Update) => boolean) =>
  Effect.map(Stream.runHead(Stream.filter(events, isRight)), Option.getOrThrow)

const addressesOf = (url: string): readonly [host: string, port: number] => {
  const { hostname, port } = new URL(url)
  return [hostname, Number(port)]
}

const isOpen = (url: string) =>
  Effect.callback<boolean>((resume) => {
    const [host, port] = addressesOf(url)
    const socket = connect(port, host)
    socket.on("connect", () => {
      socket.destroy()
      resume(Effect.succeed(true))
    })
    socket.on("error", () => resume(Effect.succeed(false)))
  })

/** Returns the megabytes of heap in use after a collection. */
const heapUsed = Effect.sync(() => {
  setFlagsFromString("--expose-gc")
  ;(runInNewContext("gc") as () => void)()
  return process.memoryUsage().heapUsed / 1e6
})

describe("a dashboard", () => {
  it.live("serves its page only on this machine, to requests with its token", () =>
    served(
      Effect.gen(function*() {
        const { url } = yield* Dashboard.Dashboard
        const page = yield* get(url)
        const text = yield* Effect.promise(() => page.text())
        const stranger = yield* get(new URL("/", url))
        const guess = yield* get(new URL("/?token=abc", url))
        const post = yield* get(url, { method: "POST" })
        const nowhere = yield* get(yield* at("/reports/7"))
        const far = yield* get(yield* at("/reports/99999999999999999999"))

        assert.strictEqual(new URL(url).hostname, "127.0.0.1")
        assert.match(new URL(url).searchParams.get("token")!, /^[\w-]{24}$/)
        assert.strictEqual(page.status, 200)
        assert.include(page.headers.get("content-type"), "text/html")
        assert.strictEqual(page.headers.get("referrer-policy"), "no-referrer")
        assert.include(text, "connect-src 'self'")
        assert.include(text, "<title>texts &lt;all&gt;</title>")
        assert.deepStrictEqual(
          [stranger, guess, post, nowhere, far].map(({ status }) => status),
          [403, 403, 405, 404, 404]
        )
        assert.notInclude(yield* Effect.promise(() => stranger.text()), new URL(url).searchParams.get("token")!)
      }),
      { title: "texts <all>" }
    ))

  it.live("sends runs in progress: counts, inputs, outcomes and failures", () =>
    served(Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const work = (n: number) =>
        n === 3 ? Effect.fail("no three") : n === 4 ? Effect.as(Deferred.await(gate), n) : Effect.succeed(n)
      const options = { name: "numbers", concurrency: 2, show: (n: number) => `number ${n}` }
      const fiber = yield* Effect.forkChild(Parallel.partition(range(6), work, options))
      const { inputs, outcomes, over, runs } = yield* until(({ settled }) => settled === 5)
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(fiber)
      const end = yield* until(({ runs }) => runs[0]?.state === "done")

      const [run] = runs
      assert.isFalse(over)
      assert.deepStrictEqual(
        [run!.name, run!.state, run!.total, run!.done, run!.failed, run!.running, run!.options["concurrency"]],
        ["numbers", "running", 6, 5, 1, 1, "2"]
      )
      assert.deepStrictEqual(run!.failures, [{ message: "no three", count: 1, input: "number 3" }])
      assert.deepStrictEqual(inputs.map(({ index, input, run }) => [run, index, input]), [[0, 4, "number 4"]])
      assert.deepStrictEqual(outcomes.map(({ seq }) => seq), range(5))
      assert.deepStrictEqual(
        outcomes.toSorted((a, b) => a.index - b.index).map(({ _tag, index, input }) => [index, _tag, input]),
        [0, 1, 2, 3, 5].map((n) => [n, n === 3 ? "Failure" : "Success", `number ${n}`])
      )
      assert.deepStrictEqual([end.runs[0]!.done, end.runs[0]!.failed, end.inputs.length], [6, 1, 0])
    })))

  it.live("serves the report of a run once it has ended, the same as the program gets", () =>
    served(Effect.gen(function*() {
      const report = yield* Parallel.run(range(50), (n) => n % 7 === 0 ? Effect.fail("seven") : Effect.succeed(n))
      const { runs } = yield* until(({ runs }) => runs[0]?.hasReport === true)
      const served = yield* get(yield* at(`/reports/${runs[0]!.id}`))

      assert.deepStrictEqual(
        yield* Effect.promise(() => served.json()),
        JSON.parse(JSON.stringify(Report.toJson(report)))
      )
    })))

  it.live("shows nested runs and flows", () =>
    served(Effect.gen(function*() {
      const double = Node.make("double", { exec: (n: number) => n * 2 })
      const flow = Flow.make("doubles", {
        start: "double",
        nodes: { double },
        on: { double: { default: Flow.end } }
      })
      const inner = (n: number) => Parallel.forEach([n, n], (m) => Flow.run(flow, m), { name: "inner" })
      yield* Parallel.forEach([1, 2], inner, { name: "outer" })
      const { flows, runs, settled } = yield* until(({ runs }) => runs[0]?.state === "done")

      assert.deepStrictEqual(
        runs.map(({ depth, name, parent, state }) => [name, depth, parent, state]),
        [["outer", 0, undefined, "done"], ["inner", 1, 0, "done"], ["inner", 1, 0, "done"]]
      )
      assert.strictEqual(settled, 6)
      assert.deepStrictEqual(flows.map(({ edges, name, walks }) => [name, walks, edges[0]!.taken]), [["doubles", 4, 4]])
    })))

  it.live("keeps the last thousand outcomes, and sends each page those that it lacks", () =>
    served(Effect.gen(function*() {
      yield* Parallel.forEach(range(3000), Effect.succeed)
      const first = yield* until(({ settled }) => settled === 3000)
      const updates = yield* Stream.runCollect(Stream.take(events, 2))

      assert.deepStrictEqual(first.outcomes.map(({ seq }) => seq), range(1000).map((n) => 2000 + n))
      assert.deepStrictEqual(updates.map(({ outcomes }) => outcomes.length), [1000, 0])
    })))

  it.live("keeps two hundred ended runs, and forgets nested ones first", () =>
    served(Effect.gen(function*() {
      yield* Parallel.forEach(range(300), (n) => Parallel.forEach([n], Effect.succeed, { name: "inner" }), {
        name: "outer"
      })
      const { runs, runsLeft } = yield* until(({ runs }) => runs[0]?.state === "done")

      assert.deepStrictEqual([runs.length, runsLeft, runs[0]!.name], [200, 101, "outer"])
    })))

  it.live("sends at most ten events a second, each with all that happened", () =>
    served(Effect.gen(function*() {
      const told: Array<Update> = []
      const listening = Stream.runForEach(events, (update) => Effect.sync(() => void told.push(update)))
      const fiber = yield* Effect.forkChild(listening)
      yield* until(() => true)
      const steps = Parallel.forEach(range(1000), () => Effect.sleep(1), { concurrency: 1 })
      const [took] = yield* Effect.timed(steps)
      yield* until(({ settled }) => settled === 1000)
      yield* Fiber.interrupt(fiber)

      assert.isAtMost(told.length, 2 + Math.ceil(Duration.toMillis(took) / 100))
      assert.isAbove(told.length, 2)
    })))

  it.live("shows since when inputs are in progress", () =>
    served(Effect.gen(function*() {
      const fiber = yield* Effect.forkChild(Parallel.forEach([1], () => Effect.never))
      const { inputs, runs } = yield* until(({ inputs }) => inputs.length > 0)
      yield* Fiber.interrupt(fiber)
      const { inputs: none, runs: [run] } = yield* until(({ runs }) => runs[0]?.state !== "running")

      assert.isAtMost(inputs[0]!.since, runs[0]!.elapsed)
      assert.deepStrictEqual([none.length, run!.state], [0, "interrupted"])
    })))

  it.live("ends with its scope, and tells its pages", () =>
    Effect.gen(function*() {
      const last: Array<Update> = []
      const url = yield* served(Effect.gen(function*() {
        const { url } = yield* Dashboard.Dashboard
        const told = Stream.runForEach(yield* connected, (update) => Effect.sync(() => void last.push(update)))
        yield* Effect.forkDetach(told)
        yield* Parallel.forEach([1], Effect.succeed)
        return url
      }))

      assert.isFalse(yield* isOpen(url))
      assert.strictEqual(last.at(-1)?.over, true)
    }))

  it.live("fails with a typed error if its port is taken", () =>
    served(Effect.gen(function*() {
      const { url } = yield* Dashboard.Dashboard
      const port = Number(new URL(url).port)
      const second = yield* Effect.exit(served(Effect.void, { port }))

      assert.isTrue(Exit.isFailure(second) && Exit.hasFails(second))
    })))

  it("refuses invalid options", () => {
    assert.throws(() => Dashboard.layer({ port: 70_000 }), /`port` to be an integer from 0 to 65535/)
    assert.throws(() => Dashboard.layer({ host: "" }), /host/)
    assert.throws(() => Dashboard.layer({ prot: 1 } as never), /prot/)
  })

  it.live("shows inputs on threads and their failures", () =>
    served(
      Effect.gen(function*() {
        const fiber = yield* Effect.forkChild(Effect.exit(Parallel.partition(range(4), tasks.naps, { batchSize: 2 })))
        const { inputs } = yield* until(({ inputs }) => inputs.length > 0)
        yield* Fiber.interrupt(fiber)

        assert.isTrue(inputs.every(({ input, since }) => /^\d$/.test(input) && since < 60_000))
      }).pipe(Effect.provide(Threads.layer({ workers: 1, grace: "100 millis" })))
    ))

  it.live("uses no more memory for a million inputs than for a thousand", () =>
    served(Effect.gen(function*() {
      const run = (count: number) =>
        Stream.runDrain(Parallel.stream(Stream.range(1, count), Effect.succeed, { name: "many" }))
      yield* run(20_000)
      const before = yield* heapUsed
      yield* run(200_000)
      const after = yield* heapUsed

      assert.isBelow(after - before, 5)
    })), 60_000)

  it.live("does not change how runs end, with a journal too", () =>
    served(
      Effect.gen(function*() {
        const work = (n: number) => n === 1 ? Effect.fail("no") : Effect.succeed(n)
        const options = { name: "recorded", journal: true } as const
        const [values, failures] = yield* Parallel.partition(range(4), work, options)
        const { runs, settled } = yield* until(({ runs }) => runs[0]?.state !== "running")

        assert.deepStrictEqual([values, failures.length, settled], [[0, 2, 3], 1, 4])
        assert.deepStrictEqual([runs[0]!.state, runs[0]!.done, runs[0]!.failed], ["done", 4, 1])
      }).pipe(Effect.provide(Journal.layerMemory))
    ))

  it.live("does not show a run as running that was interrupted when it began", () =>
    served(Effect.gen(function*() {
      const loop = Effect.forever(Parallel.forEach([1], Effect.succeed, { name: "quick" }))
      yield* Effect.forEach(range(100), (n) =>
        Effect.gen(function*() {
          const fiber = yield* Effect.forkChild(Effect.provideService(loop, Scheduler.MaxOpsBeforeYield, 3 + n % 40))
          for (let turns = 0; turns < n % 7; turns++) yield* Effect.yieldNow
          yield* Fiber.interrupt(fiber)
        }))
      const { inputs, runs } = yield* until(() => true)

      assert.deepStrictEqual(runs.filter(({ state }) => state === "running"), [])
      assert.deepStrictEqual(inputs, [])
    })))

  it.live("shows running runs before ended ones", () =>
    served(Effect.gen(function*() {
      const fiber = yield* Effect.forkChild(Parallel.forEach([1], () => Effect.never, { name: "long" }))
      yield* until(({ inputs }) => inputs.length === 1)
      yield* Effect.forEach(range(250), () => Parallel.forEach([1], Effect.succeed, { name: "short" }))
      const { inputs, runs, runsLeft } = yield* until(() => true)
      yield* Fiber.interrupt(fiber)

      assert.strictEqual(runs.find(({ state }) => state === "running")?.name, "long")
      assert.deepStrictEqual([runs.length, runsLeft, inputs[0]!.run], [200, 51, runs[0]!.id])
    })))

  it.live("does not show a losing copy of a straggler as running", () =>
    served(Effect.gen(function*() {
      const starts: Array<number> = []
      const work = (n: number) =>
        Effect.suspend(() => {
          starts.push(n)
          return n === 0 && starts.filter((each) => each === 0).length === 1 ? Effect.never : Effect.sleep(5)
        })
      const gate = yield* Deferred.make<void>()
      const held = (n: number) => n === 9 ? Deferred.await(gate) : work(n)
      const options = { concurrency: 3, stragglers: { after: "20 millis", limit: 3 } } as const
      const fiber = yield* Effect.forkChild(Parallel.forEach([0, 1, 9], held, options))
      const { inputs } = yield* until(({ settled }) => settled === 2)
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(fiber)

      assert.deepStrictEqual([...new Set(inputs.map(({ input }) => input))], ["9"])
    })))

  it.live("answers odd addresses, and traces no address, because addresses contain the token", () => {
    const spans: Array<string> = []
    const tracer = Tracer.make({
      span: (options) => {
        const span = new Tracer.NativeSpan(options)
        spans.push(span.name)
        const attribute = span.attribute.bind(span)
        span.attribute = (key, value) => {
          spans.push(String(value))
          attribute(key, value)
        }
        return span
      }
    })
    return served(Effect.gen(function*() {
      const { url } = yield* Dashboard.Dashboard
      const [host, port] = addressesOf(url)
      const token = new URL(url).searchParams.get("token")!
      yield* get(url)
      const answers = yield* Effect.forEach(
        ["//[", "//?x", "/%zz", "//x:99999999/", `/${"x".repeat(5000)}`],
        (path) =>
          Effect.callback<string>((resume) => {
            const socket = connect(port, host, () => socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`))
            socket.once("data", (data) => {
              socket.destroy()
              resume(Effect.succeed(data.toString().slice(9, 12)))
            })
          })
      )

      assert.deepStrictEqual(answers, answers.map(() => "403"))
      assert.isFalse(spans.some((text) => text.includes(token)))
    })).pipe(Effect.provideService(Tracer.Tracer, tracer))
  })
})
