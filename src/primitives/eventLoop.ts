/**
 * Turns of the event loop, shared by every run on one scheduler, so that no number of runs and lanes keeps timers and
 * sockets waiting.
 *
 * Effect's own budget counts the operations of one fiber between two suspensions. A lane whose inputs are ready, or
 * whose promises are already resolved, never uses it up: it goes from microtask to microtask and the event loop never
 * turns. So lanes also watch the time. When a turn has lasted for its slice, every lane that comes to its next input
 * waits here, first come first served, until the event loop has gone round. Where everything is to happen at once, in
 * `Effect.runSync`, there are no turns, and nobody has to wait for one.
 */
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Scheduler from "effect/Scheduler"
import { timer } from "./clock.ts"

/** How long lanes may run before the event loop gets its turn. */
const sliceMillis = 8

/** How many inputs may pass between two looks at the clock while they are fast. */
const maxStride = 32

export class TurnBudget {
  private readonly dispatcher: Scheduler.SchedulerDispatcher
  private readonly synchronous: boolean
  private readonly queue: Array<() => void> = []
  /** Whether somebody has looked in this turn, and when that was first. */
  private begun = false
  private startedAt = 0
  private checkedAt = -Infinity
  private stride = 1
  private left = 0
  private closed = false

  constructor(dispatcher: Scheduler.SchedulerDispatcher, synchronous: boolean) {
    this.dispatcher = dispatcher
    this.synchronous = synchronous
    if (synchronous) this.left = Infinity
  }

  /** Whether whoever asks has to `pass` before it goes on. */
  tick(): boolean {
    return --this.left < 0 && this.look()
  }

  /** Looks at the clock; while the turn is over, everybody comes here. */
  private look(): boolean {
    if (this.closed) return true
    const now = timer.now()
    this.stride = now - this.checkedAt < 1 ? Math.min(maxStride, this.stride * 2) : 1
    this.checkedAt = now
    if (!this.begun) {
      this.begun = true
      this.startedAt = now
      this.afterTurn(this.turned)
    }
    this.closed = now - this.startedAt >= sliceMillis
    this.left = this.closed ? 0 : this.stride
    return this.closed
  }

  /** Waits for the next turn of the event loop. */
  readonly next: Effect.Effect<void> = Effect.callback<void>((resume) => {
    if (!this.closed) return resume(Effect.void)
    this.queue.push(() => resume(Effect.void))
  })

  /** Does something when the event loop has turned. */
  afterTurn(task: () => void): void {
    this.dispatcher.scheduleTask(task, 0)
  }

  /** Keeps fibers from yielding where nobody could resume them: `Effect.runSync` does so for its first fiber only. */
  withoutYields<A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    return this.synchronous ? Effect.provideService(effect, Scheduler.PreventSchedulerYield, true) : effect
  }

  private readonly turned = (): void => {
    this.begun = this.closed = false
    let next = 0
    while (!this.closed && next < this.queue.length) this.queue[next++]!()
    this.queue.splice(0, next)
  }
}

/**
 * Tells the first event after a pause from those that follow at once: the first is heeded immediately, so that nothing
 * that is slow anyway gets slower, and the others together when the event loop turns.
 */
export class Burst {
  private lastAt = -Infinity

  /** Whether this is the first event for a millisecond. */
  begins(): boolean {
    const now = timer.now()
    const first = now - this.lastAt >= 1
    this.lastAt = now
    return first
  }
}

const turnBudgets = new WeakMap<Scheduler.Scheduler, TurnBudget>()

/** The turnBudget of a fiber: one for all runs on its scheduler. */
export const turnBudgetOf = (fiber: Fiber.Fiber<unknown, unknown>): TurnBudget => {
  const { scheduler } = fiber.cache
  let found = turnBudgets.get(scheduler)
  if (found === undefined) {
    found = new TurnBudget(fiber.currentDispatcher, scheduler.executionMode === "sync")
    turnBudgets.set(scheduler, found)
  }
  return found
}
