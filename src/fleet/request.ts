/**
 * A batch that was offered to machines: the offer that is sent, and the replies that come back.
 *
 * | state | the batch is | leads to |
 * | --- | --- | --- |
 * | `Queued` | in the queue of the transport, or with a machine that has not reported it yet | `Taken`; `Over` |
 * | `Taken` | with `machine` | `Over`, when the machine reports that, drops it, or is lost |
 * | `Over` | with no machine; nothing more is reported for it | |
 *
 * Only the `Fleet` makes the transitions. A payload is settled once: by an exit from its machine, or by the loss of
 * machines. When the batch is over, the run dispatches payloads without an exit again.
 */
import * as Duration from "effect/Duration"
import type * as Backend from "../Backend.ts"
import type { CurrentAttempt } from "../task/attempt.ts"
import * as Errors from "../task/errors.ts"
import { type Arrived, arrived } from "../worker/wire/crossing.ts"
import { ExitReader } from "../worker/wire/exits.ts"
import type { Ambient, Log } from "../worker/wire/messages.ts"
import { type Reason, reasonOf } from "../worker/wire/reasons.ts"
import { texts } from "../worker/wire/texts.ts"
import type { BatchLabel } from "./contract.ts"
import type { RunLosses } from "./losses.ts"
import type { KnownMachine } from "./machine.ts"
import { type ExitsReply, type Offer, type Reply, writeOffer } from "./messages.ts"
import { bytesOf, formsOf, TextPayloads } from "./payloads.ts"

/** Greatest size of an annotation that is sent: in bytes, and as a share of a message. */
const largestAnnotation = 4096
const shareOfAnnotation = 1 / 16

/** Leaves out large annotations. */
const smallOf = (ambient: Ambient, maxBytes: number): Ambient => {
  const most = Math.min(largestAnnotation, maxBytes * shareOfAnnotation)
  const entries = Object.entries(ambient.annotations)
  const small = entries.filter(([key, value]) => bytesOf(key) + bytesOf(JSON.stringify(value) ?? "") <= most)
  return small.length === entries.length ? ambient : { ...ambient, annotations: Object.fromEntries(small) }
}

/** The run that offers a batch, and the fleet that it is offered to. */
export interface Offerer {
  readonly backend: string
  readonly program: string
  readonly lease: number
  readonly run: RunLosses
  readonly ambient: Ambient
  /** The attempt that a task which is called directly, not by a run, is part of, if any. */
  readonly around: CurrentAttempt | undefined
  readonly maxBytes: number
  /** Number of lost machines at which an input fails. */
  readonly mostLosses: number
  readonly now: () => number
  /** Numbers a worker of a machine. */
  readonly numberOf: (machine: KnownMachine, worker: number) => number
  readonly log: (
    log: Omit<Log, "id">,
    values: ReadonlyArray<Arrived>,
    annotations: Readonly<Record<string, unknown>>
  ) => void
}

/** A start that a machine has reported. */
interface ToldStart {
  readonly worker: number
  readonly at: number
}

/** Number of replies kept until earlier ones have arrived. The machine sends the others again. */
const mostEarly = 1000

export class OfferedBatch {
  readonly id: string
  state: "Queued" | "Taken" | "Over" = "Queued"
  machine: KnownMachine | undefined = undefined
  /** Time at which a machine took it. */
  takenAt = 0
  /** Number of the last beat of its machine in which it is known to have been. */
  beat: number | undefined = undefined
  /** True once a machine has begun an input of it. */
  hasBegun = false
  /** True if its unstarted inputs are to be recalled once it has begun. */
  recalled = false
  /** True once the run does not want it any more. */
  stopped = false
  /** Time at which it was made. */
  readonly createdAt: number
  /** Time at which it was put into the queue. Infinite before that. */
  offeredAt = Infinity
  /** Number of the last reply that was read. */
  received = 0
  /** Number of replies that were read and have not been acknowledged. */
  unacknowledged = 0
  private readonly job: Backend.Job<unknown, unknown, unknown>
  private readonly batch: Backend.Batch<unknown>
  private readonly onExit: Backend.OnExit<unknown, unknown>
  private readonly offerer: Offerer
  private readonly exits: ExitReader
  private readonly alone: boolean
  private readonly payloads: TextPayloads
  /** 1 for each payload that has an exit, or was given back or lost. */
  private settled = new Uint8Array(0)
  private readonly started = new Map<number, ToldStart>()
  /** Replies that arrived before earlier ones, by number. */
  private readonly early = new Map<number, Reply>()
  private readonly onOver: Array<() => void> = []
  private onLeft: (() => void) | undefined = undefined

  constructor(
    id: string,
    job: Backend.Job<unknown, unknown, unknown>,
    batch: Backend.Batch<unknown>,
    onExit: Backend.OnExit<unknown, unknown>,
    offerer: Offerer
  ) {
    this.id = id
    this.job = job
    this.batch = batch
    this.onExit = onExit
    this.offerer = offerer
    this.exits = new ExitReader(job, batch, offerer.backend, texts)
    this.createdAt = offerer.now()
    this.alone = offerer.run.of(batch.index(0)) >= Math.max(1, offerer.mostLosses - 1)
    this.payloads = new TextPayloads(job, batch, (position, reason) => this.refuse(position, reason))
  }

