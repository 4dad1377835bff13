/**
 * Timers of one run, on Effect's clock: a binary heap and one sleeping fiber.
 *
 * Timeouts, delayed retries and the age of stragglers all mean "call this at that time, unless it was cancelled". A
 * sleeping fiber for each would cost more than the work it guards. So a run has one sleeper, which sleeps until the
 * earliest time. Most timers are cancelled before they fire.
 *
 * Invariant: `wakesAt` is the time until which the sleeper sleeps. It is `-Infinity` while `fire` runs or after
 * `close`, so that `at` starts no sleeper, and `Infinity` when there is no sleeper.
 */
import * as Cause from "effect/Cause"
import type * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { nanoClock } from "./clock.ts"

/**
 * A time, in milliseconds of the monotonic clock, and the action to call then. `index` is its position in the heap, or
 * -1 once it has fired or was cancelled.
 */
export interface Timer {
  readonly at: number
  readonly action: () => void
  index: number
}

export class Timers {
  private readonly clock: Clock.Clock
  private readonly time: () => number
  private readonly fork: (effect: Effect.Effect<void>) => Fiber.Fiber<void>
  private readonly heap: Array<Timer> = []
  private readonly failed: (cause: Cause.Cause<never>) => void
  private sleeper: Fiber.Fiber<void> | undefined
  private wakesAt = Infinity
  private closed = false

  /** Makes timers. An action that throws does not stop the others: its defect is passed to `failed`, or else logged. */
  constructor(
    clock: Clock.Clock,
    fork: (effect: Effect.Effect<void>) => Fiber.Fiber<void>,
    failed: (cause: Cause.Cause<never>) => void = (cause) => fork(Effect.logError("a timer failed", cause))
  ) {
    this.clock = clock
    this.time = nanoClock(clock)
    this.fork = fork
    this.failed = failed
  }

  /** Reads the clock, in milliseconds of the monotonic clock. */
  now(): number {
    return this.time() / 1e6
  }

  /** Calls `action` after a delay. */
  after(delay: Duration.Duration, action: () => void): Timer {
    return this.at(this.now() + Duration.toMillis(delay), action)
  }

  /**
   * Calls `action` at a time on the clock of `now`. If that time has passed, calls it soon, but never before this
   * returns.
   */
  at(at: number, action: () => void): Timer {
    const timer = { at, action, index: this.heap.length }
    this.heap.push(timer)
    this.siftUp(timer)
    if (this.heap[0]!.at < this.wakesAt) this.sleep()
    return timer
  }

  /** Removes a timer from the heap. Does nothing if it has fired or was cancelled. */
  cancel(timer: Timer): void {
    const { index } = timer
    if (index < 0) return
    timer.index = -1
    const last = this.heap.pop()!
    if (last === timer) return
    this.put(last, index)
    this.siftUp(last)
    this.siftDown(last)
  }

  /** Cancels all timers and interrupts the sleeper. Nothing fires after that. */
  readonly close: Effect.Effect<void> = Effect.suspend(() => {
    for (const timer of this.heap) timer.index = -1
    this.heap.length = 0
    this.closed = true
    this.wakesAt = -Infinity
    return this.sleeper === undefined ? Effect.void : Fiber.interrupt(this.sleeper)
  })

  /**
   * Sleeps until the first timer, and replaces any later sleep. The sleeper yields once before it fires. So nothing
   * fires before this returns, nor before other work that wakes in the same turn of the event loop: an attempt that
   * ends just in time has ended.
   */
  private sleep(): void {
    this.sleeper?.interruptUnsafe()
    const { at } = this.heap[0]!
    this.wakesAt = at
    const delay = Math.ceil(at - this.now())
    const turn = Effect.flatMap(Effect.yieldNow, () => Effect.sync(() => this.fire()))
    this.sleeper = this.fork(delay > 0 ? Effect.flatMap(this.clock.sleep(Duration.millis(delay)), () => turn) : turn)
  }

  /** Calls every action that is due, including those that become due meanwhile, then sleeps again. */
  private fire(): void {
    this.sleeper = undefined
    this.wakesAt = -Infinity
    for (let first = this.heap[0]; first !== undefined && first.at <= this.now(); first = this.heap[0]) {
      this.cancel(first)
      try {
        first.action()
      } catch (defect) {
        this.failed(Cause.die(defect))
      }
    }
    if (this.closed) return
    this.wakesAt = Infinity
    if (this.heap.length > 0 && this.heap[0]!.at < Infinity) this.sleep()
  }

  private put(timer: Timer, index: number): void {
    this.heap[index] = timer
    timer.index = index
  }

  private siftUp(timer: Timer): void {
    let { index } = timer
    while (index > 0) {
      const parent = this.heap[(index - 1) >> 1]!
      if (parent.at <= timer.at) break
      const above = parent.index
      this.put(parent, index)
      index = above
    }
    this.put(timer, index)
  }

  private siftDown(timer: Timer): void {
    let { index } = timer
    for (;;) {
      const left = 2 * index + 1
      if (left >= this.heap.length) break
      const right = left + 1
      const child = right < this.heap.length && this.heap[right]!.at < this.heap[left]!.at
        ? this.heap[right]!
        : this.heap[left]!
      if (child.at >= timer.at) break
      const below = child.index
      this.put(child, index)
      index = below
    }
    this.put(timer, index)
  }
}
