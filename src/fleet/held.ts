/**
 * A batch that a machine has. Its replies are numbered, and are kept until the program has acknowledged them.
 *
 * Exits are collected for two milliseconds, or until the event loop turns. The start of the first input is reported
 * immediately; later starts are reported with the exits before them.
 */
import type * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"
import type * as Backend from "../Backend.ts"
import { OutOfBandWriter } from "../worker/wire/crossing.ts"
import type { Fault, Log, OutOfBand, WireFailure } from "../worker/wire/messages.ts"
import { faultOf } from "../worker/wire/reasons.ts"
import { texts } from "../worker/wire/texts.ts"
import { type ExitsReply, listOf, type Offer, type Unnumbered } from "./messages.ts"
import { bytesOf, textOf } from "./payloads.ts"
import { type AnyJob, failureOf } from "./relay.ts"

/** The part of a machine that its batches use. */
export interface Holder {
  readonly session: string
  /** Number of beats sent so far. */
  readonly beats: number
  readonly maxBytes: number
  readonly now: () => number
  readonly post: (text: string, program: string) => void
  /** Calls a function when fibers that are ready have run. */
  readonly soon: (act: () => void) => void
}

/** Milliseconds for which exits are collected. */
const collectMillis = 2

/** Number of bytes kept free in a message for everything but its values. */
const reserve = 1024

/** An input that has begun and has not ended. */
interface UnderWay {
  readonly payload: number
  readonly worker: number
  readonly at: number
}

export class HeldBatch {
  readonly offer: Offer
  readonly recall = new AbortController()
  /** Number of its slot at the machine. It is reported as the worker if the backend names none. */
  readonly slot: number
  /** True once the batch is not wanted any more. */
  isCancelled = false
  /** Interrupts its execution. */
  interrupt: () => void = () => {}
  private readonly task: AnyJob
  private readonly holder: Holder
  private readonly receivedAt: number
  private replies = 0
  /** Replies that have not been acknowledged: number, text, and when they were last sent. */
  private kept: Array<{ readonly n: number; readonly text: string; sentAt: number }> = []
  private underWay: UnderWay | undefined = undefined
  private toldUnderWay: UnderWay | undefined = undefined
  /** Number of inputs that were started in fibers here, and the time of the last start. */
  private starts = 0
  private startedAt: number
  /** Exits that have not been sent: the position of the first, and the parts of each that are sent. */
  private from = 0
  private values: Array<string | undefined> = []
  private failures: Array<readonly [position: number, failure: WireFailure]> = []
  private workers: Array<number> = []
  private times: Array<number> = []
  private bytes = 0
  /**
   * Out-of-band values of the last of these exits. They are sent with it, and no exit after it is in the same message.
   */
  private apart: OutOfBand | undefined = undefined
  private delivery: Backend.Delivery = { queue: 0, startup: 0, transfer: 0 }
  private readonly settled: Uint8Array
  private toldAt: number
  private flushScheduled = false
  private isOver = false
  /** True once its execution has begun. */
  isExecuted = false

  constructor(offer: Offer, task: AnyJob, slot: number, holder: Holder) {
    this.offer = offer
    this.task = task
    this.slot = slot
    this.holder = holder
    this.receivedAt = this.startedAt = this.toldAt = holder.now()
    this.settled = new Uint8Array(offer.payloads.length)
  }

  /** Position of the payload in progress, or -1 if it is not known. */
  get position(): number {
    return this.underWay?.payload ?? -1
  }

  /** Returns the index in its run of the payload at a position. */
  readonly index = (position: number): number | undefined => {
    const { indices } = this.offer
    return indices === null ? undefined : typeof indices === "number" ? indices + position : indices[position]
  }

  /** Records that an input has started in a fiber here. Returns true if it is the first. */
  readonly start = (): boolean => {
    this.startedAt = this.holder.now()
    this.began(this.starts, undefined, this.startedAt)
    return this.starts++ === 0
  }

