/**
 * Turnstiles: the common part of the limits of this library. A turnstile has a line. It lets the first in line through
 * as soon as there is enough for that one; nothing that needs less goes before.
 *
 * | in line | while it waits | when its turn has come |
 * | --- | --- | --- |
 * | an attempt (`Passing`) | its fiber waits, and keeps the slot of its run | it continues |
 * | the inputs that a run has put aside (`AsideLine`) | they wait as one, and keep no slot | a free lane takes one |
 *
 * What is held while an attempt runs (permits) is taken when its turn has come. What is counted (tokens) is taken when
 * the attempt starts: until it has all its limits, the attempt keeps its turn and has spent nothing. An attempt takes
 * its limits in the order of their ranks, so no two attempts wait for each other.
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
  /** True if it counts starts. Then it is taken when the attempt starts. */
  readonly counts: boolean
  /** Greatest number of inputs that pass together in a batch. Undefined if each has to pass by itself. */
  readonly mostOfBatch: number | undefined = undefined
  /** Number of attempts that have passed and not ended. */
  running = 0
  protected readonly line = new LinkedQueue<Waiter>()
  /** Callback of the attempt that keeps its turn. It is called when there may be enough for it again. */
  private turn: (() => void) | undefined = undefined
  private cancelTimer: (() => void) | undefined = undefined
  private isServing = false
  private servesAgain = false

  constructor(counts: boolean) {
    this.counts = counts
    this.rank = Contract.nextRank(counts)
  }

  /** Total number of permits or tokens, and how many of them can be taken now. */
  abstract readonly size: number
  protected abstract freeAt(now: number): number

  /** Returns the request of a visit. Throws if it can never be granted. */
  request(visit: Visit): Request {
    return { turnstile: this, units: 1, lender: visit.around.get(this) }
  }

  /**
   * Returns the time until there is enough, in milliseconds: 0 if there is enough now, infinite if something has to
   * happen first.
   */
  abstract delay(request: Request, now: number): number

  /** Takes what was requested. There has to be enough of it. */
  abstract take(request: Request, now: number): Pass

  /** Returns the effect that asks a shared store, where that is needed before `delay` is known. */
  inquiry(_request: Request): Effect.Effect<void> | undefined {
    return undefined
  }

  /**
   * Effect that gives back to the shared store what was fetched and is no longer needed. Undefined if there is nothing.
   */
  get returned(): Effect.Effect<void> | undefined {
    return undefined
  }

  /**
   * Returns true if nothing would be lost by forgetting it: no attempt has it or waits for it, and all of it is free.
   */
  isIdle(now: number): boolean {
    return this.running === 0 && this.line.size === 0 && this.freeAt(now) >= this.size
  }

  get waiting(): number {
    let count = 0
    for (const waiter of this.line.values()) count += waiter.count
    return count
  }

  /** Returns its state at a time. */
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

  /** Returns true if nothing goes before a newcomer, or before a waiter that is in the line. */
  isFirst(waiter?: Waiter): boolean {
    if (this.turn !== undefined) return false
    if (this.line.size === 0) return true
    for (const other of this.line.values()) {
      if (other === waiter) return true
      if (other.isReady) return false
    }
    return true
  }

  /** Returns true if a request is first and can pass now. */
  admits(request: Request, now: number, waiter?: Waiter): boolean {
    return this.isFirst(waiter) && this.delay(request, now) <= 0
  }

  /** Keeps the turn of the first in line. `again` is called when there may be enough for it. */
  keepTurn(again: () => void): void {
    this.turn = again
  }

  /**
   * Gives up a turn that was kept. If others wait, the next turn comes a microtask later: what this turn starts begins
   * before it, and when many attempts are interrupted together, none of them gets a turn in between.
   */
  endTurn(): void {
    if (this.line.size === 0) {
      this.turn = undefined
      // the attempt that had the turn may have waited for enough, and given up
      this.cancelTimer?.()
      this.cancelTimer = undefined
      return
    }
    queueMicrotask(() => {
      this.turn = undefined
      this.serve()
    })
  }

  /** Adds a waiter to the line, and makes sure that it is called. */
  join(waiter: Waiter): void {
    waiter.entry = this.line.push(waiter)
    this.serve()
  }

  /** Removes a waiter from the line because its turn has come or it no longer waits. */
  leave(waiter: Waiter): void {
    if (waiter.entry !== undefined) this.line.remove(waiter.entry)
    waiter.entry = undefined
  }

  /** Calls the waiters whose turn has come. */
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

  /**
   * Calls the first in line that is ready, if there is enough for it. Otherwise makes sure that this is tried again.
   */
  private walk(): void {
    for (const waiter of this.line.values()) {
      if (!waiter.isReady) {
        waiter.missed()
        continue
      }
      if (this.holdsUp(waiter)) return
      if (waiter.call()) this.servesAgain = true
      if (this.servesAgain) return
      // inputs of a run that wait as one now have another one in front, which may need more
      if (waiter.entry !== undefined && waiter.isReady && this.holdsUp(waiter)) return
    }
  }

  /**
   * Returns true if there is not enough for the first in line. Then that is tried again, and only waiters that need not
   * wait for it go before.
   */
  private holdsUp(waiter: Waiter): boolean {
    const millis = this.delay(waiter.request, waiter.now())
    if (millis <= 0) return false
    this.retryAfter(waiter, millis)
    if (this.callOthers()) this.servesAgain = true
    return true
  }

  /** Calls waiters that need not wait for the first in line. Returns true if one was called and has passed. */
  protected callOthers(): boolean {
    return false
  }

  /** Serves again after `millis` milliseconds. */
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
