/**
 * All that tells of a run while it goes on: its span, its progress, its metrics.
 *
 * They share the counts that are kept here, so that an input costs the same whether somebody watches or not.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Tracer from "effect/Tracer"
import * as Progress from "../../observability/contract.ts"
import * as Metrics from "../../observability/metrics.ts"
import type { Entry } from "../inputs/item.ts"
import type { Supply } from "../inputs/queue.ts"
import type { Watch } from "./sink.ts"

export class Watching implements Progress.Run, Watch {
  readonly name: string
  readonly parent: Progress.Run | undefined
  /** How many inputs there are, where they say so themselves. */
  readonly size: number | undefined
  private readonly progress: Progress.Progress
  private readonly series: Metrics.Series
  private supply: Supply<any, any, any> | undefined
  private detailed = false
  private failed = 0
  private retried = 0
  private recalled = 0
  private over = false

  constructor(context: Context.Context<never>, name: string, size: number | undefined) {
    this.name = name
    this.size = size
    this.parent = Context.get(context, Progress.Current)
    this.progress = Context.get(context, Progress.Progress)
    this.series = Metrics.seriesOf(context, name)
  }

  /** The run takes its inputs from `supply`; attempts and times are known where it is detailed. */
  attach(supply: Supply<any, any, any>, detailed: boolean): void {
    this.supply = supply
    this.detailed = detailed
  }

  settled(entry: Entry<unknown>, failed: boolean): void {
    if (failed) this.failed++
    if (entry.attempts > 1) this.retried++
    if (!this.detailed) return
    if (entry.attempts === 0) this.recalled++
    this.series.took(entry.endedAt - entry.startedAt)
  }

  readonly counts = (): Progress.Counts => {
    const { failed, over, recalled, retried, size, supply } = this
    return {
      total: supply?.total ?? size,
      done: supply?.done ?? 0,
      failed,
      retried,
      recalled,
      running: over ? 0 : supply?.running ?? 0,
      waiting: over ? 0 : supply?.waiting ?? 0
    }
  }

  /** A run with all that tells of it. */
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

  private end(span: Tracer.Span): void {
    this.over = true
    this.series.close(this.counts)
    span.attribute("inputs", this.supply?.done ?? 0)
    span.attribute("failed", this.failed)
    span.attribute("retried", this.retried)
  }
}
