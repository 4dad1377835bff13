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
import { shorten, shortenMessage } from "./primitives/shorten.ts"

const TypeId = "~effect-parallel/Outcome"

/**
 * What is known of an input whether it succeeded or failed.
 *
 * **Details**
 *
 * Units: `index` starts at 0 and is the input's place among the inputs. `attempts` counts starts: 1 when the first
 * attempt settled it, one more for each retry and each straggler's copy. `elapsed` runs from the start of the first
 * attempt to the end of the last, waits between attempts included; what was spent in a queue or on a limit before the
 * first attempt is not in it. `startedAt` is when the first attempt started, counted from the start of the run; an
 * input that was settled without running has the time of the one before. `worker` numbers, from 0, the lane that
 * settled the input: one of `concurrency`; for a task on threads or processes, the worker that ran it. `history` has
 * every attempt where there was more than one, in the order in which they ended, and is empty otherwise.
 *
 * **Gotchas**
 *
 * `startedAt` and `elapsed` are worked out when they are asked for: a copy by spread does not have them.
 *
 * @category models
 * @since 0.1.0
 */
export interface Settled<out I> {
  readonly [TypeId]: typeof TypeId
  readonly index: number
  readonly input: I
  readonly attempts: number
  readonly startedAt: Duration.Duration
  readonly elapsed: Duration.Duration
  readonly worker: number
  readonly history: ReadonlyArray<Attempt>
}

/**
 * One attempt of several at an input.
 *
 * **Details**
 *
 * Units: `startedAt` is counted from the start of the run. `end` is `"Interrupted"` for a straggler or its copy when the
 * other was first. `message` is what a failed attempt failed with, on one line and shortened: the cause itself is kept for
 * an input that failed in the end, and not for what was tried again.
 *
 * @category models
 * @since 0.1.0
 */
export interface Attempt {
  readonly startedAt: Duration.Duration
  readonly elapsed: Duration.Duration
  readonly worker: number
  readonly end: "Succeeded" | "Failed" | "Interrupted"
  readonly message: string | undefined
}

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
 * where it is known, and `elapsed` the wall time of the whole.
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
 * not lost. The message counts the failures and shows the first, its input shortened.
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
    return `${failures.length} of ${report.outcomes.length} inputs failed, first ${describe(failures[0])}`
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
    const { failures, limit } = this
    return `stopped at ${failures.length} failed inputs (maxErrors: ${limit}), first ${describe(failures[0])}`
  }
}

/** What the constructors are given; an input without a start began with the run. */
type GivenFields<O extends Settled<unknown>> =
  & Omit<O, typeof TypeId | "_tag" | "startedAt" | "history">
  & Partial<Pick<O, "startedAt" | "history">>

/**
 * The outcome of an input that succeeded.
 *
 * @category constructors
 * @since 0.1.0
 */
export const success = <I, A>(fields: GivenFields<Success<I, A>>): Success<I, A> =>
  new Classes.Success(factsOf(fields), fields.value)

/**
 * The outcome of an input that failed.
 *
 * @category constructors
 * @since 0.1.0
 */
export const failure = <I, E>(fields: GivenFields<Failure<I, E>>): Failure<I, E> =>
  new Classes.Failure(factsOf(fields), fields.cause)

/**
 * The attempts at an input, in the order in which they ended: its history, or the one attempt that settled it; none
 * when it was recalled.
 *
 * @category converting
 * @since 0.1.0
 */
export const tries = (self: Outcome<unknown, unknown, unknown>): ReadonlyArray<Attempt> => {
  if (self.history.length > 0 || self.attempts === 0) return self.history
  const { elapsed, startedAt, worker } = self
  if (self._tag === "Success") return [{ startedAt, elapsed, worker, end: "Succeeded", message: undefined }]
  return [{ startedAt, elapsed, worker, end: "Failed", message: shortenMessage(Cause.squash(self.cause)) }]
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

/**
 * What an outcome is made of.
 *
 * @internal
 * @category internals
 * @since 0.1.0
 */
export interface Facts<out I> {
  readonly index: number
  readonly input: I
  readonly attempts: number
  readonly worker: number
  readonly history: ReadonlyArray<Attempt>
  /** When the first attempt started, in nanoseconds since the start of the run. */
  readonly started: number
  /** The time, or as many nanoseconds. */
  readonly took: Duration.Duration | number
}

/**
 * A success, of facts.
 *
 * @internal
 * @category internals
 * @since 0.1.0
 */
export const succeeded = <I, A>(facts: Facts<I>, value: A): Success<I, A> => new Classes.Success(facts, value)

/**
 * A failure, of facts.
 *
 * @internal
 * @category internals
 * @since 0.1.0
 */
export const failed = <I, E>(facts: Facts<I>, cause: Cause.Cause<E>): Failure<I, E> => new Classes.Failure(facts, cause)

/**
 * The history of an input that was tried once.
 *
 * @internal
 * @category internals
 * @since 0.1.0
 */
export const once: ReadonlyArray<Attempt> = []

const factsOf = <I>(fields: GivenFields<Settled<I>>): Facts<I> => ({
  index: fields.index,
  input: fields.input,
  attempts: fields.attempts,
  worker: fields.worker,
  history: fields.history ?? once,
  started: fields.startedAt === undefined ? 0 : Number(Duration.toNanosUnsafe(fields.startedAt)),
  took: fields.elapsed
})

/**
 * Times are numbers until they are asked for: durations would cost the outcome of a quick input as much as all the rest.
 * Fields are declared, not defined: they are written once, by the constructor.
 */
class Base<I, Tag extends string> implements Settled<I> {
  declare readonly [TypeId]: typeof TypeId
  declare readonly _tag: Tag
  declare readonly index: number
  declare readonly input: I
  declare readonly attempts: number
  declare readonly worker: number
  declare readonly history: ReadonlyArray<Attempt>
  declare protected readonly started: number
  declare protected readonly took: Duration.Duration | number
  constructor(tag: Tag, facts: Facts<I>) {
    this._tag = tag
    this.index = facts.index
    this.input = facts.input
    this.attempts = facts.attempts
    this.worker = facts.worker
    this.history = facts.history
    this.started = facts.started
    this.took = facts.took
  }
  get startedAt(): Duration.Duration {
    return Duration.nanos(BigInt(this.started))
  }
  get elapsed(): Duration.Duration {
    const { took } = this
    return typeof took !== "number" ? took : took === 0 ? Duration.zero : Duration.nanos(BigInt(took))
  }
  /** What is printed, by Node.js and as JSON, is what is public. */
  toJSON(): object {
    const { started: _, took: __, ...fields } = this
    return { ...fields, startedAt: this.startedAt, elapsed: this.elapsed }
  }
  [Symbol.for("nodejs.util.inspect.custom")](): object {
    return this.toJSON()
  }
}
Object.assign(Base.prototype, { [TypeId]: TypeId })

/**
 * Called after the keys at which they stand: a name that is defined afterwards makes V8 take ten times as long for each
 * instance.
 */
const Classes = {
  Success: class<I, A> extends Base<I, "Success"> {
    declare readonly value: A
    constructor(facts: Facts<I>, value: A) {
      super("Success", facts)
      this.value = value
    }
  },
  Failure: class<I, E> extends Base<I, "Failure"> {
    declare readonly cause: Cause.Cause<E>
    constructor(facts: Facts<I>, cause: Cause.Cause<E>) {
      super("Failure", facts)
      this.cause = cause
    }
  }
}

const describe = (failure: Failure<unknown, unknown>): string =>
  `#${failure.index} (${shorten(failure.input)}): ${shortenMessage(Cause.squash(failure.cause))}`
