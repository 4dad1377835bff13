/**
 * Batches on a backend: what is sent, what is settled while a batch runs, and what comes back unstarted.
 *
 * A position of a batch is open until its exit has come or it was given back; then it is closed. Invariant: a position
 * is closed once, and anything reported about a closed position is ignored. So no input is settled twice, or both
 * settled and returned. When the batch is over, however it ended, all positions are closed. A backend that breaks its
 * contract in another way fails the run, and the failure names the backend. A failure that may be tried again is kept
 * in `failures` until the batch is over, since its lane decides what follows.
 */
import * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import type * as Backend from "../../Backend.ts"
import { aroundAll } from "../../limit/around.ts"
import type * as Limit from "../../limit/contract.ts"
import { inChildFiber, isReady } from "../../primitives/effects.ts"
import { shorten, shortenMessage } from "../../primitives/shorten.ts"
import type { Timers } from "../../primitives/timers.ts"
import * as Contract from "../../task/contract.ts"
import { type CalledFrom, located } from "../../task/stacks.ts"
import { type AttemptStart, Item } from "../inputs/item.ts"
import type { InputQueue } from "../inputs/queue.ts"
import type { Stragglers } from "../inputs/stragglers.ts"
import { BatchClock } from "./batchClock.ts"
import type { BatchInputs } from "./batchInputs.ts"
import { batchOf } from "./batchOf.ts"
import type { BatchRuns } from "./batchRuns.ts"
import type { BatchSizer } from "./batchSizer.ts"
import type { LaneOptions } from "./lane.ts"
import type { LaneCount } from "./laneCount.ts"
import { durationOf, isCount, Racer, type RunClock } from "./remote.ts"

