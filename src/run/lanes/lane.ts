/**
 * A lane: one fiber that takes an item, runs an attempt at it, passes the exit on, and takes the next.
 *
 * | state | the lane has | leads to |
 * | --- | --- | --- |
 * | `Idle` | no item | `Loaded`, by `take`; the end of the loop, when `found` is `Done` |
 * | `Loaded` | an item whose attempt has not begun | `Running`, by `start`; `Idle`, by `drop` or `lost` |
 * | `Running` | an item and its attempt | `Idle`, by `claimExit`, `succeed`, `drainReady`; `ValuePending`, by `step` |
 * | `ValuePending` | a value in `pendingValue`, and fibers to interrupt first | `Idle`, by `finish` |
 * | `Deciding` | a cause in `pendingCause`, and the effect that decides what follows it | `Idle`, by `decided` |
 *
 * `fail` claims the exit of an item, so that the lane is `Idle`, and enters `Deciding` from there in the same step.
 *
 * | field | written by | valid |
 * | --- | --- | --- |
 * | `state` | the methods above | always |
 * | `item`, `round` | `take`; `drainReady` refills its one item | in `Loaded`, `Running`; in others, the last item's |
 * | `found` | `take` | the reason, after a `take` that took nothing; else `Taken`, or `Waiting` before the first |
 * | `pendingValue` / `pendingCause` | `step` / `fail` | in `ValuePending` / `Deciding` |
 * | `beganAt`, `waits` | the clock, where items come back; an attempt behind limits | from `start`, if times count |
 * | `remote` | an attempt on a backend; cleared by the clock, or before limits | if times of a backend are reported |
 * | `attemptNumber` | the attempt that begins | in runs that count the starts of items; else 1 |
 * | `withdrawn` | the attempt, behind limits | true once the run was stopped before the attempt began |
 * | `mark` | the attempt, after its limits; cleared by `take` | in runs whose retry is a default |
 * | `children` | `run`, when the fiber starts; the runtime adds to it | always |
 * | `wake` | `awaitInput` | while the fiber waits for inputs, and after |
 *
 * The loop is the hot path of the library. It costs one `whileLoop` step for each input, no fiber and no wrapper. An
 * attempt that succeeds hands its value to `step`. An attempt that is ready is settled without leaving `body`. Only a
 * failure leaves the loop: it is settled outside (`leave`), and a new loop follows. The lane itself is the options
 * object of its `whileLoop`, so that opening many lanes makes few closures.
 *
 * Invariants: only the fiber of the lane writes its state, except `ready`, which another fiber may run before it, and
 * `lost` and `keep`, which are called when it has ended. An item is settled only after `claimExit` returned true, or by
 * a lane whose items no other lane can have.
 */
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type { WaitedNanos } from "../../outcome/waits.ts"
import { isReady, isWholeExit, notAnEffect } from "../../primitives/effects.ts"
import type { TurnBudget } from "../../primitives/eventLoop.ts"
import { childrenOf, noFibers } from "../../primitives/fiberGroup.ts"
import { shortenMessage } from "../../primitives/shorten.ts"
import * as Attempt from "../../task/attempt.ts"
import * as Inputs from "../inputs/contract.ts"
import { type AttemptContext, Item, type RemoteAttempt } from "../inputs/item.ts"
import type { ItemObserver, Sink } from "../outcomes/sink.ts"
import type { AfterFailure } from "./afterFailure.ts"
import type { RetryMark } from "./defaultRetry.ts"
import { LaneClock } from "./laneClock.ts"
import { attemptStart, describe } from "./remote.ts"
import { retryTake, Yielding } from "./retryTake.ts"

const Idle = 0
const Loaded = 1
const Running = 2
const ValuePending = 3
const Deciding = 4
type Stage = typeof Idle | typeof Loaded | typeof Running | typeof ValuePending | typeof Deciding

/** Options of `Effect.whileLoop`. */
interface Loop<A, E, R> {
  while(): boolean
  body(): Effect.Effect<A, E, R>
  step(value: A): void
}

/** Options that the lanes of a run, or of a batch in a worker, share. */
export interface LaneOptions<I, A, E, R> {
  readonly source: Inputs.ItemSource<I>
  /** The run: it waits for inputs, tries again and counts. Absent in a worker, where the program does that. */
  readonly host?: Inputs.LaneHost<I>
  readonly sink: Sink<I, A, E>
  readonly turnBudget: TurnBudget
  /** Reads the monotonic clock, in nanoseconds. */
  readonly time: () => number
  readonly observer?: ItemObserver | undefined
  /** True if attempts may wait before they begin, and the sink reports times. */
  readonly waits: boolean
  readonly attempt: (item: Item<I>, context: AttemptContext) => Effect.Effect<A, E, R>
  /** Describes an attempt at an item for the work. */
  readonly attemptOf: (item: Item<I>, context: AttemptContext) => Attempt.CurrentAttempt | undefined
  readonly afterFailure: AfterFailure<I, A, E, R> | undefined
}

