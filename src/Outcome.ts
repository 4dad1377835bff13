/**
 * The outcome of one input, and the errors of runs whose inputs failed.
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
 * The outcome of an input that succeeded.
 *
 * @category models
 * @since 0.1.0
 */
export interface Success<out I, out A> extends Settled<I> {
  /** Tells it apart from a `Failure`. */
  readonly _tag: "Success"
  /** What the work returned. */
  readonly value: A
}

/**
 * The outcome of an input that failed.
 *
 * @category models
 * @since 0.1.0
 */
export interface Failure<out I, out E> extends Settled<I> {
  /** Tells it apart from a `Success`. */
  readonly _tag: "Failure"
  /** The whole cause: typed errors, defects with their stacks, or an interruption that the work itself caused. */
  readonly cause: Cause.Cause<E>
}

/**
 * The outcome of one input: its value or its cause, with its attempts, times and worker.
 *
 * @category models
 * @since 0.1.0
 */
export type Outcome<I, A, E = never> = Success<I, A> | Failure<I, E>

/**
 * Every outcome of a run, in input order. The module `Report` has the functions over it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Report<out I, out A, out E = never> {
  /** Name of the run. */
  readonly name: string
  /**
   * One outcome for each input that was settled, in input order. A run that stopped early leaves out the inputs that it
   * interrupted.
   */
  readonly outcomes: ReadonlyArray<Outcome<I, A, E>>
  /** Values of the inputs that succeeded, in input order. */
  readonly values: ReadonlyArray<A>
  /** Outcomes of the inputs that failed, in input order. */
  readonly failures: ReadonlyArray<Failure<I, E>>
  /** Date at which the run started; undefined for a report that was made without it. */
  readonly startedAt: DateTime.Utc | undefined
  /** Wall-clock time of the whole run. */
  readonly elapsed: Duration.Duration
  /** The option `show` of the run, by which texts of the report show inputs; undefined if the run has none. */
  readonly show?: ((input: never) => string) | undefined
  /**
   * Names of the machines that workers ran on, by the number of the worker; empty unless the backend has several
   * machines.
   */
  readonly machines: ReadonlyMap<number, string>
  /** How long inputs have waited for limits, by name of the limit, the longest first; empty without limits. */
  readonly limits: ReadonlyArray<LimitWait>
  /** What the run was asked for: its backend and its options. */
  readonly settings: RunSettings
  /** Runs and flows that attempts have started, and what attempts have logged. */
  readonly inside: RunInside
  /** Returns a line for logs: the name, and how many inputs succeeded. */
  toString(): string
}

/**
 * What a run was asked for.
 *
 * @category models
 * @since 0.1.0
 */
export interface RunSettings {
  /** Name of the backend of the task; undefined for a function, which runs on fibers. */
  readonly backend: string | undefined
  /**
   * Options in effect, as text, by their names: those of the run and those of `withDefaults`, and `concurrency` always.
   */
  readonly options: Readonly<Record<string, string>>
}

/**
 * What was seen inside the attempts of a run.
 *
 * **Details**
 *
 * Runs and flows are seen if the attempts run in the program itself, not in its workers; log lines are kept from both.
 * Nothing is kept if a run makes no report, nor for a stream. A log line that is kept costs some microseconds more.
 *
 * @category models
 * @since 0.1.0
 */
export interface RunInside {
  /** Runs that attempts have started, in the order of their starts: the first 10,000. */
  readonly runs: ReadonlyArray<NestedRun>
  /** Number of runs beyond those in `runs`. */
  readonly runsLeft: number
  /** How flows were walked, by their paths: at most 100 flows. */
  readonly flows: ReadonlyArray<FlowCounts>
  /** Lines that attempts have logged, in workers too: the first 10,000. */
  readonly logs: ReadonlyArray<LogLine>
  /** Number of lines beyond those in `logs`. */
  readonly logsLeft: number
}

/**
 * A run inside an attempt of another run.
 *
 * @category models
 * @since 0.1.0
 */
