import { assert, describe, it } from "@effect/vitest"
import {
  Cause,
  DateTime,
  Duration,
  Effect,
  Exit,
  Fiber,
  Logger,
  Option,
  Redacted,
  Schedule,
  Scheduler,
  Schema,
  Stream
} from "effect"
import { Journal, Limit, Outcome, Parallel, Progress, Report, Task } from "effect-parallel"
import { TestClock } from "effect/testing"
import { drive, pass, range, turn, turns, worked } from "../helpers.ts"
import { gate, heldStore, layerOf, quiet, ScriptedStore } from "./stores.ts"

const inMemory = <A, E, R>(effect: Effect.Effect<A, E, R | Journal.Journal>) =>
  quiet(Effect.provide(effect, Journal.layerMemory))

const double = (n: number) => Effect.succeed(n * 2)

const notEncodable = (error: unknown): Journal.NotEncodable => {
  assert.instanceOf(error, Journal.JournalError)
  assert.instanceOf(error.reason, Journal.NotEncodable)
  return error.reason
}

describe("a run with a journal", () => {
  describe("reports", () => {
    it.effect("an outcome only after it is durable", () =>
      Effect.gen(function*() {
        const { open, store } = yield* heldStore
        const seen: Array<number> = []
        const fiber = yield* Parallel.stream([1, 2, 3], double, { name: "run", journal: true, order: "completion" })
          .pipe(
            Stream.runForEach(({ index }) => Effect.sync(() => seen.push(index))),
            Effect.provide(layerOf(store)),
            Effect.forkChild
          )
        yield* turns(1)
        assert.deepStrictEqual(seen, [])
        yield* open
        yield* Fiber.join(fiber)
        assert.sameMembers(seen, [0, 1, 2])
        assert.strictEqual(store.appended, 3)
      }).pipe(quiet))

    it.effect("an outcome that is not durable as not done, to a progress", () =>
      Effect.gen(function*() {
        const { open, store } = yield* heldStore
        const runs: Array<Progress.Run> = []
        const progress: Progress.Progress = { watch: (run, self) => (runs.push(run), self) }
        const fiber = yield* Parallel.forEach([1, 2], double, { name: "run", journal: true }).pipe(
          Effect.provide(layerOf(store)),
          Effect.provideService(Progress.Progress, progress),
          Effect.forkChild
        )
        yield* turns(1)
        assert.strictEqual(runs[0]!.counts().done, 0)
        yield* open
        yield* Fiber.join(fiber)
        assert.strictEqual(runs[0]!.counts().done, 2)
      }).pipe(quiet))

    it.effect("recalled outcomes separately, with their original attempts, times and history", () =>
      inMemory(Effect.gen(function*() {
        let tries = 0
        const work = (n: number) =>
          Effect.andThen(Effect.sleep(100), Effect.suspend(() => tries++ < 1 ? Effect.fail("once") : double(n)))
        const options = { name: "run", journal: true, retry: { times: 2 } } as const
        const first = yield* drive(Parallel.run([4], work, options), "100 millis")
        yield* TestClock.adjust("1 hours")
        const runs: Array<Progress.Run> = []
        const second = yield* Parallel.run([4], work, options).pipe(
          Effect.provideService(Progress.Progress, { watch: (run, self) => (runs.push(run), self) })
        )
        const [before] = Exit.isSuccess(first) ? first.value.outcomes : []
        const [outcome] = second.outcomes

        assert.deepStrictEqual(second.values, [8])
        assert.strictEqual(outcome!.attempts, 0)
        assert.deepStrictEqual(outcome!.history, [])
        assert.deepStrictEqual(outcome!.elapsed, Duration.zero)
        assert.strictEqual(outcome!.recorded!.attempts, 2)
        assert.deepStrictEqual(outcome!.recorded!.history, before!.history)
        assert.deepStrictEqual(outcome!.recorded!.elapsed, before!.elapsed)
        assert.isBelow(DateTime.toEpochMillis(outcome!.recorded!.at), 3_600_000)
        assert.deepStrictEqual(Outcome.tries(outcome!), [])
        assert.strictEqual(Report.tally(second).recalled, 1)
        assert.strictEqual(runs[0]!.counts().recalled, 1)
        assert.match(Report.toText(second), /1 recalled/)
      })))

    it.effect("recalled failures as recalled, too", () =>
      inMemory(Effect.gen(function*() {
        const options = { name: "run", journal: { retryFailed: false } } as const
        yield* Parallel.run([1, 2], (n) => n === 1 ? Effect.fail("no") : double(n), options)
        const report = yield* Parallel.run([1, 2], double, options)

        assert.strictEqual(Report.tally(report).recalled, 2)
        assert.strictEqual(Report.tally(report).failed, 1)
      })))

    it.effect("in its messages the recorded and recalled inputs, and why the others run", () =>
      Effect.gen(function*() {
        const lines: Array<string> = []
        const logger = Logger.make<unknown, void>(({ message }) => void lines.push(String(message)))
        yield* Effect.gen(function*() {
          yield* Parallel.partition(range(10), (n) => n < 2 ? Effect.fail("no") : double(n), {
            name: "r",
            journal: true
          })
          yield* Parallel.forEach(range(12), double, { name: "r", journal: true })
        }).pipe(Effect.provide([Journal.layerMemory, Logger.layer([logger])]))

        assert.deepStrictEqual(lines, [
          "r: nothing recorded in memory",
          "r: 0 recalled, 10 run: 10 not seen before",
          "r: 10 recorded in memory, 2 of them failed",
          "r: 8 recalled, 4 run: 2 not seen before, 2 failed before"
        ])
      }))
  })

  describe("ends like a run without a journal", () => {
    it.effect("forEach at the earliest failure, also if it is recalled", () =>
      inMemory(Effect.gen(function*() {
        const work = (n: number) => Effect.andThen(Effect.sleep(n), n > 1 ? Effect.fail(n) : Effect.succeed(n))
        for (const retryFailed of [true, false]) {
          const options = { name: "run", journal: { retryFailed }, concurrency: 3 }
          const exit = yield* drive(Parallel.forEach([5, 1, 3], work, options), "1 millis")
          assert.deepStrictEqual(exit, Exit.fail(3))
        }
      })))

    it.effect("at its budget of failures, which counts recalled failures", () =>
      inMemory(Effect.gen(function*() {
        const fails = (n: number) => Effect.fail(n)
        const options = { name: "run", journal: { retryFailed: false }, maxErrors: 2, concurrency: 1 } as const
        const first = yield* Effect.flip(Parallel.run([1, 2], fails, options))
        const ran: Array<number> = []
        const second = yield* Effect.flip(
          Parallel.run([1, 2], (n) => (ran.push(n), Effect.fail(n)), options)
        )
        assert.strictEqual(first._tag, "TooManyErrors")
        assert.strictEqual(second._tag, "TooManyErrors")
        assert.deepStrictEqual(second.report!.failures.map(({ input }) => input), [1, 2])
        assert.deepStrictEqual(ran, [])
      })))

    it.effect("validate with all failures, partition with values and failures, a stream in input order", () =>
      inMemory(Effect.gen(function*() {
        const work = (n: number) => Effect.andThen(Effect.sleep(10 - n), n % 2 === 0 ? double(n) : Effect.fail(n))
        for (let k = 0; k < 2; k++) {
          const options = { name: "run", journal: { retryFailed: false }, concurrency: 4 } as const
          const validated = yield* drive(Effect.flip(Parallel.validate(range(6), work, options)), "1 millis")
          const parted = yield* drive(Parallel.partition(range(6), work, options), "1 millis")
          const streamed = yield* drive(Stream.runCollect(Parallel.stream(range(6), work, options)), "1 millis")

          assert.isTrue(Exit.isSuccess(validated) && validated.value._tag === "FailedExamples")
          assert.deepStrictEqual(Exit.isSuccess(parted) ? parted.value[0] : [], [0, 4, 8])
          assert.deepStrictEqual(Exit.isSuccess(streamed) ? streamed.value.map(({ index }) => index) : [], range(6))
        }
      })))

    it.effect("with timeouts, which are recalled as timeouts", () =>
      inMemory(Effect.gen(function*() {
        const options = { name: "run", journal: { retryFailed: false }, timeout: "1 second" } as const
        for (let k = 0; k < 2; k++) {
          const exit = yield* drive(Parallel.partition([1], () => Effect.never, options))
          const failures = Exit.isSuccess(exit) ? exit.value[1] : []
          assert.isTrue(Cause.isTimeoutError(Option.getOrUndefined(Outcome.error(failures[0]!))))
        }
      })))
  })

  describe("runs", () => {
    it.effect("an input that was interrupted, or an equal one in its place", () =>
      inMemory(Effect.gen(function*() {
        let calls = 0
        const work = (n: number) => Effect.suspend(() => calls++ === 0 ? Effect.interrupt : double(n))
        const report = yield* Parallel.run([1, 1, 1], work, { name: "run", journal: true, concurrency: 3 })

        assert.strictEqual(calls, 2)
        assert.deepStrictEqual(report.outcomes.map(Outcome.isSuccess), [false, true, true])
      })))

    it.effect("inputs with different keys, and inputs with the same key once", () =>
      inMemory(Effect.gen(function*() {
        const ran: Array<string> = []
        const work = (text: string) => Effect.sync(() => ran.push(text))
        yield* Parallel.forEach(["a", "A", "b"], work, { name: "r", journal: { key: (text) => text.toLowerCase() } })
        yield* Parallel.forEach(["a", "a"], work, { name: "s", journal: { key: (_, index) => `${index}` } })

        assert.deepStrictEqual(ran, ["a", "b", "a", "a"])
      })))

    it.effect("equal objects once, with any order of their fields", () =>
      inMemory(Effect.gen(function*() {
        const ran: Array<object> = []
        yield* Parallel.forEach([{ a: 1, b: [2] }, { b: [2], a: 1 }], (input) => Effect.sync(() => ran.push(input)), {
          name: "run",
          journal: true
        })
        assert.strictEqual(ran.length, 1)
      })))

    it.effect("with the key of an input when it was taken, even if its work changes the input", () =>
      inMemory(Effect.gen(function*() {
        let ran = 0
        const work = (input: { n: number }) => Effect.sync(() => (ran++, ++input.n))
        for (let k = 0; k < 2; k++) yield* Parallel.forEach([{ n: 1 }, { n: 5 }], work, { name: "run", journal: true })

        assert.strictEqual(ran, 2)
      })))

    it.effect("tasks with their schemas, which also make the keys", () =>
      inMemory(Effect.gen(function*() {
        let ran = 0
        const task = Task.make("task", {
          module: import.meta.url,
          payload: Schema.Struct({ at: Schema.Date }),
          success: Schema.Date,
          run: ({ at }) => Effect.sync(() => (ran++, new Date(at.getTime() + 1)))
        })
        for (let k = 0; k < 2; k++) {
          const values = yield* Parallel.forEach([{ at: new Date(5) }], task, { journal: true })
          assert.deepStrictEqual(values, [new Date(6)])
        }
        assert.strictEqual(ran, 1)
      })))

    it.effect("with retries, limits and stragglers, each input once", () =>
      inMemory(Effect.gen(function*() {
        const ran: Array<number> = []
        const limit = Limit.concurrency(2)
        const work = (n: number) =>
          Effect.andThen(Effect.sleep(n === 7 ? 5000 : 10), Effect.sync(() => (ran.push(n), n)))
        const options = {
          name: "run",
          journal: true,
          limit,
          retry: Schedule.recurs(2),
          stragglers: { after: "1 second" },
          concurrency: 4
        } as const
        const first = yield* drive(Parallel.forEach(range(8), work, options), "10 millis", 2000)
        const before = ran.length
        const second = yield* Parallel.forEach(range(8), work, options)

        assert.deepStrictEqual(first, Exit.succeed(range(8)))
        assert.deepStrictEqual(second, range(8))
        assert.strictEqual(ran.length, before)
      })))
  })

  describe("holds outcomes that are not durable", () => {
    it.effect("up to a separate limit, and then takes no more inputs", () =>
      Effect.gen(function*() {
        const { open, store } = yield* heldStore
        let ran = 0
        const fiber = yield* Parallel.forEach(range(20_000), () => Effect.sync(() => void ran++), {
          name: "run",
          journal: true,
          concurrency: 4
        }).pipe(Effect.provide(layerOf(store)), Effect.forkChild)
        for (let k = 0; k < 200; k++) yield* turn

        assert.isAtLeast(ran, 8192)
        assert.isAtMost(ran, 8192 + 4)
        yield* open
        assert.strictEqual((yield* Fiber.join(fiber)).length, 20_000)
        assert.strictEqual(store.appended, 20_000)
        assert.isBelow(store.groups.length, 20_000 / 100)
      }).pipe(quiet))

    it.effect("by its size too", () =>
      Effect.gen(function*() {
        const { open, store } = yield* heldStore
        let ran = 0
        const fiber = yield* Parallel.forEach(range(100), () => Effect.sync(() => (ran++, "x".repeat(1_000_000))), {
          name: "run",
          journal: true,
          concurrency: 1
        }).pipe(Effect.provide(layerOf(store)), Effect.forkChild)
        for (let k = 0; k < 200; k++) yield* turn

        assert.strictEqual(ran, 16)
        yield* open
        yield* Fiber.join(fiber)
      }).pipe(quiet))

    it.effect("and lets a stream run ahead of its consumer by at most that", () =>
      Effect.gen(function*() {
        const { open, store } = yield* heldStore
        let ran = 0
        const fiber = yield* Parallel.stream(range(1000), () => Effect.sync(() => void ran++), {
          name: "run",
          journal: true,
          concurrency: 2,
          preDispatch: 2
        }).pipe(Stream.runCollect, Effect.provide(layerOf(store)), Effect.forkChild)
        for (let k = 0; k < 50; k++) yield* turn

        assert.isAtLeast(ran, 256)
        assert.isAtMost(ran, 260)
        yield* open
        assert.strictEqual((yield* Fiber.join(fiber)).length, 1000)
      }).pipe(quiet))

    it.effect("but no failure longer than necessary to end the run", () =>
      Effect.gen(function*() {
        const { open, store } = yield* heldStore
        const ran: Array<number> = []
        const fiber = yield* Parallel.forEach(range(100), (n) => {
          ran.push(n)
          return n === 3 ? Effect.fail("no") : Effect.succeed(n)
        }, { name: "run", journal: true, concurrency: 1 }).pipe(
          Effect.provide(layerOf(store)),
          Effect.forkChild
        )
        for (let k = 0; k < 50; k++) yield* turn

        assert.deepStrictEqual(ran, [0, 1, 2, 3])
        yield* open
        assert.deepStrictEqual(yield* Fiber.await(fiber), Exit.fail("no"))
      }).pipe(quiet))
  })

  describe("looks inputs up", () => {
    it.effect("together and ahead of the window, if only the store knows what it holds", () => {
      const store = new ScriptedStore()
      store.remote = true
      return Effect.gen(function*() {
        const groups: Array<number> = []
        store.getting = (keys) => Effect.andThen(Effect.sync(() => groups.push(keys.length)), Effect.sleep(5))
        const once = drive(
          Parallel.forEach(range(5000), double, { name: "run", journal: true, concurrency: 2, preDispatch: 1 }),
          "5 millis",
          20_000,
          turns(1)
        )
        yield* once
        groups.length = 0
        const exit = yield* once

        assert.deepStrictEqual(exit, Exit.succeed(range(5000).map((n) => n * 2)))
        assert.isBelow(groups.length, 100)
      }).pipe(Effect.provide(layerOf(store)), quiet)
    })

    it.live("a hundred thousand, without blocking the event loop", () =>
      inMemory(Effect.gen(function*() {
        const inputs = range(100_000)
        yield* Parallel.forEach(inputs, double, { name: "run", journal: true })
        let last = worked()
        let longest = 0
        const timer = setInterval(() => {
          longest = Math.max(longest, worked() - last)
          last = worked()
        }, 1)
        yield* Parallel.forEach(inputs, double, { name: "run", journal: true })
        clearInterval(timer)
        assert.isBelow(longest, 500)
      })), 60_000)
  })

  describe("refuses", () => {
    it("a function without a name, and invalid options", () => {
      assert.throws(() => Parallel.run([1], double, { journal: true }), /`name` to be given, since a journal finds/)
      const run = (journal: unknown) => () => Parallel.run([1], double, { name: "run", journal: journal as true })
      assert.throws(run(false), /`journal` to be true or an object, got false/)
      assert.throws(run({ keys: String }), /`journal` to have only `key`/)
      assert.throws(run({ key: "a" }), /`journal.key` to be a function/)
      assert.throws(run({ version: "" }), /`journal.version`/)
      assert.throws(run({ success: {} }), /`journal.success` to be a schema/)
      assert.throws(run({ retryFailed: 1 }), /`journal.retryFailed` to be a boolean/)
    })

    it("schemas in addition to those of a task, and a journal of different works", () => {
      const task = Task.make("task", { module: import.meta.url, run: (n: number) => Effect.succeed(n) })
      assert.throws(
        () => Parallel.run([1], task, { journal: { success: Schema.Number } }),
        /`journal.success` to be left out, since the task has its own/
      )
      for (const run of [Parallel.all, Parallel.pairs] as ReadonlyArray<(...args: ReadonlyArray<any>) => unknown>) {
        assert.throws(() => run([], { name: "run", journal: true }), /`journal` to be left out, since each input/)
      }
      assert.throws(() => Parallel.withDefaults(Effect.void, { journal: true } as object), /have only/)
    })

    it.effect("to run if no journal is provided", () =>
      Effect.gen(function*() {
        const run = Parallel.forEach([1], double, { name: "run", journal: true }) as Effect.Effect<Array<number>>
        const exit = yield* Effect.exit(run)
        assert.match(String(exit), /run run has the option `journal`, but no layer provides a Journal/)
      }))

    for (
      const [what, value, path] of [
        ["a date", new Date(0), ""],
        ["a number that is none", { list: [1, NaN] }, ".list[1]"],
        ["a bigint", 1n, ""],
        ["a field that is undefined", { a: { "b c": undefined } }, ".a[\"b c\"]"],
        ["a hole", new Array<number>(2), ""],
        ["an instance of a class", { it: new (class Own extends Date {})() }, ".it"],
        ["a map", new Map(), ""],
        ["a function", { f: () => {} }, ".f"],
        ["a symbol as a key", { [Symbol.iterator]: 1 }, ""],
        ["a field that is not enumerable", Object.defineProperty({}, "a", { value: 1 }), ""],
        ["an array of a class", new (class Own extends Array {})(), ""],
        ["what says itself what it is", { a: { toJSON: () => 1 } }, ".a"],
        ["a secret", { key: Redacted.make("secret") }, ".key"],
        [
          "what contains itself",
          (() => {
            const self: Record<string, unknown> = {}
            self["self"] = self
            return self
          })(),
          undefined
        ]
      ] as ReadonlyArray<[string, unknown, string | undefined]>
    ) {
      it.effect(`${what}, as an input, a value or an error`, () =>
        inMemory(Effect.gen(function*() {
          const options = { name: "run", journal: true } as const
          const input = yield* Effect.flip(Parallel.run([value], () => Effect.void, options))
          const success = yield* Effect.flip(Parallel.run([1, 2], () => Effect.succeed(value), options))
          const error = yield* Effect.flip(Parallel.run([1, 2], () => Effect.fail(value), options))

          for (const [k, each] of [input, success, error].entries()) {
            const reason = notEncodable(each)
            assert.strictEqual(reason.value, (["input", "success", "error"] as const)[k])
            if (path !== undefined) assert.strictEqual(reason.path, path)
            assert.notInclude(each.message, "secret\"")
          }
        })))
    }

    it.effect("schemas that would write down secrets, before anything runs", () =>
      inMemory(Effect.gen(function*() {
        let ran = 0
        const secret = Schema.Struct({ list: Schema.Array(Schema.Redacted(Schema.String)) })
        const none: { readonly list: ReadonlyArray<Redacted.Redacted> } = { list: [] }
        const exit = yield* Effect.flip(Parallel.run([1], () => Effect.sync(() => (ran++, none)), {
          name: "run",
          journal: { success: secret }
        }))
        assert.strictEqual(notEncodable(exit).value, "success")
        const task = Task.make("task", { module: import.meta.url, payload: secret, run: () => Effect.void })
        assert.strictEqual(
          notEncodable(yield* Effect.flip(Parallel.run([{ list: [] }], task, { journal: true }))).value,
          "input"
        )
        yield* Parallel.run([{ list: [] }], task, { journal: { key: () => "key" } })
        assert.strictEqual(ran, 0)
      })))

    it.effect("a key that is not a string or cannot be made, as a defect", () =>
      inMemory(Effect.gen(function*() {
        for (
          const key of [() => 1 as never, () => {
            throw new Error("no key")
          }]
        ) {
          const exit = yield* Effect.exit(Parallel.run([1], double, { name: "run", journal: { key } }))
          assert.match(String(exit), /journal.key to return a string for input #0|no key/)
        }
      })))
  })

  describe("does not let inputs that wait for an equal one delay others", () => {
    it.effect("in any number", () =>
      inMemory(Effect.gen(function*() {
        const { open, pass } = yield* gate
        const work = (key: string) => key === "slow" ? pass : open
        const values = yield* Parallel.forEach(["slow", ...range(3000).map(() => "slow"), "opens"], work, {
          name: "run",
          journal: true,
          concurrency: 2
        })
        assert.strictEqual(values.length, 3002)
      })))

    it.effect("when they come while the first of them is reported", () =>
      inMemory(Effect.gen(function*() {
        const seen: Array<number> = []
        const fiber = yield* Parallel.stream(["a", "a", "b"], (text) => Effect.succeed(text.repeat(17_000_000)), {
          name: "run",
          journal: true,
          concurrency: 1,
          preDispatch: 0
        }).pipe(Stream.runForEach(({ index }) => Effect.sync(() => seen.push(index))), Effect.forkChild)
        for (let k = 0; k < 100 && fiber.pollUnsafe() === undefined; k++) yield* turn
        yield* Fiber.join(fiber)
        assert.deepStrictEqual(seen, [0, 1, 2])
      })))

    it.effect("or copies of stragglers", () =>
      inMemory(Effect.gen(function*() {
        let calls = 0
        const work = (text: string) =>
          text === "slow" && calls++ === 0 ? Effect.as(Effect.sleep("1 hours"), text) : Effect.succeed(text)
        const inputs = ["x", "y", "slow", "slow", "slow", "slow", "slow", "slow"]
        const options = { name: "run", journal: true, stragglers: { after: "1 second" }, concurrency: 4 } as const
        const started = yield* Effect.clockWith((clock) => Effect.sync(() => clock.currentTimeMillisUnsafe()))
        const exit = yield* drive(Parallel.forEach(inputs, work, options), "1 seconds")
        const ended = yield* Effect.clockWith((clock) => Effect.sync(() => clock.currentTimeMillisUnsafe()))
        assert.deepStrictEqual(exit, Exit.succeed(inputs))
        assert.isBelow(ended - started, 10_000)
      })))

    it.effect("and lets equal inputs share a failure, also one that arrives late", () =>
      inMemory(Effect.gen(function*() {
        let ran = 0
        async function* inputs() {
          for (let k = 0; k < 3; k++) {
            yield "a"
            await new Promise((resolve) => setTimeout(resolve, 5))
          }
        }
        const [, failures] = yield* Parallel.partition(
          inputs(),
          () => Effect.suspend(() => (ran++, Effect.fail("no"))),
          {
            name: "run",
            journal: true
          }
        )
        assert.strictEqual(failures.length, 3)
        assert.strictEqual(ran, 1)
      })))
  })

  it.effect("starts nothing more once a failure will end it, not even inputs that were looked up", () =>
    Effect.gen(function*() {
      const store = new ScriptedStore()
      store.remote = true
      store.getting = () => Effect.sleep(20)
      store.appending = () => Effect.sleep(300)
      const ran: Array<number> = []
      const exit = yield* drive(
        Parallel.forEach(
          range(40),
          (n) => Effect.andThen(Effect.sync(() => ran.push(n)), n === 0 ? Effect.fail("no") : Effect.sleep(20)),
          { name: "run", journal: true, concurrency: 2 }
        ).pipe(Effect.provide(layerOf(store))),
        "10 millis"
      )
      assert.deepStrictEqual(exit, Exit.fail("no"))
      assert.isAtMost(ran.length, 3)
    }).pipe(quiet))

  it.effect("reports at most as many failures as its budget, even if more were recorded", () =>
    Effect.gen(function*() {
      const store = new ScriptedStore()
      store.appending = () => Effect.sleep(5)
      const options = { name: "run", journal: true, maxErrors: 2, concurrency: 8 } as const
      for (const inputs of [range(8), range(8).map(() => 1)]) {
        const exit = yield* drive(
          Parallel.run(inputs, (n) => Effect.andThen(Effect.sleep(10), Effect.fail(n)), options).pipe(
            Effect.provide(layerOf(store)),
            Effect.flip
          ),
          "1 millis"
        )
        assert.isTrue(Exit.isSuccess(exit) && exit.value._tag === "TooManyErrors")
        assert.strictEqual(Exit.isSuccess(exit) ? exit.value.report!.failures.length : 0, 2)
      }
      assert.isAbove(store.appended, 4)
    }).pipe(quiet))

  it.effect("records and reports the inputs that finished before a value that cannot be stored", () =>
    Effect.gen(function*() {
      const store = new ScriptedStore()
      const error = yield* Parallel.forEach(range(100), (n) => Effect.succeed(n === 50 ? NaN : n), {
        name: "run",
        journal: true,
        concurrency: 1
      }).pipe(Effect.provide(layerOf(store)), Effect.flip)

      assert.strictEqual(notEncodable(error).index, 50)
      assert.deepStrictEqual(error.report!.values, range(50))
      assert.strictEqual(store.appended, 50)
    }).pipe(quiet))

  it.effect("dies with a store that dies, interrupts itself or throws, at any time", () =>
    Effect.gen(function*() {
      const ends: ReadonlyArray<() => Effect.Effect<void>> = [
        () => Effect.die(new Error("boom")),
        () => Effect.interrupt,
        () => {
          throw new Error("boom")
        }
      ]
      for (const end of ends) {
        for (const method of ["appending", "getting"] as const) {
          const store = new ScriptedStore()
          store.remote = true
          store[method] = end
          const exit = yield* Effect.exit(
            Parallel.forEach([1, 2, 3], double, { name: "run", journal: true }).pipe(Effect.provide(layerOf(store)))
          )
          assert.isTrue(Exit.isFailure(exit) && Cause.hasDies(exit.cause), String(exit))
          assert.match(String(exit), /boom|the store of the journal interrupted itself/)
        }
      }
    }).pipe(quiet))

  it.effect("reports everything, even if fibers yield after very few operations", () =>
    inMemory(Effect.gen(function*() {
      for (const budget of [3, 4, 5, 6, 7, 9, 12, 17, 30]) {
        const run = Parallel.forEach(
          range(60),
          (n) => n % 3 === 0 ? Effect.succeed(n) : n % 3 === 1 ? Effect.as(Effect.yieldNow, n) : Effect.as(turn, n),
          { name: `run ${budget}`, journal: true, concurrency: 4 }
        )
        const once = Effect.provideService(run, Scheduler.MaxOpsBeforeYield, budget)
        assert.deepStrictEqual(yield* once, range(60))
        assert.deepStrictEqual(yield* once, range(60))
      }
    })))

  it.effect("leaves no lookup behind when it is interrupted", () =>
    Effect.gen(function*() {
      const store = new ScriptedStore()
      store.remote = true
      let reading = 0
      store.getting = () =>
        Effect.uninterruptible(
          Effect.andThen(Effect.sync(() => reading++), Effect.ensuring(Effect.sleep(100), Effect.sync(() => reading--)))
        )
      const fiber = yield* Parallel.forEach([1], double, { name: "run", journal: true }).pipe(
        Effect.provide(layerOf(store)),
        Effect.forkChild
      )
      yield* turns(1)
      assert.strictEqual(reading, 1)
      const interruption = yield* Effect.forkChild(Fiber.interrupt(fiber))
      yield* pass(100)
      yield* Fiber.join(interruption)
      assert.strictEqual(reading, 0)
    }).pipe(quiet))

  it.effect("keeps -0, and errors that are undefined", () =>
    inMemory(Effect.gen(function*() {
      const options = { name: "run", journal: { retryFailed: false } } as const
      for (let k = 0; k < 2; k++) {
        const [values, failures] = yield* Parallel.partition(
          [-0, 1],
          (n) => n === 1 ? Effect.fail(undefined) : Effect.succeed({ n }),
          options
        )
        assert.isTrue(Object.is(values[0]!.n, -0))
        assert.deepStrictEqual(failures.map(Outcome.error), [Option.some(undefined)])
      }
    })))

  describe("ends with JournalError", () => {
    it.effect("and the report of finished inputs, when its store fails", () =>
      Effect.gen(function*() {
        for (const collect of [Parallel.forEach, Parallel.validate, Parallel.partition, Parallel.run]) {
          const store = new ScriptedStore()
          store.failsAt = 5
          const work = (n: number) => Effect.as(Effect.sleep(10), n)
          const exit = yield* drive(
            (collect as typeof Parallel.run)(range(20), work, { name: "run", journal: true, concurrency: 2 })
              .pipe(Effect.provide(layerOf(store)), Effect.flip),
            "10 millis"
          )
          const error = Exit.isSuccess(exit) ? exit.value : undefined

          assert.instanceOf(error, Journal.JournalError)
          assert.match(error.message, /^journal scripted: the store failed: the disk is on fire$/)
          assert.deepStrictEqual(error.report!.values, range(store.appended))
          assert.isAtLeast(store.appended, 4)
        }
      }).pipe(quiet))

    it.effect("from a stream, after the durable outcomes", () =>
      Effect.gen(function*() {
        const store = new ScriptedStore()
        store.failsAt = 2
        const seen: Array<number> = []
        const exit = yield* Parallel.stream(range(9), (n) => Effect.as(Effect.yieldNow, n), {
          name: "run",
          journal: true,
          concurrency: 1
        }).pipe(
          Stream.runForEach(({ index }) => Effect.sync(() => seen.push(index))),
          Effect.provide(layerOf(store)),
          Effect.flip
        )
        assert.strictEqual(exit._tag, "JournalError")
        assert.isAtMost(seen.length, 2)
      }).pipe(quiet))

    it.effect("when a record cannot be read", () =>
      Effect.gen(function*() {
        const store = new ScriptedStore()
        const run = Parallel.forEach([1], double, { name: "run", journal: true }).pipe(Effect.provide(layerOf(store)))
        yield* run
        for (const records of store.records.values()) {
          for (const [key, record] of records) records.set(key, { ...record, text: "{" })
        }
        const error = yield* Effect.flip(run)
        assert.instanceOf(error.reason, Journal.Damaged)
      }).pipe(quiet))
  })

  it.effect("waits for finished inputs to be durable when it is interrupted, but not forever", () =>
    Effect.gen(function*() {
      for (const opens of [true, false]) {
        const { open, store } = yield* heldStore
        const fiber = yield* Parallel.forEach([1, 2], (n) => n === 1 ? double(n) : Effect.never, {
          name: "run",
          journal: true
        }).pipe(Effect.provide(layerOf(store)), Effect.forkChild)
        yield* turns(1)
        const interruption = yield* Effect.forkChild(Fiber.interrupt(fiber))
        yield* turns(1)
        assert.strictEqual(fiber.pollUnsafe(), undefined)
        if (opens) yield* open
        else yield* TestClock.adjust("5 seconds")
        yield* Fiber.join(interruption)
        assert.strictEqual(store.appended, opens ? 1 : 0)
      }
    }).pipe(quiet))
})
