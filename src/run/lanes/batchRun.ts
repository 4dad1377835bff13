/**
 * Batches on a backend: what is sent, what is settled while it runs, and what comes back unstarted.
 *
 * A position of a batch is open until its exit has come or it was given back; then it is closed. Invariant: a position
 * is closed once, and anything reported about a closed position is ignored; so no input is settled twice or both
 * settled and returned. When the batch is over, however it ended, all are closed. A backend that breaks its contract in
 * another way fails the run, by name. A failure that may be tried again is kept in `failures` until the batch is over, since its lane
 * decides what follows.
 */
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import type * as Backend from "../../Backend.ts"
import { add, type WaitedNanos } from "../../outcome/waits.ts"
import { isReady } from "../../primitives/effects.ts"
import { shorten, shortenMessage } from "../../primitives/shorten.ts"
import type { Timers } from "../../primitives/timers.ts"
import * as Contract from "../../task/contract.ts"
import { type CalledFrom, located } from "../../task/stacks.ts"
import { type AttemptStart, Item } from "../inputs/item.ts"
import type { InputQueue } from "../inputs/queue.ts"
import type { BatchInputs } from "./batchInputs.ts"
import type { BatchRuns } from "./batchRuns.ts"
import type { BatchSizer } from "./batchSizer.ts"
import type { LaneOptions } from "./lane.ts"
import type { LaneCount } from "./laneCount.ts"
import { endOf, isCount, MessageWay, type RunClock, startOf } from "./remote.ts"

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
}

