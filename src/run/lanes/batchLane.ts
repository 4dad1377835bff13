/**
 * A lane that takes inputs by the batch, for tasks on a backend that takes them so.
 *
 * Nothing is made for an input on its way, unless it may be tried again: what became of it is told by a call while its
 * batch runs, and one entry serves for all these calls.
 */
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import type * as Backend from "../../Backend.ts"
import { shortenMessage } from "../../primitives/shorten.ts"
import type { Timers } from "../../primitives/timers.ts"
import { Entry, type Place } from "../inputs/item.ts"
import * as Supply from "../inputs/queue.ts"
import { budget, type Sizer } from "./batchSizer.ts"
import { later, type Options as LaneOptions, Yielding } from "./lane.ts"

/** How old a batch has to be before another lane asks for its rest, in milliseconds. */
const ripe = 10

/** What the lanes of a run have in common. */
export interface Options<I, A, E, R>
  extends Pick<LaneOptions<I, A, E, R>, "sink" | "turnBudget" | "time" | "watch" | "afterFailure">
{
  readonly supply: Supply.Supply<I, any, any>
  readonly job: Backend.Job<I, A, E>
  readonly backend: Backend.Backend
  readonly scope: Scope.Scope
  readonly timers: Timers
  readonly sizer: Sizer
  readonly timeout: Duration.Duration | undefined
  readonly concurrency: number
  /** How many inputs there will be, where that is known. */
  readonly size: number | undefined
  readonly batches: Batches
}

/** The batches of a run that are under way. */
export class Batches {
  private readonly active = new Set<Dispatched<any, any, any, any>>()
  private readonly timers: Timers
  private asking = false
  /** When each worker had done what it has told of, in nanoseconds of the monotonic clock. */
  private readonly free: Array<number> = []

  constructor(timers: Timers) {
    this.timers = timers
  }

  add(batch: Dispatched<any, any, any, any>): void {
    this.active.add(batch)
  }

  delete(batch: Dispatched<any, any, any, any>): void {
    this.active.delete(batch)
  }

  /**
   * When an attempt began of which a worker tells now: many are told of at once, so it is the end of the one before, unless
   * that would let it end later than now.
   */
  beganAt(worker: number, dispatchedAt: number, nanos: number, now: number): number {
    const beganAt = Math.min(Math.max(dispatchedAt, this.free[worker] ?? 0), now - nanos)
    this.free[worker] = beganAt + nanos
    return beganAt
  }

