/**
 * Passing: how the attempt of a fiber goes through its turnstiles, one after another, and what it holds of them until
 * it ends.
 *
 * Invariants: an attempt in a line has an `entry` there, and holds the passes and keeps the turns of the turnstiles
 * before. However it ends, it leaves the line, ends its passes and gives up its turns, once each. Tokens are taken in
 * the step in which the attempt starts.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import { monotonicClock } from "../primitives/clock.ts"
import type { QueueEntry } from "../primitives/linkedQueue.ts"
import type { Turnstile } from "./turnstile.ts"
import { type Ended, type Pass, Passes, type Request, type Visit, type Waiter } from "./visit.ts"
import type { LimitWaits, SlotWaiter } from "./waits.ts"

/** Inputs that pass together: one input, or those of a batch, of which some may come back unused. */
export interface Passengers {
  readonly input: unknown
  readonly count: number
  readonly unused: () => number
  /** Counts their waits, if the run does. */
  readonly waits?: LimitWaits | undefined
  /** Called when they wait and their run lets nothing more begin. Then they are interrupted. */
  readonly abandoned?: (() => void) | undefined
}

/** Makes the visit of passengers, for an attempt with a context. */
export const visitOf = ({ count, input }: Passengers, context: Context.Context<never>): Visit => ({
  input,
  inputs: count,
  context,
  around: Context.get(context, Passes)
})

/** Makes the passengers of one input that passes alone. */
export const alone = (input: unknown): Passengers => ({ input, count: 1, unused: none })

const none = () => 0

/** Runs an attempt at an input when all turnstiles have let it through. The turnstiles are sorted by rank. */
export const through = <A, E, R>(
  turnstiles: ReadonlyArray<Turnstile>,
  attempt: Effect.Effect<A, E, R>,
  input: unknown
): Effect.Effect<A, E, R> => throughWith(turnstiles, attempt, alone(input))

/** Runs an attempt at inputs that pass together. */
export const throughWith = <A, E, R>(
  turnstiles: ReadonlyArray<Turnstile>,
  attempt: Effect.Effect<A, E, R>,
  passengers: Passengers
): Effect.Effect<A, E, R> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.withFiber((fiber) => new Passing(turnstiles, attempt, passengers, restore, fiber).begin())
  )

/** Runs an attempt that has its passes. They belong to it from the step in which its fiber calls `takes`. */
export const withPasses = <A, E, R>(
  takes: () => Passed,
  attempt: Effect.Effect<A, E, R>,
  unused: () => number
): Effect.Effect<A, E, R> =>
  Effect.uninterruptibleMask((restore) => {
    const passes = takes()
    return Effect.withFiber((fiber) => running(passes, restore(attempt), fiber, nowOf(fiber), unused))
  })

/** The passes of an attempt. They end once, with the attempt. */
export class Passed {
  /** Its requests. The passes are in the same order. */
  readonly requests: Array<Request> = []
  private readonly passes: Array<Pass> = []
  private ended = false

  /** Takes what a request asks for. */
  take(request: Request, now: number): void {
    this.requests.push(request)
    this.passes.push(request.turnstile.take(request, now))
  }

  /** Returns the passes of the attempt together with those of the attempt around. */
  beside(around: ReadonlyMap<Turnstile, Pass>): ReadonlyMap<Turnstile, Pass> {
    const held = new Map(around)
    for (const [k, { turnstile }] of this.requests.entries()) held.set(turnstile, this.passes[k]!)
    return held
  }

  /** Ends the passes, the last one first. Returns the mistakes of users that were found. */
  end(how: Ended): Array<unknown> {
    if (this.ended) return []
    this.ended = true
    const mistakes: Array<unknown> = []
    for (const pass of this.passes.toReversed()) {
      const mistake = pass.end(how)
      if (mistake !== undefined) mistakes.push(mistake)
    }
    return mistakes
  }

  /** Ends the passes of an attempt that does not start. */
  cancel(now: number): void {
    this.end({ isSuccess: false, error: undefined, unused: 1, now })
  }
}

/** Makes a reader of the clock of a fiber, in milliseconds. */
const nowOf = (fiber: Fiber.Fiber<unknown, unknown>): () => number => monotonicClock(fiber.getRef(Clock.Clock))

/**
 * Runs an attempt with its passes, and ends them with it. If the fiber ends without running finalizers, they end with
 * the fiber.
 */
