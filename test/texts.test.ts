import { assert, describe, it } from "@effect/vitest"
import { Cause, Duration, Effect, Exit, Fiber, Logger, Metric, Redacted, Schema, Stream } from "effect"
import { Backend, BatchNode, Example, Flow, Node, Outcome, Parallel, Progress, Report, Task } from "effect-parallel"
import { TestClock } from "effect/testing"
import { make as makeTerminal } from "../src/observability/terminal.ts"
import { showCause, warn } from "../src/primitives/causes.ts"
import { prefix, printable } from "../src/primitives/printable.ts"
import { shorten, shortenInput, shortenMessage } from "../src/primitives/shorten.ts"
import { spanRecorder, worked } from "./helpers.ts"
import { chain, marked, marks, marksIn, values } from "./hostile.ts"

/** Limit of processor time for each test, in milliseconds. Bounded work takes less than one. */
const soon = 500

describe("printable", () => {
  it("makes every control character, direction mark and half of a pair visible, except line breaks and tabs", () => {
    for (const mark of marks.filter((mark) => mark !== "\n" && mark !== "\t")) {
      const text = printable(`a${mark}b`)

      assert.match(text, /^a\\(x[0-9a-f]{2}|u[0-9a-f]{4})b$/)
      assert.strictEqual(JSON.parse(`"${text.replace("\\x", "\\u00")}"`), `a${mark}b`)
    }
    assert.strictEqual(printable("a\r\nb\n\tc"), "a\nb\n\tc")
    assert.strictEqual(printable("\u{e0041}"), "\\u{e0041}")
  })

  it("does not change anything else", () => {
    for (const text of ["", "plain", "größe", "日本語", "🙂", "مرحبا", "\u00a0"]) {
      assert.strictEqual(printable(text), text)
    }
  })

  it("is not needed for a text that was cut between the halves of a pair", () => {
    assert.strictEqual(prefix("🙂🙂", 3), "🙂")
    assert.strictEqual(prefix("🙂🙂", 4), "🙂🙂")
    assert.strictEqual(shortenMessage("🙂".repeat(100)), `${"🙂".repeat(39)}…`)
    assert.strictEqual(shorten("🙂".repeat(100)), `"${"🙂".repeat(39)}…`)
  })
})

describe("any value", () => {
  for (const [name, value] of values) {
    it(`is one short line: ${name}`, () => {
      const before = worked()

      for (const text of [shorten(value), shortenMessage(value), shorten({ value }), shorten([value])]) {
        assert.isAtMost(text.length, 80)
        assert.deepStrictEqual(marksIn(text), [])
      }
      assert.isAbove(shorten(value).length, 0)
      assert.isBelow(worked() - before, soon)
    })

    it(`is text of a cause: ${name}`, () => {
      const before = worked()

      for (const cause of [Cause.die(value), Cause.fail(value), Cause.die(new Error("outer", { cause: value }))]) {
        assert.isBelow(showCause(cause).length, 400_000)
        assert.deepStrictEqual(marksIn(showCause(cause), "\n\t"), [])
      }
      assert.isBelow(worked() - before, soon)
    })

    it.effect(`is logged: ${name}`, () => warn("something", Cause.die(value)))
  }

  const shown: ReadonlyArray<[name: string, text: string]> = [
    ["an error whose message throws", "Error: [unreadable]"],
    ["an error whose name throws", "Error: no"],
    ["an error whose name is a symbol", "Error: no"],
    ["an error whose message is an object", "Error: {…}"],
    ["an object whose field throws", "{ a: 1, b: [unreadable] }"],
    ["an object whose constructor throws", "{ a: 1, constructor: [unreadable] }"],
    [
      "an array of length 4 000 000 000",
      "[1, undefined, undefined, undefined, undefined, undefined, … 4000000000 in all]"
    ],
    ["a map whose size throws", "[object Map]"],
    ["no date", "Invalid Date"],
    ["a date whose toISOString throws", "1970-01-01T00:00:00.000Z"],
    ["a proxy whose every trap throws", "[unreadable]"],
    ["a revoked proxy", "[unreadable]"],
    ["a large bigint", "[bigint of over 100 digits]"],
    ["half of a surrogate pair", "\"\\ud83d\""]
  ]
  it.each(shown)("is shown as far as it can be read: %s", (name, text) => {
    assert.strictEqual(shorten(values.find(([known]) => known === name)![1]), text)
  })
})

