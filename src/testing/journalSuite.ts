/**
 * Conformance tests for the store of a journal.
 *
 * @since 0.1.0
 */
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as References from "effect/References"
import * as Schema from "effect/Schema"
import { randomUUID } from "node:crypto"
import * as Journal from "../Journal.ts"
import * as Outcome from "../Outcome.ts"
import * as Parallel from "../Parallel.ts"
import { range } from "./range.ts"

/** A case: a program that uses a journal, for a unique name of its runs. */
type JournalTest = (name: string) => Effect.Effect<void, unknown, Journal.Journal>

/** Turns off the log lines of runs with a journal. */
const quiet = Effect.provideService(References.MinimumLogLevel, "Warn")

/** Makes a function that records the inputs it runs for. */
const counted = <I, A, E>(work: (input: I) => Effect.Effect<A, E>) => {
  const ran: Array<I> = []
  return {
    ran,
    work: (input: I): Effect.Effect<A, E> =>
      Effect.suspend(() => {
        ran.push(input)
        return work(input)
      })
  }
}

class Point extends Schema.Class<Point>("effect-parallel/testing/Point")({ x: Schema.Finite, at: Schema.Date }) {}
class Refused extends Schema.TaggedError<Refused>()("effect-parallel/testing/Refused", { n: Schema.Int }) {}

