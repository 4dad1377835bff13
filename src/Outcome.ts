/**
 * What became of one input, and of a run whose inputs failed.
 *
 * @since 0.1.0
 */
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Cause from "effect/Cause"
import * as Data from "effect/Data"
import type * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Exit from "effect/Exit"
import type * as Option from "effect/Option"
import { hasProperty } from "effect/Predicate"
import { type Attempt, type Facts, failed, once, type Settled, succeeded, TypeId } from "./outcome/settled.ts"
import { none, type Waits } from "./outcome/waits.ts"
import { millis } from "./primitives/clock.ts"
import { shortenInput, shortenMessage } from "./primitives/shorten.ts"

/** @since 0.1.0 */
export type { Attempt, Recorded, Settled } from "./outcome/settled.ts"

/** @since 0.1.0 */
export type { Waits } from "./outcome/waits.ts"

/**
 * An input whose work succeeded with `value`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Success<out I, out A> extends Settled<I> {
  readonly _tag: "Success"
  readonly value: A
}

/**
 * An input whose work failed, with the whole cause: typed errors, defects with their stacks, or an interruption that
 * the work brought on itself.
 *
 * @category models
 * @since 0.1.0
 */
export interface Failure<out I, out E> extends Settled<I> {
  readonly _tag: "Failure"
  readonly cause: Cause.Cause<E>
}

/**
 * What became of one input: the one thing that crosses from running to telling.
 *
 * @category models
 * @since 0.1.0
 */
export type Outcome<I, A, E = never> = Success<I, A> | Failure<I, E>

/**
 * Every outcome of a run, in input order. `Report` has the functions over it.
 *
 * **Details**
 *
 * Shape: `outcomes` holds one outcome for each input that was settled; a run that stopped early leaves out what it
 * interrupted. `values` and `failures` are its two sides, in the same order. Units: `startedAt` is the date of the run,
 * where it is known, and `elapsed` the wall time of the whole. `show` is the option of the run: texts of a report show
 * its inputs by it. `machines` names the machine of each worker, on a backend that has several; otherwise it is empty.
 * `inside` tells of the runs and flows that attempts have started, and of what they have logged; `settings` is what the run was
 * asked for.
 *
 * @category models
 * @since 0.1.0
 */
export interface Report<out I, out A, out E = never> {
  readonly name: string
  readonly outcomes: ReadonlyArray<Outcome<I, A, E>>
  readonly values: ReadonlyArray<A>
  readonly failures: ReadonlyArray<Failure<I, E>>
  readonly startedAt: DateTime.Utc | undefined
  readonly elapsed: Duration.Duration
  readonly show?: ((input: never) => string) | undefined
  readonly machines: ReadonlyMap<number, string>
  readonly limits: ReadonlyArray<LimitWait>
  readonly settings: RunSettings
  readonly inside: RunInside
  /** Returns a line for logs: the name, and how many inputs succeeded. */
  toString(): string
}

/**
 * What a run was asked for: its options as texts, by their names, and the name of its backend; that is undefined for a function, which
 * runs on fibers.
 *
 * @category models
 * @since 0.1.0
 */
export interface RunSettings {
  readonly backend: string | undefined
  readonly options: Readonly<Record<string, string>>
}

/**
 * What was seen inside the attempts of a run, where these ran in the program itself and not in its workers.
 *
 * **Details**
 *
 * `runs` are the runs that attempts have started, in the order of their starts, the first 10 000; `runsLeft` counts the others.
 * `flows` counts how flows were walked, by their paths, at most 100 of them. `logs` are the first 10 000 lines that were logged, those
 * of workers among them; `logsLeft` counts the others. None of this is kept for runs that make no report, nor for a stream. A line that is logged costs some microseconds more where it is kept.
 *
 * @category models
 * @since 0.1.0
 */
export interface RunInside {
  readonly runs: ReadonlyArray<NestedRun>
  readonly runsLeft: number
  readonly flows: ReadonlyArray<FlowCounts>
  readonly logs: ReadonlyArray<LogLine>
  readonly logsLeft: number
}

