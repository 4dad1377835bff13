/** Fleets in memory on the test clock: the context that crosses, and inputs when machines come, go and are lost. */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Duration, Effect, Exit, Fiber, Layer, Logger, Option, References, Schema, Stream, Tracer } from "effect"
import { Backend, Outcome, Parallel } from "effect-parallel"
import * as Threads from "effect-parallel/backend/Threads"
import * as Transport from "effect-parallel/backend/Transport"
import { pass, range } from "../../helpers.ts"
import * as tasks from "./fleetTasks.ts"

const { half, sleeps } = tasks
const all = [half, sleeps, tasks.deaf, tasks.echo, tasks.talks, tasks.crosses]

type MemoryOptions = Partial<Transport.MemoryOptions>

const fleet = (memory: MemoryOptions = {}, options: Transport.Options = {}) =>
  Layer.provideMerge(Transport.layer(options), Transport.layerMemory({ tasks: all, ...memory }))

const now = Effect.clockWith((clock) => Effect.sync(() => clock.currentTimeMillisUnsafe()))

const reasonOf = (failure: Outcome.Failure<unknown, unknown> | undefined) => {
  const error = Option.getOrUndefined(Outcome.error(failure!))
  assert.instanceOf(error, Backend.BackendError)
  return error.reason
}

const fieldsOf = (reason: object): unknown => ({ ...reason })

const network = Transport.Network