  /** A lane has nothing to do: it is given the rest of the batch that has most left, when that has run for a while. */
  ask(): void {
    if (this.asking) return
    let most: Dispatched<any, any, any, any> | undefined
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

/** Inputs in the hand of a lane; with their entries where they may be tried again. */
class Load<I> {
  readonly inputs: Array<I>
  readonly entries: Array<Entry<I>> | undefined
  /** The index of the first, where the others follow it; else that of each. */
  private readonly first: number
  private readonly indices: Array<number> | undefined

  constructor(recurs: boolean, inputs?: Array<I>, first = 0) {
    this.inputs = inputs ?? []
    this.entries = recurs ? [] : undefined
    this.first = first
    this.indices = inputs === undefined ? [] : undefined
  }

  push(entry: Entry<I>): void {
    this.indices!.push(entry.index)
    this.inputs.push(entry.input)
    this.entries?.push(entry)
  }

  index(position: number): number {
    return this.indices === undefined ? this.first + position : this.indices[position]!
  }
}

export class BatchLane<I, A, E, R> {
  readonly worker: number
  private readonly options: Options<I, A, E, R>
  private readonly own: Entry<I> | undefined
  private load: Load<I>
  private found: Supply.Found | typeof Yielding = Supply.Waiting

  constructor(options: Options<I, A, E, R>, worker: number) {
    const { supply } = options
    this.options = options
    this.worker = worker
    this.own = supply.recurs ? undefined : new Entry<I>(-1, undefined as I, worker)
    this.load = new Load(supply.recurs)
    supply.join()
  }

  /** Runs until nothing is left to take. */
  readonly run: Effect.Effect<void, never, R> = Effect.suspend(() => this.go())

  /** Waits for inputs to have in hand; `false` when there will be none. */
  readonly ready = (): Effect.Effect<boolean> =>
    this.load.inputs.length > 0 || this.take()
      ? Effect.succeed(true)
      : later(this.found, this, this.options.turnBudget)

  /** Its fiber runs nobody else's work: if it ends early, the backend is to blame, and the run cannot go on. */
  lost(): boolean {
    return false
  }

  keep(): boolean {
    return false
  }

  private go(): Effect.Effect<void, never, R> {
    return Effect.flatMap(this.ready(), (ready) => ready ? Effect.andThen(this.dispatch(), this.run) : Effect.void)
  }

  /** Waits until there may be something to take. Looks once more where nothing can come between that and the wait. */
  get wait(): Effect.Effect<void> {
    const { batches, sizer, supply } = this.options
    return Effect.callback((resume) => {
      if (this.take() || this.found !== Supply.Waiting) return resume(Effect.void)
      supply.enlist(() => resume(Effect.void))
      if (sizer.automatic) batches.ask()
    })
  }

  private take(): boolean {
    const { size, sizer, supply, turnBudget } = this.options
    if (turnBudget.tick()) {
      this.found = Yielding
      return false
    }
    const room = sizer.next(size === undefined ? Infinity : size - supply.count)
    const first = supply.count
    const inputs = supply.takeSlice(room)
    if (inputs.length > 0) this.load = new Load(false, inputs, first)
    else this.pick(room)
    return this.load.inputs.length > 0
  }

  private pick(room: number): void {
    const { own, options: { supply } } = this
    const load = this.load = new Load<I>(supply.recurs)
    for (; room > 0; room--) {
      this.found = supply.take(own)
      if (this.found !== Supply.Taken) return
      load.push(own ?? supply.entry)
    }
  }

  private dispatch(): Effect.Effect<void, never, R> {
    const { load, options, own, worker } = this
    this.load = new Load(options.supply.recurs)
    const batch = new Dispatched(options, load, own, worker)
    return Effect.andThen(
      batch.run(),
      Effect.suspend(() => Effect.forEach(batch.failures, (failure) => this.settle(...failure), { discard: true }))
    )
  }

  /** Asks what follows a failure, when its batch is over. */
  private settle(entry: Entry<I>, cause: Cause.Cause<E>, place: Place): Effect.Effect<void, never, R> {
    const { afterFailure, sink, supply, watch } = this.options
    if (supply.stopped) return Effect.void
    return Effect.map(afterFailure!(entry, cause), (next) => {
      if (supply.stopped) return
      if (sink.detailed && (Duration.isDuration(next) || entry.attempts > 1)) {
        entry.record(place, "Failed", shortenMessage(Cause.squash(cause)))
      }
      if (Duration.isDuration(next)) return supply.park(entry, next)
      watch?.settled(entry, Exit.isFailure(next))
      let end = false
      if (Exit.isSuccess(next)) sink.onSuccess(entry, next.value)
      else end = sink.onFailure(entry, next.cause)
      if (end) supply.stop()
      supply.settled()
    })
  }
}

/** A batch that is under way. */
class Dispatched<I, A, E, R> {
  readonly beganAt: number
  /** How many of its inputs are neither settled nor given back. */
  left: number
  /** Failures that may be tried again. */
  readonly failures: Array<readonly [Entry<I>, Cause.Cause<E>, Place]> = []
  private readonly options: Options<I, A, E, R>
  private readonly load: Load<I>
  private readonly own: Entry<I> | undefined
  private readonly worker: number
  private readonly controller: AbortController | undefined
  /** Which positions are settled or given back. */
  private readonly gone: Uint8Array
  private readonly startedAt: number
  private millis: number | undefined = undefined
  private count = 0

  constructor(options: Options<I, A, E, R>, load: Load<I>, own: Entry<I> | undefined, worker: number) {
    this.options = options
    this.load = load
    this.own = own
    this.worker = worker
    this.left = load.inputs.length
    this.gone = new Uint8Array(this.left)
    this.controller = this.left > 1 ? new AbortController() : undefined
    this.beganAt = options.timers.now()
    this.startedAt = options.sink.detailed ? options.time() : 0
    load.entries?.forEach((entry) => entry.attempts++)
  }

  /** Brings the batch to the backend, and what the backend gives back to the supply. */
  run(): Effect.Effect<void> {
    const { backend, batches, job, scope } = this.options
    const execute = Scope.provide(backend.execute(job, this.batch, this.onExit), scope)
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

  private get batch(): Backend.Batch<I> {
    const { concurrency, sizer, timeout } = this.options
    return {
      inputs: this.load.inputs,
      index: (position) => this.load.index(position),
      timeout,
      concurrency,
      budget: sizer.automatic ? Duration.millis(budget) : undefined,
      recall: this.controller && { signal: this.controller.signal, giveBack: (from) => this.giveBack(from) }
    }
  }

  private readonly onExit: Backend.OnExit<A, E> = (position, exit, worker = this.worker, millis) => {
    const { afterFailure, sink, supply, watch } = this.options
    if (this.gone[position] !== 0) return
    this.gone[position] = 1
    this.left--
    this.count++
    if (millis !== undefined) this.millis = (this.millis ?? 0) + millis
    const entry = this.entry(position)
    entry.worker = worker
    const beganAt = sink.detailed ? this.time(entry, millis) : 0
    if (exit._tag === "Success") {
      supply.ended(entry)
      if (sink.detailed && entry.attempts > 1) entry.record({ worker, beganAt }, "Succeeded", undefined)
      watch?.settled(entry, false)
      sink.onSuccess(entry, exit.value)
      return supply.settled()
    }
    if (supply.stopped) return
    supply.ended(entry)
    const cause = exit.cause as Cause.Cause<E>
    if (afterFailure !== undefined) return void this.failures.push([entry, cause, { worker, beganAt }])
    watch?.settled(entry, true)
    const end = sink.onFailure(entry, cause)
    if (end) supply.stop()
    supply.settled()
  }

  private entry(position: number): Entry<I> {
    const { load } = this
    if (load.entries !== undefined) return load.entries[position]!
    const own = this.own!
    own.index = load.index(position)
    own.input = load.inputs[position]!
    own.attempts = 1
    own.fresh = true
    return own
  }

  /** An attempt has taken as long as the backend says; gives when it began. */
  private time(entry: Entry<I>, millis: number | undefined): number {
    const { batches, time } = this.options
    const now = time()
    const nanos = millis === undefined ? now - this.startedAt : Math.round(millis * 1e6)
    const beganAt = millis === undefined ? this.startedAt : batches.beganAt(entry.worker, this.startedAt, nanos, now)
    if (entry.fresh) {
      entry.startedAt = beganAt
      entry.fresh = false
    }
    entry.endedAt = beganAt + nanos
    return beganAt
  }

  private giveBack(from: number): void {
    const { supply } = this.options
    for (let position = from; position < this.gone.length; position++) {
      if (this.gone[position] !== 0) continue
      this.gone[position] = 1
      this.left--
      const { load } = this
      const entry = load.entries?.[position] ??
        new Entry(load.index(position), load.inputs[position]!, this.worker)
      entry.attempts = Math.max(0, entry.attempts - 1)
      supply.giveBack(entry)
    }
  }

  private end(exit: Exit.Exit<void>): Effect.Effect<void> {
    const { timers, batches, sizer, supply } = this.options
    batches.delete(this)
    if (supply.stopped) return Effect.void
    if (Exit.isFailure(exit)) return Effect.failCause(exit.cause)
    sizer.learn(this.count, this.millis ?? timers.now() - this.beganAt)
    this.giveBack(0)
    return Effect.void
  }
}
