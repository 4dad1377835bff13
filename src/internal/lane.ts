/**
 * A lane: one fiber that takes an input, runs an attempt, tells what became of it, and takes the next.
 *
 * The loop is the hot path of the library. It costs one `whileLoop` step for each input, no fiber and no wrapper: an
 * attempt that succeeds hands its value to `step`, an attempt that is ready is settled without leaving `body`, and only
 * a failure leaves the loop, to be settled outside and followed by a new one. A lane is itself the options of its
 * `whileLoop`, so that opening many lanes makes few closures.
 *
 * @since 0.1.0
 */
import type * as Cause from "effect/Cause"
import type * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { isReady } from "./attempt.ts"
import { Entry } from "./entry.ts"
import type { Sink } from "./sink.ts"
import * as Supply from "./supply.ts"
import type { Turnstile } from "./turn.ts"

/** Fails the lane that ends the run, so that the others are interrupted. */
export const Stop = "effect-parallel/internal/Stop"
export type Stop = typeof Stop

/** Others have to have their turn first: what a lane may find beside what the supply says. */
const Yielding = -1

/** What `Effect.whileLoop` is given. */
interface Loop<A, E, R> {
  while(): boolean
  body(): Effect.Effect<A, E, R>
  step(value: A): void
}

/** Where a lane gets its inputs: what it needs of a supply. */
export type Inlet<I> = Pick<
  Supply.Supply<I, unknown, unknown>,
  "recurs" | "entry" | "join" | "take" | "wait" | "settled" | "ended" | "park" | "stop"
>

/** What the lanes of a run have in common. */
export interface Options<I, A, E, R> {
  readonly supply: Inlet<I>
  readonly sink: Sink<I, A, E>
  readonly turnstile: Turnstile
  readonly clock: Clock.Clock
  readonly attempt: (entry: Entry<I>) => Effect.Effect<A, E, R>
  /** How long to wait before the next attempt, or the exit of the input; none where a failure is the input's exit. */
  readonly afterFailure:
    | ((entry: Entry<I>, cause: Cause.Cause<E>) => Effect.Effect<Duration.Duration | Exit.Exit<A, E>, never, R>)
    | undefined
}

export class Lane<I, A, E, R> implements Loop<A | void, E, R> {
  private readonly options: Options<I, A, E, R>
  private readonly attempt: Options<I, A, E, R>["attempt"]
  private readonly supply: Inlet<I>
  private readonly sink: Sink<I, A, E>
  private readonly detailed: boolean
  private readonly recurs: boolean
  private readonly worker: number
  /** Where inputs do not come back, one entry serves for all. */
  private readonly own: Entry<I> | undefined
  private entry: Entry<I>
  private round = 0
  private holding = false
  /** Whether this lane has ended the run. */
  private ending = false
  private found: Supply.Found | typeof Yielding = Supply.Waiting
  /** The time, where it was looked at just now: one attempt ends when the next begins. */
  private now: bigint | undefined = undefined
  /** Fibers that an attempt has forked as its children: the lane's own, since it runs in the lane. */
  private children: ReadonlySet<Fiber.Fiber<unknown, unknown>> = none
  /** A value whose attempt has left children behind. */
  private held: Exit.Exit<A> | undefined = undefined

  constructor(options: Options<I, A, E, R>, worker: number) {
    this.options = options
    this.attempt = options.attempt
    this.supply = options.supply
    this.sink = options.sink
    this.detailed = options.sink.detailed
    this.recurs = options.supply.recurs
    this.worker = worker
    this.own = this.recurs ? undefined : new Entry<I>(-1, undefined as I, worker)
    this.entry = this.own!
    this.supply.join()
  }

  /** Runs until nothing is left to take. */
  get run(): Effect.Effect<void, Stop, R> {
    return Effect.withFiber((fiber) => {
      this.children = childrenOf(fiber)
      return this.go()
    })
  }

  /** Waits for an input to have in hand; `false` when there will be none. */
  readonly ready = (): Effect.Effect<boolean, Stop> => {
    if (this.ending) return Effect.fail(Stop)
    if (this.holding || this.take()) return Effect.succeed(true)
    switch (this.found) {
      case Yielding:
        return Effect.flatMap(this.options.turnstile.pass, this.ready)
      case Supply.Waiting:
        return Effect.flatMap(this.supply.wait, this.ready)
      case Supply.Broken:
        return Effect.fail(Stop)
      default:
        return Effect.succeed(false)
    }
  }

