/**
 * The fleet on the side of the program: the machines, the batches that they have, and the state of both.
 *
 * Invariant: every batch ends within a time bounded by leases, whatever is lost.
 *
 * A batch with a machine is over when
 *
 * - the machine reports it;
 * - a later beat of the machine does not list it;
 * - the machine is lost.
 *
 * A batch without a machine is over when
 *
 * - it was taken out of the queue;
 * - its run does not want it any more and a lease has passed;
 * - there has been no machine for too long;
 * - the queue has lost it: a machine was free for a whole lease and has not taken it.
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

/** Options of a fleet. Times are in milliseconds. */
export interface FleetOptions {
  readonly lease: number
  readonly patience: number
  readonly mostLosses: number
}

/** The way in which a machine is lost: its connection is gone, it was silent for its lease, or it has left. */
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
  /**
   * Batches lost with their machines, which the queue may give to other machines for a while, and the time of the loss.
   */
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
          return Effect.die(new Error(`the transport ${shortenName(this.transport.name)} was closed with its layer`))
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
        // a failure above may have ended the run, but its fiber is interrupted only after this one yields
        const offered = Effect.andThen(Effect.yieldNow, this.offers.offer(request, text))
        return Effect.uninterruptibleMask((restore) =>
          Effect.onInterrupt(
            // the offer may still hang when the batch has already failed
            restore(Effect.raceFirst(Effect.andThen(offered, Effect.never), over)),
            () => Effect.andThen(Effect.sync(() => this.stop(request)), over)
          )
        )
      })
    )

  /** Ends the fleet. Runs have been interrupted by then. */
  readonly close: Effect.Effect<void> = Effect.suspend(() => {
    this.closed = true
    for (const request of this.requests.values().toArray()) this.end(request)
    return this.timers.close
  })

  /** Handles an event of the transport. An event that cannot be handled is logged and does not stop later ones. */
  receive(event: TransportEvent): void {
    try {
      this.handleEvent(event)
    } catch (error) {
      this.warnings.once("handling", "a message of a machine could not be handled", error)
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
        // a batch without a machine may be lost: it is taken out, and its run offers its inputs again
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
        `the machine ${shortenName(name)} sent an invalid message and is considered lost`
      )
      const machine = this.machines.get(name)
      if (machine !== undefined) this.lose(machine, "gone")
      return
    }
    if (this.machines.hasLeft(message.session)) return
    // a reply about a batch that is over does not bring its machine back
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
        `the machine ${shortenName(machine.name)} sent an unreadable reply and is considered lost`,
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

  /** Handles a beat, which lists the batches that the machine has. */
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
      // the machine may have batches of other programs too
      else if (id.startsWith(this.program)) this.controls.forget(machine.name, id)
    }
    for (const request of this.requests.values().toArray()) {
      if (request.machine !== machine || held.has(request.id)) continue
      if (request.beat !== undefined && beat.beat > request.beat) this.drop(request, "silent")
      // the batch was lost on its way to the machine
      else if (request.beat === undefined && this.now() - request.takenAt >= this.options.lease) {
        this.drop(request, "left")
      }
    }
    if (machine.slots !== slots) this.machines.tell()
  }

  /** Returns the machine with a name. If the session is another, the machine has restarted and its batches are lost. */
  private machineFor(name: string, session: string): KnownMachine {
    const known = this.machines.get(name)
    if (known?.session === session) return known
    if (known !== undefined) {
      if (known.before === session) {
        this.warnings.say(`two machines are named ${shortenName(name)}; each looks like a restart of the other`)
      }
      this.lose(known, "gone")
    }
    return this.machines.add(name, session, known?.session)
  }

  /** Gives up a machine and its batches. */
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

  /**
   * Stops a batch: takes it out of the queue, or tells its machine. If no machine is known to have it, ends it after a
   * lease.
   */
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

  /** Takes a batch that is over out of the queue, if it is there. Does not wait for the answer. */
  private withdrawAnyway(id: string): void {
    this.run(Effect.ignoreCause(Effect.timeoutOption(this.transport.withdraw(id), this.options.lease)))
  }

  /** Takes a batch out of the queue. The batch is over if no machine has it. */
  private withdraw(request: OfferedBatch): void {
    this.run(Effect.map(this.transport.withdraw(request.id), (isOut) => {
      if (isOut && request.state === "Queued") this.end(request)
    }))
  }

  /**
   * Asks for the unstarted inputs of a batch once it has begun. Recalling a batch that waits for a machine would not
   * make it run sooner, and the batch could be offered and recalled forever.
   */
  private recall(request: OfferedBatch): void {
    if (request.hasBegun) this.controls.recall(request.id)
    else request.recalled = true
  }

  private scheduleTick(): void {
    this.timers.after(Duration.millis(this.options.lease / beatsOfLease), () => this.tick())
  }

  /**
   * Checks everything that depends on time: silent machines, batches without a machine, runs that wait for machines. If
   * the tick itself is late, messages of machines may still wait to be read, so the machines get that time in addition.
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
    // the first request is the oldest
    this.absence.look(this.requests.values().next().value?.createdAt ?? Infinity, now)
    const isFree = this.machines.all.some(({ freeSince = Infinity }) => now - freeSince >= lease)
    for (const request of this.requests.values().toArray()) {
      // a machine whose event loop is blocked cannot stop the batch
      if (request.stopped && request.machine !== undefined && now - request.machine.beatAt >= lease) this.end(request)
      if (request.state !== "Queued" || request.stopped) continue
      const waited = now - Math.max(request.createdAt, this.machines.emptySince ?? Infinity)
      if (waited >= patience) {
        this.withdrawAnyway(request.id)
        request.fail(new Errors.NoWorkers({ millis: Math.round(waited), givenBack: 0 }))
        this.end(request)
      } else if (isFree && now - request.offeredAt >= lease && !this.offers.areFailing) {
        this.withdrawAnyway(request.id)
        // a machine that has the batch after all may put it back
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
