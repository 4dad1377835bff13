import { assert, describe, it } from "@effect/vitest"
import { Clock, Duration, Effect, Random } from "effect"
import { TestClock } from "effect/testing"
import { Alarm } from "../../src/primitives/timers.ts"
import { turn } from "../helpers.ts"

const makeAlarm = Effect.gen(function*() {
  const context = yield* Effect.context()
  return new Alarm(yield* Clock.Clock, Effect.runForkWith(context))
})

describe("Alarm", () => {
  it.effect("calls each action at its time, in order, unless it was cancelled", () =>
    Effect.gen(function*() {
      const alarm = yield* makeAlarm
      const rung: Array<[at: number, millis: number]> = []
      const expected: Array<number> = []
      for (let n = 0; n < 500; n++) {
        const millis = yield* Random.nextIntBetween(1, 1000)
        const appointment = alarm.after(Duration.millis(millis), () => rung.push([alarm.now(), millis]))
        if (yield* Random.nextBoolean) alarm.cancel(appointment)
        else expected.push(millis)
      }
      yield* TestClock.adjust("1 second")

      assert.deepStrictEqual(rung.map(([at]) => at), expected.toSorted((a, b) => a - b))
      assert.isTrue(rung.every(([at, millis]) => at === millis))
      yield* alarm.close
    }))

  it.effect("does not call an action before `at` has returned, even if its time is past", () =>
    Effect.gen(function*() {
      const alarm = yield* makeAlarm
      const log: Array<string> = []
      alarm.after(Duration.millis(5), () => {
        alarm.at(alarm.now() - 1, () => log.push("nested"))
        log.push("outer")
      })
      alarm.at(-1, () => log.push("past"))
      log.push("returned")
      yield* TestClock.adjust(5)

      assert.deepStrictEqual(log, ["returned", "past", "outer", "nested"])
      yield* alarm.close
    }))

  it.effect("lets go first what wakes at the same instant", () =>
    Effect.gen(function*() {
      const sleepers: Array<() => void> = []
      let now = 0n
      const clock = Object.assign(Object.create(yield* Clock.Clock) as Clock.Clock, {
        monotonicTimeNanosUnsafe: () => now,
        sleep: () => Effect.callback<void>((resume) => void sleepers.push(() => resume(Effect.void)))
      })
      const alarm = new Alarm(clock, Effect.runForkWith(yield* Effect.context()))
      const log: Array<string> = []
      alarm.at(10, () => log.push("alarm"))
      yield* Effect.forkChild(
        Effect.andThen(clock.sleep(), Effect.sync(() => log.push("sleeper"))),
        {
          startImmediately: true
        }
      )
      now = 10_000_000n
      for (const wake of sleepers) wake()
      yield* turn

      assert.deepStrictEqual(log, ["sleeper", "alarm"])
      yield* alarm.close
    }))

  it.effect("forgets what is cancelled after it is closed", () =>
    Effect.gen(function*() {
      const alarm = yield* makeAlarm
      const appointments = [5, 7, 6].map((millis) => alarm.after(Duration.millis(millis), () => {}))
      yield* alarm.close

      for (const appointment of appointments) alarm.cancel(appointment)
    }))

  it.effect("calls nothing after it is closed", () =>
    Effect.gen(function*() {
      const alarm = yield* makeAlarm
      let rung = 0
      alarm.after(Duration.millis(5), () => rung++)
      yield* alarm.close
      alarm.after(Duration.millis(5), () => rung++)
      yield* TestClock.adjust("1 hour")

      assert.strictEqual(rung, 0)
    }))
})
