import { assert, describe, it } from "@effect/vitest"
import { Cause, Deferred, Duration, Effect, Exit, Fiber, Latch, Option, References, Schedule, Stream } from "effect"
import { Limit, Outcome, Parallel, type Report } from "effect-parallel"
import { TestClock } from "effect/testing"
import { Counted, CountedAsync, drive, Probe, range, Refused, turn } from "../helpers.ts"

const inputsOf = (report: Report.Report<number, unknown, unknown>) => report.failures.map((failure) => failure.input)

/** A work of so many milliseconds. */
const wait = (millis: number) => Effect.as(Effect.sleep(millis), millis)

describe("Dispatcher", () => {
  describe("concurrency", () => {
    for (const concurrency of [1, 3, 8, 40, "unbounded"] as const) {
      it.effect(`never has more than ${concurrency} works in flight, and as many if there are inputs`, () =>
        Effect.gen(function*() {
          const probe = new Probe()
          const exit = yield* drive(
            Parallel.run(range(100), (n) => probe.watch(n, wait(10 + (n % 7))), { concurrency })
          )

          assert.isTrue(Exit.isSuccess(exit))
          assert.strictEqual(probe.most, concurrency === "unbounded" ? 100 : concurrency)
        }))
    }

    it.effect("is 8 unless said otherwise", () =>
      Effect.gen(function*() {
        const probe = new Probe()
        yield* drive(Parallel.run(range(100), (n) => probe.watch(n, wait(1))))

        assert.strictEqual(probe.most, 8)
      }))

    it.effect("may be far higher than there are inputs", () =>
      Effect.gen(function*() {
        const values = yield* Parallel.forEach(new Counted(3), (n) => Effect.succeed(n), { concurrency: 1_000_000_000 })

        assert.deepStrictEqual(values, [0, 1, 2])
      }))

    it.effect("is bounded over inputs without end", () =>
      Effect.gen(function*() {
        const inputs = new Counted()
        const probe = new Probe()
        const work = (n: number) => probe.watch(n, n === 50 ? Effect.fail("enough") : wait(10))
        const exit = yield* drive(Parallel.forEach(inputs, work, { concurrency: 4 }))

        assert.deepStrictEqual(exit, Exit.fail("enough"))
        assert.strictEqual(probe.most, 4)
        assert.strictEqual(inputs.pulled, 51)
        assert.strictEqual(inputs.closed, 1)
      }))
  })

  describe("inputs", () => {
    it.effect("may be an array, a set, a map, a generator, an async iterable or a stream", () =>
      Effect.gen(function*() {
        const numbers = [1, 2, 3]
        const work = (n: number) => Effect.succeed(n)
        const all = yield* Effect.all([
          Parallel.forEach(numbers, work),
          Parallel.forEach(new Set(numbers), work),
          Parallel.forEach(new Map([[1, 0], [2, 0], [3, 0]]).keys(), work),
          Parallel.forEach(
            (function*() {
              yield* numbers
            })(),
            work
          ),
          Parallel.forEach(
            (async function*() {
              yield* numbers
            })(),
            work
          ),
          Parallel.forEach(Stream.fromIterable(numbers), work)
        ])

        assert.deepStrictEqual(all, [numbers, numbers, numbers, numbers, numbers, numbers])
      }))

    it.effect("are not closed when they are used up", () =>
      Effect.gen(function*() {
        const inputs = new Counted(3)
        const later = new CountedAsync(3)
        yield* Parallel.forEach(inputs, (n) => Effect.succeed(n))
        yield* Parallel.forEach(later, (n) => Effect.succeed(n))

        assert.deepStrictEqual([inputs.closed, later.closed], [0, 0])
      }))

    it.effect("are closed when a work fails", () =>
      Effect.gen(function*() {
        const inputs = new Counted()
        const later = new CountedAsync()
        yield* Effect.exit(Parallel.forEach(inputs, () => Effect.fail("no")))
        yield* Effect.exit(Parallel.forEach(later, () => Effect.fail("no")))

        assert.deepStrictEqual([inputs.closed, later.closed], [1, 1])
      }))

    it.effect("are closed when the run is interrupted", () =>
      Effect.gen(function*() {
        const inputs = new Counted()
        const later = new CountedAsync()
        for (const each of [inputs, later]) {
          const fiber = yield* Effect.forkChild(Parallel.forEach(each, () => Effect.never))
          yield* turn
          yield* TestClock.adjust(1)
          yield* Fiber.interrupt(fiber)
        }

        assert.deepStrictEqual([inputs.closed, later.closed], [1, 1])
        assert.strictEqual(inputs.pulled, 8)
        assert.strictEqual(later.pulled, 24)
      }))

    it.effect("run the `finally` of a generator before the run ends", () =>
      Effect.gen(function*() {
        const log: Array<string> = []
        const sync = function*() {
          try {
            for (;;) yield 1
          } finally {
            log.push("sync")
          }
        }
        const async = async function*() {
          try {
            for (;;) yield 1
          } finally {
            await Promise.resolve()
            log.push("async")
          }
        }
        yield* Effect.exit(Parallel.forEach(sync(), () => Effect.fail("no")))
        yield* Effect.exit(Parallel.forEach(async(), () => Effect.fail("no")))

        assert.deepStrictEqual(log, ["sync", "async"])
      }))

    it.effect("that hang do not hold up an interruption", () =>
      Effect.gen(function*() {
        const inputs = new CountedAsync(10, (n) => n === 2 ? new Promise(() => {}) : undefined)
        const fiber = yield* Effect.forkChild(Parallel.forEach(inputs, (n) => Effect.succeed(n)))
        yield* turn
        yield* turn
        yield* Fiber.interrupt(fiber)

        assert.strictEqual(inputs.closed, 1)
      }))

    it.effect("that throw fail the run with what they threw, interrupt it and are not closed", () =>
      Effect.gen(function*() {
        const defect = new Error("input")
        const probe = new Probe()
        let closed = 0
        const inputs: Iterable<number> = {
          [Symbol.iterator]: () => {
            let next = 0
            return {
              next: () => {
                if (next === 2) throw defect
                return { done: false, value: next++ }
              },
              return: () => {
                closed++
                return { done: true, value: undefined }
              }
            }
          }
        }
        const exit = yield* drive(Parallel.run(inputs, (n) => probe.watch(n, Effect.never)))

        assert.deepStrictEqual(exit, Exit.die(defect))
        assert.deepStrictEqual(probe.interrupted, [0, 1])
        assert.strictEqual(closed, 0)
      }))

    it.effect("that reject fail the run while works are in flight", () =>
      Effect.gen(function*() {
        const defect = new Error("input")
        const probe = new Probe()
        const inputs = new CountedAsync(10, (n) => n === 2 ? Promise.reject(defect) : undefined)
        const exit = yield* drive(Parallel.run(inputs, (n) => probe.watch(n, Effect.never), { concurrency: 2 }))

        assert.deepStrictEqual(exit, Exit.die(defect))
        assert.strictEqual(probe.running, 0)
      }))

    it.effect("that cannot be opened fail the run", () =>
      Effect.gen(function*() {
        const defect = new Error("open")
        const open = (): never => {
          throw defect
        }

        assert.deepStrictEqual(
          yield* Effect.exit(Parallel.run({ [Symbol.iterator]: open }, () => Effect.void)),
          Exit.die(defect)
        )
        assert.deepStrictEqual(
          yield* Effect.exit(Parallel.run({ [Symbol.asyncIterator]: open }, () => Effect.void)),
          Exit.die(defect)
        )
      }))

    it.effect("from a stream fail the run with the stream's error and close it", () =>
      Effect.gen(function*() {
        const log: Array<string> = []
        const inputs = Stream.fromEffect(Effect.sleep(10)).pipe(
          Stream.concat(Stream.fail(new Refused({ n: 7 }))),
          Stream.ensuring(Effect.sync(() => log.push("closed")))
        )
        const exit = yield* drive(Parallel.partition(inputs, () => Effect.never))

        assert.deepStrictEqual(exit, Exit.fail(new Refused({ n: 7 })))
        assert.deepStrictEqual(log, ["closed"])
      }))

    it.effect("from a stream are given up when the run ends early", () =>
      Effect.gen(function*() {
        const log: Array<string> = []
        const inputs = Stream.ensuring(Stream.forever(Stream.make(1)), Effect.sync(() => log.push("closed")))
        const exit = yield* drive(Parallel.forEach(inputs, () => Effect.fail("no")))

        assert.deepStrictEqual(exit, Exit.fail("no"))
        assert.deepStrictEqual(log, ["closed"])
      }))

    it.effect("that an async iterator gives one by one are worked on as they come", () =>
      Effect.gen(function*() {
        const gates = range(3).map(() => Promise.withResolvers<void>())
        const seen: Array<number> = []
        const inputs = new CountedAsync(3, (n) => gates[n]?.promise)
        const fiber = yield* Effect.forkChild(
          Parallel.forEach(inputs, (n) => Effect.sync(() => seen.push(n)), { concurrency: 2 })
        )
        for (const [n, gate] of gates.entries()) {
          yield* Effect.andThen(turn, turn)
          assert.strictEqual(seen.length, n)
          gate.resolve()
        }
        yield* Fiber.join(fiber)

        assert.deepStrictEqual(seen, [0, 1, 2])
      }))

    it.effect("are read as they are while an array shrinks or grows", () =>
      Effect.gen(function*() {
        const shrinking = range(4)
        const growing = range(2)
        const shrunk = yield* Parallel.forEach(shrinking, (n) => {
          shrinking.length = 2
          return Effect.succeed(n)
        }, { concurrency: 1 })
        const grown = yield* Parallel.forEach(growing, (n) => {
          if (n === 0) growing.push(2)
          return Effect.succeed(n)
        }, { concurrency: 1 })

        assert.deepStrictEqual(shrunk, [0, 1])
        assert.deepStrictEqual(grown, [0, 1, 2])
      }))
  })

  describe("look-ahead", () => {
    it.effect("of 0 means none, and gives every result", () =>
      Effect.gen(function*() {
        const inputs = new CountedAsync(20)
        let most = 0
        let done = 0
        const work = (n: number) =>
          Effect.map(Effect.yieldNow, () => {
            most = Math.max(most, inputs.pulled - done++)
            return n
          })
        const values = yield* Parallel.forEach(inputs, work, { concurrency: 3, preDispatch: 0 })

        assert.deepStrictEqual(values, range(20))
        assert.strictEqual(most, 3)
      }))

    it.effect("is twice the concurrency unless said otherwise, and can be all", () =>
      Effect.gen(function*() {
        for (const [preDispatch, pulled] of [[undefined, 6], [5, 7], ["all", 30]] as const) {
          const inputs = new CountedAsync(30)
          const fiber = yield* Effect.forkChild(
            Parallel.forEach(inputs, () => Effect.never, { concurrency: 2, preDispatch })
          )
          for (let i = 0; i < 5; i++) yield* turn

          assert.strictEqual(inputs.pulled, pulled)
          yield* Fiber.interrupt(fiber)
        }
      }))

    it.effect("counts inputs that wait to be tried again", () =>
      Effect.gen(function*() {
        const inputs = new Counted(100)
        const fiber = yield* Effect.forkChild(Parallel.run(inputs, () => Effect.fail("no"), {
          concurrency: 2,
          preDispatch: 3,
          retry: Schedule.spaced("1 minute")
        }))
        yield* TestClock.adjust(1)

        assert.strictEqual(inputs.pulled, 5)
        yield* Fiber.interrupt(fiber)
        assert.strictEqual(inputs.closed, 1)
      }))
  })

  describe("timeout", () => {
    it.effect("fails what takes longer, from its own start, in any order of inputs", () =>
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

    it.effect("says how long it was", () =>
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

    it.effect("holds inside an uninterruptible region too", () =>
      Effect.gen(function*() {
        const exit = yield* drive(Effect.uninterruptible(Parallel.run([1, 2], () => Effect.never, { timeout: 10 })))

        assert.strictEqual(Exit.isSuccess(exit) && exit.value.failures.length, 2)
      }))

    it.effect("that never comes is none", () =>
      Effect.gen(function*() {
        const exit = yield* drive(Parallel.forEach([100], wait, { timeout: Duration.infinity }))

        assert.deepStrictEqual(exit, Exit.succeed([100]))
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

    it.effect("does not try a defect or an interruption again", () =>
      Effect.gen(function*() {
        const works = [Effect.die("bug"), Effect.interrupt]
        const report = yield* Parallel.run(works, (work) => work, { retry: { times: 5 } })

        assert.deepStrictEqual(report.outcomes.map((outcome) => outcome.attempts), [1, 1])
      }))

    it.effect("tries an attempt that timed out again", () =>
      Effect.gen(function*() {
        const exit = yield* drive(Parallel.run([1], () => Effect.never, { timeout: 10, retry: { times: 2 } }))

        assert.strictEqual(Exit.isSuccess(exit) && exit.value.outcomes[0]?.attempts, 3)
      }))

    it.effect("keeps the failure beside the defect of a predicate that throws", () =>
      Effect.gen(function*() {
        const retry = {
          while: (): boolean => {
            throw new Error("predicate")
          }
        }
        const report = yield* Parallel.run([1], () => Effect.fail("no"), { retry })

        assert.deepStrictEqual(report.failures[0]?.cause.reasons.map((reason) => reason._tag), ["Fail", "Die"])
      }))

    it.effect("tells the time from the first start to the last end", () =>
      Effect.gen(function*() {
        let calls = 0
        const work = () => Effect.delay(Effect.suspend(() => ++calls < 3 ? Effect.fail("no") : Effect.void), 10)
        const exit = yield* drive(Parallel.run([1], work, { retry: Schedule.spaced(100) }), "1 millis", 1000)

        assert.strictEqual(Exit.isSuccess(exit) && Duration.toMillis(exit.value.outcomes[0]!.elapsed), 230)
      }))
  })

  describe("maxErrors", () => {
    const odd = (n: number) => Effect.delay(n % 2 === 0 ? Effect.succeed(n) : Effect.fail(new Refused({ n })), 10 * n)

    it.effect("stops the run at that failure, with everything that was finished", () =>
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

  describe("stragglers", () => {
    /** Hangs at first call for an input, and is quick at the second. */
    const slowOnce = (slow: ReadonlyArray<number>, probe = new Probe()) => {
      const called = new Set<number>()
      return (n: number) =>
        probe.watch(
          n,
          Effect.suspend(() => {
            if (!slow.includes(n) || called.has(n)) return wait(10)
            called.add(n)
            return Effect.never
          })
        )
    }

    it.effect("get a copy that can win, and the loser is interrupted", () =>
      Effect.gen(function*() {
        const probe = new Probe()
        const fiber = yield* Effect.forkChild(
          Parallel.run(range(10), slowOnce([4], probe), { concurrency: 5, stragglers: { after: 100 } })
        )
        yield* TestClock.adjust(109)
        const before = fiber.pollUnsafe()
        yield* TestClock.adjust(1)
        const report = yield* Fiber.join(fiber)

        assert.strictEqual(before, undefined)
        assert.strictEqual(report.values.length, 10)
        assert.strictEqual(report.outcomes[4]?.attempts, 2)
        assert.deepStrictEqual(probe.interrupted, [4])
        assert.strictEqual(probe.running, 0)
      }))

    it.effect("get one copy each, whatever it does", () =>
      Effect.gen(function*() {
        const probe = new Probe()
        const work = (n: number) => probe.watch(n, Effect.delay(Effect.fail("no"), 1000))
        const exit = yield* drive(Parallel.run([1], work, { stragglers: { after: 10 } }))

        assert.strictEqual(probe.started.length, 2)
        assert.strictEqual(Exit.isSuccess(exit) && exit.value.outcomes[0]?.attempts, 2)
      }))

    it.effect("are those that are left when no input waits, at most `limit`", () =>
      Effect.gen(function*() {
        const most = (slow: ReadonlyArray<number>, limit?: number) =>
          Effect.gen(function*() {
            const probe = new Probe()
            const fiber = yield* Effect.forkChild(
              Parallel.run(range(20), slowOnce(slow, probe), { concurrency: 10, stragglers: { after: 50, limit } })
            )
            yield* TestClock.adjust("1 minute")
            yield* Fiber.interrupt(fiber)
            return probe.started.length - 20
          })

        assert.strictEqual(yield* most([1, 2, 3]), 3)
        assert.strictEqual(yield* most([1, 2, 3, 4]), 0)
        assert.strictEqual(yield* most([1, 2, 3, 4], 4), 4)
        assert.strictEqual(yield* most([1, 2], 1), 0)
      }))

    it.effect("wait for a free slot: concurrency holds", () =>
      Effect.gen(function*() {
        const probe = new Probe()
        const exit = yield* drive(
          Parallel.forEach([0, 1], (n) => probe.watch(n, n === 0 ? wait(1000) : wait(300)), {
            concurrency: 2,
            stragglers: { after: 100 }
          }),
          "1 millis",
          2000
        )

        assert.isTrue(Exit.isSuccess(exit))
        assert.strictEqual(probe.most, 2)
        assert.deepStrictEqual(probe.started, [0, 1, 0])
      }))

    it.effect("do not delay the winner when something else fails", () =>
      Effect.gen(function*() {
        const quick = slowOnce([0])
        const work = (n: number) => n === 1 ? Effect.delay(Effect.fail("no"), 105) : quick(n)
        const fiber = yield* Effect.forkChild(Parallel.run([0, 1], work, { stragglers: { after: 100 } }))
        yield* TestClock.adjust(110)
        const report = yield* Fiber.join(fiber)

        assert.deepStrictEqual(report.values, [10])
        assert.strictEqual(Duration.toMillis(report.elapsed), 110)
      }))

    it.effect("whose first attempt wins interrupt the copy", () =>
      Effect.gen(function*() {
        const probe = new Probe()
        const exit = yield* drive(
          Parallel.forEach([1], (n) => probe.watch(n, wait(150)), { stragglers: { after: 100 } }),
          "1 millis"
        )

        assert.deepStrictEqual(exit, Exit.succeed([150]))
        assert.deepStrictEqual([probe.ended, probe.interrupted], [[1], [1]])
      }))

    it.effect("that hold up an ordered stream get a copy, though more inputs are to come", () =>
      Effect.gen(function*() {
        for (const preDispatch of [0, 2, undefined]) {
          const probe = new Probe()
          const inputs = new Counted(30)
          const options = { concurrency: 3, preDispatch, order: "input", stragglers: { after: 100 } } as const
          const stream = Parallel.stream(inputs, slowOnce([0, 7], probe), options)
          const exit = yield* drive(Stream.runCollect(stream), "1 millis", 1000)

          assert.deepStrictEqual(Exit.isSuccess(exit) && exit.value.map((outcome) => outcome.index), range(30))
          assert.deepStrictEqual(probe.interrupted, [0, 7])
          assert.strictEqual(probe.started.length, 32)
          assert.isAtMost(probe.most, 3)
        }
      }))

    it.effect("get no copy while other inputs can be begun, however slow", () =>
      Effect.gen(function*() {
        const probe = new Probe()
        const run = Parallel.run(range(20), (n) => probe.watch(n, wait(50)), {
          concurrency: 2,
          preDispatch: 0,
          stragglers: { after: 10, limit: 2 }
        })
        const exit = yield* drive(run, "1 millis", 1000)

        assert.strictEqual(Exit.isSuccess(exit) && exit.value.values.length, 20)
        assert.isAtMost(probe.started.length, 21)
      }))

    it.effect("that are only queued, on a limit, get no copy", () =>
      Effect.gen(function*() {
        const probe = new Probe()
        const limit = Limit.concurrency(1)
        const exit = yield* drive(
          Parallel.forEach([0, 1], (n) => probe.watch(n, wait(80)), { stragglers: { after: 100 }, limit }),
          "1 millis"
        )

        assert.isTrue(Exit.isSuccess(exit))
        assert.deepStrictEqual(probe.started, [0, 1])
      }))

    it.effect("work with a timeout and retries", () =>
      Effect.gen(function*() {
        let calls = 0
        const work = () => Effect.suspend(() => ++calls < 4 ? Effect.never : Effect.succeed(calls))
        const exit = yield* drive(
          Parallel.run([1], work, { timeout: 100, retry: { times: 3 }, stragglers: { after: 30 } })
        )

        assert.deepStrictEqual(Exit.isSuccess(exit) && exit.value.values, [4])
        assert.strictEqual(Exit.isSuccess(exit) && exit.value.outcomes[0]?.attempts, 4)
      }))
  })

  describe("attempts", () => {
    it.effect("end the fibers they have forked, before the next begins", () =>
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
        const report = yield* Parallel.run([undefined, null, 1, "a", {}, Promise.resolve(1)], work)

        assert.strictEqual(report.failures.length, 6)
        assert.isTrue(report.failures.every((failure) =>
          /expected the work to return an Effect, got/.test(Cause.pretty(failure.cause))
        ))
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

  describe("the event loop", () => {
    for (
      const [name, work] of Object.entries({
        ready: (n: number) => Effect.succeed(n),
        synchronous: (n: number) => Effect.sync(() => n),
        resolved: (n: number) => Effect.promise(() => Promise.resolve(n))
      })
    ) {
      it.live(`goes round while half a million ${name} works run`, () =>
        Effect.gen(function*() {
          const inputs = range(500_000)
          let longest = 0
          let last = performance.now()
          const timer = setInterval(() => {
            longest = Math.max(longest, performance.now() - last)
            last = performance.now()
          }, 1)
          yield* Parallel.forEach(inputs, work, { concurrency: 16 })
          longest = Math.max(longest, performance.now() - last)
          clearInterval(timer)

          assert.isBelow(longest, 50)
        }))
    }

    it.live("goes round while several runs share it", () =>
      Effect.gen(function*() {
        const runs = range(10).map(() =>
          Parallel.forEach(range(100_000), (n) => Effect.promise(() => Promise.resolve(n)))
        )
        let longest = 0
        let last = performance.now()
        const timer = setInterval(() => {
          longest = Math.max(longest, performance.now() - last)
          last = performance.now()
        }, 1)
        yield* Effect.all(runs, { concurrency: "unbounded", discard: true })
        clearInterval(timer)

        assert.isBelow(longest, 60)
      }))
  })

  describe("what dies while a run stops", () => {
    it.effect("is logged, once", () =>
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
