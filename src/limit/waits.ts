/**
 * Counts of the inputs of a run that wait for limits: how many wait for each limit now, and how long all of them have
 * waited for it.
 *
 * The sum of the waits grows with the number of inputs that wait, so nothing is kept for each input. Limits of the same
 * name count as one; most limits of `Limit.keyed` share a name. Names beyond the hundredth are counted together.
 */
import * as Duration from "effect/Duration"
import { LinkedQueue } from "../primitives/linkedQueue.ts"

/** Waits for all limits of a name. */
interface RunningWaits {
  waiting: number
  /** Number of waits that have begun. */
  begun: number
  /** Sum of all waits up to `countedAt`, in milliseconds. */
  millis: number
  countedAt: number
}

const mostNames = 100
const others = "other limits"

/** Waiter that keeps its slot, and can be told that nothing new may begin. */
export interface SlotWaiter {
  abandon(): void
}

/** Place where an input waits: in the slot of the lane that has it, or aside, without a slot. */
export type WaitingPlace = "slot" | "aside"

export class LimitWaits {
  private readonly byName = new Map<string, RunningWaits>()
  private readonly places: Record<WaitingPlace, number> = { slot: 0, aside: 0 }
  /** Waiters that wait in their slots. */
  readonly waiters = new LinkedQueue<SlotWaiter>()
  /** Number of slots in which something waits. */
  slots = 0
  /** Called with each name when something waits for a limit of that name for the first time. */
  onName: (name: string) => void = () => {}

  /** Number of inputs that wait in a place. */
  at(place: WaitingPlace): number {
    return this.places[place]
  }

  /** Adds `by` inputs that wait. A negative `by` removes some. Times are in milliseconds. */
  change(name: string, place: WaitingPlace, by: number, now: number): void {
    this.places[place] += by
    if (place === "slot") this.slots += Math.sign(by)
    const waits = this.waitsOf(name, now)
    waits.millis += waits.waiting * Math.max(0, now - waits.countedAt)
    waits.countedAt = now
    waits.waiting += by
    if (by > 0) waits.begun += by
  }

  /** Counts an input again that was removed for a moment. */
  resume(name: string, place: WaitingPlace, now: number): void {
    this.change(name, place, 1, now)
    this.waitsOf(name, now).begun--
  }

  /** Ends all waits in slots: nothing new may begin. */
  abandon(): void {
    for (const waiter of this.waiters.values()) waiter.abandon()
  }

  /** The number of inputs that wait now, for each limit that has any. */
  get limited(): ReadonlyArray<{ readonly name: string; readonly waiting: number }> {
    const limited: Array<{ name: string; waiting: number }> = []
    for (const [name, { waiting }] of this.byName) if (waiting > 0) limited.push({ name, waiting })
    return limited
  }

  /** Returns the waits until now, for each limit, the longest first. */
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
