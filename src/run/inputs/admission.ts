/**
 * Admission: inputs of a run whose limits depend on the input. They pass their limits before a lane has them, so that
 * an input that waits for its key keeps no slot.
 *
 * An input passes all its turnstiles in one step, or none. An input that cannot pass is put aside at the first
 * turnstile that does not let it through. All inputs that a run has put aside at a turnstile wait there as one line, in
 * their order. When the turn of the line has come and a lane is free, the first input tries again, and goes to that
 * lane or to the turnstile that holds it up now. A turn that comes while no lane is free is passed over (missed). The
 * next lane that looks for an item, or begins to wait, asks for it.
 *
 * Invariants: an input is either put aside in one line, or `granted`, or a lane has started it. What is granted and not
 * started when the run ends is given back. While a lane is free, no line is in `missed`: each line has its turn, a
 * timer, or another line before it.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { resolved } from "../../limit/around.ts"
import type { Limit } from "../../limit/contract.ts"
import { alone, Passed, returnedOf, visitOf } from "../../limit/passing.ts"
import { Turnstile } from "../../limit/turnstile.ts"
import type { Request, Waiter } from "../../limit/visit.ts"
import type { LimitWaits } from "../../limit/waits.ts"
import { monotonicClock } from "../../primitives/clock.ts"
import { LinkedQueue, type QueueEntry } from "../../primitives/linkedQueue.ts"
import type { Timers } from "../../primitives/timers.ts"
import type { Item } from "./item.ts"

/** Turnstiles that have let an input through, and limits of users that go around its attempt. */
export interface Admitted {
  readonly passed: Passed
  readonly others: ReadonlyArray<Limit<any>>
}

/** The queue of a run, as its admission sees it. */
export interface AdmissionHost<in I> {
  /** Number of lanes that wait or ask and have no input yet. */
  readonly freeLanes: number
  /** True once nothing more may begin. */
  readonly finished: boolean
  /** Lets a lane take an item that was put aside, and wakes one unless a lane is asking. */
  admitted(item: Item<I>): void
  /** Wakes lanes because there is something to ask for. */
  readonly notify: () => void
}

/** Parts of a run that its admission needs. */
export interface AdmissionOptions<I> {
  readonly limits: ReadonlyArray<Limit<any>>
  readonly waits: LimitWaits
  readonly host: AdmissionHost<I>
  readonly context: Context.Context<never>
  readonly timers: Timers
  readonly fork: (effect: Effect.Effect<void>) => Fiber.Fiber<void>
}

/** An item that was put aside, and its request to the turnstile there. */
interface PutAside<I> {
  readonly item: Item<I>
  readonly request: Request
}

export class Admission<I> {
  /** Reads the clock that all limits use, in milliseconds. The clock of the timers has another origin. */
  readonly now: () => number
  private readonly options: AdmissionOptions<I>
  private readonly lines = new Map<Turnstile, AsideLine<I>>()
  /** Lines whose turn came while no lane was free. */
  private readonly missed = new Set<AsideLine<I>>()
  private readonly granted = new Set<Item<I>>()
  private readonly inquiries = new Set<Fiber.Fiber<void>>()

  constructor(options: AdmissionOptions<I>) {
    this.options = options
    this.now = monotonicClock(Context.get(options.context, Clock.Clock))
  }

  get waits(): LimitWaits {
    return this.options.waits
  }

  /** True if a lane could take an item now. */
  get hasFreeLane(): boolean {
    const { host } = this.options
    return !host.finished && host.freeLanes > 0
  }

  /**
   * Lets an item through, or puts it aside and returns false. An item whose limits fail goes through, with the cause.
   */
  admits(item: Item<I>): boolean {
    if (item.admitted !== undefined || item.refusal !== undefined) return true
    const request = this.pass(item, undefined)
    if (request === undefined) return true
    item.asideAt = Math.round(this.options.timers.now() * 1e6)
    this.putAside(item, request)
    return false
  }

  /** Asks again for the turns that came while no lane was free. Called when one is. */
  ask(): void {
    for (const line of this.missed) {
      if (!this.hasFreeLane) return
      this.missed.delete(line)
      line.turnstile.serve()
    }
  }

  /** Takes the grants of an item, in the step in which its attempt gets them. */
  start(item: Item<I>): Passed {
    const { passed } = item.admitted!
    item.admitted = undefined
    this.granted.delete(item)
    return passed
  }

  /** Leaves all lines, and gives back grants that were not used. */
  readonly close: Effect.Effect<void> = Effect.suspend(() => {
    const asked: Array<Pick<Request, "turnstile">> = [...this.lines.values()]
    for (const { admitted } of this.granted) {
      admitted!.passed.cancel(this.now())
      asked.push(...admitted!.passed.requests)
    }
    for (const line of this.lines.values()) {
      line.turnstile.leave(line)
      line.turnstile.serve()
    }
    this.lines.clear()
    return Effect.andThen(Fiber.awaitAll(this.inquiries), Effect.suspend(() => returnedOf(asked) ?? Effect.void))
  })

