/**
 * A lane: one fiber that takes an input, runs an attempt, tells what became of it, and takes the next.
 *
 * The loop is the hot path of the library. It costs one `whileLoop` step for each input, no fiber and no wrapper: an
 * attempt that succeeds hands its value to `step`, an attempt that is ready is settled without leaving `body`, and only
 * a failure leaves the loop, to be settled outside and followed by a new one. A lane is itself the options of its
 * `whileLoop`, so that opening many lanes makes few closures.
 */
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { isReady } from "../../primitives/effects.ts"
import type { TurnBudget } from "../../primitives/eventLoop.ts"
import { childrenOf, noFibers } from "../../primitives/fiberGroup.ts"
import { shortenMessage } from "../../primitives/shorten.ts"
import { Entry, type Place } from "../inputs/item.ts"
import * as Supply from "../inputs/queue.ts"
import type { Sink, Watch } from "../outcomes/sink.ts"

/** No time: a clock that should say so is read once more. */
const Unread = -1

/** Others have to have their turn first: what a lane may find beside what the supply says. */
export const Yielding = -1

/** What a lane does that has found nothing: it comes back when there may be something, or it is done. */
export const later = (
  found: Supply.Found | typeof Yielding,
  lane: { readonly wait: Effect.Effect<void>; readonly ready: () => Effect.Effect<boolean> },
  turnBudget: TurnBudget
): Effect.Effect<boolean> => {
  switch (found) {
    case Yielding:
      return Effect.flatMap(turnBudget.next, lane.ready)
    case Supply.Waiting:
      return Effect.flatMap(lane.wait, lane.ready)
    default:
      return Effect.succeed(false)
  }
}

/** What `Effect.whileLoop` is given. */
interface Loop<A, E, R> {
  while(): boolean
  body(): Effect.Effect<A, E, R>
  step(value: A): void
}

/** What the lanes of a run have in common. */
export interface Options<I, A, E, R> {
  readonly supply: Supply.Inlet<I>
  readonly sink: Sink<I, A, E>
  readonly turnBudget: TurnBudget
  /** Reads the monotonic clock, in nanoseconds. */
  readonly time: () => number
  readonly watch?: Watch
  /** An attempt at an input in the hand of a lane. */
  readonly attempt: (entry: Entry<I>, hand: Hand) => Effect.Effect<A, E, R>
  /** How long to wait before the next attempt, or the exit of the input; none where a failure is the input's exit. */
  readonly afterFailure:
    | ((entry: Entry<I>, cause: Cause.Cause<E>) => Effect.Effect<Duration.Duration | Exit.Exit<A, E>, never, R>)
    | undefined
}

/** What an attempt may know of the lane that makes it, and tell it: that it began later than it was made. */
export interface Hand extends Place {
  beganAt: number
  /** The round of the input when the lane took it. */
  readonly round: number
}

export class Lane<I, A, E, R> implements Loop<A | void, E, R>, Hand {
  readonly worker: number
  private readonly options: Options<I, A, E, R>
  private readonly attempt: Options<I, A, E, R>["attempt"]
  private readonly supply: Supply.Inlet<I>
  private readonly turnBudget: TurnBudget
  private readonly sink: Sink<I, A, E>
  private readonly watch: Watch | undefined
  /** Whether there is more to tell of a success than that there is one. */
  private readonly telling: boolean
  private readonly detailed: boolean
  private readonly recurs: boolean
  /** Whether one attempt begins when the last has ended: nothing that takes time comes between. */
  private readonly seamless: boolean
  /** Where inputs do not come back, one entry serves for all. */
  private readonly own: Entry<I> | undefined
  private entry: Entry<I>
  round = 0
  beganAt = 0
  private holding = false
  private found: Supply.Found | typeof Yielding = Supply.Waiting
  /** The time, where it was looked at just now; else `Unread`. */
  private now = Unread
  /** Whether the attempt before was ready. Then the next may be too, and the clock is not looked at before it. */
  private quick = false
  /** Fibers that an attempt has forked as its children: the lane's own, since it runs in the lane. */
  private children: ReadonlySet<Fiber.Fiber<unknown, unknown>> = noFibers
  /** A value whose attempt has left children behind. */
  private held: { readonly value: A } | undefined = undefined
  /** A failure of which it is being decided what follows. */
  private failing: Cause.Cause<E> | undefined = undefined
  /** How this lane waits for inputs, whether its loop does so now, and what wakes it, since it last did. */
  private waiting: Effect.Effect<void> | undefined = undefined
  private pausing = false
  private waker: (() => void) | undefined = undefined

