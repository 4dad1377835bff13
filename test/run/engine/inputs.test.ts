import { assert, describe, it } from "@effect/vitest"
import { Cause, Deferred, Effect, Exit, Fiber, Scheduler, Scope, Stream } from "effect"
import { Parallel } from "effect-parallel"
import { TestClock } from "effect/testing"
import { Counted, CountedAsync, drive, Probe, range, Refused, turn } from "../../helpers.ts"

describe("engine", () => {
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

    it.effect("that hang do not delay an interruption", () =>
      Effect.gen(function*() {
        const inputs = new CountedAsync(10, (n) => n === 2 ? new Promise(() => {}) : undefined)
        const fiber = yield* Effect.forkChild(Parallel.forEach(inputs, (n) => Effect.succeed(n)))
        yield* turn
        yield* turn
        yield* Fiber.interrupt(fiber)

        assert.strictEqual(inputs.closed, 1)
      }))

    it.effect("that throw fail the run with the thrown value, interrupt it and are not closed", () =>
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

    it.effect("from a stream are abandoned when the run ends early", () =>
      Effect.gen(function*() {
        const log: Array<string> = []
        const inputs = Stream.ensuring(Stream.forever(Stream.make(1)), Effect.sync(() => log.push("closed")))
        const exit = yield* drive(Parallel.forEach(inputs, () => Effect.fail("no")))

        assert.deepStrictEqual(exit, Exit.fail("no"))
        assert.deepStrictEqual(log, ["closed"])
      }))

    it.effect("from an async iterator run as they arrive", () =>
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

    it.effect("are read from an array while it shrinks or grows", () =>
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

  describe("inputs of a run", () => {
    describe("whose iterator is pulled during a pull", () => {
      /** Yields numbers. Each pull except the first lets a work end, whose lane then pulls its next input. */
      const reentrant = (length: number, ends: Array<() => void>) => {
        let next = 0
        let pulling = false
        return {
          *[Symbol.iterator]() {
            while (next < length) {
              pulling = true
              ends.shift()?.()
              pulling = false
              yield next++
            }
          },
          get pulling() {
            return pulling
          }
        }
      }

      it.effect("all run, in order, once each", () =>
        Effect.gen(function*() {
          const ends: Array<() => void> = []
          const started: Array<number> = []
          const inputs = reentrant(6, ends)
          const work = (n: number) =>
            Effect.callback<number>((resume) => {
              started.push(n)
              ends.push(() => resume(Effect.succeed(n)))
            })
          const fiber = yield* Effect.forkChild(Parallel.forEach(inputs, work, { concurrency: 2 }))
          for (let i = 0; i < 20 && fiber.pollUnsafe() === undefined; i++) {
            yield* turn
            ends.shift()?.()
          }

          assert.deepStrictEqual(fiber.pollUnsafe(), Exit.succeed(range(6)))
          assert.deepStrictEqual(started, range(6))
        }))

      it.effect("end the run if they end themselves", () =>
        Effect.gen(function*() {
          const gate = yield* Deferred.make<void>()
          let closed = 0
          const inputs = (function*() {
            try {
              yield 0
              Deferred.doneUnsafe(gate, Exit.void)
              for (let n = 1;; n++) yield n
            } finally {
              closed++
            }
          })()
          const work = (n: number) => n === 0 ? Effect.andThen(Deferred.await(gate), Effect.fail("no")) : Effect.never
          const exit = yield* drive(Parallel.forEach(inputs, work, { concurrency: 2 }))

          assert.deepStrictEqual(exit, Exit.fail("no"))
          assert.strictEqual(closed, 1)
        }))
    })

    describe("from a stream", () => {
      it.effect("do not close the caller's scope", () =>
        Effect.gen(function*() {
          const log: Array<string> = []
          const resource = Effect.acquireRelease(Effect.succeed(1), () => Effect.sync(() => log.push("released")))
          const inputs = Stream.fromEffect(Effect.flatMap(Effect.scope, (scope) => Scope.provide(resource, scope)))
          yield* Effect.scoped(Effect.gen(function*() {
            yield* Parallel.forEach(inputs, (n) => Effect.succeed(n))
            log.push("used")
          }))

          assert.deepStrictEqual(log, ["used", "released"])
        }))

      it.effect("close what the stream itself has opened, before the run ends", () =>
        Effect.gen(function*() {
          const log: Array<string> = []
          const inputs = Stream.scoped(Stream.fromEffect(
            Effect.acquireRelease(Effect.succeed(1), () => Effect.sync(() => log.push("released")))
          ))
          yield* Effect.scoped(Effect.gen(function*() {
            yield* Parallel.forEach(inputs, (n) => Effect.succeed(n))
            log.push("used")
          }))

          assert.deepStrictEqual(log, ["released", "used"])
        }))

      it.effect("that ends its own fiber fail the run with that cause", () =>
        Effect.gen(function*() {
          const invalid = Stream.fromEffect(Effect.flatMap(Effect.void, () => 1 as unknown as Effect.Effect<number>))
          const own = Stream.fromEffect(Effect.withFiber((fiber) => Effect.as(Fiber.interrupt(fiber), 1)))
          const exits = [
            yield* drive(Parallel.forEach(invalid, (n) => Effect.succeed(n))),
            yield* drive(Parallel.forEach(own, (n) => Effect.succeed(n)))
          ]

          assert.isTrue(Exit.isFailure(exits[0]!) && Cause.hasDies(exits[0].cause))
          assert.isTrue(Exit.isFailure(exits[1]!) && Cause.hasInterruptsOnly(exits[1].cause))
        }))
    })

    it.effect("that arrive while a lane yields, before it waits, are not missed", () =>
      Effect.gen(function*() {
        for (const budget of range(30)) {
          for (const kind of ["async iterable", "stream"] as const) {
            const generate = async function*() {
              yield* range(5)
            }
            const inputs = kind === "stream" ? Stream.fromArray(range(5)).pipe(Stream.rechunk(1)) : generate()
            const run = Parallel.stream(inputs, (n) => Effect.as(Effect.yieldNow, n), {
              concurrency: 2,
              preDispatch: 0
            })
            const exit = yield* drive(
              Effect.provideService(Stream.runCollect(run), Scheduler.MaxOpsBeforeYield, budget + 3),
              "1 millis",
              400
            )

            assert.strictEqual(Exit.isSuccess(exit) && exit.value.length, 5)
          }
        }
      }))

    it.effect("end while thousands of lanes wait for them", () =>
      Effect.gen(function*() {
        const worked = yield* Deferred.make<void>()
        const gate = Promise.withResolvers<void>()
        const generate = async function*() {
          yield* range(5000)
          await gate.promise
        }
        const options = { concurrency: "unbounded", retry: { times: 1 } } as const
        const run = Parallel.forEach(generate(), () => Deferred.await(worked), options)
        const fiber = yield* Effect.forkChild(run)
        for (let i = 0; i < 50; i++) yield* turn
        yield* Deferred.succeed(worked, undefined)
        for (let i = 0; i < 50; i++) yield* turn
        gate.resolve()
        const exit = yield* drive(Fiber.join(fiber))

        assert.isTrue(Exit.isSuccess(exit))
      }))
  })
})
