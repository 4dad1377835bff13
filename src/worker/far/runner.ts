/**
 * The runner of batches in a worker. A batch is one lane of the engine, so deadlines, defects, forked fibers and turns
 * of the event loop work as on the near side.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import type * as Backend from "../../Backend.ts"
import { nanoClock } from "../../primitives/clock.ts"
import { checkedEffect } from "../../primitives/effects.ts"
import { type TurnBudget, turnBudgetOf } from "../../primitives/eventLoop.ts"
import { timer } from "../../primitives/monotonic.ts"
import { Timers } from "../../primitives/timers.ts"
import * as Inputs from "../../run/inputs/contract.ts"
import type { Item } from "../../run/inputs/item.ts"
import { Lane, type LaneOptions } from "../../run/lanes/lane.ts"
import type { Sink } from "../../run/outcomes/sink.ts"
import * as Codec from "../../task/codec.ts"
import { withDeadline } from "../../task/deadline.ts"
import * as Layers from "../../task/layers.ts"
import { attemptAt } from "../wire/attempts.ts"
import { ballast } from "../wire/ballast.ts"
import * as Causes from "../wire/causes.ts"
import { type Arrived, arrived } from "../wire/crossing.ts"
import { isPrimitive } from "../wire/form.ts"
import { epoch } from "../wire/machineClock.ts"
import type { BatchMessage, Fault } from "../wire/messages.ts"
import { encodeThrown } from "../wire/thrown.ts"
import { BatchTimes } from "../wire/times.ts"
import { contextOf, loggerOf } from "./ambient.ts"
import type { Link, Runner } from "./link.ts"
import { ExitOutbox, failureBy } from "./outbox.ts"

/** Milliseconds for which exits are collected before they are posted. A message costs about a hundredth of that. */
const collectMillis = 2

/**
 * Greatest number of payloads between two readings of the clock. The number doubles while they take `shortMillis` or
 * less.
 */
const longestStride = 8
const shortMillis = 0.25

export const make = (link: Link): Runner => {
  const scope = Scope.makeUnsafe()
  const batches = new Map<number, WorkerBatch>()
  const worker: Occupied = { freeAt: 0, ready: new Set() }
  return {
    run: (message, task, came, over) => {
      const job = task as Backend.Job<unknown, unknown, unknown>
      const batch = new WorkerBatch(message, job, link, worker, came)
      batches.set(message.id, batch)
      batch.done = batch.work(scope).finally(() => {
        batches.delete(message.id)
        over()
      })
    },
    recall: (id) => batches.get(id)?.recall(),
    cancel: (id) => batches.get(id)?.cancel(),
    flush: () => batches.forEach((batch) => batch.post()),
    busy: () => batches.size > 0,
    end: async () => {
      batches.forEach((batch) => batch.cancel())
      await Promise.all(batches.values().map((batch) => batch.done))
      await Effect.runPromise(Effect.ignore(Scope.close(scope, Exit.void)))
    }
  }
}

/** State of the worker that its batches share. */
interface Occupied {
  /** End of the last payload of any batch, in milliseconds of the machine's clock. */
  freeAt: number
  /** Tasks whose modules are imported and whose layers are built. */
  readonly ready: Set<unknown>
}

/**
 * A batch. It is the source of its lane, and the sink that posts exits to the near side.
 */
class WorkerBatch implements Inputs.ItemSource<unknown>, Sink<unknown, unknown, unknown> {
  readonly detailed = false
  readonly retires = false
  readonly revisits = false
  readonly backToBack = true
  readonly stopped = false
  readonly draining = false
  readonly item!: Item<unknown>
  /** Promise that resolves when the batch is over. */
  done = Promise.resolve()
  private readonly logger: ReturnType<typeof loggerOf>
  private readonly message: BatchMessage
  private readonly job: Backend.Job<unknown, unknown, unknown>
  private readonly link: Link
  private timers!: Timers
  private fiber: Fiber.Fiber<unknown, unknown> | undefined
  private cancelled = false
  /** Fault of the current attempt, if its payload was refused. */
  private fault: Fault | undefined = undefined
  private recalled = false
  /** Number of payloads that have been started. */
  private started = 0
  private readonly worker: Occupied
  private turnBudget: TurnBudget | undefined
  /**
   * Start of the batch (`startMillis`), start of the current payload (`since`) and time of the last post (`toldAt`), in
   * milliseconds of this worker's clock. A payload begins at the end of the previous one, unless the event loop has
   * turned in between; `turn` is the turn of that end.
   */
  private startMillis = 0
  private since = 0
  private turn = 0
  private toldAt = 0
  /** Number of payloads until the next reading of the clock, and between two readings, if payloads have no times. */
  private untilClock = 0
  private stride = 1
  /** End of the last payload that was posted. */
  private postedUntil = 0
  private readonly outbox: ExitOutbox
  /** Payloads that crossed out of band, by position, if there are any. */
  private readonly arrived: ReadonlyMap<number, Arrived> | undefined
  private readonly times: BatchTimes
  /** Ballast that is held as long as the payloads. */
  protected readonly ballast: ArrayBuffer | undefined
  /** True if a post is scheduled for when the event loop turns. */
  private postScheduled = false