  constructor(options: Options<I, A, E, R>, worker: number) {
    this.options = options
    this.attempt = options.attempt
    this.supply = options.supply
    this.turnBudget = options.turnBudget
    this.sink = options.sink
    this.watch = options.watch
    this.detailed = options.sink.detailed
    this.recurs = options.supply.recurs
    this.telling = this.detailed || this.recurs
    this.seamless = options.supply.immediate && !this.recurs
    this.worker = worker
    this.own = this.recurs ? undefined : new Entry<I>(-1, undefined as I, worker)
    this.entry = this.own!
    this.supply.join()
  }

  /** Runs until nothing is left to take. */
  get run(): Effect.Effect<void, never, R> {
    return Effect.withFiber((fiber) => {
      this.children = childrenOf(fiber)
      return this.go()
    })
  }

  /** Waits for an input to have in hand; `false` when there will be none. */
  readonly ready = (): Effect.Effect<boolean> =>
    this.holding || this.take() ? Effect.succeed(true) : later(this.found, this, this.turnBudget)

  while(): boolean {
    return this.held === undefined && (this.holding || this.take() || this.found !== Supply.Done)
  }

  body(): Effect.Effect<A | void, E, R> {
    if (!this.holding) return this.pause
    if (this.supply.stopped) return this.drop()
    let effect = this.telling ? this.start() : this.skim()
    if (!this.holding) return Effect.void
    while (isReady(effect)) {
      if (effect._tag === "Failure" && this.options.afterFailure !== undefined) return effect
      this.settleReady(effect)
      if (!this.take()) return Effect.void
      this.quick = true
      effect = this.start()
    }
    if (this.quick) this.startLate()
    return effect
  }

  /**
   * Settles values that are ready as long as they come, and gives the first attempt that is something else, unless nothing
   * was left to take. It is the loop of `body` for inputs of which there is nothing to tell, as tight as can be.
   */
  private skim(): Effect.Effect<A, E, R> {
    const { sink, supply, turnBudget } = this
    const own = this.own!
    let effect = this.start()
    while (isReady(effect) && effect._tag === "Success") {
      sink.onSuccess(own, effect.value)
      supply.settled()
      if (turnBudget.tick() || supply.take(own) !== Supply.Taken) {
        this.holding = false
        break
      }
      effect = this.start()
    }
    return effect
  }

  step(value: A | void): void {
    if (this.pausing) {
      this.pausing = false
      return
    }
    if (!this.holding) return
    if (this.children.size > 0) {
      this.held = { value: value as A }
      return
    }
    if (this.detailed) {
      this.entry.endedAt = this.time()
      if (this.seamless) this.now = this.entry.endedAt
    }
    this.succeed(value as A)
  }

  /**
   * The lane's fiber has ended with a failure, though nobody has stopped it: its work interrupted the fiber it ran in, or
   * gave the runtime something that is no effect. That is how its input has failed; `false` when it had none, and it was
   * no interruption either.
   */
  lost(cause: Cause.Cause<never>): boolean {
    this.supply.leave(this.waker)
    const { failing } = this
    if (this.keep()) return true
    if (failing !== undefined) {
      this.conclude(Cause.combine(failing, cause))
      return true
    }
    if (!this.holding) return Cause.hasInterruptsOnly(cause)
    if (this.detailed) this.entry.endedAt = this.time()
    if (this.counts()) this.conclude(cause)
    return true
  }

  /** Settles the input whose value was there when the lane's fiber ended, if there is one. */
  keep(): boolean {
    const { held } = this
    if (held === undefined) return false
    this.finish(held.value)
    return true
  }

  private go(): Effect.Effect<void, never, R> {
    return Effect.matchCauseEffect(Effect.whileLoop(this), {
      onFailure: (cause) => this.leave(Exit.failCause(cause)),
      onSuccess: () => this.held === undefined ? Effect.void : this.leave(Exit.succeed(this.held.value))
    })
  }

  /** Settles outside the loop, and goes on. Fibers that the attempt has left behind end first. */
  private leave(exit: Exit.Exit<A, E>): Effect.Effect<void, never, R> {
    if (this.children.size > 0) return Effect.flatMap(Fiber.interruptAll(this.children), () => this.leave(exit))
    if (Exit.isSuccess(exit)) {
      this.finish(exit.value)
      return this.go()
    }
    if (!this.holding) return Effect.failCause(exit.cause as Cause.Cause<never>)
    if (this.detailed) this.entry.endedAt = this.time()
    return Effect.flatMap(this.fail(exit.cause), () => this.go())
  }

  /** What the loop does that has found nothing. */
  private get pause(): Effect.Effect<void> {
    this.pausing = true
    return this.found === Yielding ? this.turnBudget.next : this.wait
  }

