/**
 * Turnstiles: what the limits of this library have in common. A turnstile has a line, and lets through whoever is first in
 * it as soon as there is enough for that one; nobody who needs less goes before.
 *
 * | who | when it waits | when its turn has come |
 * | --- | --- | --- |
 * | an attempt (`Passing`) | its fiber waits, and keeps the slot of its run | it goes on |
 * | the inputs that a run has put aside (`AsideLine`) | once for all of them, and no slot is kept | one of them is taken by a lane that is free |
 *
 * What is held while an attempt runs (permits) is taken when the turn has come. What is counted (tokens) is taken when the
 * attempt starts: until it has all its limits, it keeps its turn, and has spent nothing. An attempt takes its limits in
 * the order of their ranks, so no two attempts wait for each other.
 */
import * as Effect from "effect/Effect"
import { monotonicClock } from "../primitives/clock.ts"
import { LinkedQueue } from "../primitives/linkedQueue.ts"
import * as Contract from "./contract.ts"
import { through } from "./passing.ts"
import type { Pass, Request, Visit, Waiter } from "./visit.ts"

export abstract class Turnstile<in I = any> implements Contract.Limit<I> {
  readonly [Contract.TypeId] = Contract.TypeId
  abstract readonly name: string
  readonly rank: number
  /** True if it counts starts: it is taken when the attempt starts. */
  readonly counts: boolean
  /** Greatest number of inputs that pass together in a batch; undefined if each has to pass by itself. */
  readonly mostOfBatch: number | undefined = undefined
  /** Number of attempts that have passed and not ended. */
  running = 0
  protected readonly line = new LinkedQueue<Waiter>()
  /** Who keeps its turn, and is called when there may be enough for it again. */
  private turn: (() => void) | undefined = undefined
  private cancelTimer: (() => void) | undefined = undefined
  private isServing = false
  private servesAgain = false

  constructor(counts: boolean) {
    this.counts = counts
    this.rank = Contract.nextRank(counts)
  }

  /** How much there is, and how much of that can be had now. */
  abstract readonly size: number
  protected abstract freeAt(now: number): number

  /** Returns what is asked of it by a visit. Throws if that can never be had. */
  request(visit: Visit): Request {
    return { turnstile: this, units: 1, lender: visit.around.get(this) }
  }

  /** Milliseconds until there is enough: 0 if there is now, infinite if something has to happen first. */
  abstract delay(request: Request, now: number): number

  /** Takes what was asked for, of which there is enough. */
  abstract take(request: Request, now: number): Pass

  /** What has to be asked elsewhere before `delay` is known; undefined if nothing. */
  inquiry(_request: Request): Effect.Effect<void> | undefined {
    return undefined
  }

  /** Gives back elsewhere what was got there and nobody wants any more; undefined if there is nothing. */
  get returned(): Effect.Effect<void> | undefined {
    return undefined
  }

  /** True if nothing would be lost by forgetting it: nobody has it or waits for it, and all of it is there. */
  isIdle(now: number): boolean {
    return this.running === 0 && this.line.size === 0 && this.freeAt(now) >= this.size
  }

  get waiting(): number {
    let count = 0
    for (const waiter of this.line.values()) count += waiter.count
    return count
  }

  /** Its state at a time. */
  stateAt(now: number): Contract.State {
    const { name, running, size, waiting } = this
    return { name, size, free: this.freeAt(now), running, waiting }
  }

  readonly state: Effect.Effect<Contract.State> = Effect.clockWith((clock) =>
    Effect.sync(() => this.stateAt(monotonicClock(clock)()))
  )

  around<A, E, R>(attempt: Effect.Effect<A, E, R>, input: I): Effect.Effect<A, E, R> {
    return through([this], attempt, input)
  }

  /** True if nobody is to go before a newcomer, or before a waiter that is in the line. */
  isFirst(waiter?: Waiter): boolean {
    if (this.turn !== undefined) return false
    if (this.line.size === 0) return true
    for (const other of this.line.values()) {
      if (other === waiter) return true
      if (other.isReady) return false
    }
    return true
  }

  /** True if whoever is first can pass now. */
  admits(request: Request, now: number, waiter?: Waiter): boolean {
    return this.isFirst(waiter) && this.delay(request, now) <= 0
  }

  /** Keeps the turn of whoever is first. `again` is called when there may be enough. */
  keepTurn(again: () => void): void {
    this.turn = again
  }

  /**
   * Gives up a turn that was kept. If others wait, theirs comes a microtask later: what starts by this turn starts before, and
   * of many that are interrupted together none has its turn in between.
   */
  endTurn(): void {
    if (this.line.size === 0) {
      this.turn = undefined
      // whoever had the turn may have waited for enough, and given up
      this.cancelTimer?.()
      this.cancelTimer = undefined
      return
    }
    queueMicrotask(() => {
      this.turn = undefined
      this.serve()
    })
  }

  /** Adds a waiter to the line, and sees to it that it is called. */
  join(waiter: Waiter): void {
    waiter.entry = this.line.push(waiter)
    this.serve()
  }

  /** Removes a waiter from the line, as its turn has come or it waits no longer. */
  leave(waiter: Waiter): void {
    if (waiter.entry !== undefined) this.line.remove(waiter.entry)
    waiter.entry = undefined
  }

  /** Calls those whose turn has come. */
  serve(): void {
    this.servesAgain = true
    if (this.isServing) return
    this.isServing = true
    while (this.servesAgain) {
      this.servesAgain = false
      this.cancelTimer?.()
      this.cancelTimer = undefined
      if (this.turn !== undefined) this.turn()
      else this.walk()
    }
    this.isServing = false
  }

  /** Calls the first in line that is ready, if there is enough for it; otherwise sees to it that this is tried again. */
  private walk(): void {
    for (const waiter of this.line.values()) {
      if (!waiter.isReady) {
        waiter.missed()
        continue
      }
      if (this.holdsUp(waiter)) return
      if (waiter.call()) this.servesAgain = true
      if (this.servesAgain) return
      // the inputs of a run that wait as one have another first, which may need more
      if (waiter.entry !== undefined && waiter.isReady && this.holdsUp(waiter)) return
    }
  }

  /** True if there is not enough for whoever is first: that is tried again, and nobody goes before but those who may. */
  private holdsUp(waiter: Waiter): boolean {
    const millis = this.delay(waiter.request, waiter.now())
    if (millis <= 0) return false
    this.retryAfter(waiter, millis)
    if (this.callOthers()) this.servesAgain = true
    return true
  }

  /** Calls waiters that need not wait for whoever is first; true if one was called and has passed. */
  protected callOthers(): boolean {
    return false
  }

  /** Serves again after so many milliseconds. */
  retryAfter(waiter: Pick<Waiter, "after">, millis: number): void {
    this.cancelTimer?.()
    this.cancelTimer = millis < Infinity
      ? waiter.after(millis, () => {
        this.cancelTimer = undefined
        this.serve()
      })
      : undefined
  }
}
