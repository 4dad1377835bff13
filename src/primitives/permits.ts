/**
 * Permits that are granted first come, first served, and that a holder lends to the work it starts.
 *
 * Effect's `Semaphore` has no lending, and it wakes by walking over all waiters.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { LinkedQueue, type QueueEntry } from "./linkedQueue.ts"

/**
 * A permit as one attempt holds it. A permit with a lender returns to the lender when it ends. A permit that is lent
 * out returns from the borrower first; if its holder ends before the borrower, the borrower takes over the lender above
 * it. Invariant: the `lender` of a live permit is never `ended`.
 */
interface Permit {
  lender: Permit | undefined
  borrower: Permit | undefined
  readonly borrowers: LinkedQueue<Waiter>
  ended: boolean
}

interface Waiter {
  lender: Permit | undefined
  permit: Permit | undefined
  /** Resumes the fiber, once it waits; undefined before that. */
  resume: (() => void) | undefined
  entry: QueueEntry<Waiter> | undefined
  entryAtLender: QueueEntry<Waiter> | undefined
}

/** Permits that the attempt around this fiber holds, one for each limit. */
const Held = Context.Reference<ReadonlyMap<Permits, Permit>>("effect-parallel/internal/Held", {
  defaultValue: () => new Map()
})

export class Permits {
  private readonly waiters = new LinkedQueue<Waiter>()
  private used = 0
  size: number

  constructor(size: number) {
    this.size = size
  }

  /** Runs an effect with one permit and releases it when the effect has ended. */
  hold<A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    return Effect.uninterruptibleMask((restore) =>
      Effect.withFiber((fiber) => {
        const held = fiber.getRef(Held)
        const lender = notEnded(held.get(this))
        const holding = (permit: Permit) =>
          restore(Effect.provideService(effect, Held, new Map(held).set(this, permit)))
        const permit = this.take(lender)
        return permit === undefined
          ? Effect.flatMap(this.wait(lender, restore), (permit) => this.using(permit, holding))
          : this.using(permit, holding)
      })
    )
  }

  /** Changes how many permits there are. Permits that are held stay held, even above the new size. */
  resize(size: number): void {
    this.size = size
    this.serve()
  }

  /**
   * Releases the permit when the effect has ended, or when its fiber has: a value that is not an effect ends the fiber
   * without running `onExit`.
   */
  private using<A, E, R>(
    permit: Permit,
    effect: (permit: Permit) => Effect.Effect<A, E, R>
  ): Effect.Effect<A, E, R> {
    return Effect.withFiber((fiber) => {
      const forget = fiber.addObserver(() => this.release(permit))
      return Effect.onExit(effect(permit), () =>
        Effect.sync(() => {
          forget()
          this.release(permit)
        }))
    })
  }

  /** Takes the lender's permit, or a free one; undefined where the caller has to wait. */
  private take(lender: Permit | undefined): Permit | undefined {
    if (lender !== undefined && lender.borrower === undefined) return lend(lender)
    if (this.used >= this.size || this.waiters.size > 0) return undefined
    this.used++
    return makePermit(undefined)
  }

  /**
   * Waits for a permit. An interrupted waiter leaves the queue and releases a permit that it was granted in the
   * meantime.
   */
  private wait(lender: Permit | undefined, restore: <A>(effect: Effect.Effect<A>) => Effect.Effect<A>) {
    const waiter: Waiter = { lender, permit: undefined, resume: undefined, entry: undefined, entryAtLender: undefined }
    waiter.entry = this.waiters.push(waiter)
    waiter.entryAtLender = lender?.borrowers.push(waiter)
    const granted = Effect.callback<void>((resume) => {
      if (waiter.permit !== undefined) return resume(Effect.void)
      waiter.resume = () => resume(Effect.void)
    })
    const leave = Effect.sync(() => {
      this.remove(waiter)
      if (waiter.permit !== undefined) this.release(waiter.permit)
    })
    return Effect.map(Effect.onInterrupt(restore(granted), () => leave), () => waiter.permit!)
  }

  /** Gives a permit to a waiter and resumes it. */
  private grant(waiter: Waiter, permit: Permit): void {
    this.remove(waiter)
    waiter.permit = permit
    waiter.resume?.()
  }

  /**
   * Releases a permit. If others wait for it, it ends a microtask later: when many fibers are interrupted one after
   * another, the next waiters have left the queue by then, and none starts only to be interrupted.
   */
  private release(permit: Permit): void {
    if (this.waiters.size === 0 && permit.borrowers.size === 0) return this.end(permit)
    queueMicrotask(() => this.end(permit))
  }

  /**
   * Ends a permit: it returns to its lender, or else to the free ones. A permit that is lent out passes to its
   * borrower, which returns it later. Waiters for it wait for its lender from now on.
   */
  private end(permit: Permit): void {
    const { borrower, borrowers, lender } = permit
    permit.ended = true
    for (let waiter = borrowers.shift(); waiter !== undefined; waiter = borrowers.shift()) {
      waiter.lender = lender
      waiter.entryAtLender = lender?.borrowers.push(waiter)
    }
    if (borrower !== undefined) borrower.lender = lender
    if (lender === undefined) {
      if (borrower === undefined) this.used--
      return this.serve()
    }
    lender.borrower = borrower
    const next = borrower === undefined ? lender.borrowers.peek() : undefined
    if (next !== undefined) this.grant(next, lend(lender))
  }

  /** Grants free permits to the first waiters. */
  private serve(): void {
    for (let next = this.waiters.peek(); next !== undefined && this.used < this.size; next = this.waiters.peek()) {
      this.used++
      this.grant(next, makePermit(undefined))
    }
  }

  /** Removes a waiter from the queue and from its lender's. */
  private remove(waiter: Waiter): void {
    if (waiter.entry !== undefined) this.waiters.remove(waiter.entry)
    if (waiter.entryAtLender !== undefined) waiter.lender?.borrowers.remove(waiter.entryAtLender)
  }
}

const makePermit = (lender: Permit | undefined): Permit => ({
  lender,
  borrower: undefined,
  borrowers: new LinkedQueue(),
  ended: false
})

/** Lends a permit that has no borrower. */
const lend = (lender: Permit): Permit => lender.borrower = makePermit(lender)

/**
 * Returns the permit, or the nearest lender above it that has not ended: work that outlives its holder belongs there.
 */
const notEnded = (permit: Permit | undefined): Permit | undefined => {
  let found = permit
  while (found?.ended) found = found.lender
  return found
}
