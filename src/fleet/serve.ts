/**
 * A machine. It takes batches while it has room, runs them on its own backend, and reports to the programs.
 *
 * The machine keeps a batch until its program tells it to forget the batch, or until it has received nothing from the
 * program for its lease.
 *
 * Invariant: each batch in execution holds one permit, and one more permit is taken while the machine waits for a
 * batch. A batch that must run alone holds all permits; it waits for them for at most a lease.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import * as Stream from "effect/Stream"
import type * as Backend from "../Backend.ts"
import { monotonicClock } from "../primitives/clock.ts"
import { shortenName } from "../primitives/shorten.ts"
import { Timers } from "../primitives/timers.ts"
import * as Attempt from "../task/attempt.ts"
import { contextOf, loggerOf } from "../worker/far/ambient.ts"
import type { Fault } from "../worker/wire/messages.ts"
import { texts } from "../worker/wire/texts.ts"
import type { Consumer, TakenBatch } from "./contract.ts"
import { execute } from "./execution.ts"
import { HeldBatch, type Holder } from "./held.ts"
import { type Beat, type Offer, readControl, readOffer } from "./messages.ts"
import { formsOf } from "./payloads.ts"
import { type AnyJob, relayed, Starts } from "./relay.ts"
import { beatsOfLease, bounded, saidAtEnd } from "./traffic.ts"
import { Warnings } from "./warnings.ts"

/** The messages that wait to be sent. */
type Outbox = Queue.Queue<readonly [text: string, program: string | undefined], Cause.Done>

/** Options of a machine. */
export interface MachineOptions {
  readonly tasks: ReadonlyArray<AnyJob>
  readonly slots: number
  readonly backend: Backend.Backend
  /** Lease in milliseconds. The machine sends six beats in it. */
  readonly lease: number
  /** Time for which batches may continue when the machine is to end, in milliseconds. */
  readonly drain: number
}

/** A program that has sent a batch or a control message. */
interface KnownProgram {
  lease: number
  /** Time of its last message. */
  heardAt: number
  /** Its last control message: the time by the program's clock, and the time of arrival. */
  control: { readonly at: number; readonly cameAt: number } | undefined
}

/** A run of a program. Its batches share a scope. */
interface KnownRun {
  readonly scope: Scope.Closeable
  batches: number
  usedAt: number
}

/** Number of tasks that are listed for a program that asks for an unknown task. */
const mostFound = 100

/** Milliseconds for which the scope of a run is kept after its last batch. */
const runPatience = 30_000

class Machine implements Holder {
  readonly session = globalThis.crypto.randomUUID()
  readonly now: () => number
  readonly maxBytes: number
  beats = 0
  private readonly consumer: Consumer["Service"]
  private readonly options: MachineOptions
  private readonly outbox: Outbox
  private readonly context: Context.Context<never>
  private readonly fork: (effect: Effect.Effect<void>) => Fiber.Fiber<void>
  private readonly timers: Timers
  private readonly permits: Semaphore.Semaphore
  /** Scope of the layers of tasks, which are kept as long as the machine. */
  private readonly layers = Scope.makeUnsafe()
  private readonly tasks: ReadonlyMap<string, { readonly task: AnyJob; readonly job: AnyJob }>
  private readonly batches = new Map<string, HeldBatch>()
  private readonly running = new Map<HeldBatch, Fiber.Fiber<unknown>>()
  /** The effect to run for each batch when it is no longer here, which informs the queue. */
  private readonly overs = new Map<HeldBatch, Effect.Effect<void>>()
  private readonly programs = new Map<string, KnownProgram>()
  private readonly runs = new Map<string, KnownRun>()
  private readonly free: Array<number>
  /** Time of the last beat. */
  private beatAt: number
  private waits = false
  private readonly warnings: Warnings
  private leaves = false

