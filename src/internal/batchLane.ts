/**
 * A lane that takes inputs by the batch, for tasks on a backend that takes them so.
 *
 * Nothing is made for an input but its entry: what became of it is told by a call while its batch runs.
 *
 * @since 0.1.0
 */
import type * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import type * as Backend from "../Backend.ts"
import type { Alarm } from "./alarm.ts"
import type { Entry } from "./entry.ts"
import { type Options as LaneOptions, Stop } from "./lane.ts"
import { budget, type Sizer } from "./sizer.ts"
import * as Supply from "./supply.ts"

/** How old a batch has to be before another lane asks for its rest, in milliseconds. */
const ripe = 10

/** What the lanes of a run have in common. */
export interface Options<I, A, E>
  extends Pick<LaneOptions<I, A, E, never>, "sink" | "turnstile" | "clock" | "afterFailure">
{
  readonly supply: Supply.Supply<I, any, any>
  readonly job: Backend.Job<I, A, E>
  readonly backend: Backend.Backend
  readonly scope: Scope.Scope
  readonly alarm: Alarm
  readonly sizer: Sizer
  readonly timeout: Duration.Duration | undefined
  readonly concurrency: number
  /** How many inputs there will be, where that is known. */
  readonly size: number | undefined
  readonly batches: Batches
}

/** The batches of a run that are under way. */
export class Batches {
  private readonly active = new Set<Dispatched<any, any, any>>()
  private readonly alarm: Alarm
  private asking = false

  constructor(alarm: Alarm) {
    this.alarm = alarm
  }

  add(batch: Dispatched<any, any, any>): void {
    this.active.add(batch)
  }

  delete(batch: Dispatched<any, any, any>): void {
    this.active.delete(batch)
  }

  /** A lane has nothing to do: it is given the rest of the batch that has most left, when that has run for a while. */
  ask(): void {
    if (this.asking) return
    let most: Dispatched<any, any, any> | undefined
    for (const batch of this.active) if (batch.left > 1 && batch.left > (most?.left ?? 0)) most = batch
    if (most === undefined) return
    const age = this.alarm.now() - most.beganAt
    if (age >= ripe) return most.recall()
    this.asking = true
    this.alarm.after(Duration.millis(ripe - age), () => {
      this.asking = false
      this.ask()
    })
  }

  /** The run has ended. */
  stop(): void {
    for (const batch of this.active) batch.stop()
  }
}

export class BatchLane<I, A, E> {
  private readonly options: Options<I, A, E>
  private readonly worker: number
  private load: Array<Entry<I>> = []
  private found: Supply.Found | typeof Yielding = Supply.Waiting
  private ending = false

  constructor(options: Options<I, A, E>, worker: number) {
    this.options = options
    this.worker = worker
    options.supply.join()
  }

  /** Runs until nothing is left to take. */
  readonly run: Effect.Effect<void, Stop> = Effect.suspend(() => this.go())

  private go(): Effect.Effect<void, Stop> {
    return Effect.flatMap(this.ready(), (ready) => ready ? Effect.andThen(this.dispatch(), this.run) : Effect.void)
  }

  /** Waits for inputs to have in hand; `false` when there will be none. */
  readonly ready = (): Effect.Effect<boolean, Stop> => {
    const { batches, sizer, supply, turnstile } = this.options
    if (this.ending) return Effect.fail(Stop)
    if (this.load.length > 0 || this.take()) return Effect.succeed(true)
    switch (this.found) {
      case Yielding:
        return Effect.flatMap(turnstile.pass, this.ready)
      case Supply.Waiting:
        if (sizer.automatic) batches.ask()
        return Effect.flatMap(supply.wait, this.ready)
      case Supply.Broken:
        return Effect.fail(Stop)
      default:
        return Effect.succeed(false)
    }
  }

  private take(): boolean {
    const { size, sizer, supply, turnstile } = this.options
    if (turnstile.due()) {
      this.found = Yielding
      return false
    }
    for (let room = sizer.next(size === undefined ? Infinity : size - supply.count); room > 0; room--) {
      this.found = supply.take(undefined)
      if (this.found !== Supply.Taken) break
      this.load.push(supply.entry)
    }
    return this.load.length > 0
  }

  private dispatch(): Effect.Effect<void, Stop> {
    const batch = new Dispatched(this.options, this.load, this.worker)
    this.load = []
    return Effect.flatMap(batch.run(), () => {
      this.ending = batch.ending
      return Effect.forEach(batch.failures, ([entry, cause]) => this.settle(entry, cause), { discard: true })
    })
  }

