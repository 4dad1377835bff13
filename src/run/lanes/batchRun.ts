/**
 * A batch on a backend: what goes there, what is settled while it runs, and what comes back unstarted.
 *
 * A position of a batch is `open` until its exit has come or it was given back; then it is `gone`, and whatever else is said
 * of it is ignored. A failure that may be tried again is kept in `failures` until the batch is over, since what follows it
 * is decided by its lane.
 */
import type * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import type * as Backend from "../../Backend.ts"
import type { Timers } from "../../primitives/timers.ts"
import { type AttemptStart, Item } from "../inputs/item.ts"
import type { InputQueue } from "../inputs/queue.ts"
import { type BatchSizer, budget } from "./batchSizer.ts"
import type { LaneOptions } from "./lane.ts"

/** Age of a batch before another lane asks for what it has left, in milliseconds. */
const ripe = 10

/** What the lanes of a run that takes batches have in common. */
export interface BatchLaneOptions<I, A, E, R>
  extends Pick<LaneOptions<I, A, E, R>, "sink" | "turnBudget" | "time" | "observer" | "afterFailure">
{
  readonly queue: InputQueue<I, any, any>
  readonly job: Backend.Job<I, A, E>
  readonly backend: Backend.Backend
  readonly scope: Scope.Scope
  readonly timers: Timers
  readonly sizer: BatchSizer
  readonly timeout: Duration.Duration | undefined
  readonly concurrency: number
  /** Number of inputs there will be, where that is known. */
  readonly size: number | undefined
  readonly batches: BatchRuns
}

/** The inputs of a batch; with their items where they may be tried again. */
export class BatchInputs<I> {
  readonly inputs: Array<I>
  readonly items: Array<Item<I>> | undefined
  /** Index of the first, where the others follow it; else the index of each is in `indices`. */
  private readonly first: number
  private readonly indices: Array<number> | undefined

  constructor(revisits: boolean, inputs?: Array<I>, first = 0) {
    this.inputs = inputs ?? []
    this.items = revisits ? [] : undefined
    this.first = first
    this.indices = inputs === undefined ? [] : undefined
  }

  push(item: Item<I>): void {
    this.indices!.push(item.index)
    this.inputs.push(item.input)
    this.items?.push(item)
  }

  index(position: number): number {
    return this.indices === undefined ? this.first + position : this.indices[position]!
  }
}

/** The batches of a run that are under way. */
export class BatchRuns {
  private readonly active = new Set<BatchRun<any, any, any, any>>()
  private readonly timers: Timers
  private asking = false
  /** When each worker had done what it has told of, in nanoseconds of the monotonic clock. */
  private readonly free: Array<number> = []

  constructor(timers: Timers) {
    this.timers = timers
  }

  add(batch: BatchRun<any, any, any, any>): void {
    this.active.add(batch)
  }

  delete(batch: BatchRun<any, any, any, any>): void {
    this.active.delete(batch)
  }

  /**
   * Works out when an attempt began that a worker tells of now. Many are told of at once, so it is the end of the one before,
   * unless that would let it end later than now.
   */
  placeAttempt(worker: number, dispatchedAt: number, nanos: number, now: number): number {
    const beganAt = Math.min(Math.max(dispatchedAt, this.free[worker] ?? 0), now - nanos)
    this.free[worker] = beganAt + nanos
    return beganAt
  }

  /** Asks for the unstarted inputs of the batch that has most of them, once it has run for a while: a lane is idle. */
  ask(): void {
    if (this.asking) return
    let most: BatchRun<any, any, any, any> | undefined
    for (const batch of this.active) if (batch.left > 1 && batch.left > (most?.left ?? 0)) most = batch
    if (most === undefined) return
    const age = this.timers.now() - most.beganAt
    if (age >= ripe) return most.recall()
    this.asking = true
    this.timers.after(Duration.millis(ripe - age), () => {
      this.asking = false
      this.ask()
    })
  }
}

/** One batch that is under way. */
export class BatchRun<I, A, E, R> {
  /** Start on the timers' clock, in milliseconds. */
  readonly beganAt: number
  /** Number of positions that are open. */
  left: number
  /** Failures that may be tried again. */
  readonly failures: Array<readonly [Item<I>, Cause.Cause<E>, AttemptStart]> = []
  private readonly options: BatchLaneOptions<I, A, E, R>
  private readonly batch: BatchInputs<I>
  private readonly own: Item<I> | undefined
  private readonly worker: number
  private readonly controller: AbortController | undefined
  /** 1 for each position that is gone. */
  private readonly gone: Uint8Array
  /** Start in nanoseconds of the monotonic clock, where times are reported. */
  private readonly dispatchedAt: number
  /** Number of exits, and how many milliseconds these took where the backend says. */
  private exits = 0
  private millis: number | undefined = undefined

