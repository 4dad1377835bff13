/**
 * What a run ends with, gathered as it goes.
 */
import type { NonEmptyReadonlyArray } from "effect/Array"
import type * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Outcome from "../Outcome.ts"
import * as Report from "../Report.ts"
import * as Dispatcher from "./engine.ts"
import type { Entry, Try } from "./inputs/item.ts"
import type { Control, Sink } from "./outcomes/sink.ts"
import type * as Plan from "./plan.ts"

/** Runs a plan to its values; fails with the first cause. */
export const values = <I, A, E, R, EI, RI>(
  plan: Plan.Plan<I, A, E, R, EI, RI>
): Effect.Effect<Array<A>, E | EI, R | RI> =>
  Effect.suspend(() => {
    let sink: Values<I, A, E>
    return Effect.flatMap(
      Dispatcher.run(plan, (control) => sink = new Values(control)),
      (ran) => sink.failure === undefined ? Effect.succeed(sink.values(ran.inputs)) : Effect.failCause(sink.failure)
    )
  })

/** Runs a plan to its values and its failures. */
export const sides = <I, A, E, R, EI, RI>(
  plan: Plan.Plan<I, A, E, R, EI, RI>
): Effect.Effect<[Array<A>, Array<Outcome.Failure<I, E>>], Outcome.TooManyErrors<I, A, E> | EI, R | RI> =>
  plan.options.maxErrors === undefined
    ? Effect.suspend(() => {
      let sink: Sides<I, A, E>
      return Effect.map(
        Dispatcher.run(plan, (control) => sink = new Sides(control)),
        (ran) => sink.sides(ran.inputs)
      )
    })
    : Effect.map(report(plan), (report) => [[...report.values], [...report.failures]])

/** Runs a plan to the report of every outcome; fails when its error budget is used up. */
export const report = <I, A, E, R, EI, RI>(
  plan: Plan.Plan<I, A, E, R, EI, RI>
): Effect.Effect<Report.Report<I, A, E>, Outcome.TooManyErrors<I, A, E> | EI, R | RI> =>
  Effect.suspend(() => {
    let sink: Outcomes<I, A, E>
    const run = Dispatcher.run(plan, (control, settings) => sink = new Outcomes(control, settings.maxErrors))
    return Effect.flatMap(run, (ran) => {
      const report = Report.make({ ...ran, outcomes: sink.outcomes })
      return sink.tripped ? Effect.fail(tooManyErrors(report, sink.maxErrors)) : Effect.succeed(report)
    })
  })

/** The values alone; the first failure ends the run. */
class Values<I, A, E> implements Sink<I, A, E> {
  readonly detailed = false
  readonly retires = false
  private readonly all: Array<A>
  failure: Cause.Cause<E> | undefined

  constructor({ size }: Control) {
    this.all = slots(size)
  }

  onSuccess(entry: Entry<I>, value: A): void {
    this.all[entry.index] = value
  }

  onFailure(_: Entry<I>, cause: Cause.Cause<E>): boolean {
    this.failure ??= cause
    return true
  }

  /** The values in input order, when all inputs have succeeded. */
  values(inputs: number): Array<A> {
    this.all.length = inputs
    return this.all
  }
}

/** The values, and the failures apart: for runs that go on whatever fails. */
class Sides<I, A, E> implements Sink<I, A, E> {
  readonly detailed = true
  readonly retires = false
  private readonly all: Array<A>
  private readonly failed: Array<Outcome.Failure<I, E>> = []
  private readonly beganAt: number

  constructor({ beganAt, size }: Control) {
    this.beganAt = beganAt
    this.all = slots(size)
  }

  onSuccess(entry: Entry<I>, value: A): void {
    this.all[entry.index] = value
  }

  onFailure(entry: Entry<I>, cause: Cause.Cause<E>): boolean {
    this.failed.push(failureOf(entry, cause, this.beganAt))
    return false
  }

  /** Both sides in input order, when the run is over. */
  sides(inputs: number): [Array<A>, Array<Outcome.Failure<I, E>>] {
    const { all, failed } = this
    all.length = inputs
    if (failed.length === 0) return [all, failed]
    failed.sort((a, b) => a.index - b.index)
    const values: Array<A> = []
    for (let index = 0, next = 0; index < all.length; index++) {
      if (failed[next]?.index === index) next++
      else values.push(all[index]!)
    }
    return [values, failed]
  }
}

/** Every outcome; the run ends when the budget of failures is used up. */
class Outcomes<I, A, E> implements Sink<I, A, E> {
  readonly detailed = true
  readonly retires = false
  readonly maxErrors: number
  private readonly slots: Array<Outcome.Outcome<I, A, E> | undefined>
  private readonly beganAt: number
  private failures = 0

  constructor({ beganAt, size }: Control, maxErrors: number) {
    this.beganAt = beganAt
    this.maxErrors = maxErrors
    this.slots = slots(size)
  }

  onSuccess(entry: Entry<I>, value: A): void {
    this.slots[entry.index] = successOf(entry, value, this.beganAt)
  }

  onFailure(entry: Entry<I>, cause: Cause.Cause<E>): boolean {
    this.slots[entry.index] = failureOf(entry, cause, this.beganAt)
    return ++this.failures >= this.maxErrors
  }

  get tripped(): boolean {
    return this.failures >= this.maxErrors
  }

  /** What was settled, in input order; a run that ended early leaves gaps, which are closed here. */
  get outcomes(): Array<Outcome.Outcome<I, A, E>> {
    return this.slots.filter((outcome) => outcome !== undefined)
  }
}

/** Room for as many as will come; growing to a million costs as much as the work. */
const slots = <A>(size: number | undefined): Array<A> => size === undefined ? [] : new Array<A>(size)

/** What is told of an entry that is settled; times are counted from the start of the run. */
const factsOf = <I>(entry: Entry<I>, runBeganAt: number): Outcome.Facts<I> => ({
  index: entry.index,
  input: entry.input,
  attempts: entry.attempts,
  worker: entry.worker,
  history: entry.tries === undefined ? Outcome.once : entry.tries.map((each) => attemptOf(each, runBeganAt)),
  started: Math.max(0, entry.startedAt - runBeganAt),
  took: Math.max(0, entry.endedAt - entry.startedAt)
})

const attemptOf = ({ beganAt, end, endedAt, message, worker }: Try, runBeganAt: number): Outcome.Attempt => ({
  startedAt: Duration.nanos(BigInt(Math.max(0, beganAt - runBeganAt))),
  elapsed: Duration.nanos(BigInt(endedAt - beganAt)),
  worker,
  end,
  message
})

export const successOf = <I, A>(entry: Entry<I>, value: A, runBeganAt: number): Outcome.Success<I, A> =>
  Outcome.succeeded(factsOf(entry, runBeganAt), value)

export const failureOf = <I, E>(entry: Entry<I>, cause: Cause.Cause<E>, runBeganAt: number): Outcome.Failure<I, E> =>
  Outcome.failed(factsOf(entry, runBeganAt), cause)

export const tooManyErrors = <I, A, E>(
  report: Outcome.Report<I, A, E>,
  limit: number
): Outcome.TooManyErrors<I, A, E> =>
  new Outcome.TooManyErrors({
    failures: report.failures as NonEmptyReadonlyArray<Outcome.Failure<I, E>>,
    limit,
    report
  })

export const isNonEmpty = <A>(values: ReadonlyArray<A>): values is NonEmptyReadonlyArray<A> => values.length > 0