  /** Asks the retry policy what follows a failure, when its batch is over. */
  private settle(entry: Entry<I>, cause: Cause.Cause<E>): Effect.Effect<void> {
    const { afterFailure, sink, supply } = this.options
    if (supply.stopped) return Effect.void
    return Effect.map(afterFailure!(entry, cause), (next) => {
      if (supply.stopped) return
      if (Duration.isDuration(next)) return supply.park(entry, next)
      const end = sink.onFailure(entry, next)
      supply.settled()
      if (end) {
        supply.stop()
        this.ending = true
      }
    })
  }
}

/** Others have to have their turn first: what a lane may find beside what the supply says. */
const Yielding = -1

/** A batch that is under way. */
class Dispatched<I, A, E> {
  readonly beganAt: number
  /** How many of its inputs are neither settled nor given back. */
  left: number
  /** Failures that may be tried again. */
  readonly failures: Array<readonly [Entry<I>, Cause.Cause<E>]> = []
  /** Whether one of its failures has ended the run. */
  ending = false
  private readonly options: Options<I, A, E>
  private readonly entries: Array<Entry<I> | undefined>
  private readonly worker: number
  private readonly controller = new AbortController()
  private fiber: Fiber.Fiber<void> | undefined
  private millis: number | undefined = undefined
  private count = 0
  private readonly startedAt: bigint

  constructor(options: Options<I, A, E>, entries: Array<Entry<I>>, worker: number) {
    this.options = options
    this.entries = entries
    this.worker = worker
    this.left = entries.length
    this.beganAt = options.alarm.now()
    this.startedAt = options.sink.detailed ? options.clock.monotonicTimeNanosUnsafe() : zero
    for (const entry of entries) entry.attempts++
  }

  /** Brings the batch to the backend, and what the backend gives back to the supply. */
  run(): Effect.Effect<void> {
    const { backend, batches, job, scope } = this.options
    const execute = Scope.provide(backend.execute(job, this.batch, this.onExit), scope)
    return Effect.uninterruptibleMask((restore) =>
      Effect.flatMap(Effect.forkChild(restore(execute), { startImmediately: true }), (fiber) => {
        this.fiber = fiber
        batches.add(this)
        if (this.ending) fiber.interruptUnsafe()
        return Effect.flatMap(
          Effect.onInterrupt(restore(Fiber.await(fiber)), () => Fiber.interrupt(fiber)),
          (exit) => this.end(exit)
        )
      })
    )
  }

  recall(): void {
    this.controller.abort()
  }

  stop(): void {
    this.fiber?.interruptUnsafe()
  }

  private get batch(): Backend.Batch<I> {
    const { concurrency, sizer, timeout } = this.options
    const items = this.entries.slice() as Array<Entry<I>>
    return {
      items,
      timeout,
      concurrency,
      budget: sizer.automatic ? Duration.millis(budget) : undefined,
      recall: items.length === 1
        ? undefined
        : { signal: this.controller.signal, giveBack: (from) => this.giveBack(from) }
    }
  }

  private readonly onExit: Backend.OnExit<A, E> = (position, exit, worker = this.worker, millis) => {
    const { afterFailure, sink, supply } = this.options
    const entry = this.entries[position]
    if (entry === undefined) return
    this.entries[position] = undefined
    this.left--
    this.count++
    entry.worker = worker
    if (millis !== undefined) this.millis = (this.millis ?? 0) + millis
    if (sink.detailed) this.time(entry, millis)
    if (Exit.isSuccess(exit)) {
      supply.ended(entry)
      sink.onSuccess(entry, exit.value)
      return supply.settled()
    }
    if (supply.stopped) return
    supply.ended(entry)
    const cause = exit.cause as Cause.Cause<E>
    if (afterFailure !== undefined) return void this.failures.push([entry, cause])
    const end = sink.onFailure(entry, cause)
    supply.settled()
    if (!end) return
    this.ending = true
    supply.stop()
    this.options.batches.stop()
  }

  /** An attempt has taken as long as the backend says, and has ended now. */
  private time(entry: Entry<I>, millis: number | undefined): void {
    const now = this.options.clock.monotonicTimeNanosUnsafe()
    if (entry.fresh) {
      entry.startedAt = millis === undefined ? this.startedAt : now - BigInt(Math.round(millis * 1e6))
      entry.fresh = false
    }
    entry.endedAt = now
  }

  private giveBack(from: number): void {
    const { supply } = this.options
    for (let position = from; position < this.entries.length; position++) {
      const entry = this.entries[position]
      if (entry === undefined) continue
      this.entries[position] = undefined
      this.left--
      entry.attempts--
      supply.giveBack(entry)
    }
  }

  private end(exit: Exit.Exit<void>): Effect.Effect<void> {
    const { alarm, batches, sizer, supply } = this.options
    batches.delete(this)
    if (supply.stopped) return Effect.void
    if (Exit.isFailure(exit)) return Effect.failCause(exit.cause)
    sizer.learn(this.count, this.millis ?? alarm.now() - this.beganAt)
    this.giveBack(0)
    return Effect.void
  }
}

const zero = BigInt(0)
