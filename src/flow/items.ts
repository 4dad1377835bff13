/**
 * The items of a batch node: run by the engine, and gathered as `post` wants them.
 */
import type { NonEmptyReadonlyArray } from "effect/Array"
import type * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Stream from "effect/Stream"
import type * as Tracer from "effect/Tracer"
import * as Outcome from "../Outcome.ts"
import { toEffect } from "../primitives/effects.ts"
import * as Report from "../Report.ts"
import * as Collect from "../run/collect.ts"
import * as Outlet from "../run/outcomes/streamSink.ts"
import * as Plan from "../run/plan.ts"
import * as Task from "../Task.ts"
import * as Place from "./path.ts"

type Any = Effect.Effect<any, any, any>
type AnyPlan = Plan.Plan<any, any, any, any, any, any>
type AnyOutcome = Outcome.Outcome<any, any, any>

/** What becomes of the outcomes. */
export type Mode = "forEach" | "validate" | "partition" | "run" | "race"

export type WorkAt = (place: Place.Place) => Plan.Work<any, any, any, any>

/** What is done with each item, and how. */
export interface Batch {
  /** The work of a node at this place: a task, or a function that gives an effect or a value. */
  readonly workAt: WorkAt
  readonly fallback: ((item: any, cause: Cause.Cause<any>) => unknown) | undefined
  readonly watch: ((outcome: any) => unknown) | undefined
  readonly collect: Mode
  readonly options: Plan.Options<any>
}

/** Runs the items at the place of their node, to what the batch collects. */
export const run = (batch: Batch, inputs: Plan.Inputs<any, any, any>, place: Place.Place): Any => {
  const items = place.traced ? new Items(place) : undefined
  const steps = { plain: true, recover: recover(batch, place, items) }
  const plan = Plan.make(inputs, workOf(batch, place, items), batch.options, steps)
  const ran = gather(batch, plan)
  return items === undefined ? ran : Effect.onExit(ran, (exit) => items.end(exit))
}

/** The work, in spans where they are wanted; a task goes to its backend as it is. */
const workOf = ({ workAt }: Batch, place: Place.Place, items: Items | undefined): Plan.Work<any, any, any, any> => {
  const work = workAt(place)
  return items === undefined || Task.isTask(work)
    ? work
    : (input, index) => items.attempt(index, () => toEffect(work(input, index)))
}

/** Says where a failure came from, and lets the fallback take its place. */
const recover = (
  { fallback }: Batch,
  place: Place.Place,
  items: Items | undefined
): Plan.Recover<any, any, any, any> =>
({ attempts, index, input }, cause) => {
  const located = Place.locate(cause, Place.item(place, index), attempts)
  const settled: Any = fallback === undefined
    ? Effect.failCause(located)
    : Effect.catchCause(
      Effect.suspend(() => toEffect(fallback(input, located))),
      (cause) => Effect.failCause(Place.locate(cause, Place.item(place, index), attempts))
    )
  return items === undefined ? settled : Effect.onExit(settled, (exit) => items.settle(index, exit))
}

const gather = ({ collect, watch }: Batch, plan: AnyPlan): Any => {
  if (collect === "race") return race(plan, watch)
  if (watch !== undefined) return watched(collect, plan, watch)
  switch (collect) {
    case "forEach":
      return Collect.values(plan)
    case "validate":
      return Effect.flatMap(Collect.report(plan), valid)
    case "partition":
      return Collect.sides(plan)
    case "run":
      return Collect.report(plan)
  }
}

/** The values of a report, if none is missing. */
const valid = (report: Report.Report<any, any, any>) =>
  Collect.isNonEmpty(report.failures)
    ? Effect.fail(new Outcome.FailedExamples({ failures: report.failures, report }))
    : Effect.succeed(report.values)

/** The first value; all failures when there is none. */
const race = (plan: AnyPlan, watch: Batch["watch"]): Any =>
  Effect.flatMap(
    completions(plan, watch, Outcome.isSuccess),
    ({ last, report }) =>
      last !== undefined && Outcome.isSuccess(last)
        ? Effect.succeed(last.value)
        : Collect.isNonEmpty(report.failures)
        ? Effect.fail(new Outcome.FailedExamples({ failures: report.failures, report }))
        : Effect.die(new Error("a race over no items has no winner"))
  )

