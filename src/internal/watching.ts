/**
 * All that tells of a run while it goes on: its span, its progress, its metrics.
 *
 * Each reads what the run counts anyway, and costs something for a run, and nothing for an input.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Tracer from "effect/Tracer"
import type * as Plan from "../Plan.ts"
import * as Progress from "../progress/Contract.ts"
import * as Metrics from "./metrics.ts"
import type { Supply } from "./supply.ts"

export class Watching implements Progress.Run {
  readonly name: string
  readonly parent: Progress.Run | undefined
  /** How many inputs there are, where they say so themselves. */
  readonly size: number | undefined
  /** Takes how long an input took, in nanoseconds. */
  readonly took: Metrics.Counted["took"]
  /** Where the run counts; set when it starts. */
  supply: Supply<any, any, any> | undefined
  private readonly progress: Progress.Progress
  private readonly metrics: Metrics.Counted
  private over = false

  constructor(context: Context.Context<never>, { name }: Plan.Settings, size: number | undefined) {
    this.name = name
    this.size = size
    this.parent = Context.get(context, Progress.Current)
    this.progress = Context.get(context, Progress.Progress)
    this.metrics = Metrics.open(context, name, this.counts)
    this.took = this.metrics.took
  }

  readonly counts = (): Progress.Counts => this.supply?.counts(this.size, this.over) ?? { ...nothing, total: this.size }

  /** A run with all that tells of it. */
  around<A, E, R>(run: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    return Effect.useSpan(this.name, (span) => {
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
    this.metrics.close()
    const { done, failed, retried } = this.counts()
    span.attribute("inputs", done)
    span.attribute("failed", failed)
    span.attribute("retried", retried)
  }
}

const nothing = { done: 0, failed: 0, retried: 0, recalled: 0, running: 0, waiting: 0 }