export class Lane<I, A, E, R> implements Loop<A | void, E, R>, AttemptContext {
  readonly worker: number
  round = 0
  beganAt = 0
  waits: WaitedNanos | undefined = undefined
  remote: RemoteAttempt | undefined = undefined
  attemptNumber = 1
  withdrawn = false
  mark: RetryMark | undefined = undefined
  private readonly source: Inputs.ItemSource<I>
  private readonly host: Inputs.LaneHost<I> | undefined
  private readonly sink: Sink<I, A, E>
  private readonly turnBudget: TurnBudget
  private readonly observer: ItemObserver | undefined
  private readonly attempt: LaneOptions<I, A, E, R>["attempt"]
  private readonly attemptOf: LaneOptions<I, A, E, R>["attemptOf"]
  private readonly afterFailure: AfterFailure<I, A, E, R> | undefined
  /** Clock of the attempts, if the sink reports times. */
  private readonly clock: LaneClock | undefined
  /** True if the sink needs more than the value of a success, or items come back. */
  private readonly observed: boolean
  private readonly revisits: boolean
  private readonly mayWait: boolean
  /** The one item that serves all inputs, where items do not come back. */
  private readonly own: Item<I> | undefined
  private state: Stage = Idle
  private item: Item<I>
  private found: Inputs.Found | typeof Yielding = Inputs.Waiting
  private pendingValue: A | undefined = undefined
  private pendingCause: Cause.Cause<E> | undefined = undefined
  /**
   * Fibers that attempts have forked as children and that have not ended. They are children of the fiber of the lane,
   * since attempts run in it.
   */
  private children: ReadonlySet<Fiber.Fiber<unknown, unknown>> = noFibers
  private wake: (() => void) | undefined = undefined
  private waiting: Effect.Effect<void> | undefined = undefined

  constructor(options: LaneOptions<I, A, E, R>, worker: number) {
    const { source } = options
    this.source = source
    this.host = options.host
    this.sink = options.sink
    this.turnBudget = options.turnBudget
    this.observer = options.observer
    this.attempt = options.attempt
    this.attemptOf = options.attemptOf
    this.afterFailure = options.afterFailure
    this.revisits = source.revisits
    this.mayWait = options.waits
    this.clock = options.sink.detailed ? new LaneClock(options.time, source) : undefined
    this.observed = options.sink.detailed || source.revisits
    this.worker = worker
    this.own = source.revisits ? undefined : new Item<I>(-1, undefined as I, worker)
    this.item = this.own!
    this.host?.join()
  }

  /** Effect that runs the lane until nothing is left to take. */
  get run(): Effect.Effect<void, never, R> {
    const looping = Effect.withFiber<void, never, R>((fiber) => {
      this.children = childrenOf(fiber)
      return this.loop()
    })
    return Attempt.insideRun(looping, () => this.current)
  }

  /** The attempt as its work sees it. */
  private get current(): Attempt.CurrentAttempt | undefined {
    return this.state === Idle || this.state === Loaded ? undefined : this.attemptOf(this.item, this)
  }

  /** Waits for an item. Returns false if there will be none. */
  readonly ready = (): Effect.Effect<boolean> =>
    this.state === Loaded || this.take() ? Effect.succeed(true) : retryTake(this.found, this, this.turnBudget)

  /**
   * Returns true if the loop has to continue. It stops for a pending value, which is settled outside, and at the end of
   * the inputs.
   */
  while(): boolean {
    return this.state !== ValuePending && (this.state === Loaded || this.found !== Inputs.Done)
  }

  /**
   * Takes an item if there is none, settles ready attempts one after another, and returns the first attempt that has to
   * be run.
   */
  body(): Effect.Effect<A | void, E, R> {
    if (this.state !== Loaded && !this.take()) return this.pause()
    if (this.source.stopped || this.source.draining) return this.drop()
    let attempt = this.revisits ? this.start() : this.drainReady()
    if (this.state === Idle) return Effect.void
    while (isReady(attempt)) {
      if (attempt._tag === "Failure" && this.afterFailure !== undefined) return attempt
      this.settleReady(attempt)
      if (!this.take()) return Effect.void
      this.clock?.wasReady()
      attempt = this.start()
    }
    this.clock?.beginAfterReady(this.item)
    return attempt
  }