describe("causes", () => {
  it("have the stacks and causes that Effect prints", () => {
    const cause = Cause.die(new TypeError("broken\n  twice", { cause: new RangeError("below") }))

    assert.strictEqual(showCause(cause), Cause.pretty(cause))
    assert.strictEqual(showCause(Cause.fail("odd")), Cause.pretty(Cause.fail("odd")))
    assert.strictEqual(showCause(Cause.interrupt(7)), Cause.pretty(Cause.interrupt(7)))
  })

  it("end after ten levels of causes, and at cycles", () => {
    const around = values.find(([name]) => name === "an error in a circle")![1]

    assert.strictEqual(showCause(Cause.die(chain(20_000))).match(/\[cause\]/g)!.length, 11)
    assert.strictEqual(showCause(Cause.die(around)).match(/\[cause\]/g)!.length, 1)
  })
})

describe("inputs", () => {
  const secret = Redacted.make("hunter2")

  it("that are redacted stay hidden at any depth", () => {
    for (
      const value of [
        secret,
        { secret },
        [[secret]],
        Object.assign(new Error("no"), { message: secret }),
        new Map([[secret, secret]])
      ]
    ) {
      assert.notInclude(shorten(value), "hunter2")
    }
    assert.strictEqual(shorten({ secret }), "{ secret: <redacted> }")
    assert.strictEqual(shorten(Redacted.make("hunter2", { label: "key" })), "<redacted:key>")
  })

  it("are shown by `show`, and not at all if it fails", () => {
    const shows: ReadonlyArray<unknown> = [
      () => {
        throw new Error("no")
      },
      () => undefined,
      () => 5,
      () => Object("text"),
      () => Promise.reject(new Error("no"))
    ]

    assert.strictEqual(shortenInput({ a: 1 }, undefined), "{ a: 1 }")
    assert.strictEqual(shortenInput(5, (n: number) => `number ${n}`), "number 5")
    assert.deepStrictEqual(marksIn(shortenInput(5, () => marked, 1000)), [])
    assert.isAtMost(shortenInput(5, () => "x".repeat(1e6)).length, 80)
    for (const show of shows) assert.strictEqual(shortenInput(5, show as () => string), "<not shown>")
  })
})

const failed = {
  startedAt: Duration.zero,
  elapsed: Duration.zero,
  waits: Outcome.noWaits,
  worker: 0,
  end: "Failed"
} as const

const failure = (index: number, input: unknown, thrown: unknown) =>
  Outcome.failure({
    index,
    input,
    attempts: 2,
    elapsed: Duration.millis(1),
    worker: 0,
    history: [
      { ...failed, message: "a\u202eb\x1b[2J" },
      { ...failed, message: undefined }
    ],
    cause: index % 2 === 0 ? Cause.fail(thrown) : Cause.die(thrown)
  })

/** Every form of a report, and the control characters that it may have. */
const forms: ReadonlyArray<
  readonly [name: string, allowed: string, form: (report: Report.Report<unknown, unknown, unknown>) => string]
> = [
  ["toText", "\n", (report) => Report.toText(report, { failures: Infinity })],
  ["toText with causes", "\n\t", (report) => Report.toText(report, { failures: Infinity, causes: true })],
  ["toJson", "", (report) => JSON.stringify(Report.toJson(report))],
  ["toTrace", "", (report) => JSON.stringify(Report.toTrace(report))],
  // the script of the page may contain any character
  ["toHtml", "\n\t", (report) => Report.toHtml(report).replace(/<script>[^]*?<\/script>/, "")]
]

