import { assert, describe, it, layer, vi } from "@effect/vitest"
import { Cause, Effect, Logger } from "effect"
import { type Outcome, Parallel } from "effect-parallel"
import { createSecretKey } from "node:crypto"
import { values } from "../../hostile.ts"
import * as hostile from "../hostileTasks.ts"
import * as kills from "../modules/kills.ts"
import * as waits from "../modules/waits.ts"
import { crashOf, errorOf, kinds, reasonOf, timed, withFile } from "../workerKinds.ts"

// hides what workers print before they crash
vi.spyOn(process.stderr, "write").mockReturnValue(true)

const batch = { batchSize: 8, concurrency: 1 } as const

/** A batch of eight inputs with the value as the fourth among plain ones. */
const among = <A>(value: A): ReadonlyArray<A | number> => Array.from({ length: 8 }, (_, n) => n === 3 ? value : n)

/** Objects nested to this depth. */
const list = (levels: number): object => {
  let value: object = {}
  for (let level = 0; level < levels; level++) value = { next: value }
  return value
}

/** Objects of Node.js that can be cloned within a process, but not sent to another. */
const foreign = [
  new Blob(["text"]),
  new File(["text"], "name"),
  createSecretKey(Buffer.from("secret")),
  hostile.wasmModule()
]

const detached = (): Uint8Array => {
  const bytes = new Uint8Array(8)
  structuredClone(bytes.buffer, { transfer: [bytes.buffer] })
  return bytes
}

/** The things that a task may do to the channel of its worker without harm. */
const meddling = {
  threads: ["posts", "closes", "removes listeners"],
  processes: ["posts", "closes", "removes listeners", "writes to descriptors"]
} as const

