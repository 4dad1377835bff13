/**
 * Times of a batch at its worker, in the form in which they cross: four times of the batch, then the start and the end
 * of each payload, or of all payloads of a message together. All are milliseconds of the machine's monotonic clock.
 * They are one array of numbers, because an object would make a call 5 % more expensive.
 */

/**
 * Places of the times of the batch: when the worker was ready to listen, when it last ended a payload (0 if it had
 * none), when it received the batch, and when the module was imported and the layer built.
 */
const [upAt, freeAt, receivedAt, readyAt] = [0, 1, 2, 3]

/** Number of times before those of payloads. */
const head = 4

/**
 * Returns the number of times in a message with this many exits. If exits have no times of their own, they count as
 * one.
 */
export const lengthOf = (exits: number): number => head + 2 * exits

export const startOf = (times: Float64Array, exit: number): number => times[head + 2 * exit]!

export const endOf = (times: Float64Array, exit: number): number => times[head + 2 * exit + 1]!

/**
 * Returns the milliseconds between exits of a message that have no times of their own. `undefined` if they have times.
 */
export const stepOf = (times: Float64Array, exits: number): number | undefined =>
  times.length === lengthOf(exits) ? undefined : (endOf(times, 0) - startOf(times, 0)) / exits

/** The times at which the program called for a batch and at which a worker got it. */
interface Called {
  readonly calledAt: number
  readonly assignedAt: number
}

/**
 * Computes how long a batch waited for each thing before it could begin, in milliseconds. A wait is zero if it would
 * end before it starts, because its end happened earlier, for another batch.
 */
export const deliveryOf = (
  times: Float64Array,
  { assignedAt, calledAt }: Called
): { readonly queue: number; readonly startup: number; readonly transfer: number } => {
  const startedAt = Math.max(assignedAt, times[upAt]!)
  const busyUntil = Math.max(startedAt, Math.min(times[freeAt]!, times[receivedAt]!))
  return {
    queue: assignedAt - calledAt + busyUntil - startedAt,
    startup: startedAt - assignedAt + Math.max(0, times[readyAt]! - times[receivedAt]!),
    transfer: Math.max(0, times[receivedAt]! - busyUntil)
  }
}

/** Records the times of a batch at its worker. */
export class BatchTimes {
  private readonly all: Float64Array
  /** True if each payload has its own times. */
  private readonly timed: boolean

  constructor(
    payloads: number,
    timed: boolean,
    came: { readonly upAt: number; readonly freeAt: number; readonly receivedAt: number }
  ) {
    this.timed = timed
    this.all = new Float64Array(lengthOf(timed ? payloads : 1))
    this.all[upAt] = came.upAt
    this.all[freeAt] = came.freeAt
    this.all[receivedAt] = came.receivedAt
  }

  /** Records when the batch can begin. If its task has begun here before, the batch has not waited for a start-up. */
  ready(at: number, isKnown: boolean): void {
    this.all[readyAt] = at
    if (isKnown) this.all[receivedAt] = at
  }

  /** Records the start and the end of a payload, if each has times. */
  ran(payload: number, start: number, end: number): void {
    this.all[head + 2 * payload] = start
    this.all[head + 2 * payload + 1] = end
  }

  /** Copies the times of the batch and of `count` payloads from `from` on, which ran between `since` and `until`. */
  slice(from: number, count: number, since: number, until: number): Float64Array {
    if (!this.timed) {
      this.ran(0, since, until)
      return this.all.slice()
    }
    if (from === 0) return this.all.slice(0, lengthOf(count))
    const copy = new Float64Array(lengthOf(count))
    copy.set(this.all.subarray(0, head))
    copy.set(this.all.subarray(lengthOf(from), lengthOf(from + count)), head)
    return copy
  }
}
