/**
 * Permits: at most a given number of attempts run concurrently. The holder of a permit lends it to the work that it
 * starts, to one borrower at a time.
 *
 * Effect's `Semaphore` has no lending, and it wakes waiters by walking over all of them.
 */
import { LinkedQueue, type QueueEntry } from "../primitives/linkedQueue.ts"
import { Turnstile } from "./turnstile.ts"
import type { Ended, Pass, Request, Waiter } from "./visit.ts"

/**
 * A permit that one attempt holds. A permit with a lender returns to the lender when it ends. If the holder of a permit
 * ends before its borrower, the borrower takes over the lender of the permit. Invariant: the `lender` of a live permit
 * is never `hasEnded`.
 */
class Permit implements Pass {
  lender: Permit | undefined
  borrower: Permit | undefined = undefined
  readonly borrowers = new LinkedQueue<Waiter>()
  hasEnded = false
  private readonly permits: Permits

  constructor(permits: Permits, lender: Permit | undefined) {
    this.permits = permits
    this.lender = lender
  }

  readonly end = (ended: Ended): unknown => {
    const mistake = this.permits.learn(this, ended)
    this.permits.release(this)
    return mistake
  }
}

/** Place of a waiter among those that wait to borrow one permit. */
interface Borrowing {
  readonly lender: Permit
  readonly entry: QueueEntry<Waiter>
}

export class Permits extends Turnstile<unknown> {
  readonly name: string
  override readonly mostOfBatch: number | undefined
  size: number
  protected used = 0
  private readonly borrowing = new Map<Waiter, Borrowing>()

  constructor(size: number, name: string, mostOfBatch?: number) {
    super(false)
    this.mostOfBatch = mostOfBatch
    this.size = size
    this.name = name
  }

  protected freeAt(now: number): number {
    return this.pause(now) > 0 ? 0 : Math.max(0, this.size - this.used)
  }

  /** Time for which nothing may start, in milliseconds. */
  protected pause(_now: number): number {
    return 0
  }

  /** Learns from the end of an attempt. Returns a mistake of the user, if it finds one. */
  learn(_permit: Pass, _ended: Ended): unknown {
    return undefined
  }

  override admits(request: Request, now: number, waiter?: Waiter): boolean {
    return mayBorrow(request) ? this.pause(now) <= 0 : super.admits(request, now, waiter)
  }

  delay(request: Request, now: number): number {
    const pause = this.pause(now)
    return pause > 0 ? pause : mayBorrow(request) || this.used < this.size ? 0 : Infinity
  }

  take(request: Request, _now: number): Pass {
    const lender = lenderOf(request)
    this.running++
    if (lender !== undefined && lender.borrower === undefined) return lender.borrower = new Permit(this, lender)
    this.used++
    return new Permit(this, undefined)
  }

  override join(waiter: Waiter): void {
    const lender = lenderOf(waiter.request)
    if (lender !== undefined) this.borrow(waiter, lender)
    super.join(waiter)
  }

  override leave(waiter: Waiter): void {
    super.leave(waiter)
    const borrowing = this.borrowing.get(waiter)
    if (borrowing === undefined) return
    this.borrowing.delete(waiter)
    borrowing.lender.borrowers.remove(borrowing.entry)
  }

  /** Changes the number of permits. Permits that are held stay held, even above the new number. */
  protected change(size: number): void {
    this.size = size
    this.serve()
  }

  /**
   * Releases a permit. If others wait for it, it ends a microtask later: when many fibers are interrupted one after
   * another, the next waiters have left the line by then, and none starts only to be interrupted.
   */
  release(permit: Permit): void {
    if (this.line.size === 0 && permit.borrowers.size === 0) return this.end(permit)
    queueMicrotask(() => this.end(permit))
  }

  /**
   * Ends a permit: it returns to its lender, or else to the free ones. A permit that is lent out passes to its
   * borrower, which returns it later. Attempts that wait for it wait for its lender from now on.
   */
  private end(permit: Permit): void {
    const { borrower, borrowers, lender } = permit
    permit.hasEnded = true
    this.running--
    for (let waiter = borrowers.shift(); waiter !== undefined; waiter = borrowers.shift()) {
      if (lender === undefined) this.borrowing.delete(waiter)
      else this.borrow(waiter, lender)
    }
    if (borrower !== undefined) borrower.lender = lender
    if (lender === undefined) {
      if (borrower === undefined) this.used--
      return this.serve()
    }
    lender.borrower = borrower
    if (borrower === undefined) this.lend(lender)
  }

  /** Calls the waiters that borrow. They wait for their lenders, and not for the line. */
  protected override callOthers(): boolean {
    for (const waiter of this.borrowing.keys()) {
      if (!mayBorrow(waiter.request) || this.pause(waiter.now()) > 0) continue
      if (!waiter.isReady) waiter.missed()
      else if (waiter.call()) return true
    }
    return false
  }

  /** Lets a waiter also wait for the permit of a lender. */
  private borrow(waiter: Waiter, lender: Permit): void {
    this.borrowing.set(waiter, { lender, entry: lender.borrowers.push(waiter) })
  }

  /** Lends a permit that has come back to the first waiter that can take it. */
  private lend(lender: Permit): void {
    for (const waiter of lender.borrowers.values()) {
      if (lender.borrower !== undefined) return
      const pause = this.pause(waiter.now())
      if (pause > 0) return this.retryAfter(waiter, pause)
      if (waiter.isReady) waiter.call()
      else waiter.missed()
    }
  }
}

/**
 * Returns the lender of a request, or the nearest one above that has not ended. Work that outlives the holder of its
 * permit belongs to that one.
 */
const lenderOf = ({ lender }: Request): Permit | undefined => {
  let found = lender as Permit | undefined
  while (found?.hasEnded) found = found.lender
  return found
}

const mayBorrow = (request: Request): boolean => {
  const lender = lenderOf(request)
  return lender !== undefined && lender.borrower === undefined
}
