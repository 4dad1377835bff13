/**
 * What every backend has to keep to, as tests.
 *
 * @since 0.1.0
 */
import { assert, layer as withLayer } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { mkdtemp, readFile, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Backend from "../Backend.ts"
import * as Limit from "../Limit.ts"
import * as Outcome from "../Outcome.ts"
import * as Parallel from "../Parallel.ts"
import * as tasks from "./tasks.ts"

const range = (length: number): Array<number> => Array.from({ length }, (_, i) => i)

/** Runs a test with a file that tasks may append to, and an effect that reads its lines. */
const withFile = <A, E>(use: (file: string, lines: Effect.Effect<ReadonlyArray<string>>) => Effect.Effect<A, E>) =>
  Effect.acquireUseRelease(
    Effect.promise(() => mkdtemp(join(tmpdir(), "effect-parallel-suite-"))),
    (folder) => {
      const file = join(folder, "lines")
      return use(file, Effect.promise(() => readFile(file, "utf8").then((text) => text.trim().split("\n"), () => [])))
    },
    (folder) => Effect.promise(() => rm(folder, { recursive: true }))
  )

/** Waits for a condition that another process or thread makes true. */
const until = (condition: Effect.Effect<boolean>): Effect.Effect<void> =>
  Effect.flatMap(condition, (holds) => holds ? Effect.void : Effect.andThen(Effect.sleep(5), until(condition)))

const errorsOf = <E>(failures: ReadonlyArray<Outcome.Failure<unknown, E>>) =>
  failures.map((failure) => Option.getOrUndefined(Outcome.error(failure)))

const reasonOf = (failure: Outcome.Failure<unknown, unknown> | undefined) => {
  const error = failure === undefined ? undefined : Option.getOrUndefined(Outcome.error(failure))
  assert.instanceOf(error, Backend.BackendError)
  return error
}

/** All cases by name, in the order in which they run. */
const cases = {
  "values come in input order, whatever ends first": Effect.gen(function*() {
    const values = yield* Parallel.forEach([30, 1, 15, 5], tasks.sleeps, { concurrency: 4 })

    assert.deepStrictEqual(values, [30, 1, 15, 5])
  }),

  "a call of a task is one input": Effect.gen(function*() {
    assert.strictEqual(yield* tasks.half(8), 4)
    assert.deepStrictEqual(yield* Effect.flip(tasks.half(7)), new tasks.Odd({ n: 7 }))
  }),

  "no inputs give the empty result": Effect.gen(function*() {
    assert.deepStrictEqual(yield* Parallel.forEach([], tasks.half), [])
  }),

  "any value survives, and differs from failure": Effect.gen(function*() {
    const odd = [undefined, null, "cancelled", [], 0, "", false, { a: [1, { b: 2 }] }, new Date(0), new Map([[1, 2]])]
    const values = yield* Parallel.forEach(odd, tasks.echo)
    const [none, failures] = yield* Parallel.partition(odd, tasks.failsWith)

    assert.deepStrictEqual(values, odd)
    assert.deepStrictEqual(none, [])
    assert.deepStrictEqual(errorsOf(failures), odd)
  }),

  "an error with a schema arrives as its class": Effect.gen(function*() {
    const [values, failures] = yield* Parallel.partition([2, 3, 4, 5], tasks.half)

    assert.deepStrictEqual(values, [1, 2])
    assert.deepStrictEqual(errorsOf(failures), [new tasks.Odd({ n: 3 }), new tasks.Odd({ n: 5 })])
    assert.isTrue(errorsOf(failures).every((error) => error instanceof tasks.Odd))
  }),

  "an error without a schema arrives with its name and message": Effect.gen(function*() {
    const [, failures] = yield* Parallel.partition(["no schema"], tasks.fails)
    const [error] = errorsOf(failures)

    assert.strictEqual((error as Error).name, "TypeError")
    assert.strictEqual((error as Error).message, "no schema")
  }),

  "a defect arrives as a defect, with name, message, stack and cause": Effect.gen(function*() {
    const [values, failures] = yield* Parallel.partition(["broken"], tasks.dies)
    const defect = Cause.squash(failures[0]!.cause) as Error

    assert.deepStrictEqual(values, [])
    assert.isTrue(Cause.hasDies(failures[0]!.cause))
    assert.strictEqual(defect.name, "RangeError")
    assert.strictEqual(defect.message, "broken")
    assert.match(defect.stack ?? "", /tasks\.[jt]s/)
    assert.strictEqual((defect.cause as Error).message, "the cause")
  }),

  "a payload that its schema refuses fails its input alone": Effect.gen(function*() {
    const [values, failures] = yield* Parallel.partition([2, 1.5, 4], tasks.half)
    const error = reasonOf(failures[0])

    assert.deepStrictEqual(values, [1, 2])
    assert.strictEqual(error.index, 1)
    assert.strictEqual(error.reason._tag, "ValueRefused")
    assert.match(error.message, /half, input #1.*payload schema refuses 1\.5/)
  }),

  "a result that its schema refuses fails its input alone": Effect.gen(function*() {
    const [values, failures] = yield* Parallel.partition([0.5, 1], tasks.liar)
    const error = reasonOf(failures[0])

    assert.deepStrictEqual(values, [1])
    assert.match(error.message, /liar, input #1.*success schema refuses 1\.5/)
  }),

  "item 2 of a batch of 5 fails, and the others keep their results": Effect.gen(function*() {
    const [values, failures] = yield* Parallel.partition([0, 2, 3, 6, 8], tasks.half, { batchSize: 5, concurrency: 1 })

    assert.deepStrictEqual(values, [0, 1, 3, 4])
    assert.deepStrictEqual(failures.map((failure) => failure.index), [2])
  }),

  "a task's layer is built before it runs, and used again": Effect.gen(function*() {
    const used = yield* Parallel.forEach(range(4), tasks.counts, { concurrency: 1 })

    assert.deepStrictEqual(used.map(([, use]) => use), [1, 2, 3, 4])
    assert.strictEqual(new Set(used.map(([built]) => built)).size, 1)
  }),

  "a layer that cannot be built fails the input with the reason": Effect.gen(function*() {
    const [, failures] = yield* Parallel.partition([1], tasks.unbuildable)
    const error = reasonOf(failures[0])

    assert.strictEqual(error.reason._tag, "LayerFailed")
    assert.match(error.message, /unbuildable.*layer could not be built: TypeError: no counter/)
  }),

  "the timeout of each starts when it starts, in any order and at any batch size": Effect.gen(function*() {
    for (const inputs of [[5, 300, 350, 400], [400, 350, 300, 5]]) {
      for (const batchSize of [1, 2, "auto"] as const) {
        const [values, failures] = yield* Parallel.partition(inputs, tasks.sleeps, {
          timeout: 150,
          concurrency: 4,
          batchSize
        })

        assert.deepStrictEqual(values, [5])
        assert.isTrue(errorsOf(failures).every(Cause.isTimeoutError))
      }
    }
  }),

  "what timed out has stopped": withFile((file, lines) =>
    Effect.gen(function*() {
      const [, failures] = yield* Parallel.partition([{ file, line: "late", millis: 300 }], tasks.notes, {
        timeout: 100
      })
      yield* Effect.sleep(400)

      assert.isTrue(errorsOf(failures).every(Cause.isTimeoutError))
      assert.deepStrictEqual(yield* lines, [])
    })
  ),

  "interruption reaches the task, and is over when its finalizers are": withFile((file, lines) =>
    Effect.gen(function*() {
      const fiber = yield* Effect.forkChild(Parallel.forEach(range(2).map(() => file), tasks.notesInterruption))
      yield* Effect.sleep(200)
      yield* Fiber.interrupt(fiber)

      assert.deepStrictEqual(yield* lines, ["interrupted", "interrupted"])
    })
  ),

  "the first failure of forEach stops the rest": withFile((file, lines) =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Parallel.all([
        tasks.half(1),
        tasks.notes({ file, line: "late", millis: 300 })
      ]))
      yield* Effect.sleep(400)

      assert.instanceOf(error, tasks.Odd)
      assert.deepStrictEqual(yield* lines, [])
    })
  ),

  "a failed input is tried again": Effect.gen(function*() {
    const report = yield* Parallel.run([2, 3], tasks.half, { retry: { times: 2 } })

    assert.deepStrictEqual(report.outcomes.map((outcome) => outcome.attempts), [1, 3])
  }),

  "the error budget stops the run with what was finished": Effect.gen(function*() {
    const inputs = [2, 1, 4, 3, ...range(100).map((n) => 2 * n)]
    const error = yield* Effect.flip(Parallel.run(inputs, tasks.half, { maxErrors: 2, concurrency: 1 }))

    assert.strictEqual(error._tag, "TooManyErrors")
    assert.deepStrictEqual(error.failures.map((failure) => failure.index), [1, 3])
    assert.deepStrictEqual(error.report.values.slice(0, 2), [1, 2])
  }),

  "a stream hands on what is ready": Effect.gen(function*() {
    const indices = yield* Parallel.stream([400, 10], tasks.sleeps, { order: "completion", concurrency: 2 }).pipe(
      Stream.map((outcome) => outcome.index),
      Stream.runCollect
    )

    assert.deepStrictEqual(indices, [1, 0])
  }),

  "a stream that is dropped stops its own work, and nobody else's": Effect.gen(function*() {
    const other = yield* Effect.forkChild(Parallel.forEach([300, 300], tasks.sleeps))
    const first = yield* Parallel.stream([1, 60_000, 60_000], tasks.sleeps, { order: "completion", concurrency: 3 })
      .pipe(
        Stream.take(1),
        Stream.runCollect
      )

    assert.deepStrictEqual(first.map((outcome) => outcome.index), [0])
    assert.deepStrictEqual(yield* Fiber.join(other), [300, 300])
  }),

  "look-ahead of 0 gives every result": Effect.gen(function*() {
    assert.deepStrictEqual(yield* Parallel.forEach(range(50), tasks.echo, { preDispatch: 0 }), range(50))
  }),

  "two runs at once, one of which fails: the other has all its results": Effect.gen(function*() {
    const run = (inputs: ReadonlyArray<number>) => Effect.exit(Parallel.forEach(inputs, tasks.half))
    const [failed, whole] = yield* Effect.all([run([2, 3]), run(range(40).map((n) => 2 * n))], { concurrency: 2 })

    assert.strictEqual(failed._tag, "Failure")
    assert.deepStrictEqual(whole._tag === "Success" && whole.value, range(40))
  }),

  "two runs at once with other options do not wait for each other for ever": Effect.gen(function*() {
    const limit = Limit.concurrency(1)
    const [one, many] = yield* Effect.all([
      Parallel.forEach(range(20), tasks.echo, { concurrency: 1, batchSize: 3, limit }),
      Parallel.forEach(range(200), tasks.echo, { concurrency: 16, preDispatch: "all" })
    ], { concurrency: 2 })

    assert.deepStrictEqual([one, many], [range(20), range(200)])
  }),

  "inside a task the backend is the async one": Effect.gen(function*() {
    assert.strictEqual(yield* tasks.ambient(undefined), "async")
    assert.deepStrictEqual(yield* tasks.nests([2, 4, 6]), [1, 2, 3])
  }),

  "the loser of a straggler race is stopped": withFile((file, lines) =>
    Effect.gen(function*() {
      // the loser would note its line a second after the winner: so long may a busy machine keep it from being stopped
      const inputs = [{ file, line: "a", millis: 1200 }]
      const report = yield* Parallel.run(inputs, tasks.notes, { stragglers: { after: 1000 }, concurrency: 2 })
      yield* until(Effect.map(lines, (lines) => lines.length > 0))
      yield* Effect.sleep(1300)

      assert.deepStrictEqual(report.outcomes.map((outcome) => outcome.attempts), [2])
      assert.deepStrictEqual(yield* lines, ["a"])
      assert.isBelow(Duration.toMillis(report.elapsed), 5000)
    })
  )
} satisfies Record<string, Effect.Effect<void, unknown>>

/**
 * The name of a case of the suite.
 *
 * @category models
 * @since 0.1.0
 */
export type Case = keyof typeof cases

/**
 * Registers the conformance suite for a backend with vitest.
 *
 * **When to use**
 *
 * Use in a test file of your own backend: it passes when every case that it does not exempt does.
 *
 * **Details**
 *
 * Shape: one `describe` named `name`, with one test for each case, on the live clock. The layer is built once and
 * released after the last case. `except` names cases that do not hold for this backend, each with the reason; they are
 * listed as skipped with it. Needs `vitest` and `@effect/vitest`.
 *
 * @category testing
 * @since 0.1.0
 */
export const suite = (
  name: string,
  layer: Layer.Layer<never>,
  options?: { readonly except?: { readonly [K in Case]?: string } | undefined }
): void => {
  withLayer(layer, { excludeTestServices: true, timeout: "30 seconds" })(name, (it) => {
    for (const [title, effect] of Object.entries(cases)) {
      const reason = options?.except?.[title as Case]
      if (reason === undefined) it.effect(title, () => effect as Effect.Effect<void, unknown>, 30_000)
      else it.effect.skip(`${title} (${reason})`, () => Effect.void)
    }
  })
}
