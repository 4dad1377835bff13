/**
 * Outcomes as a whole: what a run came to, as counts and as text.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import { shorten, shortenMessage } from "./internal/shorten.ts"
import * as Outcome from "./Outcome.ts"

/**
 * Every outcome of a run, in input order.
 *
 * @category models
 * @since 0.1.0
 */
export type Report<I, A, E = never> = Outcome.Report<I, A, E>

/**
 * A run in numbers: `total` inputs were settled, `retried` of them took more than one attempt, and `attempts` is the sum
 * of all starts.
 *
 * @category models
 * @since 0.1.0
 */
export interface Tally {
  readonly total: number
  readonly succeeded: number
  readonly failed: number
  readonly retried: number
  readonly attempts: number
}

/**
 * Makes a report of outcomes that are in input order.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <I, A, E>(options: {
  readonly name: string
  readonly outcomes: ReadonlyArray<Outcome.Outcome<I, A, E>>
  readonly elapsed: Duration.Duration
}): Report<I, A, E> => new ReportImpl(options.name, options.outcomes, options.elapsed)

/**
 * Counts the outcomes of a report.
 *
 * @category converting
 * @since 0.1.0
 */
export const tally = (self: Report<unknown, unknown, unknown>): Tally => {
  let attempts = 0
  let retried = 0
  for (const outcome of self.outcomes) {
    attempts += outcome.attempts
    if (outcome.attempts > 1) retried++
  }
  const total = self.outcomes.length
  const failed = self.failures.length
  return { total, succeeded: total - failed, failed, retried, attempts }
}

/**
 * A report as lines to print: one that counts, then one for each failed input.
 *
 * **Details**
 *
 * Shape: inputs and errors are shortened to a line; with `causes` the whole cause, stacks included, stands below each.
 * At most `failures` (20) failed inputs are listed, and the rest is counted.
 *
 * **Example** (A run with a failure)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Parallel, Report } from "effect-parallel"
 *
 * const half = (n: number) => n % 2 === 0 ? Effect.succeed(n / 2) : Effect.fail("odd")
 * const report = await Effect.runPromise(Parallel.run([2, 3, 4], half, { name: "halves" }))
 *
 * console.log(report.values) // => [1, 2]
 * console.log(Report.toText(report).split("\n")[1]) // => "  #1 3: odd"
 * ```
 *
 * @category converting
 * @since 0.1.0
 */
export const toText = (
  self: Report<unknown, unknown, unknown>,
  options?: { readonly causes?: boolean | undefined; readonly failures?: number | undefined }
): string => {
  const shown = self.failures.slice(0, options?.failures ?? 20)
  const lines = [summary(self)]
  for (const failure of shown) {
    const reason = shortenMessage(Cause.squash(failure.cause))
    lines.push(`  #${failure.index} ${shorten(failure.input)}: ${reason}${attempts(failure)}`)
    if (options?.causes) lines.push(indent(Cause.pretty(failure.cause)))
  }
  const more = self.failures.length - shown.length
  if (more > 0) lines.push(`  and ${more} more`)
  return lines.join("\n")
}

class ReportImpl<I, A, E> implements Report<I, A, E> {
  readonly name: string
  readonly outcomes: ReadonlyArray<Outcome.Outcome<I, A, E>>
  readonly elapsed: Duration.Duration
  private sides: { readonly values: Array<A>; readonly failures: Array<Outcome.Failure<I, E>> } | undefined

  constructor(name: string, outcomes: ReadonlyArray<Outcome.Outcome<I, A, E>>, elapsed: Duration.Duration) {
    this.name = name
    this.outcomes = outcomes
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

const summary = (self: Report<unknown, unknown, unknown>): string => {
  const { failed, retried, succeeded, total } = tally(self)
  const parts = [`${succeeded} of ${total} succeeded`]
  if (failed > 0) parts.push(`${failed} failed`)
  if (retried > 0) parts.push(`${retried} tried again`)
  return `${self.name}: ${parts.join(", ")} in ${
    Duration.format(Duration.millis(Math.round(Duration.toMillis(self.elapsed))))
  }`
}

const attempts = (failure: Outcome.Failure<unknown, unknown>): string =>
  failure.attempts === 1 ? "" : ` (${failure.attempts} attempts)`

const indent = (text: string): string => text.replace(/^/gm, "    ")