  constructor(
    consumer: Consumer["Service"],
    options: MachineOptions,
    outbox: Outbox,
    context: Context.Context<never>
  ) {
    const clock = Context.get(context, Clock.Clock)
    this.consumer = consumer
    this.options = options
    this.outbox = outbox
    this.context = context
    this.now = monotonicClock(clock)
    this.maxBytes = consumer.maxBytes ?? Infinity
    this.fork = Effect.runForkWith(context)
    this.warnings = new Warnings(`machine ${shortenName(consumer.machine)}`, this.fork)
    this.timers = new Timers(clock, this.fork)
    this.permits = Semaphore.makeUnsafe(options.slots)
    this.free = Array.from({ length: options.slots }, (_, slot) => options.slots - 1 - slot)
    this.tasks = new Map(options.tasks.map((task) => [task.name, { task, job: relayed(task, this.layers) }]))
    this.beatAt = this.now()
    this.beat()
  }

  readonly post = (text: string, program: string | undefined): void => {
    Queue.offerUnsafe(this.outbox, [text, program])
  }

  readonly soon = (act: () => void): void => {
    this.fork(Effect.andThen(Effect.yieldNow, Effect.sync(act)))
  }

  /** Takes batches, one at a time, while there is room. */
  readonly takeAll: Effect.Effect<never> = Effect.forever(
    Effect.uninterruptibleMask((restore) =>
      Effect.flatMap(restore(Effect.suspend(() => this.permits.take(1))), () =>
        restore(Effect.suspend(() => {
          this.waits = true
          return this.consumer.take
        })).pipe(
          Effect.onExit(() => Effect.sync(() => this.waits = false)),
          Effect.onError(() => this.permits.release(1)),
          Effect.flatMap((taken) => this.receive(taken, restore))
        ))
    )
  )

  /** Handles a message to all machines. */
  control(text: string): void {
    const control = readControl(text)
    if (control === undefined) return
    const { at, forget, lease, program, recall, received, stop } = control
    const now = this.now()
    this.programs.set(program, { lease, heardAt: now, control: { at, cameAt: now } })
    const mine = (id: string): HeldBatch | undefined => {
      const batch = this.batches.get(id)
      return batch?.offer.program === program ? batch : undefined
    }
    for (const [id, n] of Object.entries(received)) mine(id)?.acknowledge(n)
    for (const id of recall) mine(id)?.recall.abort()
    for (const id of stop) mine(id)?.cancel()
    for (const [machine, id] of forget) if (machine === this.consumer.machine) this.drop(mine(id))
  }

  /**
   * Ends the machine. Batches may continue for the time of `drain` and are then interrupted. Their programs are
   * informed, and dispatch the remaining inputs again.
   */
  readonly leave: Effect.Effect<void> = Effect.suspend(() => {
    const { drain } = this.options
    const ended = Effect.suspend(() => Fiber.awaitAll(this.running.values().toArray()))
    return Effect.timeoutOption(ended, drain).pipe(
      Effect.andThen(Effect.suspend(() => {
        this.leaves = true
        for (const batch of this.running.keys().toArray()) {
          batch.leave()
          batch.cancel()
        }
        return ended
      })),
      Effect.andThen(Effect.suspend(() => {
        this.sayBeat()
        return Effect.andThen(
          this.timers.close,
          Effect.forEach(this.runs.values().toArray(), ({ scope }) => Scope.close(scope, Exit.void), { discard: true })
        )
      })),
      Effect.andThen(Scope.close(this.layers, Exit.void))
    )
  })