describe("reports", () => {
  const report = Report.make({
    name: `a report ${marked}`,
    elapsed: Duration.millis(5),
    outcomes: values.flatMap(([, value], i) => [failure(2 * i, value, value), failure(2 * i + 1, value, value)])
  })

  it.each(forms)("can be written with any content: %s", (_, allowed, form) => {
    const before = worked()
    const text = form(report)

    assert.deepStrictEqual(marksIn(text, allowed), [])
    assert.include(text, "a report a\\x00z".replaceAll("\\", text.startsWith("{") ? "\\\\" : "\\"))
    assert.isBelow(worked() - before, 10 * soon)
  })

  it("are JSON that has no mark after reading either", () => {
    const read: unknown = JSON.parse(JSON.stringify(Report.toJson(report)))
    const texts: Array<string> = []
    JSON.stringify(read, (_, value) => {
      if (typeof value === "string") texts.push(value)
      return value
    })

    assert.strictEqual(read === undefined, false)
    assert.isAbove(texts.length, 200)
    for (const text of texts) assert.deepStrictEqual(marksIn(text, "\n\t"), [])
    Schema.decodeUnknownSync(Report.Json)(read)
  })

  it.effect("can be streamed with any content", () =>
    Effect.gen(function*() {
      assert.strictEqual(
        yield* Stream.mkString(Report.toJsonStream(report)),
        JSON.stringify(Report.toJson(report))
      )
    }))
})

describe("show", () => {
  const secret = "hunter2"
  const show = (input: string) => `${input.length} letters`
  const fails = () => Effect.fail("refused")
  const has = (text: string, what: string) => {
    assert.include(text, what)
    assert.notInclude(text, secret)
  }

  it.effect("decides how errors and reports show an input", () =>
    Effect.gen(function*() {
      const failed = yield* Effect.flip(Parallel.validate([secret], fails, { show }))
      const stopped = yield* Effect.flip(Parallel.run([secret], fails, { show, maxErrors: 1 }))
      const parted = yield* Effect.flip(Parallel.partition([secret], fails, { show, maxErrors: 1 }))
      const streamed = yield* Effect.flip(Stream.runDrain(Parallel.stream([secret], fails, { show, maxErrors: 1 })))
      const report = yield* Parallel.run([secret], fails, { show })

      for (const { message } of [failed, stopped, parted, streamed]) has(message, "#0 (7 letters): refused")
      for (const { report } of [failed, stopped, parted, streamed]) has(Report.toText(report), "#0 7 letters: refused")
      for (const [, , form] of forms) has(form(report), "7 letters")
      for (const [, , form] of forms) has(form({ ...report, values: [], failures: report.failures }), "7 letters")
      has(JSON.stringify(Report.toJson(report, { input: () => "an input" })), "an input")
    }))

  it.effect("may be set for all runs inside, and for batches", () =>
    Effect.gen(function*() {
      const inside = Parallel.withDefaults({ show: () => "an input" })
      const batch = (options: { readonly show?: (item: string) => string; readonly watch?: () => void }) =>
        BatchNode.make("batch", { exec: (_: string) => fails(), collect: "validate", concurrency: 1, ...options })
      const error = yield* Effect.flip(inside(Parallel.validate([secret], fails)))
      const own = yield* Effect.flip(inside(Parallel.validate([secret], fails, { show })))

      has(error.message, "an input")
      has(own.message, "7 letters")
      for (const watch of [{}, { watch: () => {} }]) {
        has((yield* Effect.flip(Flow.run(batch({ show, ...watch }), [secret]))).message, "7 letters")
        has((yield* Effect.flip(inside(Flow.run(batch(watch), [secret])))).message, "an input")
      }
    }))

  it.effect("loses only the text of an input if it fails", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Parallel.validate([secret], fails, {
        show: () => {
          throw new Error("no")
        }
      }))

      has(error.message, "#0 (<not shown>): refused")
      for (const [, , form] of forms) {
        has(form(error.report), form(error.report).includes("\\u003c") ? "not shown>" : "<not shown>")
      }
    }))

  it.effect("decides how a task shows a payload that its schema refuses", () =>
    Effect.gen(function*() {
      const task = Task.make("task", {
        module: import.meta.url,
        payload: Schema.Struct({ key: Schema.String, n: Schema.Int }),
        run: () => Effect.void
      })
      const error = yield* Effect.flip(
        Parallel.forEach([{ key: secret, n: 1.5 }], task, { show: ({ n }) => `number ${n}` })
      )

      has(error.message, "the payload schema refuses number 1.5: ")
      assert.instanceOf(error, Backend.BackendError)
    }))
})