  constructor(
    message: BatchMessage,
    job: Backend.Job<unknown, unknown, unknown>,
    link: Link,
    worker: Occupied,
    came: { readonly receivedAt: number; readonly upAt: number }
  ) {
    this.message = message
    this.job = job
    this.link = link
    this.worker = worker
    this.times = new BatchTimes(message.payloads.length, message.timed, { ...came, freeAt: worker.freeAt })
    this.ballast = message.shared > 0 ? ballast(message.shared) : undefined
    this.outbox = new ExitOutbox(message.id, link)
    this.logger = loggerOf(link.crossing, link.post, () => ({ id: message.id, position: this.started - 1 }))
    const values = arrived(link.crossing, message.outOfBand)
    this.arrived = message.places.length === 0
      ? undefined
      : new Map(message.places.map(([position, place]) => [position, values[place]!]))
  }

  /** Runs the batch. If a task ends the fiber of its lane, another lane continues. */
  async work(scope: Scope.Scope): Promise<void> {
    const layer = this.job.layer
    const built = layer === undefined
      ? Exit.succeed(Context.empty() as Context.Context<any>)
      : await this.runFiber<Context.Context<any>, unknown>(Layers.servicesOf(layer, scope), Context.empty())
    this.since = this.startMillis = this.postedUntil = timer.now()
    this.times.ready(this.since + epoch, this.worker.ready.has(this.job))
    if (!this.cancelled) {
      if (Exit.isSuccess(built)) {
        this.worker.ready.add(this.job)
        await this.lanes(contextOf(this.message.ambient, built.value, this.logger))
      } else this.failAll({ _tag: "LayerFailed", error: encodeThrown(Cause.squash(built.cause), this.link.crossing) })
    }
    this.post(true)
  }

  /** Starts no further payload. */
  recall(): void {
    this.recalled = true
  }

  /** Interrupts the batch. */
  cancel(): void {
    this.cancelled = true
    this.fiber?.interruptUnsafe()
  }

  /** Takes the next payload, unless the batch was recalled or cut, or has used up its budget. */
  next(own: Item<unknown> | undefined): Inputs.Found {
    const { budget, payloads, slot } = this.message
    const position = this.started
    if (this.turn !== this.turnBudget!.turns) {
      this.since = timer.now()
      this.turn = this.turnBudget!.turns
    }
    const now = this.since
    if (position === payloads.length || this.recalled) return Inputs.Done
    if (budget !== undefined && position > 0 && now - this.startMillis > budget) return Inputs.Done
    if (!this.link.claim(slot, position, now + epoch)) return Inputs.Done
    this.started++
    own!.index = position
    own!.input = payloads[position]
    return Inputs.Taken
  }

  /** Starts an attempt: decodes the payload by its schema, and applies the deadline. */
  attempt(item: Item<unknown>): Effect.Effect<unknown, unknown> {
    const { payload: schema, run } = this.job
    const { timeout } = this.message
    let payload = item.input
    const apart = this.arrived?.get(item.index)
    if (apart !== undefined) {
      if (!("value" in apart)) {
        this.fault = Causes.notReadable("payload", apart)
        return notBegun
      }
      payload = apart.value
    }
    if (schema !== undefined) {
      const decoded = Codec.decode(schema, payload)
      if (Exit.isFailure(decoded)) {
        this.fault = Causes.refused("payload", payload, decoded.cause)
        return notBegun
      }
      payload = decoded.value
    }
    const effect = checkedEffect(run(payload) as Effect.Effect<unknown, unknown>)
    return timeout === undefined ? effect : withDeadline(effect, Duration.millis(timeout), this.timers)
  }