  /** Receives a batch that was taken from the queue with one permit. */
  private receive(
    { batch: text, over }: TakenBatch,
    restore: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  ): Effect.Effect<unknown> {
    const offer = readOffer(text)
    if (offer === undefined) {
      this.tellOver(over)
      this.warnings.once("batch", "dropped an entry of the queue that is not a batch")
      return this.permits.release(1)
    }
    const { control } = this.programs.get(offer.program) ?? {}
    this.programs.set(offer.program, { lease: offer.lease, heardAt: this.now(), control })
    // a queue may deliver a batch twice
    if (this.batches.has(offer.id)) {
      this.tellOver(over)
      return this.permits.release(1)
    }
    const found = this.tasks.get(offer.task)
    const batch = new HeldBatch(offer, found?.task ?? unknownTask, this.free.pop()!, this)
    if (over !== undefined) this.overs.set(batch, over)
    this.batches.set(offer.id, batch)
    const fault = this.faultOf(offer, found?.task)
    if (fault !== undefined || found === undefined) {
      batch.refuse(fault!)
      return this.release(batch, 1)
    }
    if (!offer.alone) return Effect.sync(() => this.begin(batch, found.job, 1))
    const { lease, slots } = this.options
    // other batches may run for a long time: after a lease the batch is executed beside them
    return Effect.matchCauseEffect(restore(Effect.timeoutOption(this.permits.take(slots - 1), lease)), {
      onFailure: (cause) => {
        batch.end()
        return Effect.andThen(this.release(batch, 1), Effect.failCause(cause))
      },
      onSuccess: (isAlone) => Effect.sync(() => this.begin(batch, found.job, Option.isSome(isAlone) ? slots : 1))
    })
  }

  /** Returns the fault of a batch if the machine cannot run it. */
  private faultOf({ forms }: Offer, found: AnyJob | undefined): Fault | undefined {
    const { machine } = this.consumer
    if (found === undefined) return { _tag: "TaskUnknown", machine, found: [...this.tasks.keys()].slice(0, mostFound) }
    const own = formsOf(found)
    const differing = (["payload", "success", "error"] as const).find((_, k) =>
      forms[k] !== own[k] && forms[k] !== "" && own[k] !== ""
    )
    return differing && { _tag: "TaskDiffers", machine, value: differing }
  }

  /** Frees the slot of a batch and its permits. */
  private release(batch: HeldBatch, permits: number): Effect.Effect<unknown> {
    this.free.push(batch.slot)
    return this.permits.release(permits)
  }

  /** Informs the queue that a batch that was taken is no longer here. */
  private tellOver(over: Effect.Effect<void> | undefined): void {
    if (over !== undefined) this.fork(Effect.asVoid(bounded(() => over, this.options.lease)))
  }

  /** Executes a batch that holds some permits, unless it was canceled or the context of its caller cannot be read. */
  private begin(batch: HeldBatch, job: AnyJob, permits: number): void {
    const { offer } = batch
    const { around } = offer
    const run = this.runOf(offer)
    const done = (): void => {
      batch.end()
      run.batches--
      run.usedAt = this.now()
      if (offer.indices === null) this.close(offer.run.id, run)
      Effect.runSync(this.release(batch, permits))
    }
    if (batch.isCancelled) return done()
    let context: Context.Context<never>
    try {
      context = this.contextOf(batch, run)
    } catch (error) {
      batch.failAll(Cause.die(error))
      return done()
    }
    const fiber: Fiber.Fiber<void> = Effect.runForkWith(context)(
      Attempt.inside(
        execute(this.options.backend, job, batch, this.now) as Effect.Effect<void>,
        around && (() => around)
      )
    )
    batch.isExecuted = true
    batch.interrupt = () => fiber.interruptUnsafe()
    this.running.set(batch, fiber)
    fiber.addObserver((exit) => {
      this.running.delete(batch)
      if (Exit.isFailure(exit) && !batch.isCancelled) batch.failAll(exit.cause)
      done()
    })
  }

  /**
   * Makes the context of a batch: the context of the machine, with the parts of the caller's context that were sent.
   */
  private contextOf(batch: HeldBatch, run: KnownRun): Context.Context<never> {
    const logger = loggerOf(texts, batch.log, () => ({ id: 0, position: batch.position }))
    return Context.merge(this.context, contextOf(batch.offer.ambient, Context.empty(), logger)).pipe(
      Context.add(Starts, batch),
      Context.add(Scope.Scope, run.scope)
    )
  }