describe("what travels", () => {
  it.effect("includes log lines, which the report keeps with their inputs", () =>
    Effect.gen(function*() {
      const report = yield* Parallel.run(["one", "two"], tasks.talks).pipe(
        Effect.provide(Layer.merge(fleet({ machines: ["one machine"] }), Logger.layer([])))
      )

      assert.deepStrictEqual(report.inside.logs.map(({ index }) => index), [0, 1])
    }))

  it.effect("includes the span, the log level, annotations and defaults; logs come back to the loggers here", () =>
    Effect.gen(function*() {
      const logged: Array<Readonly<Record<string, unknown>>> = []
      const logger = Logger.make<unknown, void>(({ fiber, logLevel, message }) => {
        logged.push({ logLevel, message, ...fiber.getRef(References.CurrentLogAnnotations) })
      })
      const span = Tracer.externalSpan({ spanId: "a", traceId: "b", sampled: true })
      const values = yield* Parallel.forEach(["one", "two"], tasks.talks, { batchSize: 1, concurrency: 1 }).pipe(
        Parallel.withDefaults({ concurrency: 1 }),
        Effect.annotateLogs("own", 0),
        Effect.annotateLogs("outer", "yes"),
        Effect.provideService(Tracer.ParentSpan, span),
        Effect.provideService(References.MinimumLogLevel, "Info"),
        Effect.provide(Layer.merge(fleet({ machines: ["one machine"] }), Logger.layer([logger])))
      )

      assert.deepStrictEqual(values, [{ traceId: "b", workers: 1 }, { traceId: "b", workers: 1 }])
      assert.deepStrictEqual(
        logged,
        ["one", "two"].map((word, index) => ({
          logLevel: "Info",
          message: [`said ${word}`, { word }],
          own: 1,
          outer: "yes",
          machine: "one machine",
          index
        }))
      )
    }))

  it.live("is decoded only by the last hop", () =>
    Effect.gen(function*() {
      const layer = fleet({ machines: 1, backend: Threads.layer({ workers: 1 }) })
      const values = yield* Effect.provide(Parallel.forEach(range(10), tasks.crosses), layer)

      assert.deepStrictEqual(values, range(10).map((n) => n + 1))
      assert.deepStrictEqual(tasks.crossings, {
        payload: { decoded: 0, encoded: 10 },
        success: { decoded: 10, encoded: 0 }
      })
    }))

  it.live("of a failure is the class of the error, its stack, and the place of the call", () =>
    Effect.gen(function*() {
      for (const backend of [Threads.layer({ workers: 1 }), Backend.layer(Backend.async)]) {
        const [, failures] = yield* Effect.provide(Parallel.partition([3], half), fleet({ machines: 1, backend }))
        const error = Option.getOrThrow(Outcome.error(failures[0]!))
        const text = Cause.pretty(failures[0]!.cause)

        assert.instanceOf(error, tasks.Odd)
        assert.match((error as Error).stack ?? "", /fleetTasks\.ts/)
        assert.match(text, /task half .*machines\.test\.ts/)
      }
    }))

  it.effect("is JSON: a value that JSON would change is refused, with the path to it", () =>
    Effect.gen(function*() {
      const circle: Record<string, unknown> = {}
      circle["self"] = circle
      const odd = [new Date(0), { at: [new Map()] }, NaN, 1n, [undefined], { big: new Uint8Array(1) }, circle, () => 1]
      const fine = [undefined, null, { a: undefined }, { ["__proto__"]: 1 }, "\u2028", -0]
      const report = yield* Effect.provide(Parallel.run([...odd, ...fine], tasks.echo), fleet())

      assert.deepStrictEqual(
        report.failures.map((failure) => {
          const reason = reasonOf(failure)
          return reason._tag === "NotCloneable" ? [reason.value, reason.path] : reason._tag
        }),
        ["", ".at[0]", "", "", "", ".big", "", ""].map((path) => ["payload", path])
      )
      assert.deepStrictEqual(report.values.slice(0, 5), [undefined, null, {}, { ["__proto__"]: 1 }, "\u2028"])
      assert.isTrue(Object.is(report.values.at(-1), 0))
    }))

  it.effect("fits into a message: batches are cut, and an input that is too large fails alone", () =>
    Effect.gen(function*() {
      const texts = range(20).map((n) => n === 7 ? "x".repeat(5000) : String(n).padEnd(500, "."))
      const run = Parallel.run(texts, tasks.echo, { batchSize: 20 })
      const report = yield* Effect.provide(run, fleet({ maxBytes: 3000 }))
      const reason = reasonOf(report.failures[0])

      assert.deepStrictEqual(report.values, texts.filter((_, n) => n !== 7))
      assert.deepStrictEqual(report.failures.map(({ index }) => index), [7])
      assert.isTrue(
        reason._tag === "TooLarge" && reason.value === "payload" && reason.bytes > 5000 && reason.most < 3000
      )
    }))

  it.effect("may be too large on the way back", () =>
    Effect.gen(function*() {
      const layer = fleet({ maxBytes: 4000, tasks: [grows] })
      const report = yield* Effect.provide(Parallel.run([10, 9000, 20], grows), layer)
      const reason = reasonOf(report.failures[0])

      assert.deepStrictEqual(report.values.map((value) => value.length), [10, 20])
      assert.isTrue(reason._tag === "TooLarge" && reason.value === "success" && reason.bytes === 9002)
    }))
})

const grows = tasks.echoOf((n: number) => "y".repeat(n))

