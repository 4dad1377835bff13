/**
 * The observer of a run: counts for its span, its progress and its metrics. They read the counts and are not notified,
 * so an input costs the same whether the run is watched or not.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Tracer from "effect/Tracer"
import { LimitWaits } from "../../limit/waits.ts"
import * as Progress from "../../observability/contract.ts"
import * as Metrics from "../../observability/metrics.ts"
import { shortenName } from "../../primitives/shorten.ts"
import type { Item } from "../inputs/item.ts"
import type { InputQueue } from "../inputs/queue.ts"
import type { ItemObserver } from "./sink.ts"

export class RunObserver implements Progress.Run, ItemObserver {
  /** Name of the run as spans, progress and metrics show it. */
  readonly name: string
  readonly parent: Progress.Run | undefined
  /** Number of inputs, if the inputs know it. */
  readonly size: number | undefined
  /** Counts of the inputs that wait for limits. */
  readonly limitWaits = new LimitWaits()
  private readonly progress: Progress.Progress
  private readonly series: Metrics.Series
  private queue: InputQueue<any, any, any> | undefined
  private recorder: { readonly unreported: number } | undefined
  private count: { readonly concurrency: number } = { concurrency: 0 }
  private detailed = false
  private failed = 0
  private retried = 0
  private recalled = 0
  private over = false

  constructor(context: Context.Context<never>, name: string, size: number | undefined) {
    this.name = shortenName(name)
    this.size = size
    this.parent = Context.get(context, Progress.Current)
    this.progress = Context.get(context, Progress.Progress)
    this.series = Metrics.seriesOf(context, this.name)
    this.limitWaits.onName = (name) => this.series.limitedBy(context, name)
  }

  /**
   * Connects the queue, whose counts are read from now on. Attempts and times are known if the run is `detailed`. At
   * most `concurrency` inputs of `count` are shown as running: what was sent ahead waits. Outcomes that a `recorder`
   * has not reported yet do not count as done.
   */
  attach(
    queue: InputQueue<any, any, any>,
    detailed: boolean,
    count: { readonly concurrency: number },
    recorder: { readonly unreported: number } | undefined
  ): void {
    this.queue = queue
    this.recorder = recorder
    this.count = count
    this.detailed = detailed
  }

  settled(item: Item<unknown>, failed: boolean): void {
    if (failed) this.failed++
    if (item.attempts > 1) this.retried++
    if (!this.detailed) return
    if (item.recorded !== undefined) {
      this.recalled++
      return
    }
    this.series.took(item.endedAt - item.startedAt)
  }

  readonly counts = (): Progress.Counts => {
    const { failed, limitWaits, over, recalled, recorder, retried, size, queue } = this
    return {
      total: queue?.total ?? size,
      done: (queue?.done ?? 0) - (recorder?.unreported ?? 0),
      failed,
      retried,
      recalled,
      running: over ? 0 : Math.max(0, Math.min(queue?.running ?? 0, this.count.concurrency)),
      waiting: over ? 0 : queue?.waiting ?? 0,
      limited: over ? [] : limitWaits.limited
    }
  }

  /** Runs an effect in the run's span, watched by progress and metrics. */
  around<A, E, R>(run: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    return Effect.useSpan(this.name, (span) => {
      this.series.open(this.counts)
      const inside = Effect.ensuring(
        Effect.provideService(run, Tracer.ParentSpan, span),
        Effect.sync(() => this.end(span))
      )
      return this.progress === Progress.none
        ? inside
        : this.progress.watch(this, Effect.provideService(inside, Progress.Current, this))
    })
  }

  /** Marks the run as over for its metrics and its span. */
  private end(span: Tracer.Span): void {
    this.over = true
    this.series.close(this.counts)
    span.attribute("inputs", this.queue?.done ?? 0)
    span.attribute("failed", this.failed)
    span.attribute("retried", this.retried)
    if (this.recorder !== undefined) span.attribute("recalled", this.recalled)
  }
}