export interface NestedRun {
  /** Name of the run. */
  readonly name: string
  /**
   * Position in `RunInside.runs` of the run whose attempt has started this one; undefined if that is the reported run.
   */
  readonly parent: number | undefined
  /**
   * Index of the input whose attempt has started this run; undefined if no attempt has. If a fiber that outlives its
   * attempt has started the run, it may be the index of a later input.
   */
  readonly index: number | undefined
  /** When this run started, measured from the start of the reported run. */
  readonly startedAt: Duration.Duration
  /** Wall-clock time of this run; if it is still running, until the report was made. */
  readonly elapsed: Duration.Duration
  /**
   * `"done"`: all its inputs were settled. `"stopped"`: it ended before that. `"interrupted"`: it was interrupted from
   * outside. `"running"`: it had not ended when the report was made, because it runs in a fiber of its own.
   */
  readonly state: "done" | "stopped" | "interrupted" | "running"
  /** Number of inputs that succeeded. */
  readonly succeeded: number
  /** Number of inputs that failed. */
  readonly failed: number
  /** Number of inputs that took more than one attempt. */
  readonly retried: number
  /** Number of inputs whose outcome a journal knew, so that they took no attempt. */
  readonly recalled: number
  /**
   * Failed inputs counted by their messages, the most frequent first: at most 20 messages, of the first 10,000
   * failures.
   */
  readonly failures: ReadonlyArray<FailureCount>
}

/**
 * Failed inputs with the same message.
 *
 * @category models
 * @since 0.1.0
 */
export interface FailureCount {
  /** The message, shortened to one line. */
  readonly message: string
  /** Number of inputs that failed with it. */
  readonly count: number
  /** The first of these inputs, as one line of text. */
  readonly input: string
}

/**
 * How a flow was walked.
 *
 * @category models
 * @since 0.1.0
 */
export interface FlowCounts {
  /** Path of the flow: its name, after those of the flows around it. */
  readonly name: string
  /** How often the flow was entered. */
  readonly walks: number
  /** Name of the node at which it starts. */
  readonly start: string
  /** Its nodes. */
  readonly nodes: ReadonlyArray<{
    /** Name of the node in the flow. */
    readonly name: string
    /** What kind of node it is. */
    readonly kind: "Node" | "BatchNode" | "Flow" | "BatchFlow" | "FanOut" | "Race"
    /** How often the node was entered. */
    readonly entered: number
    /** How often the node failed. */
    readonly failed: number
  }>
  /** Its edges: what follows each action of each node. */
  readonly edges: ReadonlyArray<{
    /** Name of the node at which the edge begins. */
    readonly from: string
    /** Action of that node that takes the edge. */
    readonly action: string
    /** Name of the node to which it leads; undefined if it leaves the flow. */
    readonly to: string | undefined
    /** Action by which it leaves the flow; undefined if it leads to a node. */
    readonly exit: string | undefined
    /** How often the edge was taken. */
    readonly taken: number
  }>
}

/**
 * A line that an attempt has logged.
 *
 * @category models
 * @since 0.1.0
 */
export interface LogLine {
  /** Index of the input of the reported run. */
  readonly index: number
  /**
   * Number of the attempt at this input, from 1; undefined if it is not known: in a worker, and inside a nested run.
   */
  readonly attempt: number | undefined
  /** Name of the nested run inside which it was logged; undefined outside of nested runs. */
  readonly within: string | undefined
  /** When it was logged, measured from the start of the reported run. */
  readonly at: Duration.Duration
  /** Log level, such as `"Info"`. */
  readonly level: string
  /** What was logged, shortened to one line. */
  readonly message: string
}

/**
 * What the inputs of a run have waited for the limits of one name.
 *
 * @category models
 * @since 0.1.0
 */
export interface LimitWait {
  /** Name of the limits. Limits beyond the hundredth name are counted together, as `"other limits"`. */
  readonly name: string
  /** Number of waits. */
  readonly waits: number
  /** Sum of the times of all waits. */
  readonly waited: Duration.Duration
}

/**
 * Checks whether a value is an outcome.
 *
 * **Example** (Finding the outcomes among other values)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Outcome, Parallel } from "effect-parallel"
 *
 * const report = await Effect.runPromise(Parallel.run([1, 2], Effect.succeed))
 * const entries: ReadonlyArray<unknown> = ["started", ...report.outcomes, "ended"]
 *
 * console.log(entries.filter(Outcome.isOutcome).map(({ input }) => input)) // => [1, 2]
 * ```
 *
 * @category guards
 * @since 0.1.0
 */
export const isOutcome = (u: unknown): u is Outcome<unknown, unknown, unknown> => hasProperty(u, TypeId)