describe("a task", () => {
  it.effect("that a machine does not have is refused, with the names of its tasks", () =>
    Effect.gen(function*() {
      const layer = fleet({ machines: ["old"], tasks: [sleeps, tasks.echo] })
      const report = yield* Effect.provide(Parallel.run([2, 4], half), layer)

      for (const failure of report.failures) {
        assert.deepStrictEqual(fieldsOf(reasonOf(failure)), {
          _tag: "TaskUnknown",
          machine: "old",
          found: ["sleeps", "echo"]
        })
      }
      assert.strictEqual(report.failures.length, 2)
    }))

  it.effect("of another version is refused, and one with equal schemas is not", () =>
    Effect.gen(function*() {
      const other = fleet({ machines: ["old"], tasks: [tasks.halfOf(Schema.String)] })
      const same = fleet({ machines: ["new"], tasks: [tasks.halfOf(Schema.Int)] })
      const [, failures] = yield* Effect.provide(Parallel.partition([2], half), other)

      assert.deepStrictEqual(fieldsOf(reasonOf(failures[0])), { _tag: "TaskDiffers", machine: "old", value: "payload" })
      assert.deepStrictEqual(yield* Effect.provide(Parallel.forEach([2], half), same), [1])
    }))

  it("with the same name twice on a machine is a defect", () => {
    assert.throws(
      () => Transport.serve({ tasks: [half, half] }),
      /expected `tasks` to be tasks of different names, got "half"/
    )
    assert.throws(() => Transport.layer({ lease: 0 }), /expected `lease`/)
    assert.throws(() => Transport.layer({ maxLosses: 0 }), /expected `maxLosses`/)
    assert.throws(() => Transport.serve({ tasks: [half], slots: 0 }), /expected `slots`/)
    assert.throws(() => Transport.serve({ tasks: [half], sluts: 1 } as never), /`sluts`/)
    assert.throws(
      () => Transport.serve({ tasks: [half], drain: "5 secs" as never }),
      /expected `drain` to be a duration such as "5 seconds", got "5 secs"/
    )
    assert.throws(
      () => Transport.serve({ tasks: [half], backend: Threads as never }),
      /expected `backend` to be a Layer, got .*: call its `layer\(\)`/
    )
  })
})