  /** Reports that an input has begun. */
  readonly began = (payload: number, worker: number | undefined, at: number): void => {
    this.underWay = { payload, worker: worker ?? this.slot, at }
    if (this.toldUnderWay === undefined) this.flush()
    else this.scheduleFlush()
  }

  /** Records how long the exits that come next have waited. */
  readonly delivered = (delivery: Backend.Delivery): void => {
    this.delivery = delivery
  }

  /** Reports that the start of an input is lost, so that no exit of it will come. */
  readonly lost = (payload: number, worker: number | undefined, at: number): void => {
    this.underWay = undefined
    this.flush()
    this.settled[payload] = 1
    this.reply({ _tag: "Lost", payload, worker: worker ?? this.slot, at, suspect: true })
  }

  /** Gives back the inputs from `from` on, which were not started. */
  readonly giveBack = (from: number): void => {
    this.flush()
    this.reply({ _tag: "GivenBack", from })
  }

  /** Records an exit and sends it soon. */
  readonly onExit: Backend.OnExit<unknown, unknown> = (payload, exit, worker, startedAt, endedAt) => {
    if (this.isOver || this.settled[payload] !== 0) return
    this.settled[payload] = 1
    if (this.values.length > 0 && payload !== this.from + this.values.length) this.flush()
    if (this.values.length === 0) this.from = payload
    if (this.underWay?.payload === payload) this.underWay = undefined
    if (Exit.isSuccess(exit)) this.succeed(exit.value)
    else {
      const apart = new OutOfBandWriter(texts)
      this.fail(failureOf(exit.cause, this.task, this.offer.timeout !== undefined, apart), apart.sealed)
    }
    const now = this.holder.now()
    this.workers.push(worker ?? this.slot)
    this.times.push(rounded(startedAt ?? this.startedAt), rounded(endedAt ?? now))
    this.startedAt = now
    if (this.apart !== undefined || now - this.toldAt >= collectMillis) this.flush()
    else this.scheduleFlush()
  }

  /** Refuses the batch. */
  refuse(fault: Fault): void {
    this.reply({ _tag: "Refused", fault })
    this.end()
  }

  /** Fails all inputs that have no exit, because the backend of the machine has failed. */
  failAll(cause: Cause.Cause<never>): void {
    for (let payload = 0; payload < this.settled.length; payload++) this.onExit(payload, Exit.failCause(cause))
  }

  /** Stops the batch: interrupts its execution, or ends it if it is not executed yet. */
  cancel(): void {
    this.isCancelled = true
    if (this.isExecuted) this.interrupt()
    else this.end()
  }

  /** Gives up the input in progress, because the machine leaves. */
  leave(): void {
    const { underWay } = this
    this.flush()
    if (underWay !== undefined && !this.isOver) {
      this.reply({ _tag: "Lost", ...underWay, suspect: false })
      this.settled[underWay.payload] = 1
    }
  }

  /** Ends the batch. Nothing more is reported about it. */
  end(): void {
    if (this.isOver) return
    this.underWay = undefined
    this.flush()
    this.isOver = true
    this.reply({ _tag: "Over" })
  }

  /** Sends a reply. */
  reply(reply: Unnumbered): void {
    this.send(JSON.stringify({ ...reply, ...this.about() }))
  }

  /** Sends a log entry. If it is too large, sends a note about its size instead. */
  readonly log = (log: Omit<Log, "id">): void => {
    const { level, position } = log
    const bytes = bytesOf(JSON.stringify(log))
    if (bytes <= this.most) return this.reply(log)
    const text = `(a log message of ${bytes} bytes; the limit is ${this.most})`
    const message = [{ _tag: "Shown", text } as const]
    this.reply({ _tag: "Log", level, position, message, annotations: {}, cause: [], outOfBand: undefined })
  }

  /** Forgets the replies that have arrived. */
  acknowledge(received: number): void {
    this.kept = this.kept.filter(({ n }) => n > received)
  }

