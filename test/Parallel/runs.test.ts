import { assert, describe, it } from "@effect/vitest"
import { Cause, Duration, Effect, Exit, Option, References, Stream } from "effect"
import { Outcome, Parallel, Report } from "effect-parallel"
import { TestClock } from "effect/testing"
import { CountedAsync, drive, Probe, range, Refused } from "../helpers.ts"

const double = (n: number) => Effect.succeed(n * 2)
const evens = (n: number) => n % 2 === 0 ? Effect.succeed(n) : Effect.fail(new Refused({ n }))

describe("Parallel", () => {
  describe("forEach", () => {
    it.effect("gives values in input order, whichever ends first", () =>
      Effect.gen(function*() {
        const exit = yield* drive(Parallel.forEach([30, 10, 20], (n) => Effect.as(Effect.sleep(n), `${n}`)))

        assert.deepStrictEqual(exit, Exit.succeed(["30", "10", "20"]))
      }))

    it.effect("gives work the input and its index", () =>
      Effect.gen(function*() {
        const values = yield* Parallel.forEach(["a", "b"], (text, index) => Effect.succeed(`${index}${text}`))

        assert.deepStrictEqual(values, ["0a", "1b"])
      }))

    it.effect("takes its inputs last as well", () =>
      Effect.gen(function*() {
        const values = yield* Parallel.forEach(double, { concurrency: 2 })([1, 2])

        assert.deepStrictEqual(values, [2, 4])
      }))

    it.effect("fails with the first failure, interrupts the others and waits for their finalizers", () =>
      Effect.gen(function*() {
        const probe = new Probe()
        const work = (n: number) =>
          probe.watch(
            n,
            n === 1
              ? Effect.delay(Effect.fail(new Refused({ n })), 10)
              : Effect.onInterrupt(Effect.never, () => Effect.sleep(50))
          )
        const fiber = yield* Effect.forkChild(Parallel.forEach(range(3), work))
        yield* TestClock.adjust(59)
        const before = fiber.pollUnsafe()
        yield* TestClock.adjust(1)
        const exit = fiber.pollUnsafe()

        assert.strictEqual(before, undefined)
        assert.deepStrictEqual(exit, Exit.fail(new Refused({ n: 1 })))
        assert.deepStrictEqual(probe.interrupted, [0, 2])
        assert.strictEqual(probe.running, 0)
      }))

    it.effect("lets a defect die", () =>
      Effect.gen(function*() {
        const defect = new Error("bug")
        const exit = yield* Effect.exit(Parallel.forEach([1], () => Effect.die(defect)))

        assert.deepStrictEqual(exit, Exit.die(defect))
      }))

    it.effect("a work that throws dies with the thrown value", () =>
      Effect.gen(function*() {
        const defect = new Error("thrown")
        const exit = yield* Effect.exit(Parallel.forEach([1, 2], (n): Effect.Effect<number> => {
          if (n === 2) throw defect
          return Effect.succeed(n)
        }))

        assert.deepStrictEqual(exit, Exit.die(defect))
      }))

    it.effect("keeps a failure typed if a finalizer of another input dies at the same time", () =>
      Effect.gen(function*() {
        const work = (n: number) =>
          n === 0
            ? Effect.delay(Effect.fail(new Refused({ n })), 10)
            : Effect.onInterrupt(Effect.never, () => Effect.die(new Error("finalizer")))
        const caught = Parallel.forEach(range(3), work).pipe(
          Effect.catchTag("Refused", (error) => Effect.succeed(`caught ${error.n}`)),
          Effect.provideService(References.MinimumLogLevel, "None")
        )

        assert.deepStrictEqual(yield* drive(caught), Exit.succeed("caught 0"))
      }))

    it.effect("runs no work for no inputs", () =>
      Effect.gen(function*() {
        const work = (): Effect.Effect<never> => Effect.die("called")

        assert.deepStrictEqual(yield* Parallel.forEach([], work), [])
        assert.deepStrictEqual(yield* Parallel.forEach(new Set<number>(), work), [])
        assert.deepStrictEqual(yield* Parallel.forEach(new CountedAsync(0), work), [])
        assert.deepStrictEqual(yield* Parallel.forEach(Stream.empty, work), [])
      }))

    it.effect("fails with the failure of a work that interrupts itself", () =>
      Effect.gen(function*() {
        const exit = yield* Effect.exit(Parallel.forEach([1], () => Effect.interrupt))

        assert.isTrue(Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause))
      }))
  })

  describe("validate", () => {
    it.effect("gives all values when all succeed", () =>
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* Parallel.validate([1, 2, 3], double), [2, 4, 6])
      }))

    it.effect("runs all inputs, then fails with all failures in input order and every outcome", () =>
      Effect.gen(function*() {
        const work = (n: number) => Effect.delay(evens(n), 50 - 10 * n)
        const exit = yield* drive(Effect.flip(Parallel.validate([0, 1, 2, 3], work)))

        assert.isTrue(Exit.isSuccess(exit))
        const error = Exit.isSuccess(exit) ? exit.value : undefined
        assert.instanceOf(error, Outcome.FailedExamples)
        assert.deepStrictEqual(error?.failures.map((failure) => failure.input), [1, 3])
        assert.deepStrictEqual(error?.report.values, [0, 2])
        assert.match(error?.message ?? "", /^2 of 4 inputs failed; the first was input #1 \(1\): /)
      }))

    it.effect("keeps a defect in the cause of its input, with its stack, and continues", () =>
      Effect.gen(function*() {
        const defect = new Error("bug")
        const work = (n: number): Effect.Effect<number> => n === 0 ? Effect.die(defect) : Effect.succeed(n)
        const error = yield* Effect.flip(Parallel.validate([0, 1], work))

        assert.deepStrictEqual(error.report.values, [1])
        assert.strictEqual(Cause.squash(error.failures[0].cause), defect)
        assert.match(Cause.pretty(error.failures[0].cause), /bug[^]*runs\.test\.ts/)
      }))
  })

  describe("partition", () => {
    it.effect("gives both sides in input order and keeps inputs with failures", () =>
      Effect.gen(function*() {
        const work = (n: number) => Effect.delay(evens(n), 50 - 10 * n)
        const exit = yield* drive(Parallel.partition([0, 1, 2, 3], work))
        const [values, failures] = Exit.isSuccess(exit) ? exit.value : [[], []]

        assert.deepStrictEqual(values, [0, 2])
        assert.deepStrictEqual(failures.map(({ index, input }) => [index, input]), [[1, 1], [3, 3]])
        assert.deepStrictEqual(failures.map((f) => Option.map(Outcome.error(f), (e) => e.n)), [
          Option.some(1),
          Option.some(3)
        ])
      }))

    it.effect("keeps values that look empty, and failures that look like values", () =>
      Effect.gen(function*() {
        const odd = [undefined, null, "cancelled", [], new Error("a value"), Exit.fail("x"), 0, ""]
        const [values, none] = yield* Parallel.partition(odd, (value) => Effect.succeed(value))
        const [nothing, failures] = yield* Parallel.partition(odd, (value) => Effect.fail(value))

        assert.deepStrictEqual(values, odd)
        assert.deepStrictEqual(none, [])
        assert.deepStrictEqual(nothing, [])
        assert.deepStrictEqual(failures.map((f) => Outcome.error(f)), odd.map((value) => Option.some(value)))
      }))

    it.effect("tells what a failed input took", () =>
      Effect.gen(function*() {
        const exit = yield* drive(Parallel.partition([1], () => Effect.delay(Effect.fail("no"), 40)), "1 millis")
        const [, failures] = Exit.isSuccess(exit) ? exit.value : [[], []]

        assert.deepStrictEqual(failures.map((f) => [f.attempts, Duration.toMillis(f.elapsed)]), [[1, 40]])
      }))
  })

  describe("run", () => {
    it.effect("reports every outcome in input order, with attempts, time and worker", () =>
      Effect.gen(function*() {
        const work = (n: number) => Effect.delay(evens(n), 10 * (n + 1))
        const exit = yield* drive(Parallel.run([0, 1, 2], work, { name: "numbers", concurrency: 2 }), "1 millis")
        const report = Exit.isSuccess(exit) ? exit.value : undefined

        assert.strictEqual(report?.name, "numbers")
        assert.deepStrictEqual(
          report?.outcomes.map(({ _tag, attempts, elapsed, index, worker }) => [
            index,
            _tag,
            attempts,
            Duration.toMillis(elapsed),
            worker
          ]),
          [
            [0, "Success", 1, 10, 0],
            [1, "Failure", 1, 20, 1],
            [2, "Success", 1, 30, 0]
          ]
        )
      }))

    it.effect("gives equal results when two runs share a work", () =>
      Effect.gen(function*() {
        const first = yield* Parallel.run([1, 2, 3], evens, { maxErrors: 3 })
        const second = yield* Parallel.run([1, 2, 3], evens, { maxErrors: 3 })

        assert.deepStrictEqual(Report.tally(first), Report.tally(second))
      }))
  })

  describe("all", () => {
    it.effect("keeps tuples, arrays and records", () =>
      Effect.gen(function*() {
        const tuple = yield* Parallel.all([Effect.succeed(1), Effect.succeed("a")])
        const array = yield* Parallel.all([1, 2, 3].map(double))
        const record = yield* Parallel.all({ a: Effect.succeed(1), b: Effect.succeed("b") }, { concurrency: 1 })

        assert.deepStrictEqual(tuple, [1, "a"])
        assert.deepStrictEqual(array, [2, 4, 6])
        assert.deepStrictEqual(record, { a: 1, b: "b" })
        assert.deepStrictEqual(yield* Parallel.all([]), [])
        assert.deepStrictEqual(yield* Parallel.all({}), {})
      }))

    it("refuses values that are not a tuple, array or record of effects", () => {
      for (const shape of [null, undefined, 3, "ab", Effect.succeed(1), new Set([Effect.succeed(1)])]) {
        assert.throws(
          () => Parallel.all(shape as unknown as []),
          /expected `effects` to be an array or a record of effects, got /
        )
      }
      assert.throws(
        () => Parallel.pairs(Effect.succeed as unknown as []),
        /expected `pairs` to be an array of pairs, got /
      )
    })

    it.effect("takes the options of every run", () =>
      Effect.gen(function*() {
        const probe = new Probe()
        const exit = yield* drive(
          Parallel.all(range(6).map((n) => probe.watch(n, Effect.sleep(10))), { concurrency: 2 })
        )

        assert.isTrue(Exit.isSuccess(exit))
        assert.strictEqual(probe.most, 2)
      }))
  })

  describe("pairs", () => {
    it.effect("runs each work on its own input, a nested run among them", () =>
      Effect.gen(function*() {
        const shout = (text: string) => Effect.succeed(text.toUpperCase())
        const values = yield* Parallel.pairs([
          [double, 1],
          [shout, "a"],
          [(ns: ReadonlyArray<number>) => Parallel.forEach(ns, double), [1, 2]]
        ])

        assert.deepStrictEqual(values, [2, "A", [2, 4]])
      }))

    it.effect("works with the other functions through `pair`", () =>
      Effect.gen(function*() {
        const [values, failures] = yield* Parallel.partition([[evens, 1], [evens, 2]] as const, Parallel.pair)

        assert.deepStrictEqual(values, [2])
        assert.deepStrictEqual(failures.map((failure) => failure.input[1]), [1])
      }))
  })
})
