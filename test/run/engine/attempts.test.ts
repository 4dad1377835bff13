import { assert, describe, it } from "@effect/vitest"
import { Cause, Deferred, Duration, Effect, Exit, Fiber, Latch, Option, References, Schedule, Stream } from "effect"
import { Limit, Outcome, Parallel, type Report } from "effect-parallel"
import { TestClock } from "effect/testing"
import { runInNewContext } from "node:vm"
import { Counted, CountedAsync, drive, Probe, range, Refused, turn } from "../../helpers.ts"

const inputsOf = (report: Report.Report<number, unknown, unknown>) => report.failures.map((failure) => failure.input)

/** A work that takes this many milliseconds. */
const wait = (millis: number) => Effect.as(Effect.sleep(millis), millis)

describe("engine", () => {
  describe("timeout", () => {
    it.effect("fails attempts that take longer, from their own start, in any order of inputs", () =>
      Effect.gen(function*() {
        for (const inputs of [[1000, 2000, 3000, 4000], [4000, 3000, 2000, 1000], [2000, 1000, 4000, 3000]]) {
          for (const concurrency of [1, 4]) {
            const exit = yield* drive(Parallel.run(inputs, wait, { timeout: "1500 millis", concurrency, batchSize: 3 }))
            const report = Exit.isSuccess(exit) ? exit.value : undefined

            assert.deepStrictEqual(report?.values, [1000])
            assert.isTrue(
              report?.failures.every((failure) => Option.exists(Outcome.error(failure), Cause.isTimeoutError))
            )
          }
        }
      }))

    it.effect("starts when the attempt starts, not while it waits for a slot or a limit", () =>
      Effect.gen(function*() {
        const limit = Limit.concurrency(1)
        const exit = yield* drive(Parallel.forEach([10, 10, 10, 10], wait, { timeout: 15, limit }), "1 millis")

        assert.deepStrictEqual(exit, Exit.succeed([10, 10, 10, 10]))
      }))

    it.effect("interrupts the attempt and waits for its finalizers", () =>
      Effect.gen(function*() {
        const log: Array<number> = []
        const work = () =>
          Effect.onInterrupt(Effect.never, () =>
            Effect.sleep(30).pipe(Effect.andThen(Effect.clockWith((clock) =>
              Effect.sync(() =>
                log.push(clock.currentTimeMillisUnsafe())
              )
            ))))
        const fiber = yield* Effect.forkChild(Parallel.run([1], work, { timeout: 20 }))
        yield* TestClock.adjust(49)
        const before = fiber.pollUnsafe()
        yield* TestClock.adjust(1)
        const report = yield* Fiber.join(fiber)

        assert.strictEqual(before, undefined)
        assert.deepStrictEqual(log, [50])
        assert.deepStrictEqual(inputsOf(report), [1])
        assert.strictEqual(Duration.toMillis(report.outcomes[0]!.elapsed), 50)
      }))

    it.effect("has its duration in the message", () =>
      Effect.gen(function*() {
        const exit = yield* drive(Parallel.forEach([1], () => Effect.never, { timeout: "90 seconds" }))

        assert.strictEqual(
          Exit.isFailure(exit) && (Cause.squash(exit.cause) as Error).message,
          "the attempt took longer than 1m 30s"
        )
      }))

    it.effect("keeps the defect of a finalizer beside it", () =>
      Effect.gen(function*() {
        const work = () => Effect.onInterrupt(Effect.never, () => Effect.die("finalizer"))
        const exit = yield* drive(Parallel.run([1], work, { timeout: 1, retry: { times: 3 } }))
        const [failure] = Exit.isSuccess(exit) ? exit.value.failures : []

        assert.deepStrictEqual(failure?.cause.reasons.map((reason) => reason._tag), ["Fail", "Die"])
        assert.strictEqual(failure?.attempts, 1)
      }))

    it.effect("applies inside an uninterruptible region too", () =>
      Effect.gen(function*() {
        const exit = yield* drive(Effect.uninterruptible(Parallel.run([1, 2], () => Effect.never, { timeout: 10 })))

        assert.strictEqual(Exit.isSuccess(exit) && exit.value.failures.length, 2)
      }))

    it.effect("of infinity never fires", () =>
      Effect.gen(function*() {
        const exit = yield* drive(Parallel.forEach([100], wait, { timeout: Duration.infinity }))

        assert.deepStrictEqual(exit, Exit.succeed([100]))
      }))
  })

  describe("a time beyond a Node.js timer", () => {
    it.live("neither ends immediately nor causes a warning", () =>
      Effect.gen(function*() {
        const warnings: Array<unknown> = []
        const warned = (warning: unknown) => warnings.push(warning)
        process.on("warning", warned)
        for (const long of [Duration.days(30), Duration.days(30_000_000), Duration.infinity]) {
          const options = { timeout: long, stragglers: { after: long }, retry: { times: 1 } }
          const report = yield* Parallel.run([1, 2], (n) => Effect.as(Effect.sleep(20), n), options)

          assert.deepStrictEqual(report.outcomes.map(({ attempts }) => attempts), [1, 1])
          assert.deepStrictEqual(report.values, [1, 2])
        }
        const waits = Parallel.run([1], () => Effect.fail("no"), { retry: Schedule.spaced("30 days") })
        const fiber = yield* Effect.forkChild(waits)
        yield* Effect.sleep(20)
        assert.isUndefined(fiber.pollUnsafe())
        yield* Fiber.interrupt(fiber)
        yield* turn
        process.off("warning", warned)

        assert.deepStrictEqual(warnings, [])
      }))
  })

  describe("retry", () => {
    it.effect("is per input: each has its own attempts", () =>
      Effect.gen(function*() {
        const calls = new Map<number, number>()
        const work = (n: number) =>
          Effect.suspend(() => {
            const call = (calls.get(n) ?? 0) + 1
            calls.set(n, call)
            return call <= n ? Effect.fail("not yet") : Effect.succeed(call)
          })
        const report = yield* Parallel.run([0, 1, 2, 3], work, { retry: { times: 2 } })

        assert.deepStrictEqual(report.values, [1, 2, 3])
        assert.deepStrictEqual(report.outcomes.map((outcome) => outcome.attempts), [1, 2, 3, 3])
        assert.deepStrictEqual(inputsOf(report), [3])
      }))

    it.effect("waits without holding a slot", () =>
      Effect.gen(function*() {
        const log: Array<string> = []
        let first = true
        const work = (n: number) =>
          Effect.suspend(() => {
            log.push(`start ${n}`)
            if (n === 0 && first) {
              first = false
              return Effect.fail("later")
            }
            return wait(10)
          })
        const fiber = yield* Effect.forkChild(
          Parallel.forEach([0, 1, 2], work, { concurrency: 1, retry: Schedule.spaced(15) })
        )
        yield* TestClock.adjust(30)
        yield* Fiber.join(fiber)

        assert.deepStrictEqual(log, ["start 0", "start 1", "start 2", "start 0"])
      }))

    it.effect("follows the schedule", () =>
      Effect.gen(function*() {
        const at: Array<number> = []
        const work = () =>
          Effect.clockWith((clock) =>
            Effect.suspend(() => {
              at.push(clock.currentTimeMillisUnsafe())
              return Effect.fail("no")
            })
          )
        const exit = yield* drive(
          Parallel.run([1], work, { retry: { schedule: Schedule.exponential(100), times: 3 } }),
          "1 millis",
          1000
        )

        assert.deepStrictEqual(at, [0, 100, 300, 700])
        assert.strictEqual(Exit.isSuccess(exit) && exit.value.outcomes[0]?.attempts, 4)
      }))

    it.effect("ends with the schedule", () =>
      Effect.gen(function*() {
        const report = yield* Parallel.run([1], () => Effect.fail("no"), { retry: Schedule.recurs(2) })

        assert.strictEqual(report.outcomes[0]?.attempts, 3)
      }))

    it.effect("asks `while` for each error, which may be an effect", () =>
      Effect.gen(function*() {
        for (
          const go of [
            (error: { readonly n?: number }) => error.n !== 2,
            (error: { readonly n?: number }) => Effect.succeed(error.n !== 2)
          ]
        ) {
          let n = 0
          const work = () => Effect.suspend(() => Effect.fail(new Refused({ n: n++ })))
          const report = yield* Parallel.run([1], work, { retry: { while: go } })

          assert.strictEqual(report.outcomes[0]?.attempts, 3)
        }
      }))

    it.effect("does not retry a defect or an interruption", () =>
      Effect.gen(function*() {
        const works = [Effect.die("bug"), Effect.interrupt]
        const report = yield* Parallel.run(works, (work) => work, { retry: { times: 5 } })

        assert.deepStrictEqual(report.outcomes.map((outcome) => outcome.attempts), [1, 1])
      }))

    it.effect("retries an attempt that timed out", () =>
      Effect.gen(function*() {
        const exit = yield* drive(Parallel.run([1], () => Effect.never, { timeout: 10, retry: { times: 2 } }))

        assert.strictEqual(Exit.isSuccess(exit) && exit.value.outcomes[0]?.attempts, 3)
      }))

    it.effect("keeps the failure together with the defect of a predicate that throws", () =>
      Effect.gen(function*() {
        const retry = {
          while: (): boolean => {
            throw new Error("predicate")
          }
        }
        const report = yield* Parallel.run([1], () => Effect.fail("no"), { retry })

        assert.deepStrictEqual(report.failures[0]?.cause.reasons.map((reason) => reason._tag), ["Fail", "Die"])
      }))

    it.effect("has the time from the first start to the last end", () =>
      Effect.gen(function*() {
        let calls = 0
        const work = () => Effect.delay(Effect.suspend(() => ++calls < 3 ? Effect.fail("no") : Effect.void), 10)
        const exit = yield* drive(Parallel.run([1], work, { retry: Schedule.spaced(100) }), "1 millis", 1000)

        assert.strictEqual(Exit.isSuccess(exit) && Duration.toMillis(exit.value.outcomes[0]!.elapsed), 230)
      }))
  })

  describe("maxErrors", () => {
    const odd = (n: number) => Effect.delay(n % 2 === 0 ? Effect.succeed(n) : Effect.fail(new Refused({ n })), 10 * n)

    it.effect("stops the run at that failure, with all finished inputs", () =>
      Effect.gen(function*() {
        const probe = new Probe()
        const work = (n: number) => probe.watch(n, odd(n))
        for (const run of [Parallel.run, Parallel.partition, Parallel.validate] as Array<typeof Parallel.run>) {
          const exit = yield* drive(Effect.flip(run(range(10), work, { maxErrors: 2, concurrency: 10 })))
          const error = Exit.isSuccess(exit) ? exit.value : undefined

          assert.instanceOf(error, Outcome.TooManyErrors)
          assert.deepStrictEqual(error?.failures.map((failure) => failure.input), [1, 3])
          assert.deepStrictEqual(error?.report.outcomes.map((outcome) => outcome.index), [0, 1, 2, 3])
          assert.deepStrictEqual(error?.report.values, [0, 2])
          assert.strictEqual(error?.limit, 2)
          assert.strictEqual(probe.running, 0)
        }
      }))

    it.effect("is not reached by fewer failures", () =>
      Effect.gen(function*() {
        const exit = yield* drive(Parallel.run(range(4), odd, { maxErrors: 3 }))

        assert.deepStrictEqual(Exit.isSuccess(exit) && inputsOf(exit.value), [1, 3])
      }))

    it.effect("counts inputs, not attempts or copies", () =>
      Effect.gen(function*() {
        const retried = yield* Parallel.run([1, 2], () => Effect.fail("no"), { retry: { times: 5 }, maxErrors: 3 })
        const hedged = yield* drive(
          Parallel.run([1], () => Effect.delay(Effect.fail("no"), 100), { stragglers: { after: 10 }, maxErrors: 2 })
        )

        assert.strictEqual(retried.failures.length, 2)
        assert.strictEqual(Exit.isSuccess(hedged) && hedged.value.failures.length, 1)
      }))

    it.effect("carries nothing over from one run to the next", () =>
      Effect.gen(function*() {
        const run = Parallel.run(range(4), odd, { maxErrors: 3 })
        const exits = [yield* drive(run), yield* drive(run), yield* drive(run)]

        assert.deepStrictEqual(exits.map((exit) => Exit.isSuccess(exit) && inputsOf(exit.value)), [[1, 3], [1, 3], [
          1,
          3
        ]])
      }))
  })

  describe("attempts", () => {
    it.effect("end the fibers they have forked before the next attempt begins", () =>
      Effect.gen(function*() {
        const log: Array<string> = []
        const background = (n: number) =>
          Effect.onInterrupt(Effect.never, () => Effect.sync(() => log.push(`background ${n} ends`)))
        const work = (n: number) =>
          Effect.gen(function*() {
            log.push(`${n} starts`)
            yield* Effect.forkChild(background(n), { startImmediately: true })
            if (n === 1) return yield* Effect.fail("no")
            return n
          })
        yield* Parallel.run([0, 1, 2], work, { concurrency: 1 })

        assert.deepStrictEqual(log, [
          "0 starts",
          "background 0 ends",
          "1 starts",
          "background 1 ends",
          "2 starts",
          "background 2 ends"
        ])
      }))

    it.effect("run nothing after the run has ended", () =>
      Effect.gen(function*() {
        let after = 0
        const ended = yield* Deferred.make<void>()
        const work = (n: number) =>
          n === 0
            ? Effect.delay(Effect.fail("no"), 10)
            : Effect.sleep(20).pipe(Effect.andThen(Effect.sync(() => after++)))
        const exit = yield* drive(Parallel.forEach(range(20), work))
        yield* Deferred.succeed(ended, undefined)
        yield* TestClock.adjust("1 hour")

        assert.isTrue(Exit.isFailure(exit))
        assert.strictEqual(after, 0)
      }))

    it.effect("that are not effects are defects of their input", () =>
      Effect.gen(function*() {
        const work = (n: unknown) => n as Effect.Effect<number>
        const report = yield* Parallel.run([undefined, null, 1, "a", {}], work)

        assert.strictEqual(report.failures.length, 5)
        assert.isTrue(report.failures.every((failure) =>
          /expected the work to return an Effect, got/.test(Cause.pretty(failure.cause))
        ))
      }))

    it.live("that are promises are defects that name `Effect.tryPromise`, and may reject", () =>
      Effect.gen(function*() {
        let unhandled = 0
        const count = () => unhandled++
        process.on("unhandledRejection", count)
        const work = (n: number) => Promise.reject(new Error(`rejected ${n}`)) as unknown as Effect.Effect<number>
        const report = yield* Parallel.run([1, 2], work)
        yield* turn
        process.off("unhandledRejection", count)

        assert.match(
          String(report.failures[1]),
          /TypeError: the work returned a promise: wrap it with Effect\.tryPromise\)/
        )
        assert.strictEqual(unhandled, 0)
      }))

    it.live("that claim to be promises, or are of another realm, are defects too", () =>
      Effect.gen(function*() {
        let unhandled = 0
        const count = () => unhandled++
        process.on("unhandledRejection", count)
        const made: ReadonlyArray<() => unknown> = [
          () => new Proxy(Promise.resolve(1), {}),
          () => Object.create(Promise.prototype),
          () => runInNewContext("Promise.reject(new Error('elsewhere'))")
        ]
        const report = yield* Parallel.run(made, (make) => make() as Effect.Effect<number>)
        yield* turn
        process.off("unhandledRejection", count)

        for (const failure of report.failures) assert.match(String(failure), /the work returned a promise/)
        assert.deepStrictEqual([report.failures.length, unhandled], [3, 0])
      }))
  })

  describe("an uninterruptible region", () => {
    it.effect("does not keep a run from ending at its first failure", () =>
      Effect.gen(function*() {
        const pulled = new CountedAsync()
        const endless = Stream.concat(Stream.make(3), Stream.never)
        const all: ReadonlyArray<Parallel.Inputs<number>> = [range(1000), new Counted(), pulled, endless]
        for (const inputs of all) {
          const work = (n: number) => n === 3 ? Effect.fail("no") : Effect.yieldNow
          const fiber = yield* Effect.forkChild(
            Effect.uninterruptible(Effect.exit(Parallel.forEach(inputs, work, { concurrency: 2 })))
          )

          assert.deepStrictEqual(yield* Fiber.join(fiber), Exit.fail("no"))
        }
        assert.strictEqual(pulled.closed, 1)
      }))
  })

  describe("a defect while a run stops", () => {
    it.effect("is logged once", () =>
      Effect.gen(function*() {
        const logged: Array<unknown> = []
        const gate = yield* Latch.make()
        const work = (n: number) =>
          n === 0
            ? Effect.delay(Effect.fail("no"), 10)
            : Effect.onInterrupt(gate.await, () => Effect.die(new Error("finalizer")))
        const exit = yield* drive(
          Parallel.forEach([0, 1], work).pipe(
            Effect.provideService(
              References.CurrentLoggers,
              new Set([{
                log: ({ cause, message }: { cause: Cause.Cause<unknown>; message: unknown }) =>
                  logged.push([message, Cause.pretty(cause)])
              } as never])
            )
          )
        )

        assert.deepStrictEqual(exit, Exit.fail("no"))
        assert.strictEqual(logged.length, 1)
        assert.match(String(logged[0]), /stopped.*finalizer/s)
      }))
  })
})
