/**
 * A fleet as its program sees it: the machines that are there, the batches that they have, and what becomes of both.
 *
 * Invariants. A batch with a machine is over when the machine says so; when a later beat of the machine does not list it;
 * when the machine is lost. One without a machine is over when it could be taken out of the queue; when its run has no use for
 * it and a lease has passed; when there has been no machine for too long; when the queue has lost it, since a machine was free
 * for a whole lease and has not taken it. So every batch ends within a time that leases bound, whatever gets lost.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import type * as Backend from "../Backend.ts"
import { monotonicClock } from "../primitives/clock.ts"
import { shortenName } from "../primitives/shorten.ts"
import { Timers } from "../primitives/timers.ts"
import * as Attempt from "../task/attempt.ts"
import * as Errors from "../task/errors.ts"
import * as Caller from "../worker/near/caller.ts"
import { texts } from "../worker/wire/texts.ts"
import { Absence } from "./absence.ts"
import type { Transport, TransportEvent } from "./contract.ts"
import { Controls, mostUnsaid } from "./controls.ts"
import { RunLosses } from "./losses.ts"
import type { KnownMachine } from "./machine.ts"
import { Machines } from "./machines.ts"
import { type Beat, readReply, type Reply } from "./messages.ts"
import { Offers } from "./offers.ts"
import { OfferedBatch, type Offerer } from "./request.ts"
import { beatsOfLease } from "./traffic.ts"
import { Warnings } from "./warnings.ts"

/** Options of a fleet; times are milliseconds. */
export interface FleetOptions {
  readonly lease: number
  readonly patience: number
  readonly mostLosses: number
}

/** How a machine is lost: its connection is gone, it is silent for its lease, or it has said goodbye. */
type Loss = Parameters<OfferedBatch["lose"]>[0]

export class Fleet {
  private readonly transport: Transport["Service"]
  private readonly options: FleetOptions
  private readonly program: string
  private readonly run: (effect: Effect.Effect<unknown>) => unknown
  private readonly timers: Timers
  private readonly now: () => number
  readonly machines: Machines
  private readonly requests = new Map<string, OfferedBatch>()
  private readonly runs = new WeakMap<Scope.Scope, RunLosses>()
  /** Batches that machines have lost, which the queue may give to others for a while, and since when. */
  private readonly orphans = new Map<string, number>()
  private readonly offers: Offers
  private ids = 0
  private closed = false
  readonly controls: Controls
  private readonly absence: Absence
  private readonly warnings: Warnings
  private tickedAt: number

  constructor(
    transport: Transport["Service"],
    options: FleetOptions,
    send: (message: string) => void,
    context: Context.Context<never>,
    run: (effect: Effect.Effect<unknown>) => unknown
  ) {
    const clock = Context.get(context, Clock.Clock)
    this.transport = transport
    this.options = options
    this.program = transport.program ?? globalThis.crypto.randomUUID()
    const { program, requests } = this
    this.controls = new Controls({
      program,
      requests,
      send,
      lease: options.lease,
      maxBytes: transport.maxBytes ?? Infinity,
      now: () => this.now(),
      soon: (act) => run(Effect.andThen(Effect.yieldNow, Effect.sync(act)))
    })
    this.run = run
    this.now = monotonicClock(clock)
    this.warnings = new Warnings(shortenName(transport.name), run)
    this.offers = new Offers(
      transport,
      options.patience,
      options.lease / 2,
      this.now,
      this.warnings,
      (request) => this.end(request),
      () => this.machines.workers
    )
    this.timers = new Timers(clock, Effect.runForkWith(context))
    this.machines = new Machines(this.now)
    this.machines.onResize(this.offers.pump)
    this.absence = new Absence(this.machines, options.patience, this.warnings)
    this.tickedAt = this.now()
    this.scheduleTick()
  }

  readonly execute: Backend.Backend["execute"] = (job, batch, onExit) =>
    Effect.contextWith((context: Context.Context<Scope.Scope>) =>
      Effect.suspend(() => {
        if (this.closed) {
          return Effect.die(new Error(`the transport ${shortenName(this.transport.name)} has ended with its layer`))
        }
        const request = new OfferedBatch(
          `${this.program}-${++this.ids}`,
          job as Backend.Job<any, unknown, unknown>,
          batch,
          onExit as Backend.OnExit<unknown, unknown>,
          this.offererOf(context)
        )
        const text = request.write()
        if (text === undefined) return Effect.void
        this.requests.set(request.id, request)
        batch.recall?.signal.addEventListener("abort", () => this.recall(request), { once: true })
        const over = Effect.callback<void>((resume) => request.whenOver(() => resume(Effect.void)))
        // a failure above may have ended the run: its fiber learns of that when it gives up control
        const offered = Effect.andThen(Effect.yieldNow, this.offers.offer(request, text))
        return Effect.uninterruptibleMask((restore) =>
          Effect.onInterrupt(
            // the offer may hang, though the batch has failed by then
            restore(Effect.raceFirst(Effect.andThen(offered, Effect.never), over)),
            () => Effect.andThen(Effect.sync(() => this.stop(request)), over)
          )
        )
      })
    )

