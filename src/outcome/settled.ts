/**
 * Outcomes as a run makes them: their facts as numbers, and the classes that hold them.
 */
import * as Cause from "effect/Cause"
import type * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import { showCause } from "../primitives/causes.ts"
import { millis } from "../primitives/clock.ts"
import { shorten, shortenMessage } from "../primitives/shorten.ts"
import { type MessageWaits, none, sum, toWaits, type WaitedNanos, type Waits, waitsInMillis } from "./waits.ts"

export const TypeId = "~effect-parallel/Outcome"

/**
 * What is known of an input, whether it succeeded or failed.
 *
 * **Details**
 *
 * On threads and processes, `startedAt` and `elapsed` are what the worker measured, on the monotonic clock of the
 * machine.
 *
 * If a journal knew the outcome of the input, or if an equal input was in flight, nothing ran for it: `attempts` is 0,
 * `elapsed` is zero, `worker` is -1, and `recorded` is set.
 *
 * **Gotchas**
 *
 * `startedAt`, `elapsed` and `waits` are computed when they are read: a copy by spread does not have them.
 *
 * @category models
 * @since 0.1.0
 */
export interface Settled<out I> {
  readonly [TypeId]: typeof TypeId
  /** Position of the input among the inputs of the run, from 0. */
  readonly index: number
  /** The input itself. */
  readonly input: I
  /**
   * Number of attempts that were started: 1 if the first attempt settled it, and one more for each retry, each copy of
   * a straggler, and each start that was lost with its worker. 0 if nothing ran.
   */
  readonly attempts: number
  /**
   * When the first attempt started, measured from the start of the run. An input that was settled without running has
   * the time of the input before it.
   */
  readonly startedAt: Duration.Duration
  /**
   * Time from the start of the first attempt to the end of the last, with the waits between attempts. Time in a queue
   * or at a limit before the first attempt is not included.
   */
  readonly elapsed: Duration.Duration
  /** What the input waited for, summed over all its attempts. */
  readonly waits: Waits
  /**
   * The worker that settled the input; on fibers, the lane: one of `concurrency` fibers that run inputs. Numbered from
   * 0; -1 if nothing ran.
   */
  readonly worker: number
  /**
   * Every attempt, in the order in which they ended, if there was more than one; otherwise empty. `Outcome.tries` has
   * the single attempt too.
   */
  readonly history: ReadonlyArray<Attempt>
  /** What a journal has recorded of the input; undefined if the input ran in this run. */
  readonly recorded: Recorded | undefined
  /** Returns a line for logs: the index, the input, the value or the error, and the number of attempts. */
  toString(): string
}

/**
 * What a journal has recorded of an input, apart from its value or cause.
 *
 * **Details**
 *
 * `attempts`, `elapsed` and `history` are those of the run in which the input ran. The times in `history` are measured
 * from the start of that run.
 *
 * @category models
 * @since 0.1.0
 */
export interface Recorded extends Pick<Settled<unknown>, "attempts" | "elapsed" | "history"> {
  /** Date at which the outcome was recorded. */
  readonly at: DateTime.Utc
}

/**
 * One of several attempts at an input.
 *
 * @category models
 * @since 0.1.0
 */
export interface Attempt {
  /** When the attempt started, measured from the start of the run. */
  readonly startedAt: Duration.Duration
  /** Time from the start of the attempt to its end. */
  readonly elapsed: Duration.Duration
  /** What the attempt waited for before it started, and for its result to come back. */
  readonly waits: Waits
  /** The worker that ran the attempt; on fibers, the lane, one of `concurrency`. Numbered from 0. */
  readonly worker: number
  /**
   * How it ended. `"Interrupted"` is a straggler or its copy, if the other one finished first. `"Lost"` means that the
   * worker ended during the attempt because of another input, so this input was dispatched again.
   */
  readonly end: "Succeeded" | "Failed" | "Interrupted" | "Lost"
  /**
   * What a failed attempt failed with, shortened to one line; undefined if it did not fail. The whole cause is kept
   * only for an input that failed in the end, not for attempts that were retried.
   */
  readonly message: string | undefined
}