  /** Sends again the replies that were sent before a time and have not been acknowledged. */
  resend(before: number, now: number): void {
    for (const reply of this.kept) {
      if (reply.sentAt > before) continue
      reply.sentAt = now
      this.holder.post(reply.text, this.offer.program)
    }
  }

  private about() {
    const { beats, session } = this.holder
    return { id: this.offer.id, session, beat: beats, n: this.replies + 1 }
  }

  /** Sends the text of a reply and counts it. If making the text has thrown, the numbers have no gap. */
  private send(text: string): void {
    this.replies++
    this.kept.push({ n: this.replies, text, sentAt: this.holder.now() })
    this.holder.post(text, this.offer.program)
  }

  private succeed(value: unknown): void {
    const text = textOf("success", value)
    if (typeof text === "object") return this.fail({ _tag: "Fault", fault: faultOf(text, texts) })
    const bytes = text === undefined ? 0 : bytesOf(text)
    if (!this.makeRoom(bytes)) return this.fail(this.tooLarge("success", bytes))
    this.values.push(text)
  }

  private fail(failure: WireFailure, apart?: OutOfBand): void {
    const bytes = bytesOf(JSON.stringify([failure, apart]))
    const fits = this.makeRoom(bytes, apart !== undefined)
    if (fits) this.apart = apart
    const sent = fits ? failure : this.tooLarge("error", bytes)
    if (!fits) this.makeRoom(bytesOf(JSON.stringify(sent)))
    this.failures.push([this.from + this.values.length, sent])
    this.values.push("null")
  }

  private tooLarge(value: "success" | "error", bytes: number): WireFailure {
    return { _tag: "Fault", fault: { _tag: "TooLarge", value, bytes, most: this.most } }
  }

  private get most(): number {
    return Math.max(0, this.holder.maxBytes - reserve)
  }

  /**
   * Makes room for some bytes in the next message, sending it first if it is full. Returns false if no message is large
   * enough.
   */
  private makeRoom(bytes: number, isNew = false): boolean {
    if (bytes > this.most) return false
    if (this.bytes + bytes > this.most || (isNew && this.workers.length > 0)) {
      const next = this.from + this.values.length
      this.flush()
      this.from = next
    }
    this.bytes += bytes + bytesOfTimes
    return true
  }

  /** Sends soon what has not been sent. */
  private scheduleFlush(): void {
    if (this.flushScheduled) return
    this.flushScheduled = true
    this.holder.soon(() => {
      this.flushScheduled = false
      if (!this.isOver) this.flush()
    })
  }

  /** Sends exits that have not been sent, and reports the input in progress. */
  private flush(): void {
    this.toldAt = this.holder.now()
    if (this.workers.length > 0) this.sendExits()
    const { underWay } = this
    if (underWay === undefined || underWay === this.toldUnderWay || this.settled[underWay.payload] !== 0) return
    this.toldUnderWay = underWay
    this.reply({ _tag: "Began", ...underWay })
  }

  private sendExits(): void {
    // an exit that is still being recorded goes with the next message
    const count = this.workers.length
    const values = this.values.splice(0, count)
    const { apart, delivery, failures, from, receivedAt, times, workers } = this
    const last = from + count
    const head: Omit<ExitsReply, "values"> = {
      _tag: "Exits",
      ...this.about(),
      from,
      absent: values.flatMap((text, k) => text === undefined ? [from + k] : []),
      failures: failures.filter(([position]) => position < last),
      places: [],
      outOfBand: apart,
      times,
      workers,
      receivedAt,
      delivery
    }
    this.send(`${JSON.stringify(head).slice(0, -1)},"values":${listOf(values)}}`)
    this.from = last
    this.failures = failures.filter(([position]) => position >= last)
    this.workers = []
    this.times = []
    this.bytes = 0
    this.apart = undefined
  }
}

/** Number of bytes of the times and the worker of an exit. */
const bytesOfTimes = 48

/** Rounds to the microsecond. Further digits have no meaning. */
const rounded = (millis: number): number => Math.round(millis * 1000) / 1000
