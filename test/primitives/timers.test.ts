import { assert, describe, it } from "@effect/vitest"
import { Cause, Clock, Context, Deferred, Duration, Effect, Layer, Logger, Random } from "effect"
import { TestClock } from "effect/testing"
import { Timers } from "../../src/primitives/timers.ts"
import { turn } from "../helpers.ts"

const makeAlarm = Effect.gen(function*() {
  const context = yield* Effect.context()
  return new Timers(yield* Clock.Clock, Effect.runForkWith(context))
})

describe("Timers", () => {
  it.effect("calls each action at its time, in order, unless it was cancelled", () =>
    Effect.gen(function*() {
      const timers = yield* makeAlarm
      const rung: Array<[at: number, millis: number]> = []
      const expected: Array<number> = []
      for (let n = 0; n < 500; n++) {
        const millis = yield* Random.nextIntBetween(1, 1000)
        const timer = timers.after(Duration.millis(millis), () => rung.push([timers.now(), millis]))
        if (yield* Random.nextBoolean) timers.cancel(timer)
        else expected.push(millis)
      }
      yield* TestClock.adjust("1 second")

      assert.deepStrictEqual(rung.map(([at]) => at), expected.toSorted((a, b) => a - b))
      assert.isTrue(rung.every(([at, millis]) => at === millis))
      yield* timers.close
    }))

  it.effect("does not call an action before `at` has returned, even if its time is past", () =>
    Effect.gen(function*() {
      const timers = yield* makeAlarm
      const log: Array<string> = []
      timers.after(Duration.millis(5), () => {
        timers.at(timers.now() - 1, () => log.push("nested"))
        log.push("outer")
      })
      timers.at(-1, () => log.push("past"))
      log.push("returned")
      yield* TestClock.adjust(5)

      assert.deepStrictEqual(log, ["returned", "past", "outer", "nested"])
      yield* timers.close
    }))

  it.effect("runs fibers that wake at the same time first", () =>
    Effect.gen(function*() {
      const sleepers: Array<() => void> = []
      let now = 0n
      const clock = Object.assign(Object.create(yield* Clock.Clock) as Clock.Clock, {
        monotonicTimeNanosUnsafe: () => now,
        sleep: () => Effect.callback<void>((resume) => void sleepers.push(() => resume(Effect.void)))
      })
      const timers = new Timers(clock, Effect.runForkWith(yield* Effect.context()))
      const log: Array<string> = []
      timers.at(10, () => log.push("timers"))
      yield* Effect.forkChild(
        Effect.andThen(clock.sleep(), Effect.sync(() => log.push("sleeper"))),
        {
          startImmediately: true
        }
      )
      now = 10_000_000n
      for (const wake of sleepers) wake()
      yield* turn

      assert.deepStrictEqual(log, ["sleeper", "timers"])
      yield* timers.close
    }))

  it.effect("calls the others if one throws, and passes its defect on", () =>
    Effect.gen(function*() {
      const defects: Array<unknown> = []
      const fork = Effect.runForkWith(yield* Effect.context())
      const timers = new Timers(yield* Clock.Clock, fork, (cause) => defects.push(Cause.squash(cause)))
      const rung: Array<number> = []
      for (const millis of [5, 5, 6, 8]) {
        timers.after(Duration.millis(millis), () => {
          rung.push(millis)
          if (rung.length === 1) throw new Error("first")
        })
      }
      yield* TestClock.adjust(6)
      timers.after(Duration.millis(1), () => rung.push(7))
      yield* TestClock.adjust(2)

      assert.deepStrictEqual(rung, [5, 5, 6, 7, 8])
      assert.deepStrictEqual(defects, [new Error("first")])
      yield* timers.close
    }))

  it.effect("logs the defect of an action that throws if nothing handles it", () =>
    Effect.gen(function*() {
      const logged: Array<string> = []
      const logger = Logger.make(({ cause }) => logged.push(Cause.pretty(cause)))
      const context = yield* Layer.build(Logger.layer([logger]))
      const timers = new Timers(yield* Clock.Clock, Effect.runForkWith(Context.merge(yield* Effect.context(), context)))
      timers.after(Duration.millis(5), () => {
        throw new Error("first")
      })
      yield* TestClock.adjust(6)

      assert.match(logged.join(), /first/)
      yield* timers.close
    }))

  it.effect("waits for times beyond a Node.js timer, and forever, without calling early", () =>
    Effect.gen(function*() {
      const timers = yield* makeAlarm
      const rung: Array<string> = []
      timers.after(Duration.infinity, () => rung.push("never"))
      timers.after(Duration.days(30), () => rung.push("30 days"))
      timers.after(Duration.days(3000), () => rung.push("3000 days"))
      yield* TestClock.adjust("29 days")
      timers.after(Duration.millis(5), () => rung.push("29 days"))
      yield* TestClock.adjust("12 hours")
      assert.deepStrictEqual(rung, ["29 days"])
      yield* TestClock.adjust("12 hours")
      assert.deepStrictEqual(rung, ["29 days", "30 days"])
      yield* TestClock.adjust("4000 days")
      assert.deepStrictEqual(rung, ["29 days", "30 days", "3000 days"])
      yield* timers.close
    }))

  it.live("waits on the runtime's clock for times beyond a Node.js timer, without a warning", () =>
    Effect.gen(function*() {
      const warnings: Array<unknown> = []
      const warned = (warning: unknown) => warnings.push(warning)
      process.on("warning", warned)
      const timers = yield* makeAlarm
      const rung: Array<string> = []
      for (const days of [25, 30, 3e6, Infinity]) timers.after(Duration.days(days), () => rung.push(`${days} days`))
      const soon = yield* Deferred.make<void>()
      timers.after(Duration.millis(30), () => Deferred.doneUnsafe(soon, Effect.void))
      yield* Deferred.await(soon)
      yield* turn
      process.off("warning", warned)

      assert.deepStrictEqual([rung, warnings], [[], []])
      yield* timers.close
    }))

  it.effect("ignores a cancellation after it is closed", () =>
    Effect.gen(function*() {
      const timers = yield* makeAlarm
      const appointments = [5, 7, 6].map((millis) => timers.after(Duration.millis(millis), () => {}))
      yield* timers.close

      for (const timer of appointments) timers.cancel(timer)
    }))

  it.effect("calls nothing after it is closed", () =>
    Effect.gen(function*() {
      const timers = yield* makeAlarm
      let rung = 0
      timers.after(Duration.millis(5), () => rung++)
      yield* timers.close
      timers.after(Duration.millis(5), () => rung++)
      yield* TestClock.adjust("1 hour")

      assert.strictEqual(rung, 0)
    }))
})