const cases: Readonly<Record<string, JournalTest>> = {
  "what is recorded is recalled, with what was recorded of it": (name) =>
    Effect.gen(function*() {
      const { ran, work } = counted((n: number) =>
        Effect.succeed({ n, text: "ü\u0000\ud83d\ude00", list: [null, 0.1] })
      )
      const first = yield* Parallel.run(range(100), work, { name, journal: true })
      const second = yield* Parallel.run(range(100), work, { name, journal: true })

      assert.strictEqual(ran.length, 100)
      assert.deepStrictEqual(second.values, first.values)
      assert.isTrue(first.outcomes.every(({ attempts, recorded }) => attempts === 1 && recorded === undefined))
      assert.isTrue(second.outcomes.every(({ attempts, recorded }) => attempts === 0 && recorded?.attempts === 1))
    }),

  "failures run again, or are recalled with their cause": (name) =>
    Effect.gen(function*() {
      const { ran, work } = counted((n: number) =>
        n === 1 ? Effect.fail(`no ${n}`) : n === 2 ? Effect.die(new RangeError("broken")) : Effect.succeed(n)
      )
      yield* Parallel.run([0, 1, 2], work, { name, journal: true })
      const second = yield* Parallel.run([0, 1, 2], work, { name, journal: true })
      const third = yield* Parallel.run([0, 1, 2], work, { name, journal: { retryFailed: false } })

      assert.sameMembers(ran, [0, 1, 1, 2, 2])
      assert.deepStrictEqual(third.failures.map(Outcome.error), [Option.some("no 1"), Option.none()])
      const [defect, before] = [third, second].map(({ failures }) => Cause.squash(failures[1]!.cause) as Error)
      assert.strictEqual(defect!.name, "RangeError")
      assert.strictEqual(defect!.message, "broken")
      assert.strictEqual(defect!.stack, before!.stack)
    }),

  "values and errors with schemas come back as what they were": (name) =>
    Effect.gen(function*() {
      const points = range(5).map((x) => new Point({ x, at: new Date(x * 1e12) }))
      const { ran, work } = counted((n: number) => n < 5 ? Effect.succeed(points[n]!) : Effect.fail(new Refused({ n })))
      const options = { name, journal: { success: Point, error: Refused, retryFailed: false } }
      yield* Parallel.run(range(6), work, options)
      const { failures, values } = yield* Parallel.run(range(6), work, options)

      assert.strictEqual(ran.length, 6)
      assert.deepStrictEqual(values, points)
      assert.isTrue(values.every((value) => value instanceof Point))
      assert.deepStrictEqual(Option.getOrUndefined(Outcome.error(failures[0]!)), new Refused({ n: 5 }))
    }),

  "undefined is a value": (name) =>
    Effect.gen(function*() {
      const { ran, work } = counted((_: number) => Effect.void)
      yield* Parallel.forEach([1, 2], work, { name, journal: true })

      assert.deepStrictEqual(yield* Parallel.forEach([1, 2], work, { name, journal: true }), [undefined, undefined])
      assert.strictEqual(ran.length, 2)
    }),

  "an interruption is not recorded": (name) =>
    Effect.gen(function*() {
      const { ran, work } = counted((_: number) => Effect.interrupt)
      for (let k = 0; k < 2; k++) {
        const { failures } = yield* Parallel.run([1], work, { name, journal: { retryFailed: false } })
        assert.isTrue(Cause.hasInterruptsOnly(failures[0]!.cause))
      }
      assert.strictEqual(ran.length, 2)
    }),

  "the last record of a key counts": (name) =>
    Effect.gen(function*() {
      let fails = true
      const { ran, work } = counted((n: number) => fails ? Effect.fail("not yet") : Effect.succeed(n))
      for (const next of [true, false, true]) {
        yield* Parallel.partition([7], work, { name, journal: true })
        fails = next
      }
      assert.deepStrictEqual(yield* Parallel.forEach([7], work, { name, journal: true }), [7])
      assert.strictEqual(ran.length, 3)
    }),

  "names and versions are apart": (name) =>
    Effect.gen(function*() {
      const { ran, work } = counted((n: number) => Effect.succeed(n))
      for (const version of ["1", "2", "1"]) {
        yield* Parallel.forEach([1, 2], work, { name, journal: { version, key: String } })
      }
      yield* Parallel.forEach([1, 2], work, { name: `${name} too`, journal: { key: String } })

      assert.strictEqual(ran.length, 6)
    }),

  "other schemas are refused, and other runs are not touched by that": (name) =>
    Effect.gen(function*() {
      const { ran, work } = counted((n: number) => Effect.succeed(n))
      yield* Parallel.forEach([1], work, { name, journal: { success: Schema.Number } })
      yield* Parallel.forEach([1], work, { name: `${name} too`, journal: true })
      const error = yield* Effect.flip(Parallel.forEach([1], work, { name, journal: true }))

      assert.instanceOf(error, Journal.JournalError)
      assert.strictEqual(error.reason._tag, "SchemasDiffer")
      assert.strictEqual(error.run, name)
      yield* Parallel.forEach([1], work, { name, journal: { success: Schema.Number } })
      yield* Parallel.forEach([1], work, { name: `${name} too`, journal: true })
      assert.strictEqual(ran.length, 2)
    }),

  "keys may be any text": (name) =>
    Effect.gen(function*() {
      const keys = [
        "",
        "a",
        "A",
        "ä",
        "a\u0308",
        "__proto__",
        "run",
        "runs",
        " ",
        "a/b",
        "%",
        "'\"`",
        "\u0000",
        "x".repeat(5000)
      ]
      const { ran, work } = counted((key: string) => Effect.succeed(`value of ${key}`))
      const options = { name, journal: { key: (key: string) => key } }
      yield* Parallel.forEach(keys, work, options)
      const values = yield* Parallel.forEach(keys, work, options)

      assert.strictEqual(ran.length, keys.length)
      assert.deepStrictEqual(values, keys.map((key) => `value of ${key}`))
    }),

  "a name may be any text": (name) =>
    Effect.gen(function*() {
      const { ran, work } = counted((n: number) => Effect.succeed(n))
      for (const odd of [`${name} ä/%'"\u0000`, `${name} ${"x".repeat(500)}`, `${name} ${"x".repeat(501)}`]) {
        for (let k = 0; k < 2; k++) yield* Parallel.forEach([1, 2], work, { name: odd, journal: true })
      }
      assert.strictEqual(ran.length, 6)
    }),

  "equal inputs run once, also when they are under way together": (name) =>
    Effect.gen(function*() {
      const { ran, work } = counted((n: number) => Effect.as(Effect.yieldNow, { n }))
      const values = yield* Parallel.forEach([1, 2, 1, 1, 2], work, { name, journal: true, concurrency: 5 })

      assert.deepStrictEqual(values.map(({ n }) => n), [1, 2, 1, 1, 2])
      assert.deepStrictEqual(ran, [1, 2])
    }),

  "thousands of records, in several groups, are all there": (name) =>
    Effect.gen(function*() {
      const { ran, work } = counted((n: number) =>
        Effect.as(n % 100 === 0 ? Effect.sleep(1) : Effect.void, { n, text: "x".repeat(n % 1000) })
      )
      const options = { name, journal: true, concurrency: 50 } as const
      const first = yield* Parallel.forEach(range(3000), work, options)
      const second = yield* Parallel.forEach(range(3000).toReversed(), work, options)

      assert.strictEqual(ran.length, 3000)
      assert.deepStrictEqual(second.toReversed(), first)
    }),

  "runs at once record apart, and what they share comes to the same": (name) =>
    Effect.gen(function*() {
      const { ran, work } = counted((n: number) => Effect.as(Effect.yieldNow, n * 2))
      const one = Parallel.forEach(range(200), work, { name, journal: true })
      const other = Parallel.forEach(range(200), (n) => Effect.as(Effect.yieldNow, `${n}`), {
        name: `${name} too`,
        journal: true
      })
      const [a, b, c] = yield* Effect.all([one, other, one], { concurrency: 3 })

      assert.deepStrictEqual([a, c], [range(200).map((n) => n * 2), range(200).map((n) => n * 2)])
      assert.deepStrictEqual(b, range(200).map(String))
      yield* one
      assert.isAtMost(ran.length, 400)
      assert.isAtLeast(ran.length, 200)
    }),

  "what is forgotten runs again, and nothing else does": (name) =>
    Effect.gen(function*() {
      const { ran, work } = counted((n: number) => Effect.succeed(n))
      const once = (version: string) => Parallel.forEach([1, 2], work, { name, journal: { version } })
      yield* once("1")
      yield* once("2")
      yield* Journal.forget(name, "1")
      yield* once("1")
      yield* once("2")
      assert.strictEqual(ran.length, 6)
      yield* Journal.forget(name)
      yield* once("1")
      yield* once("2")
      assert.strictEqual(ran.length, 10)
    }),

  "runs are listed, with what is recorded where the store can count": (name) =>
    Effect.gen(function*() {
      yield* Parallel.partition([1, 2, 3], (n) => n === 2 ? Effect.fail("no") : Effect.succeed(n), {
        name,
        journal: true
      })
      const found = (yield* Journal.inspect).filter((run) => run.name === name)

      assert.strictEqual(found.length, 1)
      assert.include([3, undefined], found[0]!.recorded)
      assert.include([1, undefined], found[0]!.failed)
      yield* Journal.forget(name)
      assert.deepStrictEqual((yield* Journal.inspect).filter((run) => run.name === name), [])
    }),

  "a run that is interrupted leaves what it has finished": (name) =>
    Effect.gen(function*() {
      const { ran, work } = counted((n: number) => n < 10 ? Effect.succeed(n) : Effect.never)
      const timed = yield* Effect.exit(
        Parallel.forEach(range(20), work, { name, journal: true, concurrency: 2 }).pipe(Effect.timeout(500))
      )
      assert.isTrue(Exit.isFailure(timed))
      const before = ran.length
      yield* Parallel.forEach(range(10), work, { name, journal: true })
      assert.strictEqual(ran.length, before)
    })
}

