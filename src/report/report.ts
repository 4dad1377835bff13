/**
 * Reports: every outcome of a run, split into values and failures at the first access.
 */
import type * as DateTime from "effect/DateTime"
import type * as Duration from "effect/Duration"
import * as Outcome from "../Outcome.ts"
import { millis } from "../primitives/clock.ts"
import { shortenName } from "../primitives/shorten.ts"

/**
 * Makes a report from outcomes, which are in input order.
 *
 * **When to use**
 *
 * Use to test code that reads reports, or to report on outcomes of your own, such as those of `Parallel.stream`.
 *
 * **Example** (Reporting on a part of a run)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Parallel, Report } from "effect-parallel"
 *
 * const half = (n: number) => n % 2 === 0 ? Effect.succeed(n / 2) : Effect.fail("odd")
 * const { elapsed, outcomes } = await Effect.runPromise(Parallel.run([2, 3, 4], half))
 * const part = Report.make({ name: "the first two", outcomes: outcomes.slice(0, 2), elapsed })
 *
 * console.log(Report.tally(part).total) // => 2
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <I, A, E>(options: {
  /** Name of the run. */
  readonly name: string
  /** One outcome for each input, in input order. */
  readonly outcomes: ReadonlyArray<Outcome.Outcome<I, A, E>>
  /** Date at which the run started. Default: not known. */
  readonly startedAt?: DateTime.Utc | undefined
  /** Wall-clock time of the whole run. */
  readonly elapsed: Duration.Duration
  /** Shows an input as text. Default: the input itself, shortened. */
  readonly show?: ((input: NoInfer<I>) => string) | undefined
  /** Names of the machines that workers ran on, by the number of the worker. Default: none. */
  readonly machines?: ReadonlyMap<number, string> | undefined
  /** What inputs have waited for limits, the longest first. Default: nothing. */
  readonly limits?: ReadonlyArray<Outcome.LimitWait> | undefined
  /** What the run was asked for. Default: no backend and no options. */
  readonly settings?: Outcome.RunSettings | undefined
  /** Runs and flows that attempts have started, and what attempts have logged. Default: nothing. */
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

  /** Returns the fields for JSON; times in milliseconds. `Report.toJson` has a schema and keeps to a size. */
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
      inside: inside.runs.length + inside.flows.length + inside.logs.length === 0 ? undefined : insideJson(inside),
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

const insideJson = ({ flows, logs, logsLeft, runs, runsLeft }: Outcome.RunInside): object => ({
  runs: runs.map((run) => Object.assign({}, run, { startedAt: millis(run.startedAt), elapsed: millis(run.elapsed) })),
  runsLeft,
  flows,
  logs: logs.map((line) => Object.assign({}, line, { at: millis(line.at) })),
  logsLeft
})
