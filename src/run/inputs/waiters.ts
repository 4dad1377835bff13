/**
 * Lanes that wait for inputs, and the times at which they are woken.
 *
 * One lane is woken immediately, after a pause or when several inputs are available. The others are woken when the
 * event loop has turned, if something is still left to take. Waking a lane for each input, only for it to find nothing
 * more, would cost more than quick work does.
 */
import { Burst, type TurnBudget } from "../../primitives/eventLoop.ts"

export class Waiters {
  private readonly turnBudget: TurnBudget
  /** Counts the inputs that are available. */
  private readonly available: () => number
  /** Number of available inputs at which one lane is woken before the event loop turns. */
  private readonly wakeThreshold: number
  private readonly burst = new Burst()
  private readonly idle: Array<() => void> = []
  /** Number of lanes that come for inputs, waiting or not. */
  lanes = 0
  /**
   * True if a wake-up is scheduled for when the event loop has turned, and true if a check whether one is needed is
   * scheduled.
   */
  private wakeScheduled = false
  private notifyScheduled = false

  constructor(turnBudget: TurnBudget, window: number, available: () => number) {
    this.turnBudget = turnBudget
    this.available = available
    this.wakeThreshold = Math.max(1, Math.min(16, Math.floor(window / 3)))
  }

  get waiting(): number {
    return this.idle.length
  }

  /** Adds a lane that has found nothing. `wake` is called when there may be something to take. */
  add(wake: () => void): void {
    this.idle.push(wake)
  }

  /** Removes a lane that was waiting. Does nothing if it was not. */
  remove(wake: () => void): void {
    const index = this.idle.indexOf(wake)
    if (index >= 0) this.idle.splice(index, 1)
  }

  /** Wakes lanes now or soon, because there is something to take. */
  notify(): void {
    if (this.idle.length === 0) return
    const allAsleep = this.idle.length === this.lanes
    if (this.wakeScheduled) {
      if (allAsleep && this.available() >= this.wakeThreshold) this.wake(1)
      return
    }
    this.wakeScheduled = true
    this.turnBudget.afterTurn(() => {
      this.wakeScheduled = false
      this.wake(Math.max(1, this.available()))
    })
    if (allAsleep && this.burst.begins()) this.wake(1)
  }

  /** Calls `notify` when the event loop has turned: lanes were sent away although inputs are left to check. */
  notifyAfterTurn(): void {
    if (this.notifyScheduled) return
    this.notifyScheduled = true
    this.turnBudget.afterTurn(() => {
      this.notifyScheduled = false
      this.notify()
    })
  }

  /** Wakes up to `count` lanes, the last to wait first. */
  wake(count: number): void {
    if (count === 1 || this.idle.length === 1) this.idle.pop()?.()
    else for (const wake of this.idle.splice(-count).toReversed()) wake()
  }
}
