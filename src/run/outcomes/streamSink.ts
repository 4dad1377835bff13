/**
 * Outcomes on their way to whoever consumes a stream of them.
 *
 * An outcome at a time would cost a pull of the stream each. So outcomes gather while the consumer is busy, until the
 * event loop turns, or until as many are there as may be pulled ahead, and go as one chunk.
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
import { failureOf, isNonEmpty, successOf, tooManyErrors } from "./settle.ts"
import type { Control, RunSummary, Sink } from "./sink.ts"

/** What of a run's settings shapes its stream. */
interface StreamSettings {
  readonly concurrency: number
  readonly window: number
  readonly maxErrors: number
}

export type Order = "input" | "completion"

/** How many outcomes make a chunk where nothing else says so. */
const largestChunk = 256

export type Chunk<I, A, E> = NonEmptyReadonlyArray<Outcome.Outcome<I, A, E>>

export class StreamSink<I, A, E> implements Sink<I, A, E> {
  readonly detailed = true
  readonly retires = true
  private failed = 0
  /** The failures, where the run may end with them. */
  private readonly failures: Array<Outcome.Failure<I, E>> = []
  private readonly order: Order
  private readonly dispatcher: Scheduler.SchedulerDispatcher
  private control!: Control
  private maxErrors = Infinity
  private chunkSize = largestChunk
  /** What can be handed on; what has to wait until those before it are there; and how many the consumer is at. */
  private readonly ready: Array<Outcome.Outcome<I, A, E>> = []
  private readonly early = new Map<number, Outcome.Outcome<I, A, E>>()
  private next = 0
  private handed = 0
  private end: Pull.Pull<never, unknown> | undefined
  private waiting: (() => void) | undefined
  private waking = false
  private readonly burst = new Burst()

  constructor(order: Order, dispatcher: Scheduler.SchedulerDispatcher) {
    this.order = order
    this.dispatcher = dispatcher
  }

  /** Joins the run whose outcomes these are. */
  attach(control: Control, settings: StreamSettings): this {
    const ahead = settings.window - settings.concurrency
    this.control = control
    this.maxErrors = settings.maxErrors
    this.chunkSize = Math.max(1, Math.min(Number.isNaN(ahead) ? largestChunk : ahead, largestChunk))
    return this
  }

  private get tripped(): boolean {
    return this.failed >= this.maxErrors
  }

  /** What the end of the run is to the consumer, who has the values already. */
  verdict(ran: RunSummary): Effect.Effect<void, Outcome.TooManyErrors<I, A, E>> {
    if (!this.tripped) return Effect.void
    const outcomes = this.failures.toSorted((a, b) => a.index - b.index)
    return Effect.fail(tooManyErrors(Report.make<I, A, E>({ ...ran, outcomes }), this.maxErrors))
  }

  onSuccess(item: Item<I>, value: A): true | void {
    return this.push(successOf(item, value, this.control.beganAt))
  }

  onFailure(item: Item<I>, cause: Cause.Cause<E>): boolean {
    const failure = failureOf(item, cause, this.control.beganAt)
    this.failed++
    if (this.maxErrors < Infinity) this.failures.push(failure)
    this.push(failure)
    return this.tripped
  }

  /** The run is over: what is still here is handed on, then this. */
  close(exit: Exit.Exit<void, unknown>): void {
    for (const index of [...this.early.keys()].toSorted((a, b) => a - b)) this.ready.push(this.early.get(index)!)
    this.early.clear()
    this.end = exit._tag === "Success" ? Cause.done() : Effect.failCause(exit.cause)
    this.waiting?.()
  }

  /** The next outcomes, as soon as there are any. Whoever asks is done with those it got before. */
  readonly pull: Pull.Pull<Chunk<I, A, E>, unknown> = Effect.suspend(() => {
    const { handed } = this
    this.handed = 0
    if (handed > 0) this.control.retire(handed)
    return this.ready.length > 0 || this.end !== undefined ? this.take() : this.arrival
  })

  private readonly arrival: Pull.Pull<Chunk<I, A, E>, unknown> = Effect.callback(
    (resume) => {
      if (this.ready.length > 0 || this.end !== undefined) return resume(this.take())
      this.waiting = () => {
        this.waiting = undefined
        resume(this.take())
      }
    }
  )

  /**
   * What is ready leaves as a copy. A literal in its place would make arrays that V8 soon allocates among what lives long,
   * where each, long since gone, keeps its outcomes until the next full collection.
   */
  private take(): Pull.Pull<Chunk<I, A, E>, unknown> {
    const chunk = this.ready.splice(0)
    if (!isNonEmpty(chunk)) return this.end!
    this.handed = chunk.length
    return Effect.succeed(chunk)
  }

  /** Hands on what can be handed on; `true` where the consumer has run. */
  private push(outcome: Outcome.Outcome<I, A, E>): true | void {
    const { early, ready } = this
    if (this.order === "completion" || outcome.index === this.next) {
      ready.push(outcome)
      this.next++
    } else {
      early.set(outcome.index, outcome)
    }
    if (early.size > 0) {
      for (let next = early.get(this.next); next !== undefined; next = early.get(this.next)) {
        early.delete(this.next++)
        ready.push(next)
      }
    }
    if (this.waiting === undefined || ready.length === 0) return
    if (ready.length >= this.chunkSize || (!this.waking && this.burst.begins())) {
      this.waiting()
      return true
    }
    this.wakeSoon()
  }

  private wakeSoon(): void {
    if (this.waking) return
    this.waking = true
    this.dispatcher.scheduleTask(() => {
      this.waking = false
      if (this.ready.length > 0) this.waiting?.()
    }, 0)
  }
}