/**
 * A run inside an attempt of another.
 *
 * **Details**
 *
 * `parent` is the place, among the `runs` of the report, of the run whose attempt has started it; undefined for an attempt of the run
 * that is reported. `index` is the input of that attempt; undefined for a run that no attempt has started. A fiber that outlives its attempt has
 * that of its lane at the time. Units: `startedAt` is counted from the start of the run that is reported. `state` is `"stopped"` where it ended before all its inputs were
 * done, and `"running"` where it goes on, in a fiber of its own, when the report is made. `failures` counts failed inputs by their messages, the most
 * frequent first: at most 20 messages, of the first 10 000 failures.
 *
 * @category models
 * @since 0.1.0
 */
export interface NestedRun {
  readonly name: string
  readonly parent: number | undefined
  readonly index: number | undefined
  readonly startedAt: Duration.Duration
  readonly elapsed: Duration.Duration
  readonly state: "done" | "stopped" | "interrupted" | "running"
  readonly succeeded: number
  readonly failed: number
  readonly retried: number
  readonly recalled: number
  readonly failures: ReadonlyArray<FailureCount>
}

/**
 * Failed inputs with the same message: how many, and one of them as a line of text.
 *
 * @category models
 * @since 0.1.0
 */
export interface FailureCount {
  readonly message: string
  readonly count: number
  readonly input: string
}

/**
 * How a flow was walked.
 *
 * **Details**
 *
 * `name` is its path in the flows around, and `walks` how often it was entered. `taken` counts how often an edge was followed: `to` names the
 * node that it leads to, and `exit` the action by which it leaves the flow.
 *
 * @category models
 * @since 0.1.0
 */
export interface FlowCounts {
  readonly name: string
  readonly walks: number
  readonly start: string
  readonly nodes: ReadonlyArray<{
    readonly name: string
    readonly kind: "Node" | "BatchNode" | "Flow" | "BatchFlow" | "FanOut" | "Race"
    readonly entered: number
    readonly failed: number
  }>
  readonly edges: ReadonlyArray<{
    readonly from: string
    readonly action: string
    readonly to: string | undefined
    readonly exit: string | undefined
    readonly taken: number
  }>
}

/**
 * What an attempt has logged.
 *
 * **Details**
 *
 * `index` is the input, and `attempt` which start at it that was, where that is known; `within` names the run inside in which it was
 * logged. `at` is counted from the start of the run.
 *
 * @category models
 * @since 0.1.0
 */
export interface LogLine {
  readonly index: number
  readonly attempt: number | undefined
  readonly within: string | undefined
  readonly at: Duration.Duration
  readonly level: string
  readonly message: string
}

/**
 * What the inputs of a run have waited for the limits of a name: how many `waits` there were, and how long they were together.
 *
 * @category models
 * @since 0.1.0
 */
export interface LimitWait {
  readonly name: string
  readonly waits: number
  readonly waited: Duration.Duration
}

/**
 * Tells whether a value is an outcome.
 *
 * @category guards
 * @since 0.1.0
 */
export const isOutcome = (u: unknown): u is Outcome<unknown, unknown, unknown> => hasProperty(u, TypeId)

/**
 * Tells whether the input succeeded.
 *
 * @category guards
 * @since 0.1.0
 */
export const isSuccess = <I, A, E>(self: Outcome<I, A, E>): self is Success<I, A> => self._tag === "Success"

/**
 * Tells whether the input failed.
 *
 * @category guards
 * @since 0.1.0
 */
export const isFailure = <I, A, E>(self: Outcome<I, A, E>): self is Failure<I, E> => self._tag === "Failure"

/**
 * All inputs have run, and some failed: the error of `Parallel.validate`.
 *
 * **Details**
 *
 * Shape: `failures` in input order, at least one; `report` holds every outcome, so the values that were reached are
 * not lost. The message counts the failures and shows the first, with its input shortened, or as the option `show` of
 * the run says.
 *
 * @category errors
 * @since 0.1.0
 */
export class FailedExamples<I, A, E> extends Data.TaggedError("FailedExamples")<{
  readonly failures: NonEmptyReadonlyArray<Failure<I, E>>
  readonly report: Report<I, A, E>
}> {
  override get message(): string {
    const { failures, report } = this
    return `${failures.length} of ${report.outcomes.length} inputs failed, first ${describe(failures[0], report)}`
  }
  override toJSON(): object {
    return { _tag: this._tag, message: this.message, failures: this.failures, report: summary(this.report) }
  }
}

