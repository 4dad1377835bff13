import { assert, describe, it, layer } from "@effect/vitest"
import { Cause, Effect, Exit, Layer } from "effect"
import { Backend, Parallel, Report } from "effect-parallel"
import * as v8 from "node:v8"
import * as vm from "node:vm"
import { Chromium, hasBrowser, open } from "../../report/browser.ts"
import * as tasks from "../stackTasks.ts"
import { kinds } from "../workerKinds.ts"

const causeOf = <A, E>(effect: Effect.Effect<A, E>): Effect.Effect<Cause.Cause<E>> =>
  Effect.map(Effect.exit(effect), (exit) => Exit.isFailure(exit) ? exit.cause : assert.fail("it has succeeded"))

const everywhere = [...kinds, { name: "fibers", layer: () => Layer.empty }]

/** The position in this file, or in the file of the tasks, that a line of a stack shows. */
const at = (file: "stackTasks" | "stacks.test"): RegExp => new RegExp(`^ +at .*${file}\\.ts:\\d+:\\d+\\)?$`, "m")

/** The lines of a stack from files of the program, each as function and file. */
const placesOf = (text: string): ReadonlyArray<string> =>
  text.split("\n").flatMap((line) => {
    const file = ["stackTasks", "stacks.test"].find((file) => line.includes(`${file}.ts:`))
    return file === undefined ? [] : [`${line.trim().replace(/^at /, "").split(" (")[0]} in ${file}`]
  })

for (const { layer: backend, name } of everywhere) {
  layer(backend(), { excludeTestServices: true })(`the stack of a failure from ${name}`, (it) => {
    it.effect("names file and line of the task, with and without a schema for the error", () =>
      Effect.gen(function*() {
        const failing: ReadonlyArray<Effect.Effect<unknown, unknown>> = [
          tasks.judge(3),
          tasks.judgeInGenerator(3),
          tasks.throws("no"),
          Parallel.forEach([3], tasks.judge),
          Parallel.forEach([3], tasks.judgeInGenerator),
          Parallel.forEach([3], tasks.judge, { spans: true, retry: { times: 1 } }),
          Parallel.validate([3], tasks.judge).pipe(
            Effect.mapError(({ failures: [failure] }) => Cause.squash(failure.cause))
          )
        ]
        for (const each of failing) {
          const cause = yield* causeOf(each)
          assert.match(Cause.pretty(cause), at("stackTasks"))
          assert.match((Cause.squash(cause) as Error).stack!, at("stackTasks"))
        }
        const error = yield* Effect.flip(tasks.judge(3))
        assert.instanceOf(error, tasks.TooShort)
        assert.strictEqual(error.message, "only 3 words")
        assert.match(error.stack!, /^TooShort: only 3 words\n/)
        assert.notInclude(error.stack!, "Schema.")
      }))

    it.effect("shows where the program called, through tasks that called tasks", () =>
      Effect.gen(function*() {
        const one = placesOf(Cause.pretty(yield* causeOf(tasks.judgesOne(3))))
        const all = placesOf(Cause.pretty(yield* causeOf(Parallel.forEach([[3]], tasks.judgesAll))))
        const plain = placesOf(Cause.pretty(yield* causeOf(tasks.failsPlainly("no error"))))

        assert.deepStrictEqual(one.slice(-2), ["task judge in stackTasks", "task judgesOne in stacks.test"])
        assert.deepStrictEqual(all.slice(-2), ["task judge in stackTasks", "task judgesAll in stacks.test"])
        assert.include(one[0], "refuse")
        assert.include(all[0], "refuse")
        assert.deepStrictEqual(plain, ["task failsPlainly in stacks.test"])
      }))

    it.effect("of a BackendError is the place of the call", () =>
      Effect.gen(function*() {
        const called = function*() {
          const alone = yield* Effect.flip(tasks.judge("three" as never))
          const report = yield* Parallel.run([20, 1.5, 30], tasks.judge)
          const traced = yield* Parallel.run([20, 1.5, 30], tasks.judge, { spans: true })
          return [alone, ...[report, traced].map(({ failures: [failure] }) => Cause.squash(failure!.cause))]
        }
        for (const error of yield* Effect.gen(called)) {
          assert.instanceOf(error, Backend.BackendError)
          const [head, ...frames] = error.stack!.split("\n")
          assert.match(head!, /^BackendError: task judge/)
          assert.isAtLeast(frames.length, 1)
          assert.match(frames[0]!, at("stacks.test"))
          assert.match(Cause.pretty(Cause.fail(error)), at("stacks.test"))
        }
      }))

    it.effect("is in the text and JSON of a report; the text leaves out frames of libraries", () =>
      Effect.gen(function*() {
        const report = yield* Parallel.run([20, 3], tasks.judgeInGenerator)
        const text = Report.toText(report, { causes: true })
        const json = JSON.stringify(Report.toJson(report))

        assert.match(text, at("stackTasks"))
        assert.match(text, at("stacks.test"))
        assert.match(json, /stackTasks\.ts:\d+:\d+/)
        assert.match(json, /task judgeInGenerator \([^)]*stacks\.test\.ts:\d+:\d+/)
        assert.notMatch(text, /node_modules.*\n.*node_modules/)
      }))

    it.effect("does no harm if it is malformed", () =>
      Effect.gen(function*() {
        const report = yield* Parallel.run(["none", "number", "throws", "long"] as const, tasks.oddStack)
        for (const { cause } of report.failures) {
          const error = Cause.squash(cause)
          assert.strictEqual((error as { readonly _tag: string })._tag, "Odd")
        }
        assert.strictEqual(report.failures.length, 4)
        assert.isBelow(Report.toText(report, { causes: true }).length, 100_000)
      }))
  })
}

