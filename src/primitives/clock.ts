/**
 * The monotonic clock as numbers.
 *
 * A reading of Effect's clock is a bigint. The conversion costs as much as the reading itself, and the clock is read
 * for every input. The runtime's own clock is therefore read as a number, unless another clock is provided.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import { epochOf, timer } from "./monotonic.ts"

const runtimeClock = Context.get(Context.empty(), Clock.Clock)

/** Reads the monotonic time of Effect's clock in milliseconds. */
const monotonicMillis = (clock: Clock.Clock): number => Number(clock.monotonicTimeNanosUnsafe()) / 1e6

/** Offset from `timer` to the monotonic time of Effect's own clock, in milliseconds. */
const runtimeEpoch = epochOf(() => monotonicMillis(runtimeClock))

/** Returns true if a clock is Effect's own, which runs in real time. */
export const isRuntimeClock = (clock: Clock.Clock): boolean => clock === runtimeClock

/** True if a clock is moved by a test. It is not compared with `TestClock`, which programs do not load. */
export const isTestClock = (clock: Clock.Clock): boolean => clock !== runtimeClock && "adjust" in clock

/**
 * Makes a function that reads a clock as whole nanoseconds, since an origin that is the same for all readers of that
 * clock.
 */
export const nanoClock = (clock: Clock.Clock): () => number =>
  isRuntimeClock(clock)
    ? () => Math.round(timer.now() * 1e6)
    : () => Number(clock.monotonicTimeNanosUnsafe())

/** Makes a function that converts a monotonic time of a clock, in milliseconds, to a time of its `nanoClock`. */
export const nanosOf = (clock: Clock.Clock): (millis: number) => number =>
  isRuntimeClock(clock)
    ? (millis) => Math.round((millis - runtimeEpoch) * 1e6)
    : (millis) => Math.round(millis * 1e6)

/**
 * Returns the number to add to a time of Effect's own clock to get that of another clock, in milliseconds. A clock that
 * does not run in real time has no such offset: then the result is only good for times that are near.
 */
export const offsetTo = (clock: Clock.Clock): number =>
  isRuntimeClock(clock) ? 0 : epochOf(() => monotonicMillis(clock)) - runtimeEpoch

/** Makes a function that reads the monotonic time of a clock in milliseconds, fractions included. */
export const monotonicClock = (clock: Clock.Clock): () => number =>
  isRuntimeClock(clock) ? () => timer.now() + runtimeEpoch : () => monotonicMillis(clock)

/** Converts to milliseconds, rounded to the microsecond. Further digits carry no information and take space. */
export const millis = (duration: Duration.Duration): number => Math.round(Duration.toMillis(duration) * 1000) / 1000