  /** Ends the fleet: what is under way has been interrupted by then. */
  readonly close: Effect.Effect<void> = Effect.suspend(() => {
    this.closed = true
    for (const request of this.requests.values().toArray()) this.end(request)
    return this.timers.close
  })

  /** Handles what the transport tells. Nothing of it ends the program's hearing. */
  receive(event: TransportEvent): void {
    try {
      this.handleEvent(event)
    } catch (error) {
      this.warnings.once("handling", "what a machine has told cannot be handled", error)
    }
  }

  private handleEvent(event: TransportEvent): void {
    switch (event._tag) {
      case "Gone": {
        const machine = this.machines.get(event.machine)
        if (machine !== undefined) this.lose(machine, "gone")
        return
      }
      case "Taken": {
        const request = this.requests.get(event.id)
        const machine = this.machines.get(event.machine)
        if (machine !== undefined && request?.state === "Queued") request.take(machine)
        return
      }
      case "Reconnected":
        // what nobody has may be lost: it is offered again
        for (const request of this.requests.values().toArray()) {
          if (request.state === "Queued" && request.isOffered) this.withdraw(request)
        }
        return
      case "Message":
        return this.read(event.machine, event.message)
    }
  }

  private read(name: string, text: string): void {
    const message = readReply(text)
    if (message === undefined) {
      this.warnings.once(
        "message",
        `the machine ${shortenName(name)} has sent what is no message, and is taken for lost`
      )
      const machine = this.machines.get(name)
      if (machine !== undefined) this.lose(machine, "gone")
      return
    }
    if (this.machines.hasLeft(message.session)) return
    // what a machine says of a batch that is over does not bring it back
    const isWanted = message._tag === "Beat" || this.requests.has(message.id)
    const machine = isWanted ? this.machineFor(name, message.session) : this.machines.get(name)
    if (machine !== undefined) machine.seenAt = this.now()
    if (message._tag === "Beat") this.hear(machine!, message)
    else if (machine === undefined) this.controls.forget(name, message.id)
    else this.handle(machine, message)
  }

  private handle(machine: KnownMachine, reply: Reply): void {
    const request = this.requests.get(reply.id)
    if (request?.state === "Queued") request.take(machine)
    if (request === undefined || request.machine !== machine) return this.controls.forget(machine.name, reply.id)
    let isOver = false
    const { hasBegun } = request
    try {
      isOver = request.read(reply)
    } catch (error) {
      this.warnings.once(
        "reading",
        `the machine ${shortenName(machine.name)} has sent what cannot be read, and is taken for lost`,
        error
      )
      return this.lose(machine, "gone")
    }
    if (isOver) {
      this.controls.forget(machine.name, request.id)
      this.end(request)
    } else if (request.recalled && request.hasBegun && !hasBegun) this.controls.recall(request.id)
    else if (request.unacknowledged >= mostUnsaid) this.controls.flushSoon()
  }

  /** Handles a beat: learns which batches the machine has, and which it has not any more. */
  private hear(machine: KnownMachine, beat: Beat): void {
    if (beat.leaves) return this.lose(machine, "left")
    if (beat.beat <= machine.beat) return
    const { slots } = machine
    machine.heard(beat, this.program, this.now())
    const held = new Set(beat.holds)
    for (const id of held) {
      const request = this.requests.get(id)
      if (request?.state === "Queued") request.take(machine)
      if (request?.machine === machine) request.confirm(beat.beat)
      // other programs have batches there too
      else if (id.startsWith(this.program)) this.controls.forget(machine.name, id)
    }
    for (const request of this.requests.values().toArray()) {
      if (request.machine !== machine || held.has(request.id)) continue
      if (request.beat !== undefined && beat.beat > request.beat) this.drop(request, "silent")
      // it was lost on its way to the machine
      else if (request.beat === undefined && this.now() - request.takenAt >= this.options.lease) {
        this.drop(request, "left")
      }
    }
    if (machine.slots !== slots) this.machines.tell()
  }

  /** Returns the machine of a name. One with another session has started anew: what it had is lost. */
  private machineFor(name: string, session: string): KnownMachine {
    const known = this.machines.get(name)
    if (known?.session === session) return known
    if (known !== undefined) {
      if (known.before === session) {
        this.warnings.say(`two machines are called ${shortenName(name)}, and each is taken for the end of the other`)
      }
      this.lose(known, "gone")
    }
    return this.machines.add(name, session, known?.session)
  }

