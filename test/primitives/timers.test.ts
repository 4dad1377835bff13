import { assert, describe, it } from "@effect/vitest"
import { Clock, Duration, Effect, Random } from "effect"
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

  it.effect("lets go first what wakes at the same instant", () =>
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

  it.effect("forgets what is cancelled after it is closed", () =>
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
