/**
 * Outcomes on their way to the consumer of a stream.
 *
 * If outcomes went one at a time, each would cost a pull of the stream. So they collect while the consumer is busy,
 * until the event loop turns, or until there are as many as may be pulled ahead, and then go as one chunk.
 */
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Pull from "effect/Pull"
import type * as Scheduler from "effect/Scheduler"
import type * as Outcome from "../../Outcome.ts"
import { Burst } from "../../primitives/eventLoop.ts"
import * as Report from "../../report/report.ts"
import type { Item } from "../inputs/item.ts"
import { failureOf, isNonEmpty, successOf, tooManyErrors, withReport } from "./settle.ts"
import type { Control, RunSummary, Sink } from "./sink.ts"

/** Settings of a run that shape its stream. */
interface StreamSettings {
  readonly concurrency: number
  readonly window: number
  readonly maxErrors: number
  readonly journal: object | undefined
}

export type Order = "input" | "completion"

/** Number of ready outcomes that wakes the consumer before the event loop turns, unless fewer may be pulled ahead. */
const largestChunk = 256

export type Chunk<I, A, E> = NonEmptyReadonlyArray<Outcome.Outcome<I, A, E>>

export class StreamSink<I, A, E> implements Sink<I, A, E> {
  readonly detailed = true
  readonly retires = true
  private failed = 0
  /** Failures. Kept only if the run may end with them. */
  private readonly failures: Array<Outcome.Failure<I, E>> = []
  private readonly order: Order
  private readonly dispatcher: Scheduler.SchedulerDispatcher
  private control!: Control
  private maxErrors = Infinity
  private keepsFailures = false
  private chunkSize = largestChunk
  /** Outcomes that the consumer can pull, and outcomes that wait for those before them, by index. */
  private readonly ready: Array<Outcome.Outcome<I, A, E>> = []
  private readonly buffered = new Map<number, Outcome.Outcome<I, A, E>>()
  /** Index of the next outcome in input order. */
  private next = 0
  /** Number of outcomes that the consumer has pulled and may still be using. */
  private takenCount = 0
  /** Last result of the stream, once the run is over. */
  private end: Pull.Pull<never, unknown> | undefined
  /** Resumes the consumer. Set while it waits. */
  private wakeConsumer: (() => void) | undefined
  private wakeScheduled = false
  private readonly burst = new Burst()

  constructor(order: Order, dispatcher: Scheduler.SchedulerDispatcher) {
    this.order = order
    this.dispatcher = dispatcher
  }

  /** Connects the run whose outcomes these are. */
  attach(control: Control, settings: StreamSettings): this {
    const ahead = settings.window - settings.concurrency
    this.control = control
    this.maxErrors = settings.maxErrors
    this.keepsFailures = settings.maxErrors < Infinity || settings.journal !== undefined
    this.chunkSize = Math.max(1, Math.min(Number.isNaN(ahead) ? largestChunk : ahead, largestChunk))
    return this
  }

  private get tripped(): boolean {
    return this.failed >= this.maxErrors
  }

  /**
   * Fails if the run has used up its error budget, or its journal has failed. The report has only the failures: the
   * consumer has the values already.
   */
  verdict(ran: RunSummary): Effect.Effect<void, Outcome.TooManyErrors<I, A, E>> {
    const { backend, journalError, options } = ran
    if (!this.tripped && journalError === undefined) return Effect.void
    const outcomes = this.failures.toSorted((a, b) => a.index - b.index)
    const report = Report.make<I, A, E>({ ...ran, outcomes, settings: { backend, options: options() } })
    return journalError === undefined
      ? Effect.fail(tooManyErrors(report, this.maxErrors))
      : Effect.fail(withReport(journalError, report) as never)
  }

  onSuccess(item: Item<I>, value: A): true | void {
    return this.push(successOf(item, value, this.control.beganAt))
  }

  onFailure(item: Item<I>, cause: Cause.Cause<E>): boolean {
    const failure = failureOf(item, cause, this.control.beganAt)
    this.failed++
    if (this.keepsFailures) this.failures.push(failure)
    this.push(failure)
    return this.tripped
  }

  /** Ends the stream when the run is over. The consumer gets the remaining outcomes, then the exit. */
  close(exit: Exit.Exit<void, unknown>): void {
    for (const index of [...this.buffered.keys()].toSorted((a, b) => a - b)) this.ready.push(this.buffered.get(index)!)
    this.buffered.clear()
    this.end = exit._tag === "Success" ? Cause.done() : Effect.failCause(exit.cause)
    this.wakeConsumer?.()
  }

  /**
   * Pulls the next outcomes as soon as there are any. Pulling again means that the consumer is done with those before.
   */
  readonly pull: Pull.Pull<Chunk<I, A, E>, unknown> = Effect.suspend(() => {
    const { takenCount } = this
    this.takenCount = 0
    if (takenCount > 0) this.control.retire(takenCount)
    return this.ready.length > 0 || this.end !== undefined ? this.take() : this.arrival
  })

  /**
   * Waits for outcomes, or for the end. The fiber that waited takes them when it continues: an interrupted pull takes
   * nothing, and leaves them to the next.
   */
  private readonly arrival: Pull.Pull<Chunk<I, A, E>, unknown> = Effect.callback(
    (resume) => {
      const next = Effect.suspend(() => this.take())
      if (this.ready.length > 0 || this.end !== undefined) return resume(next)
      const wake = () => {
        this.wakeConsumer = undefined
        resume(next)
      }
      this.wakeConsumer = wake
      return Effect.sync(() => {
        if (this.wakeConsumer === wake) this.wakeConsumer = undefined
      })
    }
  )

  /**
   * Takes the ready outcomes as a copy. V8 soon allocates arrays that come from a literal here in old space, where each
   * keeps its outcomes long after its use, until the next full collection.
   */
  private take(): Pull.Pull<Chunk<I, A, E>, unknown> {
    const chunk = this.ready.splice(0)
    if (!isNonEmpty(chunk)) return this.end!
    this.takenCount = chunk.length
    return Effect.succeed(chunk)
  }

  /**
   * Adds an outcome and wakes the consumer now or soon. Returns true if the consumer has run. The failure that ends the
   * run does not wake the consumer now: the run is stopped only after this, and a consumer that ran first would make
   * room for more inputs.
   */
  private push(outcome: Outcome.Outcome<I, A, E>): true | void {
    const { buffered, ready } = this
    if (this.order === "completion" || outcome.index === this.next) {
      ready.push(outcome)
      this.next++
    } else {
      buffered.set(outcome.index, outcome)
    }
    if (buffered.size > 0) {
      for (let next = buffered.get(this.next); next !== undefined; next = buffered.get(this.next)) {
        buffered.delete(this.next++)
        ready.push(next)
      }
    }
    if (this.wakeConsumer === undefined || ready.length === 0) return
    if (!this.tripped && (ready.length >= this.chunkSize || (!this.wakeScheduled && this.burst.begins()))) {
      this.wakeConsumer()
      return true
    }
    this.wakeSoon()
  }

  /** Wakes the consumer when the event loop has turned. */
  private wakeSoon(): void {
    if (this.wakeScheduled) return
    this.wakeScheduled = true
    this.dispatcher.scheduleTask(() => {
      this.wakeScheduled = false
      if (this.ready.length > 0) this.wakeConsumer?.()
    }, 0)
  }
}
