/**
 * Turns of the event loop, shared by every run on one scheduler, so that timers and sockets get their turn however many
 * runs and lanes there are.
 *
 * Effect's own budget counts the operations of one fiber between two suspensions. A lane whose inputs are ready, or
 * whose promises are already resolved, never uses it up: it goes from microtask to microtask, and the event loop never
 * turns. So lanes also watch the time. When a turn has used up its time slice, every lane that comes to its next input
 * waits here, first come, first served, until the event loop has turned. `Effect.runSync` has no turns: there, nothing
 * ever waits.
 *
 * Invariant: while `closed` is true, `left` is at most 0, so every `tick` reaches `checkClock` and returns true. Only
 * `onTurn`, which runs in the next turn, opens the budget again.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Scheduler from "effect/Scheduler"
import { isTestClock } from "./clock.ts"
import { timer } from "./monotonic.ts"

/** Time that lanes may run before the event loop turns, in milliseconds. */
const sliceMillis = 8

/**
 * The same on a clock that a test moves. What happens at a time of such a clock must not depend on how busy the machine
 * is: lanes that wait for the next turn would start after the test has moved the clock.
 */
const testSliceMillis = 1000

/** Greatest number of inputs between two readings of the clock while inputs are fast. */
const maxStride = 32

export class TurnBudget {
  private readonly dispatcher: Scheduler.SchedulerDispatcher
  private readonly synchronous: boolean
  private readonly slice: number
  private readonly queue: Array<() => void> = []
  /** Number of turns in which the budget was used. */
  turns = 0
  /** True if the clock has been read in this turn. */
  private started = false
  /** First and last reading of the clock, in milliseconds of `timer`. */
  private startedAt = 0
  private checkedAt = -Infinity
  /** Number of inputs between two readings, and number of inputs left until the next reading. */
  private stride = 1
  private left = 0
  /** True once the turn has used up its slice. */
  private closed = false

  constructor(dispatcher: Scheduler.SchedulerDispatcher, synchronous: boolean, slice: number) {
    this.dispatcher = dispatcher
    this.slice = slice
    this.synchronous = synchronous
    if (synchronous) this.left = Infinity
  }

  /** Counts one input. Returns true if the caller has to wait for `next` before it continues. */
  tick(): boolean {
    return --this.left < 0 && this.checkClock()
  }

  /** Reads the clock and decides whether the turn is over. While it is over, every call of `tick` gets here. */
  private checkClock(): boolean {
    if (this.closed) return true
    const now = timer.now()
    this.stride = now - this.checkedAt < 1 ? Math.min(maxStride, this.stride * 2) : 1
    this.checkedAt = now
    if (!this.started) {
      this.started = true
      this.startedAt = now
      this.afterTurn(this.onTurn)
    }
    this.closed = now - this.startedAt >= this.slice
    this.left = this.closed ? 0 : this.stride
    return this.closed
  }

  /** Waits for the next turn of the event loop. */
  readonly next: Effect.Effect<void> = Effect.callback<void>((resume) => {
    if (!this.closed) return resume(Effect.void)
    this.queue.push(() => resume(Effect.void))
  })

  /** Calls `task` when the event loop has turned. */
  afterTurn(task: () => void): void {
    this.dispatcher.scheduleTask(task, 0)
  }

  /**
   * Keeps the fibers of an effect from yielding in `Effect.runSync`, where nothing could resume them. Effect itself
   * does so for only the first fiber.
   */
  withoutYields<A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    return this.synchronous ? Effect.provideService(effect, Scheduler.PreventSchedulerYield, true) : effect
  }

  /** Opens the budget in the new turn and resumes waiting lanes in order, until they have used up this turn too. */
  private readonly onTurn = (): void => {
    this.started = this.closed = false
    this.turns++
    let next = 0
    while (!this.closed && next < this.queue.length) this.queue[next++]!()
    this.queue.splice(0, next)
  }
}

/**
 * Distinguishes the first event after a pause from events that follow within a millisecond. The caller handles the
 * first immediately, so that slow work gets no slower, and the others together when the event loop turns.
 */
export class Burst {
  private lastAt = -Infinity

  /** Notes an event. Returns true if there was none in the millisecond before it. */
  begins(): boolean {
    const now = timer.now()
    const first = now - this.lastAt >= 1
    this.lastAt = now
    return first
  }
}

type TurnBudgets = WeakMap<Scheduler.Scheduler, TurnBudget>

const turnBudgets: TurnBudgets = new WeakMap()
const testTurnBudgets: TurnBudgets = new WeakMap()

/** Returns the turn budget of a fiber's scheduler, which all runs on that scheduler share. Tests have one of their own. */
export const turnBudgetOf = (fiber: Fiber.Fiber<unknown, unknown>): TurnBudget => {
  const { scheduler } = fiber.cache
  const isTest = isTestClock(fiber.getRef(Clock.Clock))
  const budgets = isTest ? testTurnBudgets : turnBudgets
  let found = budgets.get(scheduler)
  if (found === undefined) {
    const slice = isTest ? testSliceMillis : sliceMillis
    found = new TurnBudget(fiber.currentDispatcher, scheduler.executionMode === "sync", slice)
    budgets.set(scheduler, found)
  }
  return found
}