/** What is known of a settled input. */
export interface Facts<out I> {
  readonly index: number
  readonly input: I
  readonly attempts: number
  readonly worker: number
  readonly history: ReadonlyArray<Attempt>
  /** Start of the first attempt, in nanoseconds since the start of the run. */
  readonly started: number
  /** Time from there to the end of the last attempt, as a duration or in nanoseconds. */
  readonly took: Duration.Duration | number
  /** What the input waited for; undefined if it waited for nothing. */
  readonly waited: Waits | WaitedNanos | MessageWaits | undefined
}

/** The history of an input with one attempt. */
export const once: ReadonlyArray<Attempt> = []

/** Time of a worker at one attempt, in nanoseconds since the start of the run. */
export interface Span {
  readonly worker: number
  readonly startedAt: number
  readonly endedAt: number
  readonly waits: WaitedNanos | undefined
}

/** Returns the times of all attempts at an input, without a duration for each. */
export const spansOf = (outcome: Settled<unknown>): ReadonlyArray<Span> => {
  const { attempts, history, worker } = outcome
  if (attempts === 0) return []
  if (history.length > 0) {
    return history.map((attempt) => {
      const startedAt = nanosOf(attempt.startedAt)
      return {
        worker: attempt.worker,
        startedAt,
        endedAt: startedAt + nanosOf(attempt.elapsed),
        waits: attempt.waits === none ? undefined : inNanos(attempt.waits)
      }
    })
  }
  const { started, took, waited } = outcome as unknown as Facts<unknown>
  const endedAt = started + (typeof took === "number" ? took : nanosOf(took))
  return [{ worker, startedAt: started, endedAt, waits: waitedNanos(waited, started, endedAt) }]
}

/** Returns waits in nanoseconds; undefined if there are none. */
const waitedNanos = (
  waited: Facts<unknown>["waited"],
  startedAt: number,
  endedAt: number
): WaitedNanos | undefined => {
  if (waited === undefined || waited === none) return undefined
  if ("waited" in waited) return waited.waited(startedAt, endedAt)
  return typeof waited.queue === "number" ? waited as WaitedNanos : inNanos(waited as Waits)
}

/** Returns times in milliseconds, to the microsecond; waits only where there were any. */
const timesOf = ({ elapsed, startedAt, waits }: Pick<Settled<unknown>, "elapsed" | "startedAt" | "waits">): object => ({
  startedAt: millis(startedAt),
  elapsed: millis(elapsed),
  waits: waitsInMillis(waits)
})

const attemptJson = ({ end, message, worker, ...times }: Attempt): object => ({
  worker,
  end,
  message,
  ...timesOf(times)
})

const nanosOf = (duration: Duration.Duration): number => Number(Duration.toNanosUnsafe(duration))

const inNanos = ({ limit, queue, retry, startup, transfer }: Waits): WaitedNanos => ({
  limit: nanosOf(limit),
  queue: nanosOf(queue),
  retry: nanosOf(retry),
  startup: nanosOf(startup),
  transfer: nanosOf(transfer)
})

/** Makes a success; `recorded` is what a journal knew of it. */
export const succeeded = <I, A>(facts: Facts<I>, value: A, recorded?: Recorded): Settled<I> & SuccessPart<A> =>
  recalled(new Success(facts, value), recorded)

/** Makes a failure; `recorded` is what a journal knew of it. */
export const failed = <I, E>(
  facts: Facts<I>,
  cause: Cause.Cause<E>,
  recorded?: Recorded
): Settled<I> & FailurePart<E> => recalled(new Failure(facts, cause), recorded)

/** Adds what a journal knew. Other outcomes have no such field of their own, since it would cost them time. */
const recalled = <O extends object>(outcome: O, recorded: Recorded | undefined): O =>
  recorded === undefined ? outcome : Object.assign(outcome, { recorded })

/** Fields of an outcome that its class adds. */
interface SuccessPart<out A> {
  readonly _tag: "Success"
  readonly value: A
}
interface FailurePart<out E> {
  readonly _tag: "Failure"
  readonly cause: Cause.Cause<E>
}

/**
 * The common part of outcomes. Times are numbers until they are read: as durations, they would cost a quick input as
 * much as everything else in its outcome.
 */