  /** Settles the value of the attempt that has run. Defers that if the attempt left fibers behind. */
  step(value: A | void): void {
    if (this.state !== Running) return
    if (this.children.size > 0) {
      this.state = ValuePending
      this.pendingValue = value as A
      return
    }
    this.clock?.endInLoop(this.item)
    this.succeed(value as A)
  }

  /**
   * Settles the item of a lane whose fiber has failed although it was not stopped: its work interrupted the fiber it
   * ran in, or gave the runtime something that is not an effect. The item fails with that cause. Returns false if there
   * is no item and the cause is not an interruption: then no input is responsible.
   */
  lost(cause: Cause.Cause<never>): boolean {
    this.host?.leave(this.wake)
    switch (this.state) {
      case ValuePending:
        this.finish(this.pendingValue as A)
        return true
      case Deciding:
        this.conclude(Cause.combine(this.pendingCause!, cause))
        return true
      case Idle:
        return Cause.hasInterruptsOnly(cause)
      default:
        this.clock?.end(this.item)
        if (this.claimExit()) this.conclude(cause)
        return true
    }
  }

  /** Settles the item whose value was pending when the fiber was stopped, if there is one. */
  keep(): void {
    if (this.state === ValuePending) this.finish(this.pendingValue as A)
  }

  /**
   * Waits until there may be an item. Tries to take once more in the step that begins the wait, so no item can arrive
   * unnoticed in between.
   */
  awaitInput(): Effect.Effect<void> {
    return this.waiting ??= Effect.callback((resume) => {
      if (this.take() || this.found !== Inputs.Waiting) return resume(Effect.void)
      this.wake = () => resume(Effect.void)
      this.host?.wait(this.wake)
    })
  }

  /** Runs the loop until the end of the inputs, and settles exits that leave it. */
  private loop(): Effect.Effect<void, never, R> {
    return Effect.matchCauseEffect(Effect.whileLoop(this), {
      onFailure: (cause) => this.leave(Exit.failCause(cause)),
      onSuccess: () => this.state === ValuePending ? this.leave(Exit.succeed(this.pendingValue as A)) : Effect.void
    })
  }

  /**
   * Settles an exit outside the loop, then continues the loop. Fibers that the attempt left behind are interrupted
   * first.
   */
  protected leave(exit: Exit.Exit<A, E>): Effect.Effect<void, never, R> {
    if (this.children.size > 0) return Effect.flatMap(Fiber.interruptAll(this.children), () => this.leave(exit))
    if (Exit.isSuccess(exit)) {
      this.finish(exit.value)
      return this.loop()
    }
    if (this.state !== Running) return Effect.failCause(exit.cause as Cause.Cause<never>)
    this.clock?.end(this.item)
    return Effect.flatMap(this.fail(exit.cause), () => this.loop())
  }

  /**
   * Settles ready values for as long as they come, and returns the first attempt that is not one. `Idle` afterward
   * means that there was nothing to take. This is the loop of `body` for lanes whose items do not come back. It is
   * separate because the general loop makes a ready input 12 % slower (`bench/forEach.ts`). A ready value has no rival
   * to claim its exit from and takes no time, so the clock is read only for the first attempt and for one that is not
   * ready.
   */
  private drainReady(): Effect.Effect<A, E, R> {
    const { clock, host, sink, source, turnBudget } = this
    const observer = this.observed ? this.observer : undefined
    const own = this.own!
    let attempt = this.start()
    while (isReady(attempt) && attempt._tag === "Success") {
      observer?.settled(own, false)
      sink.onSuccess(own, attempt.value)
      host?.settled()
      if (turnBudget.tick() || source.next(own) !== Inputs.Taken) {
        clock?.forget()
        this.state = Idle
        break
      }
      clock?.wasReady()
      attempt = this.attemptAt(own)
    }
    return attempt
  }

  /** Waits, for the reason for which `take` found nothing. */
  private pause(): Effect.Effect<void> {
    switch (this.found) {
      case Yielding:
        return this.turnBudget.next
      case Inputs.Waiting:
        return this.awaitInput()
      default:
        return Effect.void
    }
  }

  /** Drops an item that has not begun, because the run was stopped or is draining. */
  private drop(): Effect.Effect<void> {
    this.state = Idle
    return Effect.void
  }

  /** Takes an item. Returns false if there is none, with the reason in `found`. */
  private take(): boolean {
    this.found = this.turnBudget.tick() ? Yielding : this.source.next(this.own)
    if (this.found !== Inputs.Taken) {
      this.clock?.forget()
      return false
    }
    if (this.revisits) {
      this.item = this.source.item
      this.round = this.item.round
      this.mark = undefined
    }
    this.state = Loaded
    return true
  }