for (const kind of kinds) {
  layer(kind.layer({ workers: 1 }), { excludeTestServices: true })(`with any value, ${kind.name}`, (it) => {
    /** Runs a batch in which only the fourth input may fail; then the pool serves another run. */
    const onlyFourth = (inputs: ReadonlyArray<unknown>) =>
      Effect.gen(function*() {
        const report = yield* Parallel.run(inputs, hostile.typeOf, batch)
        const wrong = report.failures.filter((failure) => failure.index !== 3)
        assert.deepStrictEqual(wrong, [])
        assert.strictEqual(report.outcomes.length, inputs.length)
        assert.deepStrictEqual(yield* Parallel.forEach([1, 2], hostile.echo), [1, 2])
        return report.failures[0]
      })

    for (const [name, value] of values) {
      it.effect(`take ${name} as payload: at most that input fails`, () =>
        Effect.gen(function*() {
          const failure = yield* onlyFourth(among(value))

          if (failure !== undefined) assert.strictEqual(reasonOf(failure)._tag, "NotCloneable")
        }))
    }

    for (const as of ["value", "error", "defect", "log", "annotation"] as const) {
      it.effect(`take each as ${as}: at most that input fails, and each runs once`, () =>
        withFile((note, lines) =>
          Effect.gen(function*() {
            const inputs = values.flatMap((_, number): ReadonlyArray<hostile.Leaving> => [
              { as: "plain", number, note },
              { as, number, note }
            ])
            const report = yield* Parallel.run(inputs, hostile.leaves, { batchSize: 16, concurrency: 1 })
            const failed = report.failures.map((failure) => failure.input.as)

            assert.strictEqual(lines().length, inputs.length)
            assert.strictEqual(new Set(lines()).size, inputs.length)
            assert.notInclude(failed, "plain")
            if (as === "error" || as === "defect") assert.strictEqual(failed.length, values.length)
            if (as === "log" || as === "annotation") assert.deepStrictEqual(failed, [])
            if (as === "value") {
              for (const failure of report.failures) assert.strictEqual(reasonOf(failure)._tag, "NotCloneable")
            }
          }).pipe(Effect.provide(Logger.layer([])))
        ))
    }

    it.effect("fail only the input of a value with thousands of levels, and report the path into it", () =>
      Effect.gen(function*() {
        const failures: Array<Outcome.Failure<unknown, unknown> | undefined> = []
        for (const levels of [100, 1000, 2500, 4000, 20_000, 200_000]) {
          failures.push(yield* onlyFourth(among(list(levels))))
        }
        const reason = reasonOf(failures.at(-1))

        assert.isUndefined(failures[0])
        assert.isUndefined(failures[1])
        assert.match(reason.message, /^the payload cannot be cloned at \.next\.next\.next.*too deeply/)
      }))

    it.effect("fail only the input of a result with thousands of levels, and report the path into it", () =>
      Effect.gen(function*() {
        const failures: Array<Outcome.Failure<unknown, unknown> | undefined> = []
        for (const levels of [100, 1000, 5000, 20_000, 200_000]) {
          const inputs = Array.from(
            { length: 8 },
            (_, number): hostile.Leaving =>
              number === 3 ? { as: "value", number: levels, nested: true } : { as: "plain", number }
          )
          const report = yield* Parallel.run(inputs, hostile.leaves, batch)

          assert.deepStrictEqual(report.failures.filter((failure) => failure.index !== 3), [])
          failures.push(report.failures[0])
        }

        assert.isUndefined(failures[0])
        assert.isUndefined(failures[1])
        assert.match(
          reasonOf(failures.at(-1)).message,
          /^the success cannot be cloned at (\[0\]|\.value)(\[0\]|\.value).*too deeply/
        )
      }))

    it.effect("refuse a value that would arrive as an empty object", () =>
      Effect.gen(function*() {
        const odd = [
          new URL("http://localhost"),
          new AbortController().signal,
          new MessageChannel().port1,
          detached(),
          new TextEncoder(),
          ...kind.name === "processes" ? foreign : []
        ]
        for (const value of odd) {
          const failure = yield* onlyFourth(among({ value }))

          assert.strictEqual(reasonOf(failure)._tag, "NotCloneable")
          assert.match(reasonOf(failure).message, /at \.value/)
        }
      }))

    it.effect("refuse only results that cannot leave their process", () =>
      Effect.gen(function*() {
        if (kind.name === "threads") return
        const inputs = Array.from({ length: 8 }, (_, number): hostile.Leaving => ({
          as: number === 3 ? "module" : "plain",
          number
        }))
        const report = yield* Parallel.run(inputs, hostile.leaves, batch)

        assert.deepStrictEqual(report.failures.map((failure) => failure.index), [3])
        assert.match(reasonOf(report.failures[0]).message, /^the success cannot be cloned/)
      }))

    it.effect("keep the errors of an AggregateError", () =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(hostile.leaves({ as: "several", number: 2 }))

        assert.instanceOf(error, AggregateError)
        assert.deepStrictEqual(error.errors.map(String), ["RangeError: 0", "RangeError: 1"])
      }))

    it.effect("send instances of classes as their fields", () =>
      Effect.gen(function*() {
        class Point {
          readonly x: number
          readonly y = 2
          constructor(x: number) {
            this.x = x
          }
        }
        const points = Array.from({ length: 8 }, (_, n) => new Point(n))

        assert.deepStrictEqual(
          yield* Parallel.forEach(points, hostile.echo, batch),
          points.map(({ x, y }) => ({ x, y }))
        )
      }))

    for (const junk of meddling[kind.name]) {
      it.effect(`are not affected by a task that ${junk}`, () =>
        Effect.gen(function*() {
          const inputs = Array.from(
            { length: 8 },
            (_, value) => ({ junk: value === 3 ? junk : "nothing", value } as const)
          )
          const found = yield* Parallel.forEach(inputs, hostile.meddles, batch)

          assert.deepStrictEqual(found, [0, 1, 2, 3, 4, 5, 6, 7])
          assert.deepStrictEqual(yield* Parallel.forEach([1, 2], hostile.echo), [1, 2])
        }))
    }

    // a thread has the descriptors of the program
    for (const junk of kind.name === "threads" ? [] : ["closes descriptors", "fills descriptors"] as const) {
      it.effect(`fail only the input that ${junk}`, () =>
        Effect.gen(function*() {
          const inputs = Array.from(
            { length: 8 },
            (_, value) => ({ junk: value === 3 ? junk : "nothing", value } as const)
          )
          const [found, failures] = yield* Parallel.partition(inputs, hostile.meddles, batch)

          assert.deepStrictEqual(failures.map((failure) => [failure.index, reasonOf(failure)._tag]), [
            [3, "WorkerCrashed"]
          ])
          assert.deepStrictEqual(found, [0, 1, 2, 4, 5, 6, 7])
          assert.deepStrictEqual(yield* Parallel.forEach([1, 2], hostile.echo), [1, 2])
        }))
    }

    it.effect("have a channel that a task cannot find", () =>
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* hostile.finds(0), [])
      }))

    it.effect("accept times of any length", () =>
      Effect.gen(function*() {
        const warnings: Array<Error> = []
        const warn = (warning: Error) => void warnings.push(warning)
        process.on("warning", warn)
        const values = yield* Parallel.forEach([1, 2, 3], hostile.echo, { timeout: "30 days", concurrency: 1 }).pipe(
          Effect.provide(kind.layer({ workers: 1, idleTimeout: "30 days", grace: "30 days", startTimeout: "30 days" }))
        )
        process.off("warning", warn)

        assert.deepStrictEqual(values, [1, 2, 3])
        assert.deepStrictEqual(warnings, [])
      }))
  })

  describe(`${kind.name} that begin nothing`, () => {
    it.live("end a run after startTimeout, also if the import of the module never ends", () =>
      Effect.gen(function*() {
        const [, failures] = yield* Parallel.partition([1, 2, 3], waits.task, { ...batch, timeout: 50 })

        assert.deepStrictEqual(failures.map((failure) => failure.index), [0, 1, 2])
        assert.match(crashOf(failures[0]).message, /could not be started: it began no input within 8 s/)
        assert.deepStrictEqual(yield* Parallel.forEach([1, 2], hostile.echo), [1, 2])
      }).pipe(Effect.provide(kind.layer({ workers: 1, startTimeout: "8 seconds" }))))

    it.live("because they end before that do not let a run continue forever", () =>
      Effect.gen(function*() {
        if (kind.name === "threads") return
        const inputs = Array.from({ length: 1000 }, (_, n) => n)
        const [[, failures], millis] = yield* timed(Parallel.partition(inputs, kills.task, { batchSize: 1 }))

        assert.strictEqual(failures.length, 1000)
        assert.match(crashOf(failures.at(-1)).message, /10 workers in a row ended before they began an input/)
        assert.isBelow(millis, 30_000)
        assert.deepStrictEqual(yield* Parallel.forEach([1, 2], hostile.echo), [1, 2])
      }).pipe(Effect.provide(kind.layer())))
  })
}

describe("a process that is stopped while it is idle", () => {
  const pid = hostile.pid(0)

  it.live("is ended if it does not begin an input in time; only that input is late", () =>
    Effect.gen(function*() {
      process.kill(yield* pid, "SIGSTOP")
      const [found, failures] = yield* Parallel.partition([1, 2, 3], hostile.pid, { ...batch, timeout: 300 })

      assert.strictEqual(failures.length, 1)
      assert.isTrue(Cause.isTimeoutError(errorOf(failures[0])))
      assert.strictEqual(found.length, 2)
    }).pipe(Effect.provide(kinds[1]!.layer({ workers: 1 }))))

  it.live("is ended after startTimeout if there is no timeout", () =>
    Effect.gen(function*() {
      process.kill(yield* pid, "SIGSTOP")
      const error = yield* Effect.flip(pid)

      assert.match(error.message, /it began no input within 8 s/)
      assert.isNumber(yield* pid)
    }).pipe(Effect.provide(kinds[1]!.layer({ workers: 1, startTimeout: "8 seconds" }))))
})
