/** A fleet survives foreign messages, bad transports, large values of tasks, and large numbers of everything. */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Duration, Effect, Exit, Fiber, Layer, Logger, Queue, References, Stream } from "effect"
import { Backend, type Outcome, Parallel } from "effect-parallel"
import * as Transport from "effect-parallel/backend/Transport"
import { pass, range } from "../../helpers.ts"
import * as tasks from "./fleetTasks.ts"

const { echo, sleeps } = tasks
const all = [echo, sleeps, tasks.babbles, tasks.annotates, tasks.shouts]

type Memory = Partial<Transport.MemoryOptions>
type Link = Transport.Transport["Service"]

/** A fleet in memory, on a transport that the test has changed. */
const fleet = (memory: Memory = {}, change: (transport: Link) => Link = (transport) => transport) =>
  Transport.layer().pipe(
    Layer.provide(Layer.effect(Transport.Transport, Effect.map(Transport.Transport, change))),
    Layer.provideMerge(Transport.layerMemory({ tasks: all, ...memory }))
  )

/** Runs a program while time passes. */
const within = <A, E, R>(time: Duration.Input, program: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const fiber = yield* Effect.forkChild(Effect.exit(program))
    const step = Duration.toMillis(Duration.fromInputUnsafe(time)) / 20
    for (let k = 0; k < 20 && fiber.pollUnsafe() === undefined; k++) yield* pass(step)
    const exit = fiber.pollUnsafe()
    if (exit === undefined) yield* Fiber.interrupt(fiber)
    return exit === undefined || Exit.isFailure(exit)
      ? assert.fail(`it did not end: ${String(exit)}`)
      : yield* exit.value
  })

const reasonsOf = (report: Outcome.Report<unknown, unknown, unknown>) =>
  report.failures.map(({ cause }) => {
    const error = Cause.squash(cause)
    return error instanceof Backend.BackendError ? error.reason._tag : String(error)
  })

/** Loses messages that are larger than the transport carries. */
const strict = (transport: Link): Link => {
  const fits = (text: string) => Buffer.byteLength(text) <= transport.maxBytes!
  return {
    ...transport,
    offer: (id, batch, label) =>
      fits(batch) ? transport.offer(id, batch, label) : Effect.die(new Error("the offer is too large")),
    broadcast: (message) => fits(message) ? transport.broadcast(message) : Effect.void,
    events: Stream.filter(transport.events, (event) => event._tag !== "Message" || fits(event.message))
  }
}

describe("values of tasks", () => {
  it.effect("in annotations, of the caller or the task, lose only themselves", () =>
    Effect.gen(function*() {
      const logged: Array<unknown> = []
      const logger = Logger.make<unknown, void>(({ fiber }) => {
        logged.push(fiber.getRef(References.CurrentLogAnnotations)["odd"])
      })
      const run = Parallel.forEach(range(4), tasks.annotates).pipe(
        Effect.annotateLogs({ outer: 1n, big: "x".repeat(10_000), none: NaN }),
        Effect.provide(Layer.merge(fleet({ maxBytes: 8000 }, strict), Logger.layer([logger])))
      )

      assert.deepStrictEqual(yield* within("10 seconds", run), range(4))
      assert.deepStrictEqual(logged, ["1n", "NaN", "Symbol(odd)", "[function ]"])
    }))

  it.effect("that are larger than a message, as logs or errors, are left out without delay", () =>
    Effect.gen(function*() {
      const logged: Array<string> = []
      const logger = Logger.make<unknown, void>(({ message }) => void logged.push(String(message).slice(0, 40)))
      const layer = Layer.merge(fleet({ maxBytes: 4000 }, strict), Logger.layer([logger]))
      const loud = yield* within("10 seconds", Effect.provide(Parallel.run([10, 5000, 20], tasks.babbles), layer))
      const failing = Parallel.run(range(60).map(() => 9000), tasks.shouts, { batchSize: 60 })
      const report = yield* within("10 seconds", Effect.provide(failing, layer))

      assert.strictEqual(loud.values.length, 3)
      assert.include(logged[1], "(a log message of 5")
      assert.deepStrictEqual(new Set(reasonsOf(report)), new Set(["TooLarge"]))
    }))
})