describe("a redacted value", () => {
  const key = Redacted.make("hunter2")

  it.effect("is in no text of a run", () =>
    Effect.gen(function*() {
      const input = { key, keys: [key] }
      const fails = () => Effect.fail({ _tag: "Refused", key, message: key })
      const error = yield* Effect.flip(Parallel.validate([input, key], fails, { retry: { times: 1 } }))

      for (
        const text of [
          error.message,
          Cause.pretty(Cause.fail(error)),
          ...forms.map(([, , form]) => form(error.report))
        ]
      ) {
        assert.notInclude(text, "hunter2")
      }
      assert.include(error.message, "#0 ({ key: <redacted>, keys: [<redacted>] })")
    }))

  it.effect("is in no error of a task whose schema refuses it", () =>
    Effect.gen(function*() {
      const task = Task.make("task", {
        module: import.meta.url,
        payload: Schema.Struct({ key: Schema.Redacted(Schema.String.check(Schema.isMinLength(100))), n: Schema.Int }),
        run: () => Effect.void
      })
      for (const n of [1, 1.5]) {
        const error = yield* Effect.flip(Parallel.forEach([{ key, n }], task))

        assert.notInclude(error.message, "hunter2")
        assert.notInclude(Cause.pretty(Cause.fail(error)), "hunter2")
      }
    }))
})