/** Options that the lanes of a run with batches share. */
export interface BatchLaneOptions<I, A, E, R>
  extends Pick<LaneOptions<I, A, E, R>, "sink" | "turnBudget" | "observer" | "afterFailure">
{
  readonly clock: RunClock
  readonly queue: InputQueue<I, any, any>
  readonly job: Backend.Job<I, A, E>
  readonly backend: Backend.Backend
  readonly scope: Scope.Scope
  readonly timers: Timers
  readonly sizer: BatchSizer
  readonly timeout: Duration.Duration | undefined
  readonly count: LaneCount
  readonly show?: Backend.Batch<unknown>["show"]
  readonly calledFrom: CalledFrom
  readonly run: Backend.RunIdentity
  readonly noWorkers: typeof Backend.noWorkers
  /** Number of inputs, if it is known. */
  readonly size: number | undefined
  readonly batches: BatchRuns
  /** Wraps the execution of a batch by its backend. */
  readonly around: <A, E, R>(execution: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  readonly limits: ReadonlyArray<Limit.Limit<any>>
  /** Greatest number of inputs that pass the limits together. */
  readonly mostPerLimit: number
}

/** One batch in flight. */
export class BatchRun<I, A, E, R> {
  /** Start in milliseconds of the monotonic clock, as the timers read it. */
  startMillis = 0
  /** Time since which only one position is open, as far as it is known. */
  private aloneSince = 0
  openCount: number
  /** Failures that may be tried again. */
  readonly failures: Array<readonly [Item<I>, Cause.Cause<E>, AttemptStart]> = []
  private readonly options: BatchLaneOptions<I, A, E, R>
  private readonly batch: BatchInputs<I>
  /** The one item that serves all exits, where items do not come back. */
  private readonly own: Item<I> | undefined
  private readonly worker: number
  private readonly controller: AbortController | undefined
  /** 1 for each closed position. */
  private readonly closed: Uint8Array
  /** Times of attempts, if they are needed. */
  private readonly times: BatchClock | undefined
  /** Number of attempts that this batch makes at each input: 0 until its limits have let it through, then 1. */
  private begun = 0
  /**
   * The attempt in flight as a race of stragglers sees it, if it is the only one and may be in a race; and the fiber of
   * the batch.
   */
  private racer: Racer | undefined = undefined
  private fiber: Fiber.Fiber<unknown, unknown> | undefined
  private isBeaten = false
  private readonly loser = { interruptUnsafe: () => this.lose() }
  /** True once an input that had begun was lost. */
  private hasLost = false
  /** Number of inputs that were not started. */
  private unused = 0
  /** Number of exits, and the sum of their durations in milliseconds if the backend reports them. */
  private exits = 0
  private millis: number | undefined = undefined

  constructor(options: BatchLaneOptions<I, A, E, R>, batch: BatchInputs<I>, own: Item<I> | undefined, worker: number) {
    this.options = options
    this.batch = batch
    this.own = own
    this.worker = worker
    this.openCount = batch.inputs.length
    this.closed = new Uint8Array(this.openCount)
    this.controller = this.openCount > 1 ? new AbortController() : undefined
    const { batches: { spans }, clock, limits, sink } = options
    this.times = sink.detailed || spans !== undefined ? new BatchClock(clock, spans, limits.length > 0) : undefined
  }

  /**
   * Runs the batch on the backend when its limits let it through, and at the end returns its open positions to the
   * queue. If a limit fails before that, its inputs fail.
   */
  run(): Effect.Effect<void> {
    const { limits, queue } = this.options
    const inside = Effect.contextWith((context: Context.Context<never>) => {
      this.begin(context)
      return this.send()
    })
    if (limits.length === 0) return inside
    const { copyOf, inputs: { length: size } } = this.batch
    const passengers = {
      input: undefined,
      count: size,
      unused: () => this.unused,
      waits: queue.limitWaits,
      abandoned: this.abandon
    }
    const admitted = Effect.suspend(() => queue.stopped || queue.draining ? Effect.sync(this.abandon) : inside)
    const limited = Effect.catchCause(aroundAll(limits, admitted, passengers), (cause) => {
      if (this.begun === 0 && this.unused > 0) return Effect.void
      if (this.begun > 0 || Cause.hasInterruptsOnly(cause)) return Effect.failCause(cause)
      for (let position = 0; position < size; position++) this.onExit(position, Exit.failCause(cause))
      return Effect.void
    })
    if (copyOf === undefined) return limited
    // the straggler may end while its copy waits
    queue.stragglers!.waits(copyOf.item, this.loser)
    return inChildFiber(limited, (fiber) => this.fiber = fiber, (exit) => this.isBeaten ? Exit.void : exit)
  }

  /** Gives up the batch before it has begun, because nothing new may begin. */
  private readonly abandon = (): void => void (this.unused = this.batch.inputs.length)

  /** Begins attempts at all inputs. */
  private begin(context: Context.Context<never>): void {
    const { batch, options: { queue, timers } } = this
    const items = batch.items ?? [...batch.begun.values()]
    this.begun = 1
    this.startMillis = this.aloneSince = timers.now()
    for (const item of items) item.attempts++
    this.times?.begin(items, context)
    // a copy races from its start, whether the end is near or not
    if (batch.copyOf !== undefined) this.join(queue.stragglers!)
  }

  private send(): Effect.Effect<void> {
    const { around, backend, batches, job, queue, scope } = this.options
    const execute = Scope.provide(
      around(Contract.executed(() => backend.execute(job, this.toBatch(), this.onExit), this.blamed(0))),
      scope
    )
    return Effect.uninterruptibleMask((restore) =>
      Effect.flatMap(Effect.forkChild(restore(execute), { startImmediately: true }), (fiber) => {
        batches.add(this)
        this.fiber = fiber
        queue.stragglers?.watch()
        return Effect.flatMap(
          Effect.onInterrupt(
            restore(Fiber.await(fiber)),
            () => Effect.andThen(Fiber.interrupt(fiber), Effect.sync(() => this.close()))
          ),
          (exit) => this.end(exit)
        )
      })
    )
  }

  /** Asks the backend to return what it has not started. Does nothing for a batch of one. */
  recall(): void {
    this.controller?.abort()
  }

  /**
   * Enters the input in flight in the race of stragglers, if it is the only one in this batch. Otherwise asks for the
   * others back: one of them may be in flight by the time a copy has won.
   */
  join(stragglers: Stragglers<I>): void {
    if (this.openCount > 1) this.recall()
    if (this.openCount !== 1 || this.racer !== undefined) return
    const position = this.closed.indexOf(0)
    const item = this.keptAt(position)
    item.attempts = Math.max(1, item.attempts)
    this.batch.begun.set(position, item)
    this.racer = new Racer(item.round, this.worker, this.times?.dispatchedAt ?? 0)
    stragglers.joined(item, this.racer, this.aloneSince, this.loser)
  }

  /** Stops the batch: its only input has ended elsewhere. */
  private lose(): void {
    if (this.openCount === 0) return
    this.isBeaten = true
    this.closed.fill(1)
    this.openCount = 0
    this.fiber?.interruptUnsafe()
  }

  private toBatch(): Backend.Batch<I> {
    const { controller, times } = this
    return batchOf(this.options, this.batch, {
      delivered: times?.delivered,
      interrupted: times && this.interrupted,
      lost: this.lost,
      recall: controller && { signal: controller.signal, giveBack: (from) => this.giveBack(from) }
    })
  }

  /** Names the backend, and the input at a position of the batch. */
  private blamed(position: number): Contract.Blamed {
    const { backend, job } = this.options
    return { backend: backend.name, task: job.name, index: this.batch.index(position) }
  }

  /** Fails the run because of a mistake of the backend. */
  private fault(what: string): void {
    this.options.queue.fail(Cause.die(Contract.mistake(this.blamed(0), what)))
  }

  /** Settles the input at a position, or keeps its failure for the lane. */
  private readonly onExit: Backend.OnExit<A, E> = (position, exit, reportedWorker, startedAt, endedAt) => {
    const { afterFailure, calledFrom, observer, queue, sink, timers } = this.options
    if (this.openCount === 0 || this.closed[position] === 1) return
    // most reports are a success at an open position, which this check recognizes without a call
    if (this.closed[position] !== 0 || typeof position !== "number" || !isReady(exit) || exit._tag !== "Success") {
      const what = Contract.wrongReport(position, exit, this.closed.length)
      if (what !== undefined) return this.fault(what)
    }
    const worker = isCount(reportedWorker) ? reportedWorker : this.worker
    const millis = durationOf(startedAt, endedAt)
    this.closed[position] = 1
    this.openCount--
    this.exits++
    if (millis !== undefined) this.millis = (this.millis ?? 0) + millis
    if (this.openCount === 1) this.aloneSince = timers.now()
    const item = this.itemAt(position)
    item.worker = worker
    const beganAt = this.times === undefined ? 0 : this.times.setTimes(item, item === this.own, startedAt, endedAt)
    if (this.options.batches.spans !== undefined) this.times!.recordSpan(item, worker, beganAt, exit)
    if (this.racer !== undefined) this.racer.remote.tells = this.times?.tells === true
    if (exit._tag === "Success") {
      queue.ended(item, this.racer)
      if (sink.detailed && item.attempts > 1) {
        item.record({ worker, beganAt, waits: item.waits }, "Succeeded", undefined)
      }
      observer?.settled(item, false)
      sink.onSuccess(item, exit.value)
      return queue.settled()
    }
    if (queue.stopped) return
    queue.ended(item, this.racer)
    const cause = located(exit.cause as Cause.Cause<E>, calledFrom)
    if (afterFailure !== undefined) {
      return void this.failures.push([item, cause, { worker, beganAt, waits: item.waits }])
    }
    if (sink.detailed && item.attempts > 1) {
      item.record({ worker, beganAt, waits: item.waits }, "Failed", shortenMessage(Cause.squash(cause)))
    }
    observer?.settled(item, true)
    const end = sink.onFailure(item, cause)
    if (end) queue.stop()
    queue.settled()
  }

  /** Returns the item at a position. The shared item is overwritten by the next call. */
  private itemAt(position: number): Item<I> {
    const { batch } = this
    const kept = batch.items === undefined ? batch.begun.get(position) : batch.items[position]
    if (kept !== undefined) return kept
    const own = this.own!
    own.index = batch.index(position)
    own.input = batch.inputs[position]!
    own.attempts = this.begun
    own.unstarted = true
    return own
  }

  /** Handles an input that is interrupted after it has begun. */
  private readonly interrupted = (position: number, worker: number | undefined, startedAt: number): void => {
    const { beganAt, now } = this.times!.ends(startedAt)
    const number = isCount(worker) ? worker : this.worker
    if (this.racer !== undefined) Object.assign(this.racer.remote, { beganAt, worker: number })
    const item = {
      index: this.batch.index(position),
      attempts: Math.max(1, this.keptAt(position).attempts),
      endedAt: now
    }
    this.times!.recordSpan(item, number, beganAt, Exit.interrupt())
  }

  /** Returns the open positions from `from` on to the queue. They were not started. */
  private giveBack(from: number): void {
    const { queue } = this.options
    if (this.openCount === 0) return
    if (!isCount(from)) return this.fault(`it gave back inputs from position ${shorten(from)}`)
    for (let position = from; position < this.closed.length; position++) {
      if (this.closed[position] === 0) this.takeBack(position, (item) => queue.requeue(item))
    }
    queue.stragglers?.watch()
  }

  /** Closes an open position whose input was not started, and passes the input on. */
  private takeBack(position: number, requeue: (item: Item<I>) => void): void {
    this.closed[position] = 1
    this.openCount--
    this.unused++
    const item = this.keptAt(position)
    item.attempts = Math.max(0, item.attempts - this.begun)
    if (this.hasLeft(item)) requeue(item)
  }

  /** Returns an item for the position that may come back, so not the shared one. */
  private keptAt(position: number): Item<I> {
    const { batch } = this
    const kept = batch.items?.[position] ?? batch.begun.get(position)
    return kept ?? new Item(batch.index(position), batch.inputs[position]!, this.worker)
  }

  /** Returns an input to the queue that had begun and was lost with its worker. Its start still counts. */
  private readonly lost = (position: number, worker: number | undefined, startedAt: number): void => {
    const { queue, sink } = this.options
    if (this.openCount === 0 || this.closed[position] !== 0) return
    this.hasLost = true
    this.closed[position] = 1
    this.openCount--
    const item = this.keptAt(position)
    item.attempts = Math.max(1, item.attempts)
    if (sink.detailed) {
      const { beganAt, now } = this.times!.ends(startedAt)
      if (item.unstarted) item.startedAt = beganAt
      item.unstarted = false
      item.endedAt = now
      item.record({ worker: isCount(worker) ? worker : this.worker, beganAt, waits: undefined }, "Lost", undefined)
      item.waits = undefined
    }
    if (this.hasLeft(item)) queue.requeue(item)
  }

  /**
   * Leaves the race of stragglers. Returns true if the input has to be dispatched again because no copy of it is in
   * flight.
   */
  private hasLeft(item: Item<I>): boolean {
    return this.racer === undefined || this.options.queue.stragglers!.left(item, this.racer, this.loser)
  }

  /** Closes the positions that are open. The batch is over, and anything reported from now on is ignored. */
  private close(): void {
    this.options.batches.delete(this)
    // at most one input is in flight, and those behind it have not begun
    this.unused += Math.max(0, this.openCount - 1)
    this.closed.fill(1)
    this.openCount = 0
  }

  /** Ends the batch. Fails if the backend failed; otherwise learns its pace and requeues what was not started. */
  private end(exit: Exit.Exit<void>): Effect.Effect<void> {
    const { queue, sizer, timers } = this.options
    const isExpected = queue.stopped || this.isBeaten
    const failure = isExpected || Exit.isSuccess(exit) ? undefined : this.failureOf(exit.cause)
    if (!isExpected && failure === undefined) {
      sizer.learn(this.exits, this.millis ?? timers.now() - this.startMillis)
      this.stall()
      this.giveBack(0)
    }
    this.close()
    return failure === undefined ? Effect.void : Effect.failCause(failure)
  }

  /**
   * Counts a batch that ended with nothing done, unless it was recalled. Its first input comes back after a delay, or
   * fails when that has happened for too long.
   */
  private stall(): void {
    const { batches, noWorkers, queue, timers } = this.options
    const first = this.batch.index(0)
    if (this.exits > 0 || this.hasLost) return batches.progressed(first)
    if (this.controller?.signal.aborted === true || this.closed[0] !== 0) return
    const givenBack = batches.givenBackOf(first)
    const delay = givenBack.again(timers.now())
    if (delay === undefined) {
      batches.progressed(first)
      return this.onExit(0, Exit.fail(noWorkers(this.blamed(0), givenBack)))
    }
    if (delay > 0) this.takeBack(0, (item) => queue.requeue(item, Duration.millis(delay)))
  }

  /**
   * Returns the cause of a backend that failed. A backend that interrupted itself must not look like an interrupted
   * run.
   */
  private failureOf(cause: Cause.Cause<never>): Cause.Cause<never> {
    return Cause.hasInterruptsOnly(cause)
      ? Cause.die(Contract.mistake(this.blamed(0), "its `execute` interrupted itself"))
      : cause
  }
}