  /** True once it may be in the queue. */
  get isOffered(): boolean {
    return this.offeredAt < Infinity
  }

  get label(): BatchLabel {
    return { run: this.batch.run.name, task: this.job.name }
  }

  /** Records that it is put into the queue now. `left` is called when it is no longer there. */
  offered(left: () => void): void {
    this.offeredAt = this.offerer.now()
    this.onLeft = left
  }

  /** Number of payloads. */
  get count(): number {
    return this.payloads.texts.length
  }

  /** Encodes the inputs and returns the text of the offer, or `undefined` if no input can be sent. */
  write(): string | undefined {
    const { batch, job, offerer } = this
    const { budget, concurrency, timeout } = batch
    const offer: Omit<Offer, "indices" | "numbers" | "keys" | "absent" | "payloads"> = {
      id: this.id,
      program: offerer.program,
      lease: offerer.lease,
      run: { id: batch.run.id, name: batch.run.name },
      task: job.name,
      forms: formsOf(job),
      timeout: timeout && Duration.toMillis(timeout),
      budget: budget && Duration.toMillis(budget),
      concurrency: Math.min(concurrency, Number.MAX_SAFE_INTEGER),
      alone: this.alone,
      ambient: smallOf(offerer.ambient, offerer.maxBytes),
      around: batch.index(0) === undefined ? offerer.around : undefined
    }
    const head = JSON.stringify(offer)
    const mayJoin = offerer.run.joining(batch.index)
    this.payloads.encode(offerer.maxBytes - bytesOf(head), mayJoin)
    this.settled = new Uint8Array(this.count)
    if (this.count === 0) return undefined
    return writeOffer(head, this.payloads.attempts, this.payloads.texts)
  }

  /** Calls `done` when the batch is over. */
  whenOver(done: () => void): void {
    if (this.state === "Over") done()
    else this.onOver.push(done)
  }

  /** Ends the batch, because no machine has it any more or its exits are not wanted. May be called twice. */
  end(): void {
    if (this.state === "Over") return
    this.state = "Over"
    this.leaveQueue()
    this.early.clear()
    for (const done of this.onOver.splice(0)) done()
  }

  /** Records that a machine has the batch. */
  take(machine: KnownMachine): void {
    this.state = "Taken"
    this.leaveQueue()
    this.machine = machine
    this.takenAt = this.offerer.now()
    // the machine is working, although each beat may find it waiting
    machine.freeSince = undefined
  }

  private leaveQueue(): void {
    const { onLeft } = this
    this.onLeft = undefined
    onLeft?.()
  }

  /** Records that its machine has it, as reported by the given beat or by a reply that was sent after it. */
  confirm(beat: number): void {
    this.beat = Math.max(this.beat ?? 0, beat)
  }

  /** Reads a reply of its machine, and later replies that have waited for it. Returns true if the batch is now over. */
  read(reply: Reply): boolean {
    if (reply.n <= this.received || this.early.has(reply.n)) return false
    if (reply.n !== this.received + 1) {
      if (this.early.size < mostEarly) this.early.set(reply.n, reply)
      return false
    }
    let isOver = false
    for (let next: Reply | undefined = reply; next !== undefined; next = this.early.get(this.received + 1)) {
      this.early.delete(next.n)
      this.received = next.n
      this.unacknowledged++
      this.confirm(next.beat)
      isOver = this.handle(next) || isOver
    }
    return isOver
  }

  /** Reports the inputs that are interrupted, because the run does not want the batch any more. */
  stop(): void {
    this.stopped = true
    for (const [payload, { at, worker }] of this.started) {
      if (this.settled[payload] === 0) this.batch.interrupted?.(this.payloads.positions[payload]!, worker, at)
    }
  }

  /** Fails all payloads that are not settled. */
  fail(reason: Reason): void {
    for (let payload = 0; payload < this.count; payload++) this.failAt(payload, reason)
  }

  /**
   * Handles the loss of its machine. The inputs that had begun there, and the first input without an exit, may be the
   * cause. Each of them is lost, runs alone from now on, and fails if this has happened too often. A machine that
   * `left` has reported the inputs it leaves behind, so none of them is blamed.
   */
  lose(how: "gone" | "silent" | "left"): void {
    const first = this.settled.indexOf(0)
    for (const payload of new Set([first, ...this.started.keys()])) {
      if (this.stopped || payload < 0 || this.settled[payload] !== 0) continue
      if (how === "left") this.tellLost(payload)
      else this.blame(payload, how)
    }
    if (how !== "left" && first >= 0) {
      const open = [...this.settled.keys()].filter((payload) => this.settled[payload] === 0)
      this.offerer.run.cutDown(open.map((payload) => this.indexOf(payload)))
    }
    this.end()
  }

