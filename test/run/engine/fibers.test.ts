import { assert, describe, it } from "@effect/vitest"
import { Cause, Clock, Duration, Effect, Exit, Fiber, Stream } from "effect"
import { Backend, Limit, Outcome, Parallel, Task } from "effect-parallel"
import { TestClock } from "effect/testing"
import { drive, Probe, range, turn } from "../../helpers.ts"

const indices = (outcomes: ReadonlyArray<{ readonly index: number }>) => outcomes.map(({ index }) => index)

/** A value that makes the runtime end the whole fiber. */
const invalid: Effect.Effect<never> = Effect.flatMap(Effect.void, () => 1 as unknown as Effect.Effect<never>)

const interruptOwn: Effect.Effect<never> = Effect.withFiber((fiber) =>
  Effect.andThen(Fiber.interrupt(fiber), Effect.never)
)

const interruptOwnLater: Effect.Effect<never> = Effect.withFiber((fiber) => {
  fiber.interruptUnsafe()
  return Effect.never
})

describe("engine", () => {
  describe("work that ends its own fiber", () => {
    const works = { interruptOwn, interruptOwnLater, invalid }
    const options: Readonly<Record<string, Parallel.Options>> = {
      "no options": {},
      "one lane": { concurrency: 1 },
      "retries": { retry: { times: 3 } },
      "a timeout": { timeout: "1 minute" },
      "stragglers": { stragglers: { after: "1 minute" } },
      "a limit": { limit: Limit.concurrency(2) },
      "lanes without bound": { concurrency: "unbounded" }
    }
    for (const [name, own] of Object.entries(works)) {
      for (const [which, option] of Object.entries(options)) {
        it.effect(`is a failure of its input: ${name}, ${which}`, () =>
          Effect.gen(function*() {
            const work = (n: number) => n % 3 === 1 ? own : Effect.as(Effect.sleep(1), n)
            const exit = yield* drive(Parallel.run(range(30), work, option))

            const report = Exit.isSuccess(exit) ? exit.value : assert.fail(Cause.pretty(exit.cause))
            assert.deepStrictEqual(report.values, range(30).filter((n) => n % 3 !== 1))
            assert.deepStrictEqual(indices(report.failures), range(30).filter((n) => n % 3 === 1))
            assert.isTrue(report.failures.every(({ attempts, cause }) =>
              attempts === 1 && (name === "invalid" ? Cause.hasDies(cause) : Cause.hasInterruptsOnly(cause))
            ))
          }))
      }
    }

    it.effect("gives its permit back", () =>
      Effect.gen(function*() {
        const limit = Limit.concurrency(1)
        yield* Parallel.run([1, 2, 3], () => invalid, { limit })
        const exit = yield* drive(Parallel.forEach([1, 2, 3], (n) => Effect.succeed(n), { limit }))

        assert.deepStrictEqual(exit, Exit.succeed([1, 2, 3]))
      }))

    it.effect("costs no stack, however many inputs there are", () =>
      Effect.gen(function*() {
        const report = yield* Parallel.run(range(50_000), () => interruptOwnLater, { concurrency: 2 })

        assert.strictEqual(report.failures.length, 50_000)
      }), 60_000)

    it.effect("with or without another input in its lane affects nothing else", () =>
      Effect.gen(function*() {
        let leaked: Fiber.Fiber<unknown, unknown> | undefined
        const gates = range(3).map(() => Promise.withResolvers<void>())
        const generate = async function*() {
          for (const n of range(4)) {
            yield n
            await gates[n]?.promise
          }
        }
        const work = (n: number) =>
          Effect.withFiber((fiber) => {
            leaked ??= fiber
            return Effect.succeed(n)
          })
        const fiber = yield* Effect.forkChild(Parallel.forEach(generate(), work, { concurrency: 1 }))
        for (const [n, gate] of gates.entries()) {
          for (let i = 0; i < 3; i++) yield* turn
          if (n === 1) leaked?.interruptUnsafe()
          gate.resolve()
        }

        assert.deepStrictEqual(yield* drive(Fiber.join(fiber)), Exit.succeed(range(4)))
      }))

    it.effect("ends the run like a first failure", () =>
      Effect.gen(function*() {
        const probe = new Probe()
        const work = (n: number) => n === 3 ? invalid : probe.watch(n, Effect.never)
        const exit = yield* drive(Parallel.forEach(range(8), work))

        assert.isTrue(Exit.isFailure(exit) && Cause.hasDies(exit.cause))
        assert.strictEqual(probe.running, 0)
      }))

    it.effect("in the retry policy keeps the failure, too", () =>
      Effect.gen(function*() {
        const retry = { while: () => interruptOwn }
        const exit = yield* drive(Parallel.run([1, 2], () => Effect.fail("no"), { retry }))

        const failures = Exit.isSuccess(exit) ? exit.value.failures : []
        assert.deepStrictEqual(
          failures.map(({ cause }) => cause.reasons.map((reason) => reason._tag)),
          [["Fail", "Interrupt"], ["Fail", "Interrupt"]]
        )
      }))

    it.effect("or returns no effect, as a task", () =>
      Effect.gen(function*() {
        const module = import.meta.url
        const tasks = [
          Task.make("undefined", { module, run: (_: number) => undefined as never }),
          Task.make("throws", {
            module,
            run: (_: number): Effect.Effect<number> => {
              throw new Error("run")
            }
          })
        ]
        for (const task of tasks) {
          const report = yield* Effect.provide(Parallel.run([1, 2], task), Backend.layer(Backend.async))

          assert.strictEqual(report.failures.length, 2)
          assert.isTrue(report.failures.every(({ cause }) => Cause.hasDies(cause)))
        }
      }))
  })

  describe("the end of a run", () => {
    const work = (n: number) => n === 0 ? Effect.delay(Effect.fail("no"), 5) : Effect.as(Effect.sleep(10), n)

    const tooMany = <A, E>(run: Effect.Effect<A, E>) =>
      Effect.map(
        drive(Effect.flip(run), "1 millis"),
        (exit) =>
          Exit.isSuccess(exit) && exit.value instanceof Outcome.TooManyErrors
            ? exit.value as Outcome.TooManyErrors<number, number, string>
            : assert.fail("too few errors")
      )

    it.effect("loses no value of an input that finishes in an uninterruptible run after it was stopped", () =>
      Effect.gen(function*() {
        for (const timeout of [undefined, 1000]) {
          const run = Parallel.run(range(9), work, { maxErrors: 1, concurrency: 3, timeout })
          const { failures, report } = yield* tooMany(Effect.uninterruptible(run))

          assert.deepStrictEqual(report.values, [1, 2])
          assert.strictEqual(failures.length, 1)
        }
      }))

    it.effect("loses no value that waits for fibers left behind by its attempt", () =>
      Effect.gen(function*() {
        const leaving = (n: number) =>
          n === 0
            ? work(n)
            : Effect.as(
              Effect.forkChild(Effect.onInterrupt(Effect.never, () => Effect.sleep(20)), { startImmediately: true }),
              n
            )
        const { report } = yield* tooMany(Parallel.run([0, 1], leaving, { maxErrors: 1 }))

        assert.deepStrictEqual(report.values, [1])
      }))

    it.effect("does not fail the inputs that it interrupts in an uninterruptible region", () =>
      Effect.gen(function*() {
        const run = Parallel.run(range(3), (n) => Effect.interruptible(work(n)), { maxErrors: 1 })
        const { failures, report } = yield* tooMany(Effect.uninterruptible(run))

        assert.deepStrictEqual(indices(failures), [0])
        assert.strictEqual(report.outcomes.length, 1)
      }))

    it.effect("comes before anything else begins", () =>
      Effect.gen(function*() {
        const started: Array<number> = []
        const run = Parallel.forEach(range(5), (n) => {
          started.push(n)
          return n === 1 ? Effect.fail("no") : Effect.never
        }, { concurrency: 4 })
        yield* drive(run)

        assert.deepStrictEqual(started, [0, 1])
      }))
  })

  describe("Effect.runSync", () => {
    const runs: Readonly<Record<string, Effect.Effect<ReadonlyArray<number>>>> = {
      "no inputs": Parallel.forEach([], (n: number) => Effect.succeed(n)),
      "ready works": Parallel.forEach(range(100_000), (n) => Effect.succeed(n)),
      "synchronous works": Parallel.forEach(range(100_000), (n) => Effect.sync(() => n)),
      "a generator": Parallel.forEach(range(1000).values(), (n) => Effect.sync(() => n), { concurrency: 3 }),
      "a stream of inputs": Parallel.forEach(Stream.fromArray(range(1000)), (n) => Effect.sync(() => n)),
      "a stream of outcomes": Effect.map(
        Stream.runCollect(Parallel.stream(range(1000), (n) => Effect.sync(() => n))),
        (outcomes) => outcomes.filter(Outcome.isSuccess).map(({ value }) => value)
      ),
      "a limit and a timeout": Effect.orDie(Parallel.forEach(range(10), (n) => Effect.sync(() => n), {
        limit: Limit.concurrency(2),
        timeout: 1000
      }))
    }
    const sizes = [0, 100_000, 100_000, 1000, 1000, 1000, 10]
    for (const [place, [name, run]] of Object.entries(runs).entries()) {
      it(`runs ${name}`, () => {
        assert.deepStrictEqual(Effect.runSync(run), range(sizes[place]!))
      })
    }

    it("can run after works that take long", () => {
      const busy = (n: number) =>
        Effect.sync(() => {
          for (const end = performance.now() + 10; performance.now() < end;);
          return n
        })

      assert.deepStrictEqual(Effect.runSync(Parallel.forEach(range(4), busy, { concurrency: 2 })), range(4))
    })
  })

  describe("elapsed", () => {
    /** A clock that a test moves, even in the middle of a function. */
    const moving = () => {
      let millis = 1_000_000
      const clock = {
        currentTimeMillisUnsafe: () => millis,
        currentTimeNanosUnsafe: () => BigInt(millis) * 1_000_000n,
        monotonicTimeNanosUnsafe: () => BigInt(millis) * 1_000_000n,
        currentTimeMillis: Effect.sync(() => millis),
        currentTimeNanos: Effect.sync(() => BigInt(millis) * 1_000_000n),
        monotonicTimeNanos: Effect.sync(() => BigInt(millis) * 1_000_000n),
        sleep: () => Effect.never
      } as unknown as Clock.Clock
      return { clock, pass: (more: number) => void (millis += more) }
    }

    const elapsed = (outcomes: ReadonlyArray<Outcome.Outcome<unknown, unknown, unknown>>) =>
      outcomes.map((outcome) => Duration.toMillis(outcome.elapsed))

    it.effect("is zero for a work that throws", () =>
      Effect.gen(function*() {
        const { clock } = moving()
        const work = (): Effect.Effect<void> => {
          throw new Error("work")
        }
        for (const options of [{}, { retry: { times: 1 } }, { timeout: 5 }] as ReadonlyArray<Parallel.Options>) {
          const report = yield* Effect.provideService(Parallel.run([1, 2, 3], work, options), Clock.Clock, clock)

          assert.deepStrictEqual(elapsed(report.outcomes), [0, 0, 0])
        }
      }))

    it.effect("includes the time that a work takes to return its effect", () =>
      Effect.gen(function*() {
        const { clock, pass } = moving()
        const work = (n: number) => {
          pass(n)
          return Effect.sync(() => pass(1))
        }
        const run = Parallel.run([10, 20, 30], work, { concurrency: 1 })
        const report = yield* Effect.provideService(run, Clock.Clock, clock)

        assert.deepStrictEqual(elapsed(report.outcomes), [11, 21, 31])
      }))

    it.effect("excludes the time that inputs take", () =>
      Effect.gen(function*() {
        const { clock, pass } = moving()
        const numbers = function*() {
          for (const n of range(3)) {
            pass(100)
            yield n
          }
        }
        const work = () => Effect.sync(() => pass(1))
        const run = Parallel.run(numbers(), work, { concurrency: 1 })
        const report = yield* Effect.provideService(run, Clock.Clock, clock)

        assert.deepStrictEqual(elapsed(report.outcomes), [1, 1, 1])
      }))

    it.effect("excludes the time that the consumer of a stream takes", () =>
      Effect.gen(function*() {
        const { clock, pass } = moving()
        const work = () => Effect.sync(() => pass(1))
        const outcomes: Array<Outcome.Outcome<number, unknown>> = []
        const run = Parallel.stream(range(6), work, { concurrency: 1, preDispatch: 0 }).pipe(
          Stream.runForEach((outcome) =>
            Effect.sync(() => {
              pass(100)
              outcomes.push(outcome)
            })
          )
        )
        yield* Effect.provideService(run, Clock.Clock, clock)

        assert.deepStrictEqual(elapsed(outcomes), [1, 1, 1, 1, 1, 1])
      }))

    it.effect("covers all attempts if the first was ready", () =>
      Effect.gen(function*() {
        let calls = 0
        const work = () => ++calls === 1 ? Effect.fail("no") : Effect.sleep(10)
        const exit = yield* drive(Parallel.run([1], work, { retry: { times: 1 } }), "1 millis")

        assert.deepStrictEqual(Exit.isSuccess(exit) && elapsed(exit.value.outcomes), [10])
      }))
  })

  describe("a timeout that comes when the attempt ends", () => {
    it.effect("does not replace its value", () =>
      Effect.gen(function*() {
        const fiber = yield* Effect.forkChild(
          Parallel.forEach(range(3), (n) => Effect.as(Effect.sleep(10), n), { timeout: 10, concurrency: 1 })
        )
        yield* TestClock.adjust(30)

        assert.deepStrictEqual(fiber.pollUnsafe(), Exit.succeed(range(3)))
      }))
  })
})