/** Every text below comes from a run, a flow or an error whose names contain all marks. */
describe("names and messages with marks", () => {
  const name = `n${marked}`
  const shown = "na\\x00z"
  const isClean = (text: string, allowed = "") => {
    assert.deepStrictEqual(marksIn(text, allowed), [])
    assert.include(text, shown)
  }
  const run = Parallel.run([1, 2], (n) => Effect.delay(Effect.succeed(n), "10 millis"), { name, spans: true })

  it.effect("are clean on a terminal", () =>
    Effect.gen(function*() {
      const drawn: Array<string> = []
      const progress = yield* makeTerminal({
        write: (text) => void drawn.push(text),
        columns: () => 500,
        rows: () => 24,
        colour: true,
        around: () => () => {}
      })
      const slow = Parallel.run([1, 2], (n) => Effect.delay(Effect.succeed(n), "1 seconds"), { name })
      const fiber = yield* Effect.forkChild(Effect.provideService(slow, Progress.Progress, progress))
      yield* TestClock.adjust("1 seconds")
      yield* Fiber.join(fiber)

      assert.isAbove(drawn.length, 5)
      for (const text of drawn) isClean(text, "\n\r\x1b")
    }).pipe(Effect.scoped))

  it.effect("are clean in a log", () =>
    Effect.gen(function*() {
      const lines: Array<string> = []
      const logger = Logger.layer([Logger.make(({ message }) => void lines.push(String(message)))])
      const slow = Parallel.run([1, 2], (n) => Effect.delay(Effect.succeed(n), "10 seconds"), { name })
      const fiber = yield* Effect.forkChild(Effect.provide(slow, [Progress.layerLog(), logger]))
      yield* TestClock.adjust("10 seconds")
      yield* Fiber.join(fiber)

      assert.isAbove(lines.length, 2)
      for (const text of lines) isClean(text)
    }))

  it.effect("are clean in spans and metrics", () =>
    Effect.gen(function*() {
      const { spans, tracer } = spanRecorder()
      const fiber = yield* Effect.forkChild(Effect.withTracer(run, tracer))
      yield* TestClock.adjust("10 millis")
      const { name: own } = yield* Fiber.join(fiber)
      const runs = (yield* Metric.snapshot).map(({ attributes }) => attributes?.["run"] ?? "").filter((run) =>
        run.startsWith("na")
      )

      assert.strictEqual(own, name)
      assert.strictEqual(spans.length, 3)
      for (const span of spans) isClean(span.name)
      assert.isAbove(runs.length, 3)
      for (const run of runs) isClean(run)
    }))

  it.effect("are clean in flows: spans, causes, limits and charts", () =>
    Effect.gen(function*() {
      const { spans, tracer } = spanRecorder()
      const fails = Node.make(name, { exec: (_: number) => Effect.fail("no") })
      const exit = yield* Effect.exit(Effect.withTracer(Flow.run(Flow.chain(name, fails), 1), tracer))
      const loop = Flow.make(name, {
        start: name,
        nodes: { [name]: Node.make(name, { exec: (n: number) => n }) },
        on: { [name]: { default: name } } as never,
        maxSteps: 10
      }) as unknown as Node.Node<number, Node.Out<"never", void>, Error>
      const limit = yield* Effect.flip(Flow.run(loop, 1))

      for (const span of spans) isClean(span.name === "attempt" ? shown : span.name)
      for (const span of spans) for (const value of span.attributes.values()) isClean(`${shown}${String(value)}`)
      assert.isAbove(spans.length, 1)
      isClean(Exit.isFailure(exit) ? Cause.pretty(exit.cause).replace(/^.*\.ts.*$/gm, "") : "", "\n\t")
      isClean(limit.message)
      const chart = Flow.toMermaid(loop)
      assert.deepStrictEqual(marksIn(chart, "\n"), [])
      for (const mark of marks.filter((mark) => !"\n\t".includes(mark))) {
        assert.notInclude(chart, `#${mark.charCodeAt(0)};`)
      }
    }))

  const reasons: ReadonlyArray<Backend.BackendError["reason"]> = [
    new Backend.ValueRefused({ value: "payload", shown: name, issue: name }),
    new Backend.NotCloneable({ value: "success", path: name, issue: name }),
    new Backend.ModuleMissing({ module: name }),
    new Backend.ModuleFailed({ module: name, cause: new Error(name) }),
    new Backend.TaskMissing({ module: name, task: name, found: [name, name] }),
    new Backend.ProgramStarted({ module: name }),
    new Backend.LayerFailed({ cause: new Error(name) }),
    new Backend.WorkerCrashed({ signal: name, stderr: name })
  ]
  it.each(reasons.map((reason) => [reason._tag, reason] as const))("are clean in a BackendError: %s", (_, reason) => {
    const { message } = new Backend.BackendError({ backend: name, task: name, index: 3, reason })

    isClean(message, "\n\t")
    isClean(reason.message, "\n\t")
    assert.isBelow(message.length, 3000)
  })

  it("are clean in errors of lines", () => {
    for (const reason of [new Example.NotJson({ issue: name }), new Example.NotARow({ issue: name })]) {
      isClean(new Example.LineError({ line: 1, shown: name, reason }).message)
    }
  })
})

describe("a defect while a run is stopped", () => {
  it.effect("is logged with any value, and changes nothing", () =>
    Effect.gen(function*() {
      let logged = 0
      const logger = Logger.layer([
        Logger.make(({ cause }) => {
          logged += Cause.pretty(cause).length > 0 ? 1 : 0
        })
      ])
      // Effect hashes every element of a defect of a finalizer
      const dieable = values.filter(([name]) => name !== "an array of length 4 000 000 000")
      for (const [, value] of dieable) {
        const work = (n: number) =>
          n === 0
            ? Effect.yieldNow.pipe(Effect.andThen(Effect.fail("first")))
            : Effect.onInterrupt(Effect.never, () => Effect.die(value))
        const exit = yield* Effect.exit(Effect.provide(Parallel.forEach([0, 1], work), logger))

        assert.deepStrictEqual(exit, Exit.fail("first"))
      }
      assert.strictEqual(logged, dieable.length)
    }))
})