/**
 * The run stopped because as many inputs had failed as `maxErrors` allows.
 *
 * **Details**
 *
 * Shape: `failures` in input order, at least one and normally `limit` of them; `report` holds every outcome that was
 * settled before the run stopped, so nothing finished is lost. Only `Parallel.stream` keeps no values: it has handed
 * them on already, and its `report` holds the failures alone.
 *
 * @category errors
 * @since 0.1.0
 */
export class TooManyErrors<I, A, E> extends Data.TaggedError("TooManyErrors")<{
  readonly failures: NonEmptyReadonlyArray<Failure<I, E>>
  readonly limit: number
  readonly report: Report<I, A, E>
}> {
  override get message(): string {
    const { failures, limit, report } = this
    return `stopped at ${failures.length} failed inputs (maxErrors: ${limit}), first ${describe(failures[0], report)}`
  }
  override toJSON(): object {
    const { _tag, failures, limit, message, report } = this
    return { _tag, message, limit, failures, report: summary(report) }
  }
}

/** Fields that the constructors take; an input without `startedAt` started with the run, one without `waits` has none. */
type GivenFields<O extends Settled<unknown>> =
  & Omit<O, typeof TypeId | "_tag" | "toString" | "startedAt" | "waits" | "history" | "recorded">
  & Partial<Pick<O, "startedAt" | "waits" | "history" | "recorded">>

/**
 * The outcome of an input that succeeded.
 *
 * @category constructors
 * @since 0.1.0
 */
export const success = <I, A>(fields: GivenFields<Success<I, A>>): Success<I, A> =>
  succeeded(factsOf(fields), fields.value, fields.recorded)

/**
 * The outcome of an input that failed.
 *
 * @category constructors
 * @since 0.1.0
 */
export const failure = <I, E>(fields: GivenFields<Failure<I, E>>): Failure<I, E> =>
  failed(factsOf(fields), fields.cause, fields.recorded)

/**
 * The waits of an attempt that waited for nothing.
 *
 * @category constructors
 * @since 0.1.0
 */
export const noWaits: Waits = none

/**
 * The attempts at an input, in the order in which they ended: its history, or the one attempt that settled it; none
 * where no attempt has started.
 *
 * @category converting
 * @since 0.1.0
 */
export const tries = (self: Outcome<unknown, unknown, unknown>): ReadonlyArray<Attempt> => {
  if (self.history.length > 0 || self.attempts === 0) return self.history
  const { elapsed, startedAt, waits, worker } = self
  if (self._tag === "Success") return [{ startedAt, elapsed, waits, worker, end: "Succeeded", message: undefined }]
  return [{ startedAt, elapsed, waits, worker, end: "Failed", message: shortenMessage(Cause.squash(self.cause)) }]
}

/**
 * The outcome as an `Exit`: the value, or the cause of the failure.
 *
 * @category converting
 * @since 0.1.0
 */
export const toExit = <I, A, E>(self: Outcome<I, A, E>): Exit.Exit<A, E> =>
  self._tag === "Success" ? Exit.succeed(self.value) : Exit.failCause(self.cause)

/**
 * The typed error of a failure; none when it was a defect or an interruption.
 *
 * @category converting
 * @since 0.1.0
 */
export const error = <I, E>(self: Failure<I, E>): Option.Option<E> => Cause.findErrorOption(self.cause)

/** Returns what the JSON of an error says of its report, whose outcomes would be there twice. */
const summary = ({ elapsed, name, outcomes }: Report<unknown, unknown, unknown>): object => ({
  name,
  outcomes: outcomes.length,
  elapsed: millis(elapsed)
})

const describe = (
  { cause, index, input }: Failure<unknown, unknown>,
  { show }: Pick<Report<unknown, unknown>, "show">
): string => `#${index} (${shortenInput(input, show)}): ${shortenMessage(Cause.squash(cause))}`

const factsOf = <I>(fields: GivenFields<Settled<I>>): Facts<I> => ({
  index: fields.index,
  input: fields.input,
  attempts: fields.attempts,
  worker: fields.worker,
  history: fields.history ?? once,
  started: fields.startedAt === undefined ? 0 : Number(Duration.toNanosUnsafe(fields.startedAt)),
  took: fields.elapsed,
  waited: fields.waits
})