describe("the stack of a failure", () => {
  it.effect("keeps nothing else in memory while the failure is kept", () =>
    Effect.gen(function*() {
      v8.setFlagsFromString("--expose-gc")
      const gc = vm.runInNewContext("gc") as () => void
      class Large {
        readonly bytes = new Uint8Array(1_000_000)
        call() {
          return Effect.exit(tasks.judge("three" as never))
        }
        run() {
          return Parallel.run(["three" as never], tasks.judge)
        }
      }
      const kept: Array<unknown> = []
      const large: Array<WeakRef<Large>> = []
      const fill = Effect.gen(function*() {
        const one = new Large()
        large.push(new WeakRef(one))
        kept.push(yield* one.call(), yield* one.run())
      })
      yield* fill
      for (let turn = 0; turn < 5; turn++) {
        yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
        gc()
      }
      assert.strictEqual(kept.length, 2)
      assert.isUndefined(large[0]!.deref())
    }))

  it.effect("does no harm if a program formats stacks itself", () =>
    Effect.gen(function*() {
      const before: unknown = Reflect.get(Error, "prepareStackTrace")
      Error.prepareStackTrace = () => {
        throw new Error("no stacks here")
      }
      const report = yield* Effect.ensuring(
        Parallel.run([20, "three" as never, 30], tasks.judge),
        Effect.sync(() => void Reflect.set(Error, "prepareStackTrace", before))
      )
      assert.deepStrictEqual(report.values, [20, 30])
    }))

  it.effect("of a refused call inside a task is that place, and errors of others are unchanged", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(tasks.callsWrongly(1))
      assert.match((error as Error).stack!, at("stackTasks"))
      assert.notMatch((error as Error).stack!, at("stacks.test"))

      const report = yield* Parallel.run([1, 2], tasks.failsConstantly)
      const [first, second] = report.failures.map(({ cause }) => Cause.squash(cause))
      assert.strictEqual(first, second)
      assert.notInclude((first as Error).stack!, "made here")
      assert.include((first as Error).stack!, "always the same")
    }))

  it.effect("is unchanged if the program switched stacks off, or the error is frozen", () =>
    Effect.gen(function*() {
      const limit = Error.stackTraceLimit
      Error.stackTraceLimit = 0
      const cause = yield* causeOf(tasks.judge("three" as never))
      assert.strictEqual(Error.stackTraceLimit, 0)
      Error.stackTraceLimit = limit
      assert.match(Cause.pretty(cause), /task judge/)

      const frozen = Object.freeze(new TypeError("frozen"))
      const same = yield* Effect.flip(tasks.failsPlainly(frozen))
      assert.strictEqual(same, frozen)
    }))

  it.effect("of a function is unchanged: no frame is added", () =>
    Effect.gen(function*() {
      const cause = yield* causeOf(Parallel.forEach([1], () => Effect.fail("no")))
      assert.deepStrictEqual(cause, Cause.fail("no"))
    }))
})

const title = `the stack on the page of a report${hasBrowser ? "" : " (skipped: there is no Chromium)"}`

describe.skipIf(!hasBrowser)(title, () => {
  it.live.each(kinds)("names file and line of the task, from $name", ({ layer: backend }) =>
    Effect.gen(function*() {
      const report = yield* Parallel.run([20, 3], tasks.judgeInGenerator).pipe(Effect.provide(backend()))
      const { page } = yield* open(Report.toHtml(report))
      yield* Effect.promise(() => page.locator("#failures button").first().click())
      const text = yield* Effect.promise(() => page.locator("dialog pre").textContent())

      assert.match(text!, at("stackTasks"))
      assert.match(text!, at("stacks.test"))
    }).pipe(Effect.scoped, Effect.provide(Chromium.layer)))
})