describe("many", () => {
  it.effect("more inputs than a busy fleet takes in a lease wait for it, and are offered once", () =>
    Effect.gen(function*() {
      let offers = 0
      const counted = (transport: Link): Link => ({
        ...transport,
        offer: (id, batch, label) => {
          offers++
          return transport.offer(id, batch, label)
        }
      })
      const run = Parallel.run(range(400), echo, { batchSize: 1, concurrency: 400 })
      const report = yield* within("10 minutes", Effect.provide(run, fleet({ latency: 100, tells: false }, counted)))

      assert.deepStrictEqual(reasonsOf(report), [])
      assert.isAbove(Duration.toMillis(report.elapsed), 10_000)
      assert.strictEqual(offers, 400)
    }))

  it.effect("batches are stopped by messages that are not too large", () =>
    Effect.gen(function*() {
      const { queued } = yield* Transport.Network
      const calls = Effect.forEach(range(600), () => sleeps(3_600_000), { concurrency: "unbounded" })
      const fiber = yield* Effect.forkChild(calls)
      for (let k = 0; k < 20; k++) yield* pass(20)
      const interruption = yield* Effect.forkChild(Fiber.interrupt(fiber))
      yield* pass(1000)

      assert.isDefined(interruption.pollUnsafe())
      assert.strictEqual(yield* queued, 0)
    }).pipe(Effect.provide(fleet({ slots: 300, maxBytes: 4000 }, strict))))

  it.effect("losses far apart do not make an input fail", () =>
    Effect.gen(function*() {
      const { kill, start } = yield* Transport.Network
      const single = yield* Effect.forkChild(sleeps(60_000))
      for (const n of [1, 2]) {
        yield* pass("40 seconds")
        yield* kill(`machine-${n}`)
        yield* start(`machine-${n + 1}`)
      }
      yield* pass("70 seconds")

      assert.strictEqual(yield* Fiber.join(single), 60_000)
    }).pipe(Effect.provide(fleet({ machines: 1 }))))
})

describe("a transport", () => {
  const once = (bend: () => Effect.Effect<void>) => {
    let calls = 0
    return (send: Effect.Effect<void>): Effect.Effect<void> => ++calls === 4 ? bend() : send
  }
  const bends: Readonly<Record<string, () => Effect.Effect<void>>> = {
    hangs: () => Effect.never,
    dies: () => Effect.die(new Error("bent")),
    throws: () => {
      throw new Error("bent")
    }
  }
  for (const [how, bend] of Object.entries(bends)) {
    it.effect(`whose broadcast ${how} once still sends later messages`, () =>
      Effect.gen(function*() {
        const broadcast = once(bend)
        const layer = fleet({}, (transport) => ({
          ...transport,
          broadcast: (message) => broadcast(transport.broadcast(message))
        }))
        const run = Effect.provide(Parallel.run([5000, 6000, 7000], sleeps, { batchSize: 1 }), layer)

        assert.strictEqual((yield* within("1 minute", run)).values.length, 3)
      }))

    it.effect(`whose offer ${how} is tried again, and fails only its input`, () =>
      Effect.gen(function*() {
        let refused = ""
        const layer = fleet({}, (transport) => ({
          ...transport,
          offer: (id, batch, label) => {
            if (!batch.includes("[666]")) return transport.offer(id, batch, label)
            refused = id
            return bend()
          }
        }))
        const run = Effect.provide(Parallel.run([1, 666, 3], sleeps, { batchSize: 1 }), layer)
        const report = yield* within("2 minutes", run)

        assert.deepStrictEqual(report.values, [1, 3])
        assert.deepStrictEqual(reasonsOf(report), ["Unreachable"])
        assert.notStrictEqual(refused, "")
      }))
  }

  it.effect("that has failed before does not count as failing since then", () =>
    Effect.gen(function*() {
      let fails = false
      const layer = fleet({}, (transport) => ({
        ...transport,
        offer: (id, batch, label) =>
          // @effect-diagnostics-next-line globalErrorInEffectFailure:off
          Effect.suspend(() => fails ? Effect.fail(new Error("shut")) : transport.offer(id, batch, label))
      }))
      const program = Effect.gen(function*() {
        fails = true
        const first = yield* Effect.forkChild(echo(1))
        yield* pass(10)
        yield* Effect.forkChild(Fiber.interrupt(first))
        yield* pass("10 minutes")
        const second = yield* Effect.forkChild(echo(2))
        yield* pass(10)
        fails = false
        yield* pass("2 seconds")
        return yield* Fiber.join(second)
      })

      assert.strictEqual(yield* Effect.provide(program, layer), 2)
    }))

  it.effect("that delivers a batch to a machine twice runs it once", () =>
    Effect.gen(function*() {
      const layer = fleet({ machines: 1, slots: 2 }, (transport) => ({
        ...transport,
        offer: (id, batch, label) =>
          Effect.andThen(transport.offer(id, batch, label), transport.offer(id, batch, label))
      }))
      const program = Effect.gen(function*() {
        const fiber = yield* Effect.forkChild(Parallel.run([5000], sleeps))
        yield* pass(100)
        const { queued } = yield* Transport.Network
        const waiting = yield* queued
        yield* pass("10 seconds")
        return { report: yield* Fiber.join(fiber), waiting }
      })
      const { report, waiting } = yield* Effect.provide(program, layer)

      assert.deepStrictEqual(report.outcomes.map(({ attempts }) => attempts), [1])
      assert.strictEqual(waiting, 0)
    }))
})

