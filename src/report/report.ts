/**
 * Reports: every outcome of a run, split into values and failures at the first access.
 */
import type * as DateTime from "effect/DateTime"
import type * as Duration from "effect/Duration"
import * as Outcome from "../Outcome.ts"
import { millis } from "../primitives/clock.ts"
import { shortenName } from "../primitives/shorten.ts"

/**
 * Makes a report of outcomes that are in input order. Its texts show inputs by `show`, or shortened where there is none.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <I, A, E>(options: {
  readonly name: string
  readonly outcomes: ReadonlyArray<Outcome.Outcome<I, A, E>>
  readonly startedAt?: DateTime.Utc | undefined
  readonly elapsed: Duration.Duration
  readonly show?: ((input: NoInfer<I>) => string) | undefined
  readonly machines?: ReadonlyMap<number, string> | undefined
  readonly limits?: ReadonlyArray<Outcome.LimitWait> | undefined
  readonly settings?: Outcome.RunSettings | undefined
  readonly inside?: Outcome.RunInside | undefined
}): Outcome.Report<I, A, E> => new ReportImpl(options)

const noMachines: ReadonlyMap<number, string> = new Map()
const noSettings: Outcome.RunSettings = { backend: undefined, options: {} }
const nothing: Outcome.RunInside = { runs: [], runsLeft: 0, flows: [], logs: [], logsLeft: 0 }

class ReportImpl<I, A, E> implements Outcome.Report<I, A, E> {
  readonly name: string
  readonly outcomes: ReadonlyArray<Outcome.Outcome<I, A, E>>
  readonly startedAt: DateTime.Utc | undefined
  readonly elapsed: Duration.Duration
  readonly show: ((input: never) => string) | undefined
  readonly machines: ReadonlyMap<number, string>
  readonly limits: ReadonlyArray<Outcome.LimitWait>
  readonly settings: Outcome.RunSettings
  readonly inside: Outcome.RunInside
  private sides: { readonly values: Array<A>; readonly failures: Array<Outcome.Failure<I, E>> } | undefined

  constructor(
    { elapsed, inside = nothing, limits = [], machines, name, outcomes, settings = noSettings, show, startedAt }:
      Parameters<typeof make<I, A, E>>[0]
  ) {
    this.name = name
    this.outcomes = outcomes
    this.startedAt = startedAt
    this.elapsed = elapsed
    this.show = show
    this.machines = machines ?? noMachines
    this.limits = limits
    this.settings = settings
    this.inside = inside
  }

  get values(): ReadonlyArray<A> {
    return this.split().values
  }

  get failures(): ReadonlyArray<Outcome.Failure<I, E>> {
    return this.split().failures
  }

  /** Returns a line for logs. */
  toString(): string {
    const { failures, name, outcomes } = this
    return `Report(${shortenName(name)}: ${outcomes.length - failures.length} of ${outcomes.length} succeeded)`
  }

  /** Returns the fields for JSON; times in milliseconds. \`Report.toJson\` has a schema and keeps to a size. */
  toJSON(): object {
    const { elapsed, inside, limits, machines, name, outcomes, settings, startedAt } = this
    return {
      name,
      startedAt,
      elapsed: millis(elapsed),
      settings,
      machines: machines.size === 0 ? undefined : Object.fromEntries(machines),
      limits: limits.length === 0
        ? undefined
        : limits.map(({ name, waited, waits }) => ({ name, waits, waited: millis(waited) })),
      inside: inside.runs.length + inside.flows.length + inside.logs.length === 0 ? undefined : inside,
      outcomes
    }
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