/** One batch under way. */
export class BatchRun<I, A, E, R> {
  /** Start in milliseconds of the monotonic clock, as the timers read it. */
  readonly startMillis: number
  /** Number of open positions. */
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
  /** Time of sending in nanoseconds of the monotonic clock, if times are reported; otherwise 0. */
  private readonly dispatchedAt: number
  /** Way of the exits that are being reported, if the backend has told of it; and the time of their report. */
  private way: MessageWay | undefined = undefined
  private reportedAt = -Infinity
  /** True once an input that had begun was lost. */
  private hasLost = false
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
    this.startMillis = options.timers.now()
    this.dispatchedAt = options.sink.detailed ? options.clock.time() : 0
    for (const item of batch.items ?? batch.begun.values()) {
      item.attempts++
      item.waits = item.sinceRetry(this.dispatchedAt) ?? item.waits
    }
  }

  /** Runs the batch on the backend, and returns its open positions to the queue at the end. */
  run(): Effect.Effect<void> {
    const { backend, batches, job, scope } = this.options
    const execute = Scope.provide(
      Contract.executed(() => backend.execute(job, this.toBatch(), this.onExit), this.blamed(0)),
      scope
    )
    return Effect.uninterruptibleMask((restore) =>
      Effect.flatMap(Effect.forkChild(restore(execute), { startImmediately: true }), (fiber) => {
        batches.add(this)
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

  /** Asks the backend to return what it has not started; nothing for a batch of one. */
  recall(): void {
    this.controller?.abort()
  }

  private toBatch(): Backend.Batch<I> {
    const { calledFrom, count: { concurrency }, run, show, sink, sizer, timeout } = this.options
    return {
      inputs: this.batch.inputs,
      index: (position) => this.batch.index(position),
      timeout,
      concurrency,
      run,
      show,
      caller: calledFrom.frame,
      delivered: sink.detailed ? this.delivered : undefined,
      lost: this.lost,
      budget: sizer.automatic ? Duration.millis(sizer.budget) : undefined,
      recall: this.controller && { signal: this.controller.signal, giveBack: (from) => this.giveBack(from) }
    }
  }

  /** Names the backend, and an input of the batch by its position. */
  private blamed(position: number): Contract.Blamed {
    const { backend, job } = this.options
    return { backend: backend.name, task: job.name, index: this.batch.index(position) }
  }

  /** Fails the run over a mistake of the backend. */
  private fault(what: string): void {
    this.options.queue.fail(Cause.die(Contract.mistake(this.blamed(0), what)))
  }

  /** Settles the input at a position, or keeps its failure for the lane. */
  private readonly onExit: Backend.OnExit<A, E> = (position, exit, reportedWorker, startedAt, endedAt) => {
    const { afterFailure, calledFrom, observer, queue, sink } = this.options
    if (this.openCount === 0 || this.closed[position] === 1) return
    // most reports are a success at an open position, which is seen without a call
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
    const item = this.itemAt(position)
    item.worker = worker
    const beganAt = sink.detailed ? this.setTimes(item, startedAt, endedAt) : 0
    if (exit._tag === "Success") {
      queue.ended(item)
      if (sink.detailed && item.attempts > 1) {
        item.record({ worker, beganAt, waits: item.waits }, "Succeeded", undefined)
      }
      observer?.settled(item, false)
      sink.onSuccess(item, exit.value)
      return queue.settled()
    }
    if (queue.stopped) return
    queue.ended(item)
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

  /** Returns the item at a position; the shared one is overwritten by the next call. */
  private itemAt(position: number): Item<I> {
    const { batch } = this
    const kept = batch.items === undefined ? batch.begun.get(position) : batch.items[position]
    if (kept !== undefined) return kept
    const own = this.own!
    own.index = batch.index(position)
    own.input = batch.inputs[position]!
    own.attempts = 1
    own.unstarted = true
    return own
  }

  /** Takes what the backend tells of the way of the exits that it reports next. */
  private readonly delivered = (delivery: Backend.Delivery): void => {
    const { clock } = this.options
    this.reportedAt = clock.time()
    this.way = new MessageWay(clock, delivery, this.dispatchedAt, this.reportedAt)
  }

  /**
   * Sets times and waits of an item as the backend tells them; an attempt of which it tells nothing ran from its dispatch
   * until now. Returns the start.
   */
  private setTimes(item: Item<I>, startedAt: number | undefined, endedAt: number | undefined): number {
    const { options: { clock }, dispatchedAt, way } = this
    const isLater = way === undefined || endedAt === undefined || clock.nanosOf(endedAt) > this.reportedAt
    const now = isLater ? clock.time() : this.reportedAt
    const beganAt = startOf(clock, startedAt, dispatchedAt, now)
    if (item.unstarted) {
      item.startedAt = beganAt
      item.unstarted = false
    }
    item.endedAt = endOf(clock, endedAt, beganAt, now)
    // an item that comes back has waited before its dispatch
    const before = item === this.own ? undefined : item.waits as WaitedNanos | undefined
    if (before === undefined || way === undefined) item.waits = before ?? way
    else item.waits = add(before, way.waited(beganAt - clock.beganAt, item.endedAt - clock.beganAt))
    return beganAt
  }

  /** Returns the open positions from `from` on to the queue; they were not started. */
  private giveBack(from: number): void {
    const { queue } = this.options
    if (this.openCount === 0) return
    if (!isCount(from)) return this.fault(`it gave back from position ${shorten(from)}`)
    for (let position = from; position < this.closed.length; position++) {
      if (this.closed[position] === 0) this.takeBack(position, (item) => queue.requeue(item))
    }
  }

  /** Closes an open position whose input was not started, and passes the input on. */
  private takeBack(position: number, requeue: (item: Item<I>) => void): void {
    this.closed[position] = 1
    this.openCount--
    const item = this.keptAt(position)
    item.attempts = Math.max(0, item.attempts - 1)
    requeue(item)
  }

  /** Returns the item at a position, which may come back: not the shared one. */
  private keptAt(position: number): Item<I> {
    const { batch } = this
    const kept = batch.items?.[position] ?? batch.begun.get(position)
    return kept ?? new Item(batch.index(position), batch.inputs[position]!, this.worker)
  }

  /** Returns an input to the queue that had begun and was lost with its worker: its start stands. */
  private readonly lost = (position: number, worker: number | undefined, startedAt: number): void => {
    const { clock, queue, sink } = this.options
    if (this.openCount === 0 || this.closed[position] !== 0) return
    this.hasLost = true
    this.closed[position] = 1
    this.openCount--
    const item = this.keptAt(position)
    item.attempts = Math.max(1, item.attempts)
    if (sink.detailed) {
      const now = clock.time()
      const beganAt = startOf(clock, startedAt, this.dispatchedAt, now)
      if (item.unstarted) item.startedAt = beganAt
      item.unstarted = false
      item.endedAt = now
      item.record({ worker: isCount(worker) ? worker : this.worker, beganAt, waits: undefined }, "Lost", undefined)
      item.waits = undefined
    }
    queue.requeue(item)
  }

  /** Closes the positions that are open: the batch is over, and what is reported from now on is ignored. */
  private close(): void {
    this.options.batches.delete(this)
    this.closed.fill(1)
    this.openCount = 0
  }

  /** Ends the batch: fails if the backend failed, otherwise learns its pace and requeues what was not started. */
  private end(exit: Exit.Exit<void>): Effect.Effect<void> {
    const { queue, sizer, timers } = this.options
    const failure = queue.stopped ? undefined : Exit.isFailure(exit) ? this.failureOf(exit.cause) : undefined
    if (!queue.stopped && failure === undefined) {
      sizer.learn(this.exits, this.millis ?? timers.now() - this.startMillis)
      this.stall()
      this.giveBack(0)
    }
    this.close()
    return failure === undefined ? Effect.void : Effect.failCause(failure)
  }

  /**
   * Counts a batch that ended with nothing done, unless it was recalled. Its first input comes back after a delay, or fails
   * when that has happened for too long.
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
    if (delay > 0) this.takeBack(0, (item) => queue.requeueAfter(item, Duration.millis(delay)))
  }

  /** Returns the cause of a backend that failed; one that interrupted itself must not look like an interrupted run. */
  private failureOf(cause: Cause.Cause<never>): Cause.Cause<never> {
    return Cause.hasInterruptsOnly(cause)
      ? Cause.die(Contract.mistake(this.blamed(0), "its `execute` interrupted itself"))
      : cause
  }
}

/** Returns the milliseconds between two times that a backend tells; undefined if it does not tell them. */
const durationOf = (startedAt: number | undefined, endedAt: number | undefined): number | undefined => {
  const millis = endedAt! - startedAt!
  return Number.isFinite(millis) && millis >= 0 ? millis : undefined
}