describe("a machine", () => {
  it.effect("that dies loses its current inputs, which count as started; the others run elsewhere", () =>
    Effect.gen(function*() {
      const { kill } = yield* network
      const fiber = yield* Effect.forkChild(Parallel.run([2, 4, 6, 8], half, { batchSize: 2 }))
      yield* pass(150)
      yield* kill("machine-1")
      yield* pass(1000)
      const report = yield* Fiber.join(fiber)

      assert.deepStrictEqual(report.values, [1, 2, 3, 4])
      assert.deepStrictEqual(report.outcomes.map(({ attempts }) => attempts), [1, 2, 1, 1])
      assert.deepStrictEqual(report.outcomes[1]!.history.map(({ end }) => end), ["Lost", "Succeeded"])
      assert.deepStrictEqual([...report.machines.values()].toSorted(), ["machine-1", "machine-2"])
    }).pipe(Effect.provide(fleet())))

  it.effect("that freezes is lost after its lease, and its messages after thawing are ignored", () =>
    Effect.gen(function*() {
      const { freeze, thaw } = yield* network
      const fiber = yield* Effect.forkChild(Parallel.run([2, 4], half, { batchSize: 1 }))
      yield* pass(50)
      yield* freeze("machine-1")
      yield* pass(2000)
      const early = fiber.pollUnsafe()
      yield* pass(2000)
      yield* thaw("machine-1")
      yield* pass(1000)
      const report = yield* Fiber.join(fiber)

      assert.isUndefined(early)
      assert.deepStrictEqual(report.values, [1, 2])
      assert.deepStrictEqual(report.outcomes.map(({ attempts }) => attempts).toSorted((a, b) => a - b), [1, 2])
      assert.isBelow(Duration.toMillis(report.elapsed), 4000)
    }).pipe(Effect.provide(fleet())))

  it.effect("that an input ends again and again fails only that input", () =>
    Effect.gen(function*() {
      const { kill, start } = yield* network
      const run = Parallel.run([10, 60_000, 20, 30], sleeps, { batchSize: 4 })
      const fiber = yield* Effect.forkChild(run)
      for (const round of range(3)) {
        yield* pass(500)
        yield* kill(`machine-${round + 1}`)
        yield* start(`machine-${round + 2}`)
      }
      yield* pass(1000)
      const report = yield* Fiber.join(fiber)

      assert.deepStrictEqual(report.values, [10, 20, 30])
      assert.deepStrictEqual(fieldsOf(reasonOf(report.failures[0])), {
        _tag: "MachineLost",
        machine: "machine-3",
        how: "gone",
        losses: 3
      })
      assert.strictEqual(report.failures[0]!.attempts, 3)
    }).pipe(Effect.provide(fleet({ machines: 1 }))))

  it.effect("that is stopped lets batches finish for `drain`, and gives the others back", () =>
    Effect.gen(function*() {
      const { start, stop } = yield* network
      const fiber = yield* Effect.forkChild(Parallel.run([300, 800], sleeps, { batchSize: 1 }))
      yield* pass(100)
      const stopped = yield* Effect.forkChild(stop("machine-1"))
      yield* pass(1)
      yield* start("machine-2")
      yield* pass(500)
      yield* Fiber.join(stopped)
      yield* pass(1000)
      const report = yield* Fiber.join(fiber)

      assert.deepStrictEqual(report.values, [300, 800])
      assert.deepStrictEqual(report.outcomes.map(({ attempts }) => attempts), [1, 2])
      assert.deepStrictEqual(report.outcomes[1]!.history.map(({ end }) => end), ["Lost", "Succeeded"])
    }).pipe(Effect.provide(fleet({ machines: 1, slots: 2, drain: 400 }))))

  it.effect("that joins late gets work, and one that left is not waited for", () =>
    Effect.gen(function*() {
      const { start } = yield* network
      const backend = yield* Backend.Backend
      const fiber = yield* Effect.forkChild(Parallel.run(range(40).map(() => 1000), sleeps, { batchSize: 1 }))
      yield* pass(2500)
      for (const name of ["b", "c", "d"]) yield* start(name)
      yield* pass(100)
      const { workers } = backend
      yield* pass(20_000)
      const report = yield* Fiber.join(fiber)

      assert.strictEqual(workers, 4)
      assert.strictEqual(new Set(report.outcomes.map(({ worker }) => report.machines.get(worker))).size, 4)
      assert.isBelow(Duration.toMillis(report.elapsed), 15_000)
    }).pipe(Effect.provide(fleet({ machines: ["a"] }))))

  it.effect("that is disconnected for less than a lease loses nothing", () =>
    Effect.gen(function*() {
      const { heal, part } = yield* network
      const fiber = yield* Effect.forkChild(Parallel.run([400, 500], sleeps, { batchSize: 1 }))
      yield* pass(300)
      yield* part("machine-1")
      yield* pass(2000)
      yield* heal("machine-1")
      yield* pass(2000)
      const report = yield* Fiber.join(fiber)

      assert.deepStrictEqual(report.values, [400, 500])
      assert.deepStrictEqual(report.outcomes.map(({ attempts }) => attempts), [1, 1])
    }).pipe(Effect.provide(fleet())))

  it.effect("that is disconnected for longer drops its batches, which run elsewhere", () =>
    Effect.gen(function*() {
      const { part } = yield* network
      const fiber = yield* Effect.forkChild(Parallel.run([400, 500], sleeps, { batchSize: 1 }))
      yield* pass(300)
      yield* part("machine-1")
      yield* pass(5000)
      const report = yield* Fiber.join(fiber)

      assert.deepStrictEqual(report.values, [400, 500])
      assert.deepStrictEqual(report.outcomes.map(({ attempts }) => attempts).toSorted((a, b) => a - b), [1, 2])
    }).pipe(Effect.provide(fleet())))

  it.effect("that has silently dropped a batch is found out by its beats", () =>
    Effect.gen(function*() {
      const quiet = (at: number) => at >= 500 && at < 6000
      const noisy = Layer.effect(
        Transport.Transport,
        Effect.map(Transport.Transport, (transport) => ({
          ...transport,
          broadcast: (message: string) =>
            Effect.flatMap(now, (at) => quiet(at) ? Effect.void : transport.broadcast(message)),
          events: Stream.filterEffect(transport.events, (event) =>
            Effect.map(now, (at) =>
              !quiet(at) || (event._tag === "Message" && event.message.includes("\"Beat\""))))
        }))
      )
      const layer = Layer.provide(
        Layer.provide(Transport.layer(), noisy),
        Transport.layerMemory({ tasks: all, machines: 1 })
      )
      const fiber = yield* Effect.forkChild(Effect.provide(Parallel.run([5000], sleeps), layer))
      yield* pass("4 seconds")
      yield* pass("10 seconds")
      const { outcomes: [outcome] } = yield* Fiber.join(fiber)

      assert.strictEqual(outcome?._tag, "Success")
      assert.deepStrictEqual(
        outcome?.history.map(({ end }) =>
          end
        ),
        ["Lost", "Succeeded"]
      )
    }))
})