abstract class Base<I, Tag extends string> implements Settled<I> {
  declare readonly [TypeId]: typeof TypeId
  declare readonly _tag: Tag
  declare readonly index: number
  declare readonly input: I
  declare readonly attempts: number
  declare readonly worker: number
  declare readonly history: ReadonlyArray<Attempt>
  declare readonly recorded: Recorded | undefined
  declare protected readonly started: number
  declare protected readonly took: Duration.Duration | number
  declare protected readonly waited: Facts<I>["waited"]
  constructor(tag: Tag, facts: Facts<I>) {
    this._tag = tag
    this.index = facts.index
    this.input = facts.input
    this.attempts = facts.attempts
    this.worker = facts.worker
    this.history = facts.history
    this.started = facts.started
    this.took = facts.took
    this.waited = facts.waited
  }
  get startedAt(): Duration.Duration {
    return Duration.nanos(BigInt(this.started))
  }
  get elapsed(): Duration.Duration {
    const { took } = this
    return typeof took !== "number" ? took : took === 0 ? Duration.zero : Duration.nanos(BigInt(took))
  }
  get waits(): Waits {
    const { history, started, took, waited } = this
    if (history.length > 0) return sum(history.map(({ waits }) => waits))
    const nanos = waitedNanos(waited, started, started + (typeof took === "number" ? took : nanosOf(took)))
    return nanos === undefined ? none : toWaits(nanos)
  }
  /** Returns a line for logs: the index, the input, the value or the error, and the number of attempts. */
  toString(): string {
    const attempts = this.attempts > 1 ? `, ${this.attempts} attempts` : ""
    return `${this._tag}(#${this.index} ${shorten(this.input)}: ${this.ending()}${attempts})`
  }
  /** Returns the fields for JSON: the input and the value unchanged, an error as texts, times in milliseconds. */
  toJSON(): object {
    return { ...this.facts(), ...this.resultJson() }
  }
  [Symbol.for("nodejs.util.inspect.custom")](): object {
    return { ...this.facts(), ...this.result() }
  }
  private facts(): object {
    const { _tag, attempts, history, index, input, recorded, worker } = this
    return {
      _tag,
      index,
      input,
      attempts,
      worker,
      ...timesOf(this),
      ...(history.length > 0 && { history: history.map(attemptJson) }),
      ...(recorded !== undefined && {
        recorded: { ...recorded, elapsed: millis(recorded.elapsed), history: recorded.history.map(attemptJson) }
      })
    }
  }
  /** Shows how the input has ended, on one line. */
  protected abstract ending(): string
  /** Returns the value or the cause, by its name. */
  protected abstract result(): object
  /** Returns the same for JSON. */
  protected abstract resultJson(): object
}
Object.assign(Base.prototype, { [TypeId]: TypeId, recorded: undefined })

/**
 * The classes of outcomes. Two things keep an instance cheap.
 *
 * A class that is the value of a key takes its name from the key, so it prints with the name of a type or function of
 * its module. Setting the name after the class is made (`Object.defineProperty`) makes V8 take ten times as long for
 * each instance.
 *
 * Fields are declared, not defined: only the constructor writes them, once.
 */
const { Failure, Success } = {
  Success: class<I, A> extends Base<I, "Success"> {
    declare readonly value: A
    constructor(facts: Facts<I>, value: A) {
      super("Success", facts)
      this.value = value
    }
    protected override ending(): string {
      return shorten(this.value)
    }
    protected override result(): object {
      return { value: this.value }
    }
    protected override resultJson(): object {
      return this.result()
    }
  },
  Failure: class<I, E> extends Base<I, "Failure"> {
    declare readonly cause: Cause.Cause<E>
    constructor(facts: Facts<I>, cause: Cause.Cause<E>) {
      super("Failure", facts)
      this.cause = cause
    }
    protected override ending(): string {
      return shortenMessage(Cause.squash(this.cause))
    }
    protected override result(): object {
      return { cause: this.cause }
    }
    protected override resultJson(): object {
      return { error: { message: this.ending(), cause: showCause(this.cause) } }
    }
  }
}