  /** Waits until there may be something to take. Looks once more where nothing can come between that and the wait. */
  get wait(): Effect.Effect<void> {
    return this.waiting ??= Effect.callback((resume) => {
      if (this.take() || this.found !== Supply.Waiting) return resume(Effect.void)
      this.waker = () => resume(Effect.void)
      this.supply.enlist(this.waker)
    })
  }

  /** Does not begin with what is in hand. */
  private drop(): Effect.Effect<void> {
    this.holding = false
    return Effect.void
  }

  private take(): boolean {
    this.found = this.turnBudget.tick() ? Yielding : this.supply.take(this.own)
    if (this.found !== Supply.Taken) {
      this.now = Unread
      return false
    }
    if (this.recurs) {
      this.entry = this.supply.entry
      this.round = this.entry.round
    }
    return this.holding = true
  }

  /** Starts an attempt. A work that throws is one that is ready. */
  private start(): Effect.Effect<A, E, R> {
    if (this.detailed) this.clockStart()
    try {
      return this.attempt(this.entry, this)
    } catch (defect) {
      return Exit.die(defect)
    }
  }

  private clockStart(): void {
    const { entry } = this
    if (entry.fresh && (!this.quick || this.recurs)) {
      entry.startedAt = entry.endedAt = this.now === Unread ? this.time() : this.now
      this.now = Unread
      if (this.recurs) {
        this.beganAt = entry.startedAt
        entry.fresh = false
      }
    } else if (this.recurs) {
      this.beganAt = this.time()
    } else {
      entry.startedAt = entry.endedAt
    }
  }

  /** The attempt before this one was ready, and this one is not. */
  private startLate(): void {
    this.quick = false
    if (this.detailed && !this.recurs) this.entry.startedAt = this.time()
  }

  private settleReady(exit: Exit.Exit<A, E>): void {
    if (this.detailed && this.entry.attempts > 1) this.entry.endedAt = this.time()
    if (exit._tag === "Success") this.succeed(exit.value)
    else if (this.counts()) this.conclude(exit.cause)
  }

  private succeed(value: A): void {
    this.holding = false
    if (this.telling && !this.tellSuccess()) return
    if (this.sink.onSuccess(this.entry, value) === true) this.now = Unread
    this.supply.settled()
  }

  /** Tells what there is to tell beside the value; `false` where another attempt was first. */
  private tellSuccess(): boolean {
    if (!this.counts()) return false
    if (this.detailed && this.entry.attempts > 1) this.entry.record(this, "Succeeded", undefined)
    this.watch?.settled(this.entry, false)
    return true
  }

  private finish(value: A): void {
    this.held = undefined
    if (this.detailed) this.entry.endedAt = this.time()
    this.succeed(value)
  }

  private fail(cause: Cause.Cause<E>): Effect.Effect<void, never, R> {
    const { afterFailure } = this.options
    if (!this.counts()) return Effect.void
    if (afterFailure === undefined) return Effect.sync(() => this.conclude(cause))
    this.failing = cause
    return Effect.map(afterFailure(this.entry, cause), (next) => {
      if (!Duration.isDuration(next)) {
        return Exit.isSuccess(next)
          ? this.replace(cause, next.value)
          : this.conclude(next.cause)
      }
      this.failing = undefined
      this.recordFailure(cause)
      this.supply.park(this.entry, next)
    })
  }

  /** A value has taken the place of the failure. */
  private replace(cause: Cause.Cause<E>, value: A): void {
    this.failing = undefined
    if (this.recurs && this.entry.attempts > 1) this.recordFailure(cause)
    if (this.telling) this.watch?.settled(this.entry, false)
    this.sink.onSuccess(this.entry, value)
    this.supply.settled()
  }

  /** The input has failed for good. After the end of the run no failure counts: most are what the end has interrupted. */
  private conclude(cause: Cause.Cause<E>): void {
    this.failing = undefined
    if (this.supply.stopped) return this.supply.dropped()
    // first of all the end, since what is settled makes room, and wakes lanes that would go on
    if (this.tell(cause)) this.supply.stop()
    this.supply.settled()
  }

  private tell(cause: Cause.Cause<E>): boolean {
    if (this.recurs && this.entry.attempts > 1) this.recordFailure(cause)
    this.watch?.settled(this.entry, true)
    return this.sink.onFailure(this.entry, cause)
  }

  private recordFailure(cause: Cause.Cause<E>): void {
    if (this.detailed) this.entry.record(this, "Failed", shortenMessage(Cause.squash(cause)))
  }

  /** Puts the input out of hand. Its attempt counts, unless another has ended before it or it never began. */
  private counts(): boolean {
    this.holding = false
    if (this.entry.withdrawn) return false
    if (!this.recurs) return true
    if (this.round !== this.entry.round) return false
    this.entry.worker = this.worker
    this.supply.ended(this.entry, this)
    return true
  }

  private time(): number {
    return this.options.time()
  }
}