  constructor(options: BatchLaneOptions<I, A, E, R>, batch: BatchInputs<I>, own: Item<I> | undefined, worker: number) {
    this.options = options
    this.batch = batch
    this.own = own
    this.worker = worker
    this.left = batch.inputs.length
    this.gone = new Uint8Array(this.left)
    this.controller = this.left > 1 ? new AbortController() : undefined
    this.beganAt = options.timers.now()
    this.dispatchedAt = options.sink.detailed ? options.time() : 0
    batch.items?.forEach((item) => item.attempts++)
  }

  /** Brings the batch to the backend, and what the backend gives back to the queue. */
  run(): Effect.Effect<void> {
    const { backend, batches, job, scope } = this.options
    const execute = Scope.provide(backend.execute(job, this.toBatch(), this.onExit), scope)
    return Effect.uninterruptibleMask((restore) =>
      Effect.flatMap(Effect.forkChild(restore(execute), { startImmediately: true }), (fiber) => {
        batches.add(this)
        return Effect.flatMap(
          Effect.onInterrupt(restore(Fiber.await(fiber)), () => Fiber.interrupt(fiber)),
          (exit) => this.end(exit)
        )
      })
    )
  }

  /** Asks the backend for what it has not started. */
  recall(): void {
    this.controller?.abort()
  }

  private toBatch(): Backend.Batch<I> {
    const { concurrency, sizer, timeout } = this.options
    return {
      inputs: this.batch.inputs,
      index: (position) => this.batch.index(position),
      timeout,
      concurrency,
      budget: sizer.automatic ? Duration.millis(budget) : undefined,
      recall: this.controller && { signal: this.controller.signal, giveBack: (from) => this.giveBack(from) }
    }
  }

  private readonly onExit: Backend.OnExit<A, E> = (position, exit, worker = this.worker, millis) => {
    const { afterFailure, observer, queue, sink } = this.options
    if (this.gone[position] !== 0) return
    this.gone[position] = 1
    this.left--
    this.exits++
    if (millis !== undefined) this.millis = (this.millis ?? 0) + millis
    const item = this.itemAt(position)
    item.worker = worker
    const beganAt = sink.detailed ? this.clock(item, millis) : 0
    if (exit._tag === "Success") {
      queue.ended(item)
      if (sink.detailed && item.attempts > 1) item.record({ worker, beganAt }, "Succeeded", undefined)
      observer?.settled(item, false)
      sink.onSuccess(item, exit.value)
      return queue.settled()
    }
    if (queue.stopped) return
    queue.ended(item)
    const cause = exit.cause as Cause.Cause<E>
    if (afterFailure !== undefined) return void this.failures.push([item, cause, { worker, beganAt }])
    observer?.settled(item, true)
    const end = sink.onFailure(item, cause)
    if (end) queue.stop()
    queue.settled()
  }

  private itemAt(position: number): Item<I> {
    const { batch } = this
    if (batch.items !== undefined) return batch.items[position]!
    const own = this.own!
    own.index = batch.index(position)
    own.input = batch.inputs[position]!
    own.attempts = 1
    own.unstarted = true
    return own
  }

  /** Notes the times of an attempt that has taken as long as the backend says; gives when it began. */
  private clock(item: Item<I>, millis: number | undefined): number {
    const { batches, time } = this.options
    const now = time()
    const nanos = millis === undefined ? now - this.dispatchedAt : Math.round(millis * 1e6)
    const beganAt = millis === undefined
      ? this.dispatchedAt
      : batches.placeAttempt(item.worker, this.dispatchedAt, nanos, now)
    if (item.unstarted) {
      item.startedAt = beganAt
      item.unstarted = false
    }
    item.endedAt = beganAt + nanos
    return beganAt
  }

  /** Returns the open positions from this one on to the queue; they were not started. */
  private giveBack(from: number): void {
    const { batch, options: { queue } } = this
    for (let position = from; position < this.gone.length; position++) {
      if (this.gone[position] !== 0) continue
      this.gone[position] = 1
      this.left--
      const item = batch.items?.[position] ?? new Item(batch.index(position), batch.inputs[position]!, this.worker)
      item.attempts = Math.max(0, item.attempts - 1)
      queue.requeue(item)
    }
  }

  private end(exit: Exit.Exit<void>): Effect.Effect<void> {
    const { batches, queue, sizer, timers } = this.options
    batches.delete(this)
    if (queue.stopped) return Effect.void
    if (Exit.isFailure(exit)) return Effect.failCause(exit.cause)
    sizer.learn(this.exits, this.millis ?? timers.now() - this.beganAt)
    this.giveBack(0)
    return Effect.void
  }
}
