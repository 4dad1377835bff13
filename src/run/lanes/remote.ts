/**
 * Times of attempts on a backend: what the backend has reported, converted to the clock of the run.
 *
 * The reports of a backend are not trusted: a start is moved to between dispatch and report, and an end to between
 * start and report.
 */
import type * as Backend from "../../Backend.ts"
import { add, type MessageWaits, noWaits, type WaitedNanos } from "../../outcome/waits.ts"
import type { AttemptContext, AttemptStart, Item, RemoteAttempt } from "../inputs/item.ts"

/** Clock of a run, with the start of the run, all in nanoseconds. */
export interface RunClock {
  readonly time: () => number
  /** Converts a time of Effect's monotonic clock, in milliseconds. */
  readonly nanosOf: (millis: number) => number
  readonly beganAt: number
}

/** Returns true if a value is an integer of at least 0. */
export const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0

const clamp = (value: number, least: number, most: number): number => Math.max(least, Math.min(value, most))

/** Returns the start of an attempt that is reported `now`. */
export const startOf = (clock: RunClock, told: number | undefined, dispatchedAt: number, now: number): number =>
  Number.isFinite(told) ? clamp(clock.nanosOf(told!), dispatchedAt, now) : dispatchedAt

/** Returns the milliseconds between two times that a backend reports. Returns undefined if it does not report them. */
export const durationOf = (startedAt: number | undefined, endedAt: number | undefined): number | undefined => {
  const millis = endedAt! - startedAt!
  return Number.isFinite(millis) && millis >= 0 ? millis : undefined
}

/** Returns the end of an attempt that is reported `now`. */
export const endOf = (clock: RunClock, told: number | undefined, beganAt: number, now: number): number =>
  Number.isFinite(told) ? clamp(clock.nanosOf(told!), beganAt, now) : now

/**
 * The trip of a message with exits: what is known of the waits of all attempts in it. Times are in nanoseconds since
 * the start of the run.
 */
export class MessageWay implements MessageWaits {
  private readonly readyAt: number
  private readonly reportedAt: number
  private readonly waits: WaitedNanos

  /**
   * Makes the trip of a message that arrives `now`, with exits of attempts that were dispatched at `dispatchedAt` after
   * a wait for limits.
   */
  constructor({ beganAt }: RunClock, delivery: Backend.Delivery, dispatchedAt: number, now: number, limit = 0) {
    const most = now - dispatchedAt
    const queue = nanos(delivery.queue, most)
    const startup = nanos(delivery.startup, most)
    const transfer = nanos(delivery.transfer, most)
    this.readyAt = dispatchedAt - beganAt + queue + startup + transfer
    this.reportedAt = now - beganAt
    this.waits = { ...noWaits, limit, queue, startup, transfer }
  }

  /**
   * Computes the waits of an attempt. It queued from when its worker was ready until it started; its exit was in
   * transfer from its end until the report.
   */
  readonly waited = (startedAt: number, endedAt: number): WaitedNanos => {
    const { limit, queue, startup, transfer } = this.waits
    // the reported parts of the trip cannot have taken longer than the attempt had to wait
    const excess = Math.max(0, this.readyAt - startedAt)
    const behind = Math.max(0, startedAt - this.readyAt)
    const back = Math.max(0, this.reportedAt - endedAt)
    return {
      ...noWaits,
      limit,
      queue: Math.max(0, queue - excess) + behind,
      startup: Math.max(0, startup - Math.max(0, excess - queue)),
      transfer: Math.max(0, transfer - Math.max(0, excess - queue - startup)) + back
    }
  }
}

/** Returns a reported wait in nanoseconds, within what is possible. */
const nanos = (millis: unknown, most: number): number =>
  Number.isFinite(millis) ? clamp(Math.round((millis as number) * 1e6), 0, most) : 0

const nothingTold: Backend.Delivery = { queue: 0, startup: 0, transfer: 0 }

/** Records on an attempt what its backend reports of it. */
export class RemoteClock<I> {
  private readonly clock: RunClock
  private readonly item: Item<I>
  private readonly context: AttemptContext
  private readonly remote: RemoteAttempt

  /** Begins an attempt, which is dispatched now. */
  constructor(clock: RunClock, item: Item<I>, context: AttemptContext) {
    const { waits, worker } = context
    this.clock = clock
    this.item = item
    this.context = context
    if (item.attempts <= 1) {
      item.history = undefined
      item.placed = false
    }
    this.remote = { worker, waits, tells: false, dispatchedAt: clock.time(), beganAt: Infinity, endedAt: undefined }
    context.remote = this.remote
  }

  /** Records a start that was lost with its worker. Another start follows immediately, and counts as well. */
  private lost({ startedAt, worker }: Backend.Told): void {
    const { clock, item, remote } = this
    const now = clock.time()
    const beganAt = startOf(clock, startedAt, remote.dispatchedAt, now)
    place(item, beganAt)
    item.endedAt = now
    item.attempts++
    item.record({ worker: isCount(worker) ? worker : remote.worker, beganAt, waits: remote.waits }, "Lost", undefined)
  }

  /** Takes a report of the backend. Without a start, the attempt ran from its dispatch. */
  readonly told: Backend.OnAttempt = (told) => {
    // the lane has continued with another attempt
    if (this.context.remote !== this.remote) return
    if (told.isLost === true) return this.lost(told)
    const { delivery, endedAt, startedAt, worker } = told
    const { clock, context, item, remote } = this
    const { dispatchedAt } = remote
    const now = clock.time()
    const beganAt = startOf(clock, startedAt, dispatchedAt, now)
    const end = endOf(clock, endedAt, beganAt, now)
    const way = startedAt === undefined
      ? noWaits
      : new MessageWay(clock, delivery ?? nothingTold, dispatchedAt, now).waited(
        beganAt - clock.beganAt,
        end - clock.beganAt
      )
    place(item, beganAt)
    remote.tells = delivery !== undefined
    if (isCount(worker)) remote.worker = worker
    remote.waits = context.waits === undefined ? way : add(context.waits, way)
    remote.beganAt = beganAt
    remote.endedAt = end
  }
}

/** Sets the start of an item to the start of its first attempt for which one is known. */
const place = (item: Item<unknown>, beganAt: number): void => {
  item.startedAt = item.placed ? Math.min(item.startedAt, beganAt) : beganAt
  item.placed = true
}

/** Returns worker, start and waits of an attempt, as far as they are known. */
export const attemptStart = (attempt: AttemptContext): AttemptStart => {
  const { remote } = attempt
  return remote !== undefined && remote.beganAt < Infinity ? remote : attempt
}

/** Writes what is known of an attempt to its item: its waits, and on a backend its worker and end. */
export const describe = (item: Item<unknown>, { remote, waits }: AttemptContext): void => {
  item.waits = remote === undefined ? waits : remote.waits
  if (remote === undefined || remote.endedAt === undefined) return
  item.worker = remote.worker
  item.endedAt = remote.endedAt
}

/** An attempt in a batch, as a race of stragglers sees it. */
export class Racer implements AttemptContext {
  readonly beganAt: number
  readonly waits = undefined
  readonly attemptNumber = 1
  readonly worker: number
  readonly round: number
  readonly withdrawn = false
  readonly remote: RemoteAttempt

  constructor(round: number, worker: number, dispatchedAt: number) {
    this.round = round
    this.worker = worker
    this.beganAt = dispatchedAt
    this.remote = { worker, waits: undefined, tells: false, dispatchedAt, beganAt: Infinity, endedAt: undefined }
  }
}