/**
 * Registers the conformance tests for the store of a journal with vitest.
 *
 * **When to use**
 *
 * Use in a test file of your own store, which `Journal.make` turns into a journal.
 *
 * **Details**
 *
 * Registers one `describe` with the given name, and in it one test for each case, on the live clock. Each test builds
 * the layer and releases it. The store may hold other records: the runs of the tests have unique names, and the tests
 * forget only their own records. Needs `vitest` and `@effect/vitest`.
 *
 * **Example** (Testing a journal)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Journal, Parallel } from "effect-parallel"
 * import { journalSuite } from "effect-parallel/testing"
 *
 * // put the layer of your own store here
 * const layer = Journal.layerMemory
 *
 * // call this at the top level of a test file
 * export const registerTests = () => journalSuite("my store", layer)
 *
 * // one of the things that the tests check: an input that is recorded does not run again
 * let calls = 0
 * const run = Parallel.forEach([1], () => Effect.sync(() => calls++), { name: "numbers", journal: true })
 * await Effect.runPromise(Effect.provide(Effect.andThen(run, run), layer))
 * console.log(calls) // => 1
 * ```
 *
 * @category testing
 * @since 0.1.0
 */
export const journalSuite = <E = never>(
  name: string,
  layer: Layer.Layer<Journal.Journal, E>,
  options?: {
    /**
     * Whether the store outlives its layer. Then there is one more test: records that were made through one layer are
     * recalled through the next. Default: false.
     */
    readonly lasting?: boolean | undefined
  }
): void => {
  describe(name, () => {
    for (const [title, test] of Object.entries(cases)) {
      it.live(title, () => quiet(Effect.provide(test(`${title} ${randomUUID()}`), layer)), 30_000)
    }
    if (options?.lasting !== true) return
    it.live("what one layer has recorded is recalled through the next", () =>
      Effect.gen(function*() {
        const run = `lasting ${randomUUID()}`
        const { ran, work } = counted((n: number) => Effect.succeed({ n }))
        const once = quiet(Effect.provide(Parallel.forEach(range(50), work, { name: run, journal: true }), layer))
        const first = yield* once

        assert.deepStrictEqual(yield* once, first)
        assert.strictEqual(ran.length, 50)
      }), 30_000)
  })
}
