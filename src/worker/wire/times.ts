/**
 * Times of a batch at its worker, as they cross: four of the batch, then start and end of each payload, or of all payloads of
 * a message together. They are one array of numbers, since a message with an object for them costs a call a twentieth more. All are milliseconds of the monotonic
 * clock of the machine.
 */

/**
 * Times of the batch by their place: when the worker had started and listened, when it had last ended a payload (0 if it
 * had none), when it received the batch, and when the module was imported and the layer built.
 */
const [upAt, freeAt, receivedAt, readyAt] = [0, 1, 2, 3]

/** Number of times before those of payloads. */
const head = 4

/** Number of times in a message with so many exits. One whose exits have no times of their own is like one with one exit. */
export const lengthOf = (exits: number): number => head + 2 * exits

export const startOf = (times: Float64Array, exit: number): number => times[head + 2 * exit]!

export const endOf = (times: Float64Array, exit: number): number => times[head + 2 * exit + 1]!

/** Milliseconds between the exits of a message that have no times of their own; undefined if they have. */
export const stepOf = (times: Float64Array, exits: number): number | undefined =>
  times.length === lengthOf(exits) ? undefined : (endOf(times, 0) - startOf(times, 0)) / exits

/** Times at which the program had called for a batch, and at which a worker got it. */
interface Called {
  readonly calledAt: number
  readonly assignedAt: number
}

/**
 * Computes what a batch waited for until it could begin, in milliseconds. Between two times of which the later is earlier,
 * since they are those of something that happened before, nothing was waited for.
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

/** The times of a batch as its worker writes them. */
export class BatchTimes {
  private readonly all: Float64Array
  /** True if each payload has times. */
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

  /** Notes when the batch can begin. If its task has begun here before, it has waited for no start since it came. */
  ready(at: number, isKnown: boolean): void {
    this.all[readyAt] = at
    if (isKnown) this.all[receivedAt] = at
  }

  /** Notes start and end of a payload, where each has times. */
  ran(payload: number, start: number, end: number): void {
    this.all[head + 2 * payload] = start
    this.all[head + 2 * payload + 1] = end
  }

  /** Copies the times of the batch, and of `count` payloads from one on, which have run between two times. */
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