describe("messages of others", () => {
  const beat = (fields: object) => (program: string) =>
    JSON.stringify({
      _tag: "Beat",
      session: "s",
      beat: 1,
      slots: 1,
      holds: [],
      free: true,
      leaves: false,
      at: 0,
      echoes: { [program]: [0, 0] },
      ...fields
    })
  const texts: Readonly<Record<string, (program: string) => string>> = {
    "no JSON": () => "{",
    "an array": () => "[]",
    "an echo that is null": (program) => beat({ echoes: { [program]: null } })(program),
    "an echo that is empty": (program) => beat({ echoes: { [program]: [] } })(program),
    "slots without end": beat({ slots: Number.MAX_SAFE_INTEGER }),
    "slots that are negative": beat({ slots: -1 }),
    "batches that are numbers": beat({ holds: [1] }),
    "an exit that nobody waits for": () => JSON.stringify({ _tag: "Over", id: "none", session: "s", beat: 1, n: 1 }),
    "an odd number": () => JSON.stringify({ _tag: "Over", id: "none", session: "s", beat: 1, n: 0.5 })
  }
  for (const [what, text] of Object.entries(texts)) {
    it.effect(`do not stop a program from receiving: ${what}`, () =>
      Effect.gen(function*() {
        const extra = yield* Queue.unbounded<Transport.TransportEvent>()
        let program = ""
        const layer = fleet({}, (transport) => ({
          ...transport,
          offer: (id, batch, label) => {
            program = id.slice(0, id.lastIndexOf("-"))
            return transport.offer(id, batch, label)
          },
          events: Stream.merge(transport.events, Stream.fromQueue(extra))
        }))
        const both = Effect.gen(function*() {
          const first = yield* Parallel.forEach([1, 2], echo)
          yield* Queue.offer(extra, { _tag: "Message", machine: "other", message: text(program) })
          yield* Effect.sleep(1000)
          return [first, yield* Parallel.forEach([3, 4], echo)]
        })
        const silent = Layer.provideMerge(layer, Logger.layer([]))

        assert.deepStrictEqual(yield* within("1 minute", Effect.provide(both, silent)), [[1, 2], [3, 4]])
      }))
  }

  it.effect("are logged in printable characters, with any names of machines and transports", () =>
    Effect.gen(function*() {
      const logged: Array<string> = []
      const logger = Logger.make<unknown, void>(({ message }) =>
        void logged.push((message as Array<unknown>).join(" "))
      )
      const odd = "\u0007\u001b[31m\u202e"
      let fails = true
      const layer = fleet({ machines: [`a${odd}`], tasks: [echo] }, (transport) => ({
        ...transport,
        name: `by${odd}`,
        offer: (id, batch, label) =>
          // @effect-diagnostics-next-line globalErrorInEffectFailure:off
          Effect.suspend(() => fails ? Effect.fail(new Error("shut")) : transport.offer(id, batch, label)),
        events: Stream.merge(
          transport.events,
          Stream.make({ _tag: "Message", machine: `b${odd}`, message: "no message" } as const)
        )
      }))
      const program = Effect.gen(function*() {
        yield* Effect.sleep(100)
        fails = false
        const report = yield* Parallel.run([1], sleeps)
        return String(report.failures[0]?.cause.reasons[0])
      })
      const first = yield* Effect.forkChild(Effect.provide(
        Effect.all([Effect.exit(echo(1)), program], { concurrency: 2 }),
        Layer.provideMerge(layer, Logger.layer([logger]))
      ))
      yield* pass("10 seconds")
      const [, shown] = yield* Fiber.join(first)

      assert.isAtLeast(logged.length, 3)
      assert.deepStrictEqual([...logged, shown].filter((text) => /[\p{Cc}\u202e]/u.test(text)), [])
    }))

  const offers: Readonly<Record<string, (offer: any) => unknown>> = {
    "no batch": () => "x",
    "defaults that are no options": (offer) => ({
      ...offer,
      ambient: { ...offer.ambient, defaults: { concurrency: -1 } }
    }),
    "a span that is null": (offer) => ({ ...offer, ambient: { ...offer.ambient, span: null } }),
    "a timeout that is a text": (offer) => ({ ...offer, timeout: "soon" }),
    "no payloads": (offer) => ({ ...offer, payloads: [] })
  }
  for (const [what, change] of Object.entries(offers)) {
    it.effect(`do not end a machine: ${what}`, () =>
      Effect.gen(function*() {
        const layer = fleet({ machines: 1 }, (transport) => ({
          ...transport,
          offer: (id, batch, label) =>
            Effect.andThen(
              transport.offer("bad", JSON.stringify(change({ ...JSON.parse(batch), id: "bad" })), label),
              transport.offer(id, batch, label)
            )
        }))
        const silent = Layer.provideMerge(layer, Logger.layer([]))

        assert.deepStrictEqual(
          yield* within("1 minute", Effect.provide(Parallel.forEach([1, 2], echo), silent)),
          [1, 2]
        )
      }))
  }
})