/**
 * Checks whether an input succeeded.
 *
 * **Example** (Pairing inputs with their values)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Outcome, Parallel } from "effect-parallel"
 *
 * const half = (n: number) => n % 2 === 0 ? Effect.succeed(n / 2) : Effect.fail("odd")
 * const report = await Effect.runPromise(Parallel.run([2, 3, 4], half))
 * const halves = report.outcomes.filter(Outcome.isSuccess).map(({ input, value }) => [input, value])
 *
 * console.log(halves) // => [[2, 1], [4, 2]]
 * ```
 *
 * @category guards
 * @since 0.1.0
 */
export const isSuccess = <I, A, E>(self: Outcome<I, A, E>): self is Success<I, A> => self._tag === "Success"

/**
 * Checks whether an input failed.
 *
 * **Example** (Keeping only failures of a stream)
 *
 * ```ts
 * import { Effect, Stream } from "effect"
 * import { Outcome, Parallel } from "effect-parallel"
 *
 * const half = (n: number) => n % 2 === 0 ? Effect.succeed(n / 2) : Effect.fail("odd")
 * const failures = Parallel.stream([2, 3, 4], half).pipe(Stream.filter(Outcome.isFailure), Stream.runCollect)
 *
 * console.log((await Effect.runPromise(failures)).map(({ input }) => input)) // => [3]
 * ```
 *
 * @category guards
 * @since 0.1.0
 */
export const isFailure = <I, A, E>(self: Outcome<I, A, E>): self is Failure<I, E> => self._tag === "Failure"

/**
 * All inputs have run, and some of them failed: the error of `Parallel.validate`.
 *
 * **Details**
 *
 * The message counts the failures and shows the first one, with its input shortened, or as the option `show` of the run
 * says.
 *
 * **Example** (Using the values that succeeded anyway)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Parallel } from "effect-parallel"
 *
 * const half = (n: number) => n % 2 === 0 ? Effect.succeed(n / 2) : Effect.fail("odd")
 * const program = Parallel.validate([2, 3, 4], half).pipe(
 *   Effect.catchTag("FailedExamples", ({ failures, report }) => Effect.succeed([report.values, failures.length]))
 * )
 *
 * console.log(await Effect.runPromise(program)) // => [[1, 2], 1]
 * ```
 *
 * @category errors
 * @since 0.1.0
 */
export class FailedExamples<I, A, E> extends Data.TaggedError("FailedExamples")<{
  /** The failures, in input order; at least one. */
  readonly failures: NonEmptyReadonlyArray<Failure<I, E>>
  /** Report of the whole run, with the values of the inputs that succeeded. */
  readonly report: Report<I, A, E>
}> {
  override get message(): string {
    const { failures, report } = this
    return `${failures.length} of ${report.outcomes.length} inputs failed; the first was ${
      describe(failures[0], report)
    }`
  }
  override toJSON(): object {
    return { _tag: this._tag, message: this.message, failures: this.failures, report: summary(this.report) }
  }
}

/**
 * The run stopped because as many inputs failed as the option `maxErrors` says.
 *
 * **Details**
 *
 * The message counts the failures and shows the first one, with its input shortened, or as the option `show` of the run
 * says.
 *
 * @category errors
 * @since 0.1.0
 */
export class TooManyErrors<I, A, E> extends Data.TaggedError("TooManyErrors")<{
  /** The failures, in input order: at least one, and normally `limit` of them. */
  readonly failures: NonEmptyReadonlyArray<Failure<I, E>>
  /** The option `maxErrors` of the run. */
  readonly limit: number
  /**
   * Report with every outcome that was settled before the run stopped, so nothing that was finished is lost.
   * `Parallel.stream` has already emitted the values, so its report has only the failures.
   */
  readonly report: Report<I, A, E>
}> {
  override get message(): string {
    const { failures, limit, report } = this
    const count = failures.length === 1 ? "1 failed input" : `${failures.length} failed inputs`
    return `stopped at ${count} (maxErrors: ${limit}); the first was ${describe(failures[0], report)}`
  }
  override toJSON(): object {
    const { _tag, failures, limit, message, report } = this
    return { _tag, message, limit, failures, report: summary(report) }
  }
}

/**
 * The fields that `success` and `failure` take.
 *
 * **Details**
 *
 * `startedAt`, `waits`, `history` and `recorded` may be left out: then the input started with the run, waited for
 * nothing, had one attempt, and is not from a journal.
 *
 * @category models
 * @since 0.1.0
 */