  /** Counts one more loss of a machine at a payload, and fails the payload if there were too many. */
  private blame(payload: number, how: "gone" | "silent"): void {
    const { mostLosses, run } = this.offerer
    const count = run.count(this.indexOf(payload))
    if (count < mostLosses) return this.tellLost(payload)
    this.failAt(payload, new Errors.MachineLost({ machine: this.machine!.name, how, losses: count }))
  }

  private handle(reply: Reply): boolean {
    switch (reply._tag) {
      case "Began":
        this.begin(reply)
        return false
      case "Exits":
        this.settle(reply)
        return false
      case "GivenBack":
        this.giveBack(reply.from)
        return false
      case "Lost":
        this.lostAlone(reply)
        return false
      case "Refused":
        this.fail(reasonOf(reply.fault))
        return false
      case "Log":
        this.log(reply)
        return false
      case "Over":
        return true
    }
  }

  private begin(
    { at, payload, worker }: { readonly at: number; readonly payload: number; readonly worker: number }
  ): void {
    this.hasBegun = true
    if (this.settled[payload] !== 0) return
    const started = { worker: this.workerOf(worker), at: this.moved(at) }
    this.started.set(payload, started)
    this.batch.began?.(this.payloads.positions[payload]!, started.worker, started.at)
  }

  private settle(reply: ExitsReply): void {
    const machine = this.machine!
    const { absent, delivery, from, receivedAt, times, workers } = reply
    if (from + reply.values.length > this.count) throw new Error("the reply has more exits than the batch has inputs")
    const values = [...reply.values]
    for (const payload of absent) values[payload - from] = undefined
    const way = machine.messageMillis / 2
    this.batch.delivered?.({
      queue: Math.max(0, machine.toProgram(receivedAt) - this.offeredAt - way) + delivery.queue,
      startup: delivery.startup,
      transfer: way + delivery.transfer
    })
    const exitAt = this.exits.read({ ...reply, values })
    for (let k = 0; k < values.length; k++) {
      if (this.settled[from + k] !== 0) continue
      this.settled[from + k] = 1
      this.started.delete(from + k)
      const position = this.payloads.positions[from + k]!
      const [startedAt, endedAt] = [this.moved(times[2 * k]!), this.moved(times[2 * k + 1]!)]
      this.onExit(position, exitAt(k, position), this.workerOf(workers[k]!), startedAt, endedAt)
    }
  }

  /** Converts a time of the machine's clock, and limits it to the possible range: from the offer until now. */
  private moved(at: number): number {
    return Math.min(Math.max(this.offeredAt, this.machine!.toProgram(at)), this.offerer.now())
  }

  private giveBack(from: number): void {
    for (let payload = Math.max(0, from); payload < this.count; payload++) this.settled[payload] = 1
    this.batch.recall?.giveBack(from < this.count ? this.payloads.positions[from]! : this.batch.inputs.length)
  }

  /** Handles an input whose start its machine has lost, although the machine itself is alive. */
  private lostAlone({ at, payload, suspect, worker }: Extract<Reply, { readonly _tag: "Lost" }>): void {
    if (this.settled[payload] !== 0) return
    this.begin({ at, payload, worker })
    if (suspect) this.offerer.run.suspect(this.indexOf(payload))
    this.tellLost(payload)
  }

  /** Reports that a start was lost, if a start is known. */
  private tellLost(payload: number): void {
    const started = this.started.get(payload)
    if (started === undefined) return
    this.settled[payload] = 1
    this.batch.lost?.(this.payloads.positions[payload]!, started.worker, started.at)
  }

  private log(log: Extract<Reply, { readonly _tag: "Log" }>): void {
    const { index, worker, ...annotations } = log.annotations
    const found = index ??
      (this.payloads.positions[log.position] === undefined ? undefined : this.indexOf(log.position))
    this.offerer.log(log, arrived(texts, log.outOfBand), {
      ...annotations,
      machine: this.machine!.name,
      ...(typeof worker === "number" && { worker: this.workerOf(worker) }),
      ...(found !== undefined && { index: found })
    })
  }

  private failAt(payload: number, reason: Reason): void {
    if (this.settled[payload] !== 0) return
    this.settled[payload] = 1
    const { at: startedAt = this.offerer.now(), worker }: Partial<ToldStart> = this.started.get(payload) ?? {}
    const position = this.payloads.positions[payload]!
    this.onExit(position, this.exits.backendFailure(position, reason), worker, startedAt, this.offerer.now())
  }

  /** Fails an input that cannot be sent. */
  private refuse(position: number, reason: Reason): void {
    const now = this.offerer.now()
    this.onExit(position, this.exits.backendFailure(position, reason), undefined, now, now)
  }

  private indexOf(payload: number): number | undefined {
    return this.batch.index(this.payloads.positions[payload]!)
  }

  private workerOf(worker: number): number {
    return this.offerer.numberOf(this.machine!, worker)
  }
}
