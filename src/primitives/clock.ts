/**
 * The monotonic clock as numbers.
 *
 * A reading of Effect's clock is a bigint. The conversion costs as much as the reading itself, and the clock is read
 * for every input. The runtime's own clock is therefore read as a number, unless another clock is provided.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"

/** The runtime's clock in milliseconds. Kept here because the global is a getter, which costs a fifth of a reading. */
export const timer = globalThis.performance

const runtimeClock = Context.get(Context.empty(), Clock.Clock)

/**
 * Makes a function that reads a clock: whole nanoseconds since an origin that is the same for all readers of that
 * clock.
 */
export const nanoClock = (clock: Clock.Clock): () => number =>
  clock === runtimeClock
    ? () => Math.round(timer.now() * 1e6)
    : () => Number(clock.monotonicTimeNanosUnsafe())
