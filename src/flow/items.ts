/**
 * Runs the items of a batch node and collects their results in the form that `post` gets.
 */
import type * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Stream from "effect/Stream"
import type * as Tracer from "effect/Tracer"
import * as Outcome from "../Outcome.ts"
import { toEffect } from "../primitives/effects.ts"
import type * as Report from "../Report.ts"
import * as RunReport from "../report/report.ts"
import * as Collect from "../run/collect.ts"
import type { Recover } from "../run/lanes/afterFailure.ts"
import { tooManyErrors } from "../run/outcomes/settle.ts"
import * as Plan from "../run/plan.ts"
import * as RunStream from "../run/stream.ts"
import type * as Types from "../run/types.ts"
import type { AnyEffect } from "../run/types.ts"
import * as Task from "../Task.ts"
import * as Path from "./path.ts"

type AnyPlan = Plan.Plan<any, any, any, any, any, any>
type AnyOutcome = Outcome.Outcome<any, any, any>

/** The modes of `collect`: the form in which `post` gets the results. */
export type Mode = "forEach" | "validate" | "partition" | "run" | "race"

/** A function that makes the work of a node at a path. */
export type WorkAt = (path: Path.Path) => Types.Work<any, any, any, any>

/** The work for each item, and its options. */
export interface ItemBatch {
  /** Makes the work of a node at a path: a task, or a function that returns an effect or a value. */
  readonly workAt: WorkAt
  readonly fallback: ((item: any, cause: Cause.Cause<any>) => unknown) | undefined
  readonly watch: ((outcome: any) => unknown) | undefined
  readonly collect: Mode
  readonly options: Plan.CheckedOptions
}

/** Runs the items at the path of their node and collects the results. */
export const run = (batch: ItemBatch, inputs: Types.Inputs<any, any, any>, path: Path.Path): AnyEffect => {
  const spans = path.traced ? new ItemSpans(path) : undefined
  const node = { plain: true, recover: recover(batch, path, spans) }
  const plan = Plan.ofNode(inputs, workOf(batch, path, spans), batch.options, node)
  const ran = resultsOf(batch, plan)
  return spans === undefined ? ran : Effect.onExit(ran, (exit) => spans.end(exit))
}

/** Makes the work, with spans around the attempts if the run is traced. A task goes to its backend unchanged. */
const workOf = (
  { workAt }: ItemBatch,
  path: Path.Path,
  spans: ItemSpans | undefined
): Types.Work<any, any, any, any> => {
  const work = workAt(path)
  return spans === undefined || Task.isTask(work)
    ? work
    : (input, index) => spans.attempt(index, () => toEffect(work(input, index)))
}

/** Makes the recovery of failed items, which also ends the span of the item. */
const recover = (
  { fallback }: ItemBatch,
  path: Path.Path,
  spans: ItemSpans | undefined
): Recover<any, any, any, any> => {
  const recovered = Path.recoverAt((index) => Path.item(path, index), fallback)
  return spans === undefined
    ? recovered
    : (failed, cause) => Effect.onExit(recovered(failed, cause), (exit) => spans.settle(failed.index, exit))
}

/** Runs the plan and collects its results in the mode of the batch. */
const resultsOf = ({ collect, watch }: ItemBatch, plan: AnyPlan): AnyEffect => {
  if (collect === "race") return race(plan, watch)
  if (watch !== undefined) return collectWatched(collect, plan, watch)
  switch (collect) {
    case "forEach":
      return Collect.values(plan)
    case "validate":
      return Effect.flatMap(Collect.report(plan), Collect.validated)
    case "partition":
      return Collect.sides(plan)
    case "run":
      return Collect.report(plan)
  }
}

/** Runs the plan until the first value. Fails with all failures if there is none. */
const race = (plan: AnyPlan, watch: ItemBatch["watch"]): AnyEffect =>
  Effect.flatMap(
    completions(plan, watch, Outcome.isSuccess),
    ({ last, report }) =>
      last !== undefined && Outcome.isSuccess(last)
        ? Effect.succeed(last.value)
        : report.failures.length > 0
        ? Collect.validated(report)
        : Effect.die(new Error("a race over no items has no winner"))
  )

/** Runs the plan, calls `watch` with each outcome, and collects the results. */
const collectWatched = (collect: Exclude<Mode, "race">, plan: AnyPlan, watch: ItemBatch["watch"]): AnyEffect => {
  const all = completions(plan, watch, collect === "forEach" ? Outcome.isFailure : () => false)
  return Effect.flatMap(all, ({ last, report }): AnyEffect => {
    switch (collect) {
      case "forEach":
        return last !== undefined && Outcome.isFailure(last)
          ? Effect.failCause(last.cause)
          : Effect.succeed(report.values)
      case "validate":
        return Collect.validated(report)
      case "partition":
        return Effect.succeed([report.values, report.failures])
      case "run":
        return Effect.succeed(report)
    }
  })
}

