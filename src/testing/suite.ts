/**
 * Conformance tests for backends.
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
import * as Backend from "../Backend.ts"
import * as Limit from "../Limit.ts"
import * as Outcome from "../Outcome.ts"
import * as Parallel from "../Parallel.ts"
import { attempts } from "./attempts.ts"
import { elastic } from "./elastic.ts"
import { until, withFile } from "./files.ts"
import { protocol, virtual } from "./protocol.ts"
import { range } from "./range.ts"
import * as tasks from "./tasks.ts"

const errorsOf = <E>(failures: ReadonlyArray<Outcome.Failure<unknown, E>>) =>
  failures.map((failure) => Option.getOrUndefined(Outcome.error(failure)))

const reasonOf = (failure: Outcome.Failure<unknown, unknown> | undefined) => {
  const error = failure === undefined ? undefined : Option.getOrUndefined(Outcome.error(failure))
  assert.instanceOf(error, Backend.BackendError)
  return error
}

/** Checks that values come back unchanged, as values and as errors. */
const assertSurvive = (given: ReadonlyArray<unknown>) =>
  Effect.gen(function*() {
    const values = yield* Parallel.forEach(given, tasks.echo)
    const [none, failures] = yield* Parallel.partition(given, tasks.failsWith)

    assert.deepStrictEqual(values, given)
    assert.deepStrictEqual(none, [])
    assert.deepStrictEqual(errorsOf(failures), given)
  })