describe("a machine", () => {
  /** A machine. The test acts as its program. */
  const byHand = Effect.gen(function*() {
    const batches = yield* Queue.unbounded<string>()
    const broadcasts = yield* Queue.unbounded<string>()
    const replies: Array<any> = []
    const consumer: Transport.Consumer["Service"] = {
      machine: "m",
      take: Effect.map(Queue.take(batches), (batch) => ({ batch })),
      broadcasts: Stream.fromQueue(broadcasts),
      reply: (message) => Effect.sync(() => void replies.push(JSON.parse(message)))
    }
    const serve = Transport.serve({ tasks: all, slots: 2, backend: Backend.layer(Backend.async) })
    yield* Effect.forkChild(Effect.provideService(serve, Transport.Consumer, consumer))
    const offer = (id: string, millis: number, alone = false) =>
      Effect.andThen(
        Queue.offer(
          batches,
          JSON.stringify({
            id,
            program: "p",
            lease: 3000,
            run: { id, name: "n" },
            task: "sleeps",
            forms: ["none", "none", "none"],
            indices: null,
            concurrency: 1,
            alone,
            ambient: { logLevel: "Info", annotations: {}, defaults: {} },
            absent: [],
            payloads: [millis]
          })
        ),
        pass(10)
      )
    const control = (fields: object = {}) =>
      Effect.andThen(
        Queue.offer(
          broadcasts,
          JSON.stringify({
            program: "p",
            lease: 3000,
            at: 0,
            stop: [],
            recall: [],
            forget: [],
            received: {},
            ...fields
          })
        ),
        pass(10)
      )
    const told = (tag: string) => replies.filter(({ _tag }) => _tag === tag)
    return { offer, control, told, holds: () => told("Beat").at(-1).holds as ReadonlyArray<string> }
  })

  it.effect("does not begin a batch that was stopped while it waited to run alone, and reports that immediately", () =>
    Effect.gen(function*() {
      const { control, holds, offer, told } = yield* byHand
      yield* offer("a", 100_000)
      yield* offer("b", 100_000, true)
      yield* control({ stop: ["b"] })
      const over = told("Over").map(({ id }) => id)
      yield* control({ forget: [["m", "b"]] })
      for (let k = 0; k < 12; k++) yield* Effect.andThen(pass(500), control())

      assert.deepStrictEqual(over, ["b"])
      assert.notInclude(told("Began").map(({ id }) => id), "b")
      assert.deepStrictEqual(holds(), ["a"])
    }))

  it.effect("gives each batch in progress its own worker", () =>
    Effect.gen(function*() {
      const { control, offer, told } = yield* byHand
      yield* offer("a", 1000)
      yield* offer("b", 1000, true)
      for (let k = 0; k < 6; k++) yield* Effect.andThen(pass(500), control())
      yield* offer("c", 1000)
      yield* offer("d", 1000)
      const began = new Map(told("Began").map(({ id, worker }) => [id, worker]))

      assert.sameMembers([began.get("c"), began.get("d")], [0, 1])
    }))

  it.effect("drops the batches of a program from which it receives nothing for the lease", () =>
    Effect.gen(function*() {
      const { holds, offer, told } = yield* byHand
      yield* offer("a", 100_000)
      yield* pass(2900)
      const before = holds()
      yield* pass(1000)

      assert.deepStrictEqual(before, ["a"])
      assert.deepStrictEqual(holds(), [])
      // it is sent again, because it is not acknowledged
      assert.strictEqual(new Set(told("Began").map(({ n }) => n)).size, 1)
    }))
})
