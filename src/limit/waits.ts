/**
 * What the inputs of a run wait for: how many for which limit now, and how long all of them have waited for it.
 *
 * The sum of the waits grows by the number of those that wait, so nothing is kept for an input. Limits of the same name are one:
 * those of `Limit.keyed` mostly are. Those beyond the hundredth name are counted together.
 */
import * as Duration from "effect/Duration"
import { LinkedQueue } from "../primitives/linkedQueue.ts"

/** Waits for all limits of a name. */
interface RunningWaits {
  waiting: number
  /** Number of waits that have begun. */
  begun: number
  /** Time that all have waited up to `countedAt`, in milliseconds. */
  millis: number
  countedAt: number
}

const mostNames = 100
const others = "other limits"

/** Someone who waits in its slot, and can be told that nothing more is to begin. */
export interface SlotWaiter {
  abandon(): void
}

/** Where inputs wait: in the slot of the lane that has them, or aside, with no slot. */
export type WaitingPlace = "slot" | "aside"

export class LimitWaits {
  private readonly byName = new Map<string, RunningWaits>()
  private readonly places: Record<WaitingPlace, number> = { slot: 0, aside: 0 }
  /** Those that wait in their slots. */
  readonly waiters = new LinkedQueue<SlotWaiter>()
  /** Number of slots whose lane waits. */
  slots = 0
  /** Is told of each name when something waits for a limit of that name for the first time. */
  onName: (name: string) => void = () => {}

  /** Number of inputs that wait in a place. */
  at(place: WaitingPlace): number {
    return this.places[place]
  }

  /** Adds so many inputs that wait, or takes some away if the number is negative. Times are milliseconds. */
  change(name: string, place: WaitingPlace, by: number, now: number): void {
    this.places[place] += by
    if (place === "slot") this.slots += Math.sign(by)
    const waits = this.waitsOf(name, now)
    waits.millis += waits.waiting * Math.max(0, now - waits.countedAt)
    waits.countedAt = now
    waits.waiting += by
    if (by > 0) waits.begun += by
  }

  /** Counts an input again that has been taken away for a moment. */
  resume(name: string, place: WaitingPlace, now: number): void {
    this.change(name, place, 1, now)
    this.waitsOf(name, now).begun--
  }

  /** Ends all waits in slots: nothing more is to begin. */
  abandon(): void {
    for (const waiter of this.waiters.values()) waiter.abandon()
  }

  /** Returns how many wait now, for which. */
  get limited(): ReadonlyArray<{ readonly name: string; readonly waiting: number }> {
    const limited: Array<{ name: string; waiting: number }> = []
    for (const [name, { waiting }] of this.byName) if (waiting > 0) limited.push({ name, waiting })
    return limited
  }

  /** Returns what was waited for until now, the longest first. */
  over(
    now: number
  ): ReadonlyArray<{ readonly name: string; readonly waits: number; readonly waited: Duration.Duration }> {
    return [...this.byName].map(([name, { begun, countedAt, millis, waiting }]) => ({
      name,
      waits: begun,
      waited: Duration.millis(millis + waiting * Math.max(0, now - countedAt))
    })).toSorted((a, b) => Duration.Order(b.waited, a.waited))
  }

  private waitsOf(name: string, now: number): RunningWaits {
    const known = this.byName.get(name)
    if (known !== undefined) return known
    const key = this.byName.size < mostNames ? name : others
    let waits = this.byName.get(key)
    if (waits === undefined) {
      waits = { waiting: 0, begun: 0, millis: 0, countedAt: now }
      this.byName.set(key, waits)
      this.onName(key)
    }
    return waits
  }
}
