import { assert, describe, it } from "@effect/vitest"
import { Cause, type Duration, Effect, Exit, Fiber, Layer, Logger, Scope } from "effect"
import { Parallel, Progress } from "effect-parallel"
import { TestClock } from "effect/testing"
import { Writable } from "node:stream"
import { make as makeTerminal, stderr as terminalOfProgram } from "../../src/observability/terminal.ts"
import { turn } from "../helpers.ts"
import { values } from "../hostile.ts"

type Show = (snapshots: ReadonlyArray<Progress.Snapshot>) => Effect.Effect<void>

/** A logger that keeps warnings, and the layer that sets it. */
const recorder = () => {
  const warnings: Array<string> = []
  const logger = Logger.make(({ cause, logLevel, message }) => {
    if (logLevel === "Warn") warnings.push(`${String(message)} ${Cause.pretty(cause)}`)
  })
  return { warnings, layer: Logger.layer([logger]) }
}

/** A watched run of ten sequential inputs that takes a second. */
const second = Parallel.run(Array.from({ length: 10 }, (_, n) => n), (n) => Effect.as(Effect.sleep("100 millis"), n), {
  concurrency: 1,
  name: "second"
})

/** Moves the clock by a second, and by more if a run waits for its progress. */
const ended = <A, E>(run: Effect.Effect<A, E>, wait: Duration.Input = "1 seconds") =>
  Effect.gen(function*() {
    const fiber = yield* Effect.forkChild(run)
    yield* TestClock.adjust(wait)
    const exit = fiber.pollUnsafe()
    if (exit === undefined) yield* Fiber.interrupt(fiber)
    return exit
  })

const boom = (): never => {
  throw new Error("thrown by the progress")
}

/** Ways in which a progress goes wrong immediately. */
const broken: ReadonlyArray<readonly [name: string, show: Show]> = [
  ["dies", () => Effect.die(new Error("no"))],
  ["throws", boom],
  ["fails", () => Effect.fail("no") as never],
  ["interrupts itself", () => Effect.interrupt],
  ["ends its fiber", () => Effect.withFiber((fiber) => Effect.sync(() => fiber.interruptUnsafe()))],
  ["ends its fiber and waits", () =>
    Effect.withFiber((fiber) =>
      Effect.suspend(() => {
        fiber.interruptUnsafe()
        return Effect.never
      })
    )],
  ["dies later", () => Effect.andThen(Effect.sleep("10 millis"), Effect.die("no"))],
  ["returns no effect", () => 5 as never],
  ["returns nothing", () => undefined as never]
]

describe("a progress that goes wrong", () => {
  for (const [name, show] of broken) {
    it.effect(`does not affect the run, is called again and logged once: it ${name}`, () =>
      Effect.gen(function*() {
        let calls = 0
        const { layer, warnings } = recorder()
        const watch = Progress.layerCallback((snapshots) => {
          calls++
          return show(snapshots)
        })
        const exit = yield* ended(Effect.provide(second, [watch, layer]), "1100 millis")

        assert.isTrue(exit !== undefined && Exit.isSuccess(exit))
        assert.isAtLeast(calls, 9)
        assert.strictEqual(warnings.length, 1)
        assert.match(warnings[0]!, /^progress could not be shown/)
      }))
  }

  it.effect("shows the run again after it has died once", () =>
    Effect.gen(function*() {
      const told: Array<string> = []
      const watch = Progress.layerCallback((snapshots) => {
        told.push(...snapshots.map(({ done, state }) => `${state} ${done}`))
        return told.length === 1 ? Effect.die("no") : Effect.void
      })
      const exit = yield* ended(Effect.provide(second, watch))

      assert.isTrue(exit !== undefined && Exit.isSuccess(exit))
      assert.deepStrictEqual([told.length, told.at(-1)], [10, "done 10"])
    }))

  it.effect("is logged with any defect", () =>
    Effect.gen(function*() {
      for (const [, value] of values) {
        const { layer, warnings } = recorder()
        const watch = Progress.layerCallback(() => Effect.die(value))
        const exit = yield* Effect.exit(
          Effect.provide(Parallel.run([1], Effect.succeed), [watch, layer])
        )

        assert.deepStrictEqual([exit._tag, warnings.length], ["Success", 1])
      }
    }))

  it.effect("does not change the failure of a run", () =>
    Effect.gen(function*() {
      const watch = Progress.layerCallback(() => Effect.die("of the progress"))
      const exit = yield* Effect.exit(Effect.provide(Parallel.forEach([1], () => Effect.fail("of the run")), watch))

      assert.deepStrictEqual(exit, Exit.fail("of the run"))
    }))

  it.effect("may start runs, which are not watched", () =>
    Effect.gen(function*() {
      const told: Array<string> = []
      const watch = Progress.layerCallback((snapshots) => {
        told.push(...snapshots.map(({ name }) => name))
        return Effect.asVoid(
          Parallel.forEach([1, 2], (n) => Effect.delay(Effect.succeed(n), "1 millis"), { name: "own" })
        )
      })
      const exit = yield* ended(Effect.provide(second, watch), "1100 millis")

      assert.isTrue(exit !== undefined && Exit.isSuccess(exit))
      assert.deepStrictEqual([...new Set(told)], ["second"])
    }))
})