/** Cases of runs by name, in the order in which they run. */
const runs = {
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

  "any value with a schema survives": Effect.gen(function*() {
    const records = [
      new tasks.Parcel({
        at: new Date(0),
        note: Option.none(),
        counts: new Map([["a", 1]]),
        bytes: Uint8Array.of(0, 255)
      }),
      new tasks.Parcel({ at: new Date(1e12), note: Option.some("note"), counts: new Map(), bytes: new Uint8Array() })
    ]
    const values = yield* Parallel.forEach(records, tasks.passes)

    assert.deepStrictEqual(values, records)
    assert.isTrue(values.every((value) => value instanceof tasks.Parcel))
  }),

  "any value that JSON keeps survives without a schema, and differs from failure": Effect.gen(function*() {
    const plain = [
      null,
      "cancelled",
      [],
      0,
      -1.5,
      "",
      false,
      { a: [1, { b: null }] },
      { __proto: "x" },
      "\u0000ü\ud83d\ude00"
    ]
    yield* assertSurvive(plain)
  }),

  "any value that a structured clone keeps survives without a schema": Effect.gen(function*() {
    const odd = [undefined, NaN, 1n, new Date(0), new Map([[1, 2]]), new Set(["a"]), Uint8Array.of(1, 2), [undefined]]
    yield* assertSurvive(odd)
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

  "a task's layer is built before it runs, once for each worker, and used again": Effect.gen(function*() {
    const { workers } = yield* Backend.Backend
    const used = yield* Parallel.forEach(range(12), tasks.counts, { concurrency: 1 })
    const uses = Map.groupBy(used, ([, use]) => use)
    const first = uses.get(1)?.length ?? 0

    // a worker's uses are 1, 2, 3 and so on, so no further use is more frequent than the one before
    assert.isAtLeast(first, 1)
    assert.isAtMost(first, workers)
    for (const [use, all] of uses) if (use > 1) assert.isAtMost(all.length, uses.get(use - 1)?.length ?? 0)
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

  "no more inputs run at once than the run allows": Effect.forEach(
    [1, 2],
    (concurrency) =>
      withFile((file, lines) =>
        Effect.gen(function*() {
          const inputs = range(16).map(() => ({ file, millis: 2 }))
          yield* Parallel.forEach(inputs, tasks.notesBothEnds, { concurrency, batchSize: 1 })
          let running = 0
          const most = (yield* lines).map((line) => running += line === "begins" ? 1 : -1)

          assert.strictEqual(most.length, 32)
          assert.isAtMost(Math.max(...most), concurrency)
        })
      )
  ),

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
      // the loser would append its line a second after the winner: a busy machine has that long to stop it
      const inputs = [{ file, line: "a", millis: 1200 }]
      const report = yield* Parallel.run(inputs, tasks.notes, { stragglers: { after: 1000 }, concurrency: 2 })
      yield* until(Effect.map(lines, (lines) => lines.length > 0))
      yield* Effect.sleep(1300)

      assert.deepStrictEqual(report.outcomes.map((outcome) => outcome.attempts), [2])
      assert.deepStrictEqual(yield* lines, ["a"])
      assert.isBelow(Duration.toMillis(report.elapsed), 5000)
    })
  ),

  ...protocol,
  ...attempts
} satisfies Record<string, Effect.Effect<void, unknown>>

/** Cases of backends whose workers may end without the program. */
const isolated = {
  "an input that ends its worker fails alone": Effect.gen(function*() {
    const inputs = range(12).map((n) => n === 5 ? "end" : n)
    const [values, failures] = yield* Parallel.partition(inputs, tasks.endsOn)

    assert.deepStrictEqual(values, inputs.filter((input) => input !== "end"))
    assert.deepStrictEqual(failures.map((failure) => failure.index), [5])
    assert.include(["WorkerCrashed", "MachineLost"], reasonOf(failures[0]).reason._tag)
  }),

  "a worker that has ended is replaced": Effect.gen(function*() {
    for (let round = 0; round < 3; round++) yield* Effect.exit(tasks.endsOn("end"))

    assert.deepStrictEqual(yield* Parallel.forEach(range(4), tasks.endsOn), range(4))
  })
} satisfies Record<string, Effect.Effect<void, unknown>>

/** Greatest time of a case. Then it fails, without waiting for what it has started. */
const bound = Duration.seconds(15)

/** Fails a case that takes longer than `bound`. */
const bounded = <E, R>(test: Effect.Effect<void, E, R>): Effect.Effect<void, E, R> =>
  Effect.flatMap(Effect.forkDetach(test), (fiber) =>
    Effect.raceFirst(
      Fiber.join(fiber),
      Effect.flatMap(Effect.sleep(bound), () => {
        fiber.interruptUnsafe()
        return Effect.die(new Error(`the case did not end within ${Duration.format(bound)}`))
      })
    ))

/**
 * The cases of the suite by their names, each as a program that fails if the provided backend does not conform.
 *
 * **When to use**
 *
 * Use to debug one case, or to run cases without vitest.
 *
 * **Details**
 *
 * A case that does not end within 15 seconds fails. Cases run on the live clock. They write to files in the folder for
 * temporary files, and remove them.
 *
 * **Example** (Running one case)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Backend } from "effect-parallel"
 * import { cases } from "effect-parallel/testing"
 *
 * const layer = Backend.layer({ ...Backend.async, name: "mine" })
 * const test = Effect.provide(cases["an error with a schema arrives as its class"], layer)
 *
 * console.log((await Effect.runPromiseExit(test))._tag) // => "Success"
 * ```
 *
 * @category testing
 * @since 0.1.0
 */
export const cases = Object.fromEntries(
  Object.entries({ ...runs, ...isolated, ...virtual }).map(([title, test]) => [title, bounded<unknown, never>(test)])
) as Readonly<Record<Case, Effect.Effect<void, unknown>>>

/**
 * The name of a case of the suite.
 *
 * @category models
 * @since 0.1.0
 */
export type Case = keyof typeof runs | keyof typeof isolated | keyof typeof virtual

/**
 * Registers the conformance tests for a backend with vitest.
 *
 * **When to use**
 *
 * Use in a test file of your own backend.
 *
 * **Details**
 *
 * Registers one `describe` with the given name, and in it one test for each case, on the live clock. The layer is built
 * once, and released after the last test. A case that does not end within 15 seconds fails. A backend that reaches
 * other machines needs the tasks of the cases there: `tasks.all`. Needs `vitest` and `@effect/vitest`.
 *
 * **Example** (Testing a backend)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Backend } from "effect-parallel"
 * import { cases, suite } from "effect-parallel/testing"
 *
 * // put the layer of your own backend here
 * const layer = Backend.layer({ ...Backend.async, name: "mine" })
 *
 * // call this at the top level of a test file
 * export const registerTests = () => suite("mine", layer, { virtual: true })
 *
 * // one of the cases, as a program
 * const test = Effect.provide(cases["a call of a task is one input"], layer)
 * console.log((await Effect.runPromiseExit(test))._tag) // => "Success"
 * ```
 *
 * @category testing
 * @since 0.1.0
 */
export const suite = <R = never>(
  name: string,
  layer: Layer.Layer<R>,
  options?: {
    /**
     * Whether a worker may end without the program. Adds two cases, whose inputs end their worker with `process.exit`.
     * Default: false.
     */
    readonly isolated?: boolean | undefined
    /**
     * Whether tasks run in this process, on the clock of their caller. Adds two cases of timeouts and budgets on the
     * test clock. Default: false.
     */
    readonly virtual?: boolean | undefined
    /** Whether cases run concurrently, for backends that start every batch immediately. Default: false. */
    readonly concurrent?: boolean | undefined
    /**
     * Changes the number of workers of the backend, with the services of the layer. Adds three cases, in which workers
     * come and go. Default: no such cases.
     */
    readonly resize?: ((workers: number) => Effect.Effect<void, never, R>) | undefined
    /**
     * Cases that do not hold for this backend, each with the reason, which is shown beside the skipped test. Default:
     * none.
     */
    readonly except?: { readonly [K in Case]?: string } | undefined
  }
): void => {
  withLayer(layer, {
    excludeTestServices: true,
    timeout: "30 seconds",
    concurrent: options?.concurrent === true
  })(name, (it) => {
    for (const [title, test] of Object.entries(cases)) {
      if (Object.hasOwn(isolated, title) && options?.isolated !== true) continue
      if (Object.hasOwn(virtual, title) && options?.virtual !== true) continue
      const reason = options?.except?.[title as Case]
      if (reason === undefined) it.effect(title, () => test, 30_000)
      else it.effect.skip(`${title} (${reason})`, () => Effect.void)
    }
    const changing: Record<string, Effect.Effect<void, unknown, R>> = options?.resize === undefined
      ? {}
      : elastic(options.resize)
    for (const [title, test] of Object.entries(changing)) {
      it.effect(title, () => bounded<unknown, R>(test), 30_000)
    }
  })
}
