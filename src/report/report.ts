/**
 * Reports: every outcome of a run, split into values and failures at the first access.
 */
import type * as DateTime from "effect/DateTime"
import type * as Duration from "effect/Duration"
import * as Outcome from "../Outcome.ts"

/**
 * Makes a report of outcomes that are in input order.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <I, A, E>(options: {
  readonly name: string
  readonly outcomes: ReadonlyArray<Outcome.Outcome<I, A, E>>
  readonly startedAt?: DateTime.Utc | undefined
  readonly elapsed: Duration.Duration
}): Outcome.Report<I, A, E> => new ReportImpl(options.name, options.outcomes, options.startedAt, options.elapsed)

class ReportImpl<I, A, E> implements Outcome.Report<I, A, E> {
  readonly name: string
  readonly outcomes: ReadonlyArray<Outcome.Outcome<I, A, E>>
  readonly startedAt: DateTime.Utc | undefined
  readonly elapsed: Duration.Duration
  private sides: { readonly values: Array<A>; readonly failures: Array<Outcome.Failure<I, E>> } | undefined

  constructor(
    name: string,
    outcomes: ReadonlyArray<Outcome.Outcome<I, A, E>>,
    startedAt: DateTime.Utc | undefined,
    elapsed: Duration.Duration
  ) {
    this.name = name
    this.outcomes = outcomes
    this.startedAt = startedAt
    this.elapsed = elapsed
  }

  get values(): ReadonlyArray<A> {
    return this.split().values
  }

  get failures(): ReadonlyArray<Outcome.Failure<I, E>> {
    return this.split().failures
  }

  private split() {
    if (this.sides !== undefined) return this.sides
    const values: Array<A> = []
    const failures: Array<Outcome.Failure<I, E>> = []
    for (const outcome of this.outcomes) {
      if (Outcome.isSuccess(outcome)) values.push(outcome.value)
      else failures.push(outcome)
    }
    return this.sides = { values, failures }
  }
}