  onSuccess(_: Item<unknown>, value: unknown): void {
    const { success } = this.job
    if (success === undefined) {
      if (isPrimitive(value)) this.outbox.add(value)
      else this.outbox.addAny(value, nothingMoved)
      return this.record()
    }
    const encoded = Codec.encode(success, value)
    const moved = Codec.takeTransfers()
    if (Exit.isSuccess(encoded)) this.outbox.addAny(encoded.value, moved)
    else this.outbox.addFailure(failureBy(Causes.refused("success", value, encoded.cause)))
    this.record()
  }

  onFailure(_: Item<unknown>, cause: Cause.Cause<unknown>): boolean {
    const { fault, job, link, outbox } = this
    this.fault = undefined
    outbox.addFailure(
      fault === undefined ? Causes.encode(cause, job.error, link.crossing, outbox.outOfBand) : failureBy(fault)
    )
    this.record()
    return false
  }

  /** Posts the exits that have not been posted, and whether the batch is over. */
  post(over = false): void {
    const { outbox, postedUntil, times } = this
    this.toldAt = timer.now()
    outbox.post(() => times.slice(outbox.from, outbox.size, postedUntil + epoch, this.toldAt + epoch), over)
    this.postedUntil = this.toldAt
    this.worker.freeAt = Math.max(this.worker.freeAt, this.since + epoch)
  }

  /** Runs lanes until one ends without having lost its fiber to a task. */
  private async lanes(context: Context.Context<never>): Promise<void> {
    const clock = Context.get(context, Clock.Clock)
    this.timers = new Timers(clock, Effect.runForkWith(context))
    this.toldAt = this.since
    for (;;) {
      let lane: Lane<unknown, unknown, unknown, never> | undefined
      const exit = await this.runFiber(
        Effect.withFiber((fiber) => {
          this.turnBudget = turnBudgetOf(fiber)
          this.turn = this.turnBudget.turns
          lane = new Lane(this.laneOptions(this.turnBudget, clock), 0)
          return lane.run
        }),
        context
      )
      if (Exit.isSuccess(exit) || this.cancelled || lane?.lost(exit.cause) !== true) break
    }
    if (this.message.timeout !== undefined) await Effect.runPromise(this.timers.close)
  }

  private laneOptions(turnBudget: TurnBudget, clock: Clock.Clock): LaneOptions<unknown, unknown, unknown, never> {
    return {
      source: this,
      sink: this,
      turnBudget,
      time: nanoClock(clock),
      waits: false,
      attempt: (item) => this.attempt(item),
      attemptOf: ({ index }) => this.message.attempts && attemptAt(this.message.attempts, index),
      afterFailure: undefined
    }
  }

  /** Runs an effect in a fiber that `cancel` can interrupt. */
  private async runFiber<A, E>(effect: Effect.Effect<A, E>, context: Context.Context<never>): Promise<Exit.Exit<A, E>> {
    const fiber = Effect.runForkWith(context)(effect)
    this.fiber = fiber
    return await new Promise((resolve) => fiber.addObserver(resolve))
  }

  /** Fails every payload. None has begun, so they take no time. */
  private failAll(fault: Fault): void {
    for (const _ of this.message.payloads) {
      this.outbox.addFailure(failureBy(fault))
      this.record(false)
    }
  }

  /**
   * Records that an exit was added. If times are requested, reads the clock for each payload: a time divided among
   * several payloads would be wrong where it matters.
   */
  private record(hasBegun = true): void {
    const { message: { payloads, timed }, outbox } = this
    if (!timed && this.postScheduled && --this.untilClock > 0) return
    const now = timer.now()
    if (!hasBegun) this.since = now
    if (timed) this.times.ran(outbox.next - 1, this.since + epoch, now + epoch)
    else this.untilClock = this.stride = now - this.since < shortMillis ? Math.min(2 * this.stride, longestStride) : 1
    this.since = now
    this.worker.freeAt = now + epoch
    this.turn = this.turnBudget?.turns ?? 0
    if (now - this.toldAt >= collectMillis) return this.post()
    // the last exit is posted with the end of the batch
    if (this.postScheduled || outbox.next === payloads.length) return
    // scheduled now, because the next payload may take long
    this.postScheduled = true
    setImmediate(() => {
      this.postScheduled = false
      this.post()
    })
  }
}

const nothingMoved: ReadonlyArray<unknown> = []

/** The exit of an attempt whose payload was refused. `fault` has the reason. */
const notBegun = Exit.interrupt()
