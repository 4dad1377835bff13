/**
 * Permits that are handed out first come, first served, and that their holders lend to what they start.
 *
 * Effect's `Semaphore` knows no lending, and wakes by walking all who wait.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { LinkedQueue, type QueueEntry } from "./linkedQueue.ts"

/**
 * What an attempt holds. One that came from a lender goes back to it; one that is lent out comes back first, unless its
 * holder ends before the borrower, who then takes its place. So a lender is never one that has ended.
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
  /** Tells the fiber that it has its permit, once it waits for that. */
  resume: (() => void) | undefined
  entry: QueueEntry<Waiter> | undefined
  entryAtLender: QueueEntry<Waiter> | undefined
}

/** The permits that the attempt around this fiber holds. */
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

  /** Runs an effect with one permit, and gives it back when the effect has ended. */
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

  /** Lets more, or fewer, hold a permit at once; who holds one keeps it. */
  resize(size: number): void {
    this.size = size
    this.serve()
  }

  /** Gives the permit back when the effect has ended, or when its fiber has, over something that is no effect. */
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

  /** Takes the lender's permit, or a free one; none where one would have to wait. */
  private take(lender: Permit | undefined): Permit | undefined {
    if (lender !== undefined && lender.borrower === undefined) return lend(lender)
    if (this.used >= this.size || this.waiters.size > 0) return undefined
    this.used++
    return makePermit(undefined)
  }

  /** Waits for a permit. Whoever is interrupted leaves the line, and gives back what it has been given by then. */
  private wait(lender: Permit | undefined, restore: <A>(effect: Effect.Effect<A>) => Effect.Effect<A>) {
    const waiter: Waiter = { lender, permit: undefined, resume: undefined, entry: undefined, entryAtLender: undefined }
    waiter.entry = this.waiters.push(waiter)
    waiter.entryAtLender = lender?.borrowers.push(waiter)
    const granted = Effect.callback<void>((resume) => {
      if (waiter.permit !== undefined) return resume(Effect.void)
      waiter.resume = () => resume(Effect.void)
    })
    const left = Effect.sync(() => {
      this.remove(waiter)
      if (waiter.permit !== undefined) this.release(waiter.permit)
    })
    return Effect.map(Effect.onInterrupt(restore(granted), () => left), () => waiter.permit!)
  }

  private grant(waiter: Waiter, permit: Permit): void {
    this.remove(waiter)
    waiter.permit = permit
    waiter.resume?.()
  }

  /**
   * Ends a permit. Whoever waits for it gets it a moment later: when many are interrupted at once, one after another,
   * those that are next in line are gone by then, and do not start only to be interrupted.
   */
  private release(permit: Permit): void {
    if (this.waiters.size === 0 && permit.borrowers.size === 0) return this.end(permit)
    queueMicrotask(() => this.end(permit))
  }

  /** A permit goes to its lender or back to all; one that is lent out goes to its borrower, to be given back by that. */
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

  private serve(): void {
    for (let next = this.waiters.peek(); next !== undefined && this.used < this.size; next = this.waiters.peek()) {
      this.used++
      this.grant(next, makePermit(undefined))
    }
  }

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

const lend = (lender: Permit): Permit => lender.borrower = makePermit(lender)

/** A permit, or the one it came from where it has ended: what its holder left behind still belongs there. */
const notEnded = (permit: Permit | undefined): Permit | undefined => {
  let found = permit
  while (found?.ended) found = found.lender
  return found
}