  private runOf({ run: { id } }: Offer): KnownRun {
    let run = this.runs.get(id)
    if (run === undefined) this.runs.set(id, run = { scope: Scope.makeUnsafe(), batches: 0, usedAt: 0 })
    run.batches++
    return run
  }

  private close(id: string, run: KnownRun): void {
    if (run.batches > 0 || this.runs.get(id) !== run) return
    this.runs.delete(id)
    this.fork(Effect.ignoreCause(Scope.close(run.scope, Exit.void)))
  }

  /** Drops a batch that no program waits for. */
  private drop(batch: HeldBatch | undefined): void {
    if (batch === undefined) return
    this.batches.delete(batch.offer.id)
    batch.cancel()
    this.tellOver(this.overs.get(batch))
    this.overs.delete(batch)
  }

  /**
   * Sends a beat, sends unacknowledged replies again, and drops the batches of programs that are gone. If the beat
   * itself is late, messages of programs may still wait to be read, so the programs get that time in addition.
   */
  private beat(): void {
    const now = this.now()
    const interval = this.options.lease / beatsOfLease
    const late = Math.max(0, now - this.beatAt - 2 * interval)
    this.beatAt = now
    for (const [name, program] of this.programs) {
      program.heardAt = Math.min(now, program.heardAt + late)
      if (now - program.heardAt < program.lease) continue
      this.programs.delete(name)
      for (const batch of this.batches.values().toArray()) if (batch.offer.program === name) this.drop(batch)
    }
    for (const batch of this.batches.values()) batch.resend(now - 2 * interval, now)
    for (const [id, run] of this.runs) if (now - run.usedAt >= runPatience) this.close(id, run)
    this.sayBeat()
    this.timers.after(Duration.millis(interval), () => this.beat())
  }

  private sayBeat(): void {
    const now = this.now()
    const echoes: Record<string, readonly [number, number]> = {}
    for (const [name, { control }] of this.programs) {
      if (control !== undefined) echoes[name] = [control.at, now - control.cameAt]
    }
    const beat: Beat = {
      _tag: "Beat",
      session: this.session,
      beat: ++this.beats,
      slots: this.options.slots,
      holds: [...this.batches.keys()],
      free: this.waits,
      leaves: this.leaves,
      at: now,
      echoes
    }
    this.post(JSON.stringify(beat), undefined)
  }
}

const unknownTask = { error: undefined } as unknown as AnyJob

/** Runs a machine until it is interrupted, and then ends it. */
export const serve = (consumer: Consumer["Service"], options: MachineOptions): Effect.Effect<never> =>
  Effect.contextWith((context: Context.Context<never>) =>
    Effect.scoped(Effect.gen(function*() {
      const outbox: Outbox = yield* Queue.unbounded<readonly [text: string, program: string | undefined], Cause.Done>()
      const machine = new Machine(consumer, options, outbox, context)
      const sending = yield* Effect.forkScoped(Effect.forever(
        Effect.flatMap(Queue.takeAll(outbox), (all) =>
          Effect.forEach(all, ([text, program]) =>
            bounded(() => consumer.reply(text, program), options.lease), { discard: true }))
      ))
      const listening = Stream.runForEach(consumer.broadcasts, (text) =>
        Effect.sync(() =>
          machine.control(text)
        ))
      yield* Effect.forkScoped(
        saidAtEnd(listening, `machine ${shortenName(consumer.machine)}: the stream of messages from programs has ended`)
      )
      // messages to programs are sent before the end, for at most a lease
      const sent = Effect.timeoutOption(Effect.andThen(Queue.end(outbox), Fiber.await(sending)), options.lease)
      yield* Effect.addFinalizer(() => Effect.andThen(machine.leave, sent))
      return yield* machine.takeAll
    }))
  )