/** The result of a run whose outcomes were watched. */
interface Completed {
  /** The outcome that ended the run, or the last one that arrived. */
  readonly last: AnyOutcome | undefined
  readonly report: Report.Report<any, any, any>
}

/** Runs a plan until an outcome that `ends` it, and calls `watch` with each outcome as it arrives. */
const completions = (
  plan: AnyPlan,
  watch: ItemBatch["watch"],
  ends: (outcome: AnyOutcome) => boolean
): Effect.Effect<Completed, any, any> =>
  Effect.withFiber((fiber) => {
    const clock = fiber.getRef(Clock.Clock)
    const beganAt = clock.monotonicTimeNanosUnsafe()
    const startedAt = DateTime.makeUnsafe(clock.currentTimeMillisUnsafe())
    const inside = Collect.insideOf(fiber)
    const outcomes: Array<AnyOutcome> = []
    const reported = Effect.sync(() =>
      RunReport.make({
        name: plan.options.name!,
        outcomes: outcomes.toSorted((a, b) => a.index - b.index),
        startedAt,
        elapsed: Duration.nanos(clock.monotonicTimeNanosUnsafe() - beganAt),
        show: plan.options.show ?? fiber.getRef(Plan.Defaults).show,
        settings: Plan.asked(plan, fiber.context),
        inside: inside.gather()
      })
    )
    const show = (outcome: AnyOutcome) => {
      outcomes.push(outcome)
      return watch === undefined ? Effect.void : toEffect(watch(outcome))
    }
    let own: Outcome.TooManyErrors<any, any, any> | undefined
    const isOwn = (error: unknown): error is Outcome.TooManyErrors<any, any, any> => error === own
    const run = RunStream.stream(plan, "completion", (error) => own = error).pipe(
      Stream.tap(show),
      Stream.takeUntil(ends),
      Stream.runDrain
    )
    return Collect.seenBy(inside, run).pipe(
      Effect.catchIf(
        isOwn,
        ({ limit }) => Effect.flatMap(reported, (report) => Effect.fail(tooManyErrors(report, limit)))
      ),
      Effect.flatMap(() => reported),
      Effect.map((report) => ({ last: outcomes.at(-1), report }))
    )
  })

/** Makes the spans of the items of a batch, one for each, with the spans of their attempts inside. */
class ItemSpans {
  private readonly path: Path.Path
  /**
   * Spans that have not ended, by the index of their item, with the number of attempts so far and of those in progress.
   */
  private readonly open = new Map<number, { readonly span: Tracer.Span; attempts: number; running: number }>()

  constructor(path: Path.Path) {
    this.path = path
  }

  /**
   * Runs an attempt at an item in its own span. Success ends the span of the item. After a failure, the recovery does.
   */
  attempt(index: number, attempt: () => AnyEffect): AnyEffect {
    return Effect.flatMap(
      this.begin(index),
      (item) =>
        Path.spanned("attempt", { parent: item.span, attributes: { attempt: item.attempts } }, attempt).pipe(
          Effect.ensuring(Effect.sync(() => item.running--)),
          Effect.tap(() => this.settle(index, Exit.void))
        )
    )
  }

  /** Ends the span of an item with its exit. Does nothing if it has ended. */
  settle(index: number, exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> {
    return Effect.map(Clock.currentTimeNanos, (now) => {
      this.open.get(index)?.span.end(now, exit)
      this.open.delete(index)
    })
  }

  /** Ends the spans that are still open when the run is over, because their items were interrupted. */
  end(exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> {
    return Effect.forEach([...this.open.keys()], (index) => this.settle(index, exit), { discard: true })
  }

  /**
   * Opens the span of an item at its first attempt. Adds an event at each further attempt: `copy` if another attempt is
   * in progress, otherwise `retry`.
   */
  private begin(index: number) {
    return Effect.flatMap(Clock.currentTimeNanos, (now) => {
      const known = this.open.get(index)
      if (known !== undefined) {
        known.span.event(known.running++ > 0 ? "copy" : "retry", now, { attempt: ++known.attempts })
        return Effect.succeed(known)
      }
      const attributes = { "flow.path": Path.pathOf(Path.item(this.path, index)), index }
      return Effect.map(Effect.makeSpan("item", { attributes }), (span) => {
        const item = { span, attempts: 1, running: 1 }
        this.open.set(index, item)
        return item
      })
    })
  }
}