describe("a program", () => {
  it.effect("waits for a machine, but not forever", () =>
    Effect.gen(function*() {
      const { start } = yield* network
      const late = yield* Effect.forkChild(Parallel.forEach([2], half))
      yield* pass("29 seconds")
      yield* start("late")
      yield* pass("1 second")
      assert.deepStrictEqual(yield* Fiber.join(late), [1])
      yield* (yield* network).stop("late")

      const never = yield* Effect.forkChild(Effect.exit(half(2)))
      yield* pass("31 seconds")
      const exit = yield* Fiber.join(never)
      assert.match(String(exit), /NoWorkers|there was no worker to run it for 30(\.5)? s/)
    }).pipe(Effect.provide(fleet({ machines: 0 }))))

  it.live("whose event loop is blocked for longer than a lease loses no machine, and is not lost by machines", () =>
    Effect.gen(function*() {
      const lease = "600 millis"
      const layer = Layer.provide(Transport.layer({ lease }), Transport.layerMemory({ tasks: all, lease }))
      const fiber = yield* Effect.forkChild(Effect.provide(Parallel.run([700, 800], sleeps, { batchSize: 1 }), layer))
      yield* Effect.sleep(300)
      for (const until = performance.now() + 2000; performance.now() < until;);
      const report = yield* Fiber.join(fiber)

      assert.deepStrictEqual(report.outcomes.map(({ attempts }) => attempts), [1, 1])
    }))

  it.effect("that cannot reach the machines waits, logs that once, and continues", () =>
    Effect.gen(function*() {
      const logged: Array<unknown> = []
      const logger = Logger.make<unknown, void>(({ message }) => void logged.push((message as Array<unknown>)[0]))
      const unreachable = { until: 10_000 }
      const program = Effect.gen(function*() {
        const fiber = yield* Effect.forkChild(Effect.exit(Parallel.forEach([2, 4], half, { batchSize: 1 })))
        yield* pass("12 seconds")
        const first = yield* Fiber.join(fiber)
        unreachable.until = Infinity
        const second = yield* Effect.forkChild(Effect.exit(Parallel.run([2, 4], half, { batchSize: 1 })))
        yield* pass("1 minute")
        return [first, yield* Fiber.join(second)] as const
      })
      const closed = Layer.effect(
        Transport.Transport,
        Effect.map(Transport.Transport, (transport) => ({
          ...transport,
          offer: (id: string, batch: string, label: Transport.BatchLabel) =>
            Effect.flatMap(now, (at) =>
              // @effect-diagnostics-next-line globalErrorInEffectFailure:off
              at < unreachable.until ? Effect.fail(new Error("closed")) : transport.offer(id, batch, label))
        }))
      )
      const layer = Transport.layer().pipe(
        Layer.provide(closed),
        Layer.provide(Transport.layerMemory({ tasks: all })),
        Layer.provideMerge(Logger.layer([logger]))
      )
      const [first, second] = yield* Effect.provide(program, layer)
      const report = Exit.isSuccess(second) ? second.value : assert.fail(String(second))
      const reason = reasonOf(report.failures[0])

      assert.deepStrictEqual(first, Exit.succeed([1, 2]))
      assert.isTrue(reason._tag === "Unreachable" && reason.millis >= 30_000 && String(reason.cause).includes("closed"))
      assert.deepStrictEqual(logged, [
        "memory: the machines cannot be reached; tasks wait",
        "memory: the machines can be reached again",
        "memory: the machines cannot be reached; tasks wait"
      ])
    }))

  it.effect("puts no more batches into the queue than its machines take in two rounds", () =>
    Effect.gen(function*() {
      const { queued } = yield* network
      const run = Parallel.forEach(range(100).map(() => 100), sleeps, { batchSize: 1, concurrency: 50 })
      const fiber = yield* Effect.forkChild(run)
      const seen: Array<number> = []
      for (const _ of range(20)) {
        yield* pass("50 millis")
        seen.push(yield* queued)
      }
      yield* pass("30 seconds")
      yield* Fiber.join(fiber)

      assert.isAtMost(Math.max(...seen), 6)
      assert.isAtLeast(Math.max(...seen), 3)
    }).pipe(Effect.provide(fleet({ machines: 3, slots: 1 }))))

  it.effect("logs when there is no machine, and when there is one again", () =>
    Effect.gen(function*() {
      const logged: Array<unknown> = []
      const logger = Logger.make<unknown, void>(({ message }) => void logged.push((message as Array<unknown>)[0]))
      const program = Effect.gen(function*() {
        const { start } = yield* network
        yield* pass("1 hour")
        const fiber = yield* Effect.forkChild(Parallel.forEach([2, 4], half))
        yield* pass("20 seconds")
        yield* start("late")
        yield* pass("10 seconds")
        return yield* Fiber.join(fiber)
      })
      const layer = Layer.provideMerge(fleet({ machines: 0 }), Logger.layer([logger]))

      assert.deepStrictEqual(yield* Effect.provide(program, layer), [1, 2])
      assert.deepStrictEqual(logged, [
        "memory: there is no machine; tasks wait for one",
        "memory: a machine has joined"
      ])
    }))

  it.effect("that is interrupted waits for its tasks to stop, but for a frozen machine at most its lease", () =>
    Effect.gen(function*() {
      const { freeze, queued } = yield* network
      const fiber = yield* Effect.forkChild(
        Parallel.forEach([5000, 5000, 5000], sleeps, { batchSize: 1, concurrency: 3 })
      )
      yield* pass(200)
      yield* freeze("machine-1")
      const interruption = yield* Effect.forkChild(Fiber.interrupt(fiber))
      yield* pass(2000)
      const early = interruption.pollUnsafe()
      yield* pass(1600)

      assert.isUndefined(early)
      assert.isDefined(interruption.pollUnsafe())
      assert.strictEqual(yield* queued, 0)
    }).pipe(Effect.provide(fleet())))

  it.effect("that is interrupted waits for a task that does not stop while its machine is alive", () =>
    Effect.gen(function*() {
      const fiber = yield* Effect.forkChild(tasks.deaf(1))
      yield* pass(200)
      const interruption = yield* Effect.forkChild(Fiber.interrupt(fiber))
      yield* pass("59 minutes")
      assert.isUndefined(interruption.pollUnsafe())
      yield* pass("2 minutes")
      assert.isDefined(interruption.pollUnsafe())
    }).pipe(Effect.provide(fleet({ machines: 1 }))))

  it.effect("has deadlines exact to the millisecond, from the start of each attempt", () =>
    Effect.gen(function*() {
      const fiber = yield* Effect.forkChild(Parallel.run([100, 400, 302, 300], sleeps, {
        timeout: 301,
        batchSize: 4,
        concurrency: 1
      }))
      yield* pass(2000)
      const report = yield* Fiber.join(fiber)

      assert.deepStrictEqual(report.values, [100, 300])
      assert.deepStrictEqual(
        report.outcomes.map(({ elapsed, startedAt }) => [Duration.toMillis(startedAt), Duration.toMillis(elapsed)]),
        [[0, 100], [100, 301], [401, 301], [702, 300]]
      )
    }).pipe(Effect.provide(fleet({ machines: 1 }))))
})
