/**
 * The runtime's clock, and its comparison with another clock. Does not import Effect, so that a worker can boot with
 * it.
 */

/** The runtime's clock in milliseconds. Kept here because the global is a getter, which costs a fifth of a reading. */
export const timer = globalThis.performance

/**
 * Number of comparisons. The best one counts, since in any of them the thread may lose its core between two readings.
 */
const comparisons = 8

/**
 * Returns the number to add to a time of `timer` to get that of another clock that runs at the same rate, both in
 * milliseconds. The error is at most half the time of the best comparison, a few hundred nanoseconds.
 */
export const epochOf = (read: () => number): number => {
  let best = Infinity
  let epoch = 0
  for (let k = 0; k < comparisons; k++) {
    const before = timer.now()
    const other = read()
    const after = timer.now()
    if (after - before < best) {
      best = after - before
      epoch = other - (before + after) / 2
    }
  }
  return epoch
}
