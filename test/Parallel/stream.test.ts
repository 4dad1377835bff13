import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Stream } from "effect"
import { Outcome, Parallel } from "effect-parallel"
import { TestClock } from "effect/testing"
import { Counted, CountedAsync, drive, Probe, range, Refused, turn } from "../helpers.ts"

/** Interrupts the fiber it runs in, and gives it no effect to continue with. */
const interruptOwn = Effect.withFiber<number>((fiber) => {
  fiber.interruptUnsafe()
  return Effect.never
})
const double = (n: number) => Effect.succeed(n * 2)
const evens = (n: number) => n % 2 === 0 ? Effect.succeed(n) : Effect.fail(new Refused({ n }))

describe("Parallel", () => {
  describe("stream", () => {
    const indices = (order?: "input" | "completion") =>
      Parallel.stream([30, 10, 20], (n) => Effect.sleep(n), { order }).pipe(
        Stream.map((outcome) => outcome.index),
        Stream.runCollect
      )

    it.effect("emits outcomes in input order", () =>
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* drive(indices()), Exit.succeed([0, 1, 2]))
        assert.deepStrictEqual(yield* drive(indices("input")), Exit.succeed([0, 1, 2]))
      }))

    it.effect("emits outcomes as they arrive", () =>
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* drive(indices("completion")), Exit.succeed([1, 2, 0]))
      }))

    it.effect("emits an outcome while others still run", () =>
      Effect.gen(function*() {
        const seen: Array<number> = []
        const work = (n: number) => n === 0 ? Effect.never : Effect.sleep(n)
        const fiber = yield* Parallel.stream([0, 10, 20], work, { order: "completion" }).pipe(
          Stream.runForEach((outcome) => Effect.sync(() => seen.push(outcome.index))),
          Effect.forkChild
        )
        yield* TestClock.adjust(10)
        const early = [...seen]
        yield* TestClock.adjust(10)

        assert.deepStrictEqual(early, [1])
        assert.deepStrictEqual(seen, [1, 2])
        yield* Fiber.interrupt(fiber)
      }))

    it.effect("takes its inputs last as well", () =>
      Effect.gen(function*() {
        const outcomes = yield* Stream.runCollect(Parallel.stream(double, { concurrency: 2 })([1, 2]))

        assert.deepStrictEqual(outcomes.map((o) => Outcome.isSuccess(o) && o.value), [2, 4])
      }))

    for (const preDispatch of [0, 1, 5] as const) {
      it.effect(`pulls at most concurrency + preDispatch inputs for a consumer that takes nothing (${preDispatch})`, () =>
        Effect.gen(function*() {
          for (const inputs of [new Counted(500), new CountedAsync(500)]) {
            const fiber = yield* Parallel.stream(inputs, double, { concurrency: 2, preDispatch }).pipe(
              Stream.runForEach(() => Effect.never),
              Effect.forkChild
            )
            for (let i = 0; i < 20; i++) {
              yield* TestClock.adjust(1)
              yield* Effect.promise(() => new Promise(setImmediate))
            }

            assert.strictEqual(inputs.pulled, 2 + preDispatch)
            yield* Fiber.interrupt(fiber)
            assert.strictEqual(inputs.closed, 1)
          }
        }))
    }

    it.effect("slows the workers to the pace of its consumer", () =>
      Effect.gen(function*() {
        const inputs = new Counted(100)
        let consumed = 0
        let most = 0
        const program = Parallel.stream(inputs, double, { concurrency: 3, preDispatch: 2 }).pipe(
          Stream.runForEach(() =>
            Effect.sync(() => {
              most = Math.max(most, inputs.pulled - consumed)
              consumed++
            }).pipe(Effect.andThen(Effect.sleep(10)))
          )
        )
        const exit = yield* drive(program)

        assert.isTrue(Exit.isSuccess(exit))
        assert.strictEqual(consumed, 100)
        assert.isAtMost(most, 5)
      }))

    it.effect("stops only its own work when its consumer stops halfway", () =>
      Effect.gen(function*() {
        const probe = new Probe()
        const other = yield* Effect.forkChild(Parallel.forEach(range(4), (n) => Effect.as(Effect.sleep(100), n)))
        const taken = yield* Effect.forkChild(
          Parallel.stream(range(20), (n) => probe.watch(n, n < 2 ? Effect.succeed(n) : Effect.never)).pipe(
            Stream.take(2),
            Stream.runDrain
          )
        )
        yield* Fiber.join(taken)

        assert.strictEqual(probe.started.length, 10)
        assert.strictEqual(probe.running, 0)
        yield* TestClock.adjust(100)
        assert.deepStrictEqual(yield* Fiber.join(other), range(4))
      }))

    it.effect("emits every outcome, then fails with TooManyErrors that has the failures", () =>
      Effect.gen(function*() {
        const seen: Array<number> = []
        const error = yield* Parallel.stream(range(10), evens, { maxErrors: 2, concurrency: 1 }).pipe(
          Stream.runForEach((outcome) => Effect.sync(() => seen.push(outcome.index))),
          Effect.flip
        )

        assert.deepStrictEqual(seen, [0, 1, 2, 3])
        assert.strictEqual(error._tag, "TooManyErrors")
        assert.deepStrictEqual(error.failures.map((failure) => failure.index), [1, 3])
      }))

    it.effect("emits the outcomes that ended behind a gap when the budget is used up", () =>
      Effect.gen(function*() {
        const seen: Array<number> = []
        const work = (n: number) =>
          n === 0 ? Effect.never : n === 3 ? Effect.delay(Effect.fail("no"), 10) : Effect.succeed(n)
        const exit = yield* drive(
          Parallel.stream(range(4), work, { maxErrors: 1 }).pipe(
            Stream.runForEach((outcome) => Effect.sync(() => seen.push(outcome.index)))
          )
        )

        assert.isTrue(Exit.isFailure(exit))
        assert.deepStrictEqual(seen, [1, 2, 3])
      }))

    it.effect("begins nothing after the failure that uses up the budget, even if its consumer makes room", () =>
      Effect.gen(function*() {
        const begun: Array<number> = []
        const work = (n: number) => {
          begun.push(n)
          if (n === 1 || n === 2) return Effect.succeed(n)
          return Effect.andThen(n === 0 ? Effect.sleep(6) : Effect.void, interruptOwn)
        }
        const options = { maxErrors: 1, concurrency: 3, preDispatch: 0 }
        const exit = yield* drive(Effect.flip(Stream.runDrain(Parallel.stream(range(9), work, options))))

        const failures = Exit.isSuccess(exit) ? exit.value.failures : assert.fail(Cause.pretty(exit.cause))
        assert.deepStrictEqual(failures.map((failure) => failure.index), [0])
        assert.deepStrictEqual(begun, [0, 1, 2])
      }))

    it.effect("loses no outcome to an interrupted pull", () =>
      Effect.gen(function*() {
        const outcomes = Parallel.stream(range(4), (n) => Effect.as(Effect.sleep(10 * (n + 1)), n), { concurrency: 4 })
        const pull = yield* Stream.toPull(outcomes)
        const seen: Array<number> = []
        for (let i = 0; seen.length < 4 && i < 20; i++) {
          const pulling = yield* Effect.forkChild(pull)
          yield* turn
          if (i % 2 === 0) yield* Fiber.interrupt(pulling)
          yield* TestClock.adjust(10)
          yield* turn
          const exit = pulling.pollUnsafe()
          if (exit === undefined) yield* Fiber.interrupt(pulling)
          else if (Exit.isSuccess(exit)) seen.push(...exit.value.map((outcome) => outcome.index))
        }

        assert.deepStrictEqual(seen, range(4))
      }))

    it.effect("fails with the error of its inputs after the outcomes of earlier inputs", () =>
      Effect.gen(function*() {
        const seen: Array<number> = []
        const inputs = Stream.concat(Stream.make(1, 2), Stream.fromEffect(Effect.delay(Effect.fail("input"), 10)))
        const exit = yield* drive(
          Parallel.stream(inputs, double).pipe(
            Stream.runForEach((outcome) => Effect.sync(() => seen.push(outcome.input)))
          )
        )

        assert.deepStrictEqual(exit, Exit.fail("input"))
        assert.deepStrictEqual(seen, [1, 2])
      }))
  })
})