  while(): boolean {
    return this.held === undefined && (this.holding || this.take())
  }

  body(): Effect.Effect<A | void, E, R> {
    let effect = this.attempt(this.entry)
    while (isReady(effect)) {
      if (effect._tag === "Failure" && this.options.afterFailure !== undefined) break
      this.settleReady(effect)
      if (!this.take()) return Effect.void
      effect = this.attempt(this.entry)
    }
    if (this.detailed && this.entry.fresh) this.entry.startedAt = this.now ?? this.time()
    if (this.recurs) this.entry.fresh = false
    this.now = undefined
    return effect
  }

  step(value: A | void): void {
    if (!this.holding) return
    if (this.children.size > 0) {
      this.held = Exit.succeed(value as A)
      return
    }
    if (this.detailed) this.entry.endedAt = this.now = this.time()
    this.succeed(value as A)
  }

  private go(): Effect.Effect<void, Stop, R> {
    return Effect.flatMap(Effect.suspend(this.ready), (ready) =>
      ready
        ? Effect.matchCauseEffect(Effect.whileLoop(this), {
          onFailure: (cause) => this.leave(Exit.failCause(cause)),
          onSuccess: () => this.held === undefined ? this.go() : this.leave(this.held)
        })
        : Effect.void)
  }

  /** Settles outside the loop, and goes on. Fibers that the attempt has left behind end first. */
  private leave(exit: Exit.Exit<A, E>): Effect.Effect<void, Stop, R> {
    this.held = undefined
    if (this.children.size > 0) return Effect.flatMap(Fiber.interruptAll(this.children), () => this.leave(exit))
    if (this.detailed) this.entry.endedAt = this.time()
    if (Exit.isFailure(exit)) return Effect.flatMap(this.fail(exit), () => this.go())
    this.succeed(exit.value)
    return this.go()
  }

  private take(): boolean {
    this.found = this.options.turnstile.due() ? Yielding : this.supply.take(this.own)
    if (this.found !== Supply.Taken) {
      this.now = undefined
      return false
    }
    if (this.recurs) {
      this.entry = this.supply.entry
      this.round = this.entry.round
    }
    return this.holding = true
  }

  private settleReady(exit: Exit.Exit<A, E>): void {
    this.now = undefined
    if (this.detailed && this.entry.attempts > 1) this.entry.endedAt = this.time()
    if (this.counts()) this.conclude(exit)
  }

  private succeed(value: A): void {
    if (!this.counts()) return
    this.sink.onSuccess(this.entry, value)
    this.supply.settled()
  }

  private fail(exit: Exit.Failure<A, E>): Effect.Effect<void, never, R> {
    const { afterFailure } = this.options
    if (!this.counts()) return Effect.void
    if (afterFailure === undefined) return Effect.sync(() => this.conclude(exit))
    return Effect.map(
      afterFailure(this.entry, exit.cause),
      (next) => Duration.isDuration(next) ? this.supply.park(this.entry, next) : this.conclude(next)
    )
  }

  /** The input has its exit: no attempt follows. */
  private conclude(exit: Exit.Exit<A, E>): void {
    let end = false
    if (exit._tag === "Success") this.sink.onSuccess(this.entry, exit.value)
    else end = this.sink.onFailure(this.entry, exit.cause)
    this.supply.settled()
    if (!end) return
    this.supply.stop()
    this.ending = true
  }

  /** Puts the input out of hand. Its attempt counts, unless another has ended before it or it never began. */
  private counts(): boolean {
    this.holding = false
    if (this.entry.withdrawn) return false
    if (!this.recurs) return true
    if (this.round !== this.entry.round) return false
    this.entry.worker = this.worker
    this.supply.ended(this.entry)
    return true
  }

  private time(): bigint {
    return this.options.clock.monotonicTimeNanosUnsafe()
  }
}

const none: ReadonlySet<never> = new Set()

/** The fibers that a fiber has forked as its children. The runtime keeps them to interrupt them when the fiber ends. */
const childrenOf = (fiber: Fiber.Fiber<unknown, unknown>): ReadonlySet<Fiber.Fiber<unknown, unknown>> =>
  (fiber as { children?: () => Set<Fiber.Fiber<unknown, unknown>> }).children?.() ?? none