describe("a progress that does not end", () => {
  const never: ReadonlyArray<readonly [name: string, wait: Effect.Effect<void>]> = [
    ["waits", Effect.never],
    ["waits and cannot be interrupted", Effect.uninterruptible(Effect.never)]
  ]
  for (const [name, wait] of never) {
    it.effect(`delays only the first run, by five seconds, and not the end of its layer: it ${name}`, () =>
      Effect.gen(function*() {
        let [calls, interrupted] = [0, 0]
        const { layer, warnings } = recorder()
        const scope = yield* Scope.make()
        const watch = yield* Layer.buildWithScope(
          Progress.layerCallback(() =>
            Effect.onInterrupt(
              Effect.suspend(() => {
                calls++
                return wait
              }),
              () => Effect.sync(() => interrupted++)
            )
          ),
          scope
        )
        const run = Effect.provide(second, [Layer.succeedContext(watch), layer])
        const fiber = yield* Effect.forkChild(run)
        yield* TestClock.adjust("5900 millis")
        const before = fiber.pollUnsafe()
        yield* TestClock.adjust("100 millis")
        const after = fiber.pollUnsafe()
        const next = yield* ended(run)
        const closing = yield* ended(Scope.close(scope, Exit.void), 0)

        assert.strictEqual(before, undefined)
        assert.isTrue(after !== undefined && Exit.isSuccess(after))
        assert.isTrue(next !== undefined && Exit.isSuccess(next))
        assert.isTrue(closing !== undefined && Exit.isSuccess(closing))
        assert.strictEqual(interrupted, name === "waits" ? 1 : 0)
        assert.strictEqual(warnings.length, 1)
        assert.match(warnings[0]!, /^progress was not shown within 5 seconds/)
        if (name !== "waits") assert.strictEqual(calls, 1)
      }))
  }

  it.effect("is waited for if it is slow but in time, and then gets the end of the run", () =>
    Effect.gen(function*() {
      const told: Array<string> = []
      const watch = Progress.layerCallback((snapshots) => {
        told.push(...snapshots.map(({ state }) => state))
        return Effect.sleep("2 seconds")
      })
      const fiber = yield* Effect.forkChild(Effect.provide(second, watch))
      yield* TestClock.adjust("4 seconds")
      const early = fiber.pollUnsafe()
      yield* TestClock.adjust("100 millis")
      const exit = fiber.pollUnsafe()

      assert.strictEqual(early, undefined)
      assert.isTrue(exit !== undefined && Exit.isSuccess(exit))
      assert.deepStrictEqual(told, ["running", "done"])
    }))

  it.effect("does not delay an interrupted run longer", () =>
    Effect.gen(function*() {
      const fiber = yield* Effect.forkChild(Effect.provide(second, Progress.layerCallback(() => Effect.never)))
      yield* TestClock.adjust("500 millis")
      const interrupting = yield* Effect.forkChild(Fiber.interrupt(fiber))
      yield* TestClock.adjust("5 seconds")

      assert.isTrue(interrupting.pollUnsafe() !== undefined)
    }))

  it.effect("gets later snapshots after a slow call has ended", () =>
    Effect.gen(function*() {
      const told: Array<string> = []
      const scope = yield* Scope.make()
      const watch = yield* Layer.buildWithScope(
        Progress.layerCallback((snapshots) => {
          told.push(...snapshots.map(({ name, state }) => `${name} ${state}`))
          return told.length === 1 ? Effect.never : Effect.void
        }),
        scope
      )
      yield* ended(Effect.provide(second, watch), "6 seconds")
      yield* TestClock.adjust("1 seconds")
      const shown = [...told]
      yield* ended(Effect.provide(second, watch))

      assert.deepStrictEqual(shown, ["second running", "second done"])
      assert.strictEqual(told.at(-1), "second done")
      assert.isAbove(told.length, 9)
    }))
})