  /** Gives up a machine, and what it had. */
  private lose(machine: KnownMachine, how: Loss): void {
    if (!this.machines.remove(machine, how === "left")) return
    for (const request of this.requests.values().toArray()) if (request.machine === machine) this.drop(request, how)
    this.machines.tell()
  }

  private drop(request: OfferedBatch, how: Loss): void {
    this.requests.delete(request.id)
    this.withdrawAnyway(request.id)
    this.orphans.set(request.id, this.now())
    request.lose(how)
  }

  private end(request: OfferedBatch): void {
    this.requests.delete(request.id)
    request.end()
  }

  /** Stops a batch: takes it out of the queue, or tells its machine. It is over after a lease where nobody is known to have it. */
  private stop(request: OfferedBatch): void {
    if (request.state === "Over") return
    request.stop()
    if (!request.isOffered) return this.end(request)
    if (request.state === "Queued") this.withdraw(request)
    this.controls.flushSoon()
    this.timers.after(Duration.millis(this.options.lease), () => {
      if (request.state === "Queued") this.end(request)
    })
  }

  /** Takes a batch out of the queue that is over, if it is there; a queue that does not answer is not waited for. */
  private withdrawAnyway(id: string): void {
    this.run(Effect.ignoreCause(Effect.timeoutOption(this.transport.withdraw(id), this.options.lease)))
  }

  /** Takes a batch out of the queue; it is over if nobody has it. */
  private withdraw(request: OfferedBatch): void {
    this.run(Effect.map(this.transport.withdraw(request.id), (isOut) => {
      if (isOut && request.state === "Queued") this.end(request)
    }))
  }

  /**
   * Asks for the unstarted inputs of a batch, when it has begun: nobody would do more of what waits for a machine, and it could be
   * offered and recalled for ever.
   */
  private recall(request: OfferedBatch): void {
    if (request.hasBegun) this.controls.recall(request.id)
    else request.recalled = true
  }

  private scheduleTick(): void {
    this.timers.after(Duration.millis(this.options.lease / beatsOfLease), () => this.tick())
  }

  /**
   * Looks after everything that has a time: silent machines, batches that nobody has, programs that wait for machines. A tick
   * that is late itself says nothing of the machines, whose messages wait to be read: it gives them that time.
   */
  private tick(): void {
    const { lease, patience } = this.options
    const now = this.now()
    const late = Math.max(0, now - this.tickedAt - 2 * lease / beatsOfLease)
    this.tickedAt = now
    for (const machine of this.machines.all) {
      machine.seenAt = Math.min(now, machine.seenAt + late)
      if (now - machine.seenAt >= lease) this.lose(machine, "silent")
    }
    for (const [id, since] of this.orphans) {
      this.withdrawAnyway(id)
      if (now - since >= 2 * lease) this.orphans.delete(id)
    }
    // requests are kept in the order in which they were made
    this.absence.look(this.requests.values().next().value?.createdAt ?? Infinity, now)
    const isFree = this.machines.all.some(({ freeSince = Infinity }) => now - freeSince >= lease)
    for (const request of this.requests.values().toArray()) {
      // one whose event loop is held cannot stop it
      if (request.stopped && request.machine !== undefined && now - request.machine.beatAt >= lease) this.end(request)
      if (request.state !== "Queued" || request.stopped) continue
      const waited = now - Math.max(request.createdAt, this.machines.emptySince ?? Infinity)
      if (waited >= patience) {
        this.withdrawAnyway(request.id)
        request.fail(new Errors.NoWorkers({ millis: Math.round(waited), givenBack: 0 }))
        this.end(request)
      } else if (isFree && now - request.offeredAt >= lease && !this.offers.areFailing) {
        this.withdrawAnyway(request.id)
        // a machine that has it after all may put it back
        this.orphans.set(request.id, now)
        this.end(request)
      }
    }
    if (this.requests.size > 0 || this.machines.size > 0) this.controls.flush()
    if (!this.closed) this.scheduleTick()
  }

  private offererOf(context: Context.Context<Scope.Scope>): Offerer {
    const { lease, mostLosses } = this.options
    const run = Effect.runForkWith(context)
    return {
      backend: this.transport.name,
      program: this.program,
      lease,
      mostLosses,
      maxBytes: this.transport.maxBytes ?? Infinity,
      run: this.runOf(Context.get(context, Scope.Scope)),
      ambient: Caller.ambientOf(context, texts),
      around: Attempt.around(context),
      now: this.now,
      numberOf: this.machines.numberOf,
      log: (log, values, annotations) => void run(Caller.logged(log, values, annotations))
    }
  }

  private runOf(scope: Scope.Scope): RunLosses {
    let run = this.runs.get(scope)
    if (run === undefined) this.runs.set(scope, run = new RunLosses())
    return run
  }
}