  /** Handles the turn of a line: lets through its first item that no other turnstile holds up. */
  serve(line: AsideLine<I>): boolean {
    for (let first = line.take(); first !== undefined; first = line.take()) {
      const { item } = first
      const request = this.pass(item, line)
      if (request === undefined) {
        this.moveOn(line)
        this.options.host.admitted(item)
        return true
      }
      if (request.turnstile === line.turnstile) {
        line.putBack({ item, request })
        return this.inquire(line, request)
      }
      this.putAside(item, request)
    }
    this.moveOn(line)
    return false
  }

  /** Notes a line whose turn came while no lane was free. */
  miss(line: AsideLine<I>): void {
    if (this.missed.has(line) || this.options.host.finished) return
    this.missed.add(line)
    this.options.host.notify()
  }

  after(millis: number, action: () => void): () => void {
    const { timers } = this.options
    const timer = timers.after(Duration.millis(millis), action)
    return () => timers.cancel(timer)
  }

  /** Passes all turnstiles of an item. Returns the request that holds it up, if there is one. */
  private pass(item: Item<I>, asker: AsideLine<I> | undefined): Request | undefined {
    const now = this.now()
    const requests: Array<Request> = []
    const others: Array<Limit<any>> = []
    try {
      const { context, limits } = this.options
      const visit = visitOf(alone(item.input), context)
      for (const limit of resolved(limits, item.input, now)) {
        // a user's own limit and all after it are taken in the slot, in the order of their ranks
        if (limit instanceof Turnstile && others.length === 0) requests.push(limit.request(visit))
        else others.push(limit)
      }
    } catch (defect) {
      item.refusal = Cause.die(defect)
      return undefined
    }
    const held = requests.find((request) => request.units > 0 && !this.lets(request, now, asker))
    if (held !== undefined) return held
    const passed = new Passed()
    for (const request of requests) passed.take(request, now)
    item.admitted = { passed, others }
    this.granted.add(item)
    return undefined
  }

  /** Returns true if a turnstile lets a request through now, and nothing of this run is before it. */
  private lets(request: Request, now: number, asker: AsideLine<I> | undefined): boolean {
    const { turnstile } = request
    const line = this.lines.get(turnstile)
    return (line === undefined || line === asker) && turnstile.admits(request, now, line) &&
      turnstile.inquiry(request) === undefined
  }

  private putAside(item: Item<I>, request: Request): void {
    const { turnstile } = request
    const known = this.lines.get(turnstile)
    const line = known ?? new AsideLine(this, turnstile)
    line.add({ item, request })
    if (known !== undefined) return
    this.lines.set(turnstile, line)
    turnstile.join(line)
  }

  /** Leaves the turn to others. If items are left in the line, it joins again at the end. */
  private moveOn(line: AsideLine<I>): void {
    line.turnstile.leave(line)
    if (line.items.size > 0) return line.turnstile.join(line)
    this.lines.delete(line.turnstile)
    this.missed.delete(line)
  }

  /**
   * Asks the shared store for what a turnstile does not know, and keeps the turn meanwhile. Returns false if there is
   * nothing to ask.
   */
  private inquire(line: AsideLine<I>, request: Request): boolean {
    const { turnstile } = line
    const inquiry = turnstile.inquiry(request)
    if (inquiry === undefined) return false
    turnstile.keepTurn(() => {})
    const fiber = this.options.fork(Effect.map(Effect.exit(inquiry), (exit) => {
      if (Exit.isFailure(exit)) this.refuse(line, exit.cause)
      turnstile.endTurn()
    }))
    this.inquiries.add(fiber)
    fiber.addObserver(() => void this.inquiries.delete(fiber))
    return true
  }

  /** Fails the first item of a line. */
  private refuse(line: AsideLine<I>, cause: Cause.Cause<never>): void {
    const first = line.take()
    if (first === undefined) return
    first.item.refusal = cause
    if (line.items.size === 0) this.moveOn(line)
    this.options.host.admitted(first.item)
  }
}

/** The inputs that a run has put aside at one turnstile. */
class AsideLine<I> implements Waiter {
  readonly turnstile: Turnstile
  readonly items = new LinkedQueue<PutAside<I>>()
  entry: QueueEntry<Waiter> | undefined = undefined
  private readonly admission: Admission<I>

  constructor(admission: Admission<I>, turnstile: Turnstile) {
    this.admission = admission
    this.turnstile = turnstile
  }

  get request(): Request {
    return this.items.peek()!.request
  }

  get count(): number {
    return this.items.size
  }

  add(item: PutAside<I>): void {
    this.items.push(item)
    this.admission.waits.change(this.turnstile.name, "aside", 1, this.now())
  }

  take(): PutAside<I> | undefined {
    const first = this.items.shift()
    if (first !== undefined) this.admission.waits.change(this.turnstile.name, "aside", -1, this.now())
    return first
  }

  /** Puts back an item that was taken in this step. */
  putBack(item: PutAside<I>): void {
    this.items.unshift(item)
    this.admission.waits.resume(this.turnstile.name, "aside", this.now())
  }

  get isReady(): boolean {
    return this.items.size > 0 && this.admission.hasFreeLane
  }

  call(): boolean {
    return this.admission.serve(this)
  }

  missed(): void {
    this.admission.miss(this)
  }

  now(): number {
    return this.admission.now()
  }

  after(millis: number, action: () => void): () => void {
    return this.admission.after(millis, action)
  }
}