/** The same as without `watch`, over outcomes that are shown as they come. */
const watched = (collect: Exclude<Mode, "race">, plan: AnyPlan, watch: Batch["watch"]): Any => {
  const all = completions(plan, watch, collect === "forEach" ? Outcome.isFailure : () => false)
  return Effect.flatMap(all, ({ last, report }): Any => {
    switch (collect) {
      case "forEach":
        return last !== undefined && Outcome.isFailure(last)
          ? Effect.failCause(last.cause)
          : Effect.succeed(report.values)
      case "validate":
        return valid(report)
      case "partition":
        return Effect.succeed([report.values, report.failures])
      case "run":
        return Effect.succeed(report)
    }
  })
}

interface Completed {
  /** The outcome that ended the run, or the last to come. */
  readonly last: AnyOutcome | undefined
  readonly report: Report.Report<any, any, any>
}

/** Runs a plan until the outcome that ends it, showing each as it comes. */
const completions = (
  plan: AnyPlan,
  watch: Batch["watch"],
  ends: (outcome: AnyOutcome) => boolean
): Effect.Effect<Completed, any, any> =>
  Effect.flatMap(Clock.monotonicTimeNanos, (startedAt) => {
    const outcomes: Array<AnyOutcome> = []
    const reported = Effect.map(Clock.monotonicTimeNanos, (now) =>
      Report.make({
        name: plan.options.name ?? "parallel",
        outcomes: outcomes.toSorted((a, b) => a.index - b.index),
        elapsed: Duration.nanos(now - startedAt)
      }))
    const show = (outcome: AnyOutcome) => {
      outcomes.push(outcome)
      return watch === undefined ? Effect.void : toEffect(watch(outcome))
    }
    return Outlet.stream(plan, "completion").pipe(
      Stream.tap(show),
      Stream.takeUntil(ends),
      Stream.runDrain,
      Effect.catchIf(
        isTooMany,
        ({ limit }) => Effect.flatMap(reported, (report) => Effect.fail(tooMany(limit, report)))
      ),
      Effect.flatMap(() => reported),
      Effect.map((report) => ({ last: outcomes.at(-1), report }))
    )
  })

const isTooMany = (error: unknown): error is Outcome.TooManyErrors<any, any, any> =>
  error instanceof Outcome.TooManyErrors

/** The stream keeps no values; here they are all at hand. */
const tooMany = (limit: number, report: Report.Report<any, any, any>) =>
  new Outcome.TooManyErrors({
    failures: report.failures as NonEmptyReadonlyArray<Outcome.Failure<any, any>>,
    limit,
    report
  })

/** The spans of the items of a batch, one for each, with those of their attempts inside. */
class Items {
  private readonly place: Place.Place
  private readonly open = new Map<number, { readonly span: Tracer.Span; attempts: number }>()

  constructor(place: Place.Place) {
    this.place = place
  }

  /** Runs an attempt at an item in a span of its own. */
  attempt(index: number, attempt: () => Any): Any {
    return Effect.flatMap(this.begin(index), ({ attempts, span }) =>
      Effect.tap(
        Place.spanned("attempt", { parent: span, attributes: { attempt: attempts } }, attempt),
        () => this.settle(index, Exit.void)
      ))
  }

  /** The item has its exit. */
  settle(index: number, exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> {
    return Effect.map(Clock.currentTimeNanos, (now) => {
      this.open.get(index)?.span.end(now, exit)
      this.open.delete(index)
    })
  }

  /** The run is over: what is still open was interrupted. */
  end(exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> {
    return Effect.forEach([...this.open.keys()], (index) => this.settle(index, exit), { discard: true })
  }

  private begin(index: number) {
    return Effect.flatMap(Clock.currentTimeNanos, (now) => {
      const known = this.open.get(index)
      if (known !== undefined) {
        known.span.event("retry", now, { attempt: ++known.attempts })
        return Effect.succeed(known)
      }
      const attributes = { "flow.path": Place.pathOf(Place.item(this.place, index)), index }
      return Effect.map(Effect.makeSpan("item", { attributes }), (span) => {
        const item = { span, attempts: 1 }
        this.open.set(index, item)
        return item
      })
    })
  }
}
