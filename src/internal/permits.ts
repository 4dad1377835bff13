/**
 * Permits that are handed out first come, first served, and that their holders lend to what they start.
 *
 * Effect's `Semaphore` knows no lending, and wakes by walking all who wait.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { Line, type Place } from "./line.ts"

/** What an attempt holds. One that came from a lender goes back to it; one that is lent out comes back first. */
export interface Permit {
  readonly lender: Permit | undefined
  readonly borrowers: Line<Waiter>
  lent: boolean
  ended: boolean
}

interface Waiter {
  readonly lender: Permit | undefined
  readonly grant: (permit: Permit) => void
  place: Place<Waiter> | undefined
  placeAtLender: Place<Waiter> | undefined
}

/** The permits that the attempt around this fiber holds. */
const Held = Context.Reference<ReadonlyMap<Permits, Permit>>("effect-parallel/internal/Held", {
  defaultValue: () => new Map()
})

const permit = (lender: Permit | undefined): Permit => ({ lender, borrowers: new Line(), lent: false, ended: false })

export class Permits {
  private readonly line = new Line<Waiter>()
  private used = 0
  size: number

  constructor(size: number) {
    this.size = size
  }

  /** Runs an effect with one permit, and gives it back when the effect has ended. */
  hold<A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    return Effect.uninterruptibleMask((restore) =>
      Effect.flatMap(Held, (held) =>
        Effect.flatMap(restore(this.take(held.get(this))), (permit) =>
          Effect.onExit(
            restore(Effect.provideService(effect, Held, new Map(held).set(this, permit))),
            () => Effect.sync(() => this.release(permit))
          )))
    )
  }

  /** Lets more, or fewer, hold a permit at once; who holds one keeps it. */
  resize(size: number): void {
    this.size = size
    this.serve()
  }

  private take(lender: Permit | undefined): Effect.Effect<Permit> {
    return Effect.callback((resume) => {
      if (lender !== undefined && !lender.lent && !lender.ended) {
        lender.lent = true
        return resume(Effect.succeed(permit(lender)))
      }
      if (this.used < this.size && this.line.size === 0) {
        this.used++
        return resume(Effect.succeed(permit(undefined)))
      }
      const waiter: Waiter = {
        lender,
        grant: (permit) => resume(Effect.succeed(permit)),
        place: undefined,
        placeAtLender: undefined
      }
      waiter.place = this.line.join(waiter)
      waiter.placeAtLender = lender?.borrowers.join(waiter)
      return Effect.sync(() => this.leave(waiter))
    })
  }

  /**
   * Ends a permit. Whoever waits for it gets it a moment later: when many are interrupted at once, one after another,
   * those that are next in line are gone by then, and do not start only to be interrupted.
   */
  private release(permit: Permit): void {
    if (this.line.size === 0 && permit.borrowers.size === 0) return this.end(permit)
    queueMicrotask(() => this.end(permit))
  }

  private end(permit: Permit): void {
    permit.ended = true
    if (!permit.lent) this.giveBack(permit)
  }

  /** A permit whose holder and borrowers are all done goes to its lender, or back to all. */
  private giveBack({ lender }: Permit): void {
    if (lender === undefined) {
      this.used--
      return this.serve()
    }
    lender.lent = false
    if (lender.ended) return this.giveBack(lender)
    const next = lender.borrowers.peek()
    if (next === undefined) return
    lender.lent = true
    this.leave(next)
    next.grant(permit(lender))
  }

  private serve(): void {
    for (let next = this.line.peek(); next !== undefined && this.used < this.size; next = this.line.peek()) {
      this.used++
      this.leave(next)
      next.grant(permit(undefined))
    }
  }

  private leave(waiter: Waiter): void {
    if (waiter.place !== undefined) this.line.leave(waiter.place)
    if (waiter.placeAtLender !== undefined) waiter.lender?.borrowers.leave(waiter.placeAtLender)
  }
}