export type GivenFields<O extends Settled<unknown>> =
  & Omit<O, typeof TypeId | "_tag" | "toString" | "startedAt" | "waits" | "history" | "recorded">
  & Partial<Pick<O, "startedAt" | "waits" | "history" | "recorded">>

/**
 * Makes the outcome of an input that succeeded.
 *
 * **When to use**
 *
 * Use to test code that reads outcomes or reports, without a run.
 *
 * **Example** (Making a report to test with)
 *
 * ```ts
 * import { Duration } from "effect"
 * import { Outcome, Report } from "effect-parallel"
 *
 * const outcome = Outcome.success({
 *   index: 0, input: "a", value: 1, attempts: 2, elapsed: Duration.seconds(1), worker: 0
 * })
 * const report = Report.make({ name: "letters", outcomes: [outcome], elapsed: Duration.seconds(1) })
 *
 * console.log(Report.tally(report).retried) // => 1
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const success = <I, A>(fields: GivenFields<Success<I, A>>): Success<I, A> =>
  succeeded(factsOf(fields), fields.value, fields.recorded)

/**
 * Makes the outcome of an input that failed.
 *
 * **When to use**
 *
 * Use to test code that reads outcomes or reports, without a run.
 *
 * **Example** (Making a failure to test with)
 *
 * ```ts
 * import { Cause, Duration } from "effect"
 * import { Outcome, Report } from "effect-parallel"
 *
 * const outcome = Outcome.failure({
 *   index: 0, input: "a", cause: Cause.fail("down"), attempts: 1, elapsed: Duration.millis(5), worker: 0
 * })
 * const report = Report.make({ name: "letters", outcomes: [outcome], elapsed: Duration.millis(5) })
 *
 * console.log(Report.toText(report).split("\n")[1]) // => "  #0 \"a\": down"
 * ```
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
 * Returns the attempts at an input, in the order in which they ended.
 *
 * **Details**
 *
 * This is the `history` of the outcome, or the one attempt that settled it; it is empty if no attempt has started.
 *
 * **Example** (Finding out how each attempt ended)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Outcome, Parallel } from "effect-parallel"
 *
 * let calls = 0
 * const flaky = (n: number) => Effect.suspend(() => ++calls === 1 ? Effect.fail("down") : Effect.succeed(n))
 * const report = await Effect.runPromise(Parallel.run([7], flaky, { retry: { times: 2 } }))
 * const ends = report.outcomes.flatMap((outcome) => Outcome.tries(outcome).map(({ end }) => end))
 *
 * console.log(ends) // => ["Failed", "Succeeded"]
 * ```
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
 * Converts an outcome to an `Exit`: the value, or the cause of the failure.
 *
 * **Example** (Using an outcome as an effect)
 *
 * ```ts
 * import { Effect, Option, Stream } from "effect"
 * import { Outcome, Parallel } from "effect-parallel"
 *
 * const half = (n: number) => n % 2 === 0 ? Effect.succeed(n / 2) : Effect.fail("odd")
 * const first = Parallel.stream([4, 3], half).pipe(Stream.runHead, Effect.map(Option.getOrThrow))
 * const program = Effect.flatMap(first, Outcome.toExit)
 *
 * console.log(await Effect.runPromise(program)) // => 2
 * ```
 *
 * @category converting
 * @since 0.1.0
 */
export const toExit = <I, A, E>(self: Outcome<I, A, E>): Exit.Exit<A, E> =>
  self._tag === "Success" ? Exit.succeed(self.value) : Exit.failCause(self.cause)

/**
 * Returns the typed error of a failure, or none if the input failed with a defect or an interruption.
 *
 * **Example** (Separating errors and defects)
 *
 * ```ts
 * import { Effect, Option } from "effect"
 * import { Outcome, Parallel } from "effect-parallel"
 *
 * const work = (n: number) => n === 1 ? Effect.fail("odd") : Effect.die(new Error("bug"))
 * const [, failures] = await Effect.runPromise(Parallel.partition([1, 2], work))
 *
 * console.log(failures.map(Outcome.error)) // => [Option.some("odd"), Option.none()]
 * ```
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
): string => `input #${index} (${shortenInput(input, show)}): ${shortenMessage(Cause.squash(cause))}`

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