  /** Starts an attempt. Work that throws is a ready failure. */
  protected start(): Effect.Effect<A, E, R> {
    this.state = Running
    this.clock?.begin(this.item, this)
    return this.attemptAt(this.item)
  }

  private attemptAt(item: Item<I>): Effect.Effect<A, E, R> {
    try {
      return this.attempt(item, this)
    } catch (defect) {
      return Exit.die(defect)
    }
  }

  private settleReady(exit: Exit.Exit<A, E>): void {
    if (this.clock !== undefined && this.item.attempts > 1) this.clock.end(this.item)
    if (exit._tag === "Success") this.succeed(exit.value)
    else if (this.claimExit()) this.conclude(isWholeExit(exit) ? exit.cause : notAnExit(exit))
  }

  private succeed(value: A): void {
    if (this.observed && !this.claimSuccess()) return
    this.state = Idle
    if (this.sink.onSuccess(this.item, value) === true) this.clock?.forget()
    this.host?.settled()
  }

  /** Claims the exit of a success, and reports the attempt. Returns false if another attempt was first. */
  private claimSuccess(): boolean {
    if (!this.claimExit()) return false
    if (this.clock !== undefined && this.item.attempts > 1) this.item.record(attemptStart(this), "Succeeded", undefined)
    this.observer?.settled(this.item, false)
    return true
  }

  private finish(value: A): void {
    this.pendingValue = undefined
    this.clock?.end(this.item)
    this.succeed(value)
  }

  /** Claims the exit of a failure, and settles it as `afterFailure` decides. */
  private fail(cause: Cause.Cause<E>): Effect.Effect<void, never, R> {
    const { afterFailure } = this
    if (!this.claimExit()) return Effect.void
    if (afterFailure === undefined) return Effect.sync(() => this.conclude(cause))
    this.state = Deciding
    this.pendingCause = cause
    return Effect.map(afterFailure(this.item, cause, this.mark), (next) => {
      if (Duration.isDuration(next)) this.tryAgain(cause, next)
      else if (Exit.isSuccess(next)) this.replace(cause, next.value)
      else this.conclude(next.cause)
    })
  }

  /** Returns the item to the queue for another attempt. */
  private tryAgain(cause: Cause.Cause<E>, delay: Duration.Duration): void {
    this.decided()
    this.recordFailure(cause)
    this.host!.delay(this.item, delay)
  }

  /**
   * Settles an item whose failure was replaced by a value. It counts as tried, even if a limit failed before its
   * attempt began: a value without an attempt would look like one that the journal recalled.
   */
  private replace(cause: Cause.Cause<E>, value: A): void {
    this.decided()
    this.item.attempts = Math.max(1, this.item.attempts)
    if (this.revisits && this.item.attempts > 1) this.recordFailure(cause)
    if (this.observed) this.observer?.settled(this.item, false)
    this.sink.onSuccess(this.item, value)
    this.host?.settled()
  }

  /**
   * Settles an item that has failed for good. A failure after the end of the run does not count: most of these are
   * interruptions by that end.
   */
  private conclude(cause: Cause.Cause<E>): void {
    this.decided()
    if (this.source.stopped) return this.host?.dropped()
    // stop before settling: a settled input makes room and wakes lanes, which would take more
    if (this.reportFailure(cause)) this.host?.stop()
    this.host?.settled()
  }

  /** Ends the decision about an item. */
  private decided(): void {
    this.state = Idle
    this.pendingCause = undefined
  }

  /** Reports a failure. Returns true if it ends the run. */
  private reportFailure(cause: Cause.Cause<E>): boolean {
    if (this.item.attempts > 1) this.recordFailure(cause)
    this.observer?.settled(this.item, true)
    return this.sink.onFailure(this.item, cause)
  }

  /** Adds the failed attempt to the history, if attempts are reported. */
  private recordFailure(cause: Cause.Cause<E>): void {
    if (this.clock === undefined) return
    this.item.record(attemptStart(this), "Failed", shortenMessage(Cause.squash(cause)))
  }

  /**
   * Claims the exit of the item for this attempt, and makes the lane idle. Returns false if another attempt was first,
   * or this one never began.
   */
  private claimExit(): boolean {
    const { item } = this
    this.state = Idle
    if (this.withdrawn) return false
    if (!this.revisits) {
      if (this.mayWait) describe(item, this)
      return true
    }
    if (this.round !== item.round) return false
    item.worker = this.worker
    if (this.mayWait) describe(item, this)
    this.host?.ended(item, this)
    return true
  }
}

/** Makes the cause of an attempt that returned something that claims to be an exit and is not. */
const notAnExit = (exit: unknown): Cause.Cause<never> => Cause.die(notAnEffect("the work", "an Effect", exit))