const running = <A, E, R>(
  passes: Passed,
  attempt: Effect.Effect<A, E, R>,
  fiber: Fiber.Fiber<unknown, unknown>,
  now: () => number,
  unused: () => number
): Effect.Effect<A, E, R> => {
  const forget = fiber.addObserver(() => void passes.end({ ...lost, unused: unused(), now: now() }))
  const settle = (exit: Exit.Exit<A, E>, error: Ended["error"]): Effect.Effect<A, E> => {
    forget()
    const mistakes = passes.end({ isSuccess: exit._tag === "Success", error, unused: unused(), now: now() })
    const settled = mistakes.length === 0
      ? exit
      : Exit.failCause(
        mistakes.reduce<Cause.Cause<E>>(
          (cause, defect) => Cause.combine(cause, Cause.die(defect)),
          exit._tag === "Success" ? Cause.empty : exit.cause
        )
      )
    const returned = returnedOf(passes.requests)
    return returned === undefined ? settled : Effect.andThen(returned, settled)
  }
  const held = passes.beside(fiber.getRef(Passes))
  return Effect.matchCauseEffect(Effect.provideService(attempt, Passes, held), {
    onFailure: (cause) => {
      const error = Cause.findErrorOption(cause)
      return settle(Exit.failCause(cause), Option.isSome(error) ? { value: error.value } : undefined)
    },
    onSuccess: (value) => settle(Exit.succeed(value), undefined)
  })
}

const lost = { isSuccess: false, error: undefined } as const

/**
 * Returns the effect that gives back to shared stores what was fetched for these requests and is not needed. Returns
 * undefined if there is nothing.
 */
export const returnedOf = (requests: Iterable<Pick<Request, "turnstile">>): Effect.Effect<void> | undefined => {
  let all: Effect.Effect<void> | undefined
  for (const { turnstile: { returned } } of requests) {
    if (returned !== undefined) all = all === undefined ? returned : Effect.andThen(all, returned)
  }
  return all
}

/** An attempt that is going through its turnstiles. */
class Passing<A, E, R> implements Waiter {
  readonly isReady = true
  readonly now: () => number
  private readonly turnstiles: ReadonlyArray<Turnstile>
  private readonly attempt: Effect.Effect<A, E, R>
  private readonly passengers: Passengers
  private readonly restore: <B, F, S>(effect: Effect.Effect<B, F, S>) => Effect.Effect<B, F, S>
  private readonly fiber: Fiber.Fiber<unknown, unknown>
  private requests: ReadonlyArray<Request> = []
  /** Number of turnstiles that it has passed, or whose turn it keeps. */
  private at = 0
  private readonly passed = new Passed()
  private readonly kept: Array<Turnstile> = []
  /** The turnstile whose turn it keeps and that does not have enough after all. */
  private lacking: Turnstile | undefined = undefined
  /** Its place among the waiters of its run. */
  private slotEntry: QueueEntry<SlotWaiter> | undefined = undefined
  /** The turnstile for which it waits. */
  private waitsFor: Turnstile | undefined = undefined
  entry: QueueEntry<Waiter> | undefined = undefined
  /** Resumes the fiber, once it waits. `isCalled` is true if the wait is over before the fiber waits. */
  private resume: ((woken: Effect.Effect<void>) => void) | undefined = undefined
  private isCalled = false

  constructor(
    turnstiles: ReadonlyArray<Turnstile>,
    attempt: Effect.Effect<A, E, R>,
    passengers: Passengers,
    restore: <B, F, S>(effect: Effect.Effect<B, F, S>) => Effect.Effect<B, F, S>,
    fiber: Fiber.Fiber<unknown, unknown>
  ) {
    this.turnstiles = turnstiles
    this.attempt = attempt
    this.passengers = passengers
    this.restore = restore
    this.fiber = fiber
    this.now = nowOf(fiber)
  }

  get request(): Request {
    return this.requests[this.at]!
  }

  get count(): number {
    return this.passengers.count
  }

  /** Makes the requests to all turnstiles before the first is passed, since one of them may throw. */
  begin(): Effect.Effect<A, E, R> {
    const visit = visitOf(this.passengers, this.fiber.context)
    try {
      this.requests = this.turnstiles.map((turnstile) => turnstile.request(visit))
    } catch (defect) {
      return Effect.die(defect)
    }
    return this.enter()
  }

