/**
 * The monotonic clock as numbers.
 *
 * A reading of Effect's clock is a bigint, which costs as much again as the reading itself, and every input is clocked.
 * The runtime's own clock is therefore read as a number where nobody has put another in its place.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"

/** What the runtime's clock reads, in milliseconds. A global is looked up by a getter, which costs a fifth of a reading. */
export const timer = globalThis.performance

const runtimeClock = Context.get(Context.empty(), Clock.Clock)

/** Reads a clock: whole nanoseconds from a point that is the same for all who read it. */
export const nanoClock = (clock: Clock.Clock): () => number =>
  clock === runtimeClock
    ? () => Math.round(timer.now() * 1e6)
    : () => Number(clock.monotonicTimeNanosUnsafe())