describe("Progress.layerLog", () => {
  it.effect("does not affect a run if a logger throws", () =>
    Effect.gen(function*() {
      const logger = Logger.layer([Logger.make(boom)])
      const watch = Progress.layerLog({ after: "10 millis" })
      const exit = yield* ended(Effect.provide(second, [watch, logger]))

      assert.isTrue(exit !== undefined && Exit.isSuccess(exit))
    }))
})

describe("a terminal that is gone", () => {
  it.effect("affects neither the run nor other output, and is not drawn on any more", () =>
    Effect.gen(function*() {
      let [writes, written] = [0, 0]
      let other: (write: () => void, endsLine: boolean) => void = boom
      const progress = yield* makeTerminal({
        write: () => {
          writes++
          throw new Error("EPIPE")
        },
        columns: () => 80,
        rows: () => 24,
        colour: false,
        around: (around) => {
          other = around
          return () => {}
        }
      })
      const exit = yield* ended(Effect.provideService(second, Progress.Progress, progress))
      other(() => written++, true)

      assert.isTrue(exit !== undefined && Exit.isSuccess(exit))
      assert.deepStrictEqual([writes, written], [1, 1])
    }).pipe(Effect.scoped))

  it("treats a terminal without a size as one of 80 columns and 24 rows", () => {
    const own = Object.getOwnPropertyDescriptor(process, "stderr")!
    Object.defineProperty(process, "stderr", { value: { isTTY: true, columns: 0, rows: 0 }, configurable: true })
    try {
      const screen = terminalOfProgram()!

      assert.deepStrictEqual([screen.columns(), screen.rows()], [80, 24])
    } finally {
      Object.defineProperty(process, "stderr", own)
    }
  })

  it.effect("does not end the program by the error event of its stream", () =>
    Effect.gen(function*() {
      let writes = 0
      const stderr = Object.assign(
        new Writable({
          write: (_chunk, _encoding, done) => {
            writes++
            done(Object.assign(new Error("write EPIPE"), { code: "EPIPE" }))
          }
        }),
        { isTTY: true, columns: 80, rows: 24 }
      )
      const thrown: Array<unknown> = []
      const onThrown = (error: unknown) => void thrown.push(error)
      const own = Object.getOwnPropertyDescriptor(process, "stderr")!
      yield* Effect.acquireRelease(
        Effect.sync(() => {
          Object.defineProperty(process, "stderr", { value: stderr, configurable: true })
          process.on("uncaughtException", onThrown)
        }),
        () =>
          Effect.sync(() => {
            Object.defineProperty(process, "stderr", own)
            process.off("uncaughtException", onThrown)
          })
      )
      const exit = yield* ended(Effect.provide(second, Progress.layer))
      yield* Effect.repeat(turn, { times: 5 })

      assert.isTrue(exit !== undefined && Exit.isSuccess(exit))
      assert.deepStrictEqual(thrown, [])
      assert.strictEqual(writes, 1)
    }).pipe(Effect.scoped))
})