  /** Goes on to the next turnstile, and waits there if necessary. */
  private enter(): Effect.Effect<A, E, R> {
    for (; this.at < this.requests.length; this.at++) {
      const { request } = this
      if (request.units === 0) continue
      if (!request.turnstile.admits(request, this.now())) {
        return Effect.flatMap(this.waiting(request.turnstile, () => request.turnstile.join(this)), () => this.enter())
      }
      this.pass(request)
    }
    return this.start()
  }

  private pass(request: Request): void {
    const { turnstile } = request
    if (!turnstile.counts) return this.passed.take(request, this.now())
    this.kept.push(turnstile)
    turnstile.keepTurn(() => {
      if (this.lacking === turnstile) this.wake()
    })
  }

  /** Starts the attempt, if there is still enough at the turnstiles where it has kept its turn. */
  private start(): Effect.Effect<A, E, R> {
    this.lacking = undefined
    for (const request of this.requests) {
      const { turnstile, units } = request
      if (!turnstile.counts || units === 0) continue
      const inquiry = turnstile.inquiry(request)
      if (inquiry !== undefined) return Effect.flatMap(this.orCancel(this.restore(inquiry)), () => this.start())
      const millis = turnstile.delay(request, this.now())
      if (millis > 0) {
        this.lacking = turnstile
        return Effect.flatMap(this.waiting(turnstile, () => turnstile.retryAfter(this, millis)), () => this.start())
      }
    }
    for (const request of this.requests) if (request.turnstile.counts) this.passed.take(request, this.now())
    this.endTurns()
    const { count, unused } = this.passengers
    return running(this.passed, this.restore(this.attempt), this.fiber, this.now, () => unused() / count)
  }

  /** Waits until it is woken. `begins` starts the wait. */
  private waiting(turnstile: Turnstile, begins: () => void): Effect.Effect<void> {
    this.isCalled = false
    this.waitsFor = turnstile
    this.countWait(1)
    this.slotEntry = this.passengers.waits?.waiters.push(this)
    begins()
    const woken = Effect.callback<void>((resume) => {
      if (this.isCalled) return resume(Effect.void)
      this.resume = resume
    })
    return this.orCancel(this.restore(woken))
  }

  /** Passes the turnstile at which it waits, because its turn has come. */
  call(): boolean {
    const { request } = this
    request.turnstile.leave(this)
    this.pass(request)
    this.at++
    this.wake()
    return true
  }

  missed(): void {}

  /** Resumes the fiber if it waits. */
  private readonly wake = (): void => {
    const { resume } = this
    this.isCalled = true
    this.endWait()
    this.resume = undefined
    resume?.(Effect.void)
  }

  /** Ends the wait, if the fiber waits. The attempt does not start. */
  abandon(): void {
    const { passengers: { abandoned }, resume } = this
    if (resume === undefined || abandoned === undefined) return
    abandoned()
    this.resume = undefined
    resume(Effect.interrupt)
  }

  after(millis: number, action: () => void): () => void {
    const { context } = this.fiber
    const sleeper = Effect.runForkWith(context)(
      Effect.andThen(Effect.sleep(Duration.millis(Math.ceil(millis))), Effect.sync(action))
    )
    return () => sleeper.interruptUnsafe()
  }

  /** Gives up everything if an effect that precedes the start does not succeed. */
  private orCancel<B>(effect: Effect.Effect<B>): Effect.Effect<B> {
    return Effect.onExit(effect, (exit) => {
      if (Exit.isSuccess(exit)) return Effect.void
      this.endWait()
      if (this.entry !== undefined) {
        const { turnstile } = this.request
        turnstile.leave(this)
        turnstile.serve()
      }
      this.endTurns()
      this.passed.cancel(this.now())
      return returnedOf(this.requests) ?? Effect.void
    })
  }

  private endWait(): void {
    if (this.waitsFor === undefined) return
    this.countWait(-1)
    this.passengers.waits?.waiters.remove(this.slotEntry!)
    this.waitsFor = undefined
  }

  private countWait(sign: 1 | -1): void {
    const { count, waits } = this.passengers
    waits?.change(this.waitsFor!.name, "slot", sign * count, this.now())
  }

  private endTurns(): void {
    for (const turnstile of this.kept.splice(0)) turnstile.endTurn()
  }
}
