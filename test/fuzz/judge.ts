/** The results that a run may have, by the model: each input once, in order, with the result of its own attempts. */
import { Outcome } from "effect-parallel"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Exit from "effect/Exit"
import { type Expected, expected, type Run } from "./program.ts"

type AnyOutcome = Outcome.Outcome<unknown, unknown, unknown>

/** The observations of a run. */
export interface Seen {
  readonly run: Run
  readonly exit: Exit.Exit<Result, unknown>
  /** The defect that its inputs throw. */
  readonly inputDefect: unknown
  /** True if an outcome is the one that the model expects, including its value or error. */
  readonly fits: (outcome: AnyOutcome, expectation: Expected) => boolean
  /** False if it is not known in advance which inputs succeed. Then it is only checked that each ends once. */
  readonly exact: boolean
  /** True if a worker has one attempt of the run at a time. */
  readonly alone?: boolean
}

/** The success of a run: outcomes, or values and failures. */
export interface Result {
  readonly outcomes?: ReadonlyArray<AnyOutcome>
  readonly elapsed?: Duration.Duration
  readonly values?: ReadonlyArray<unknown>
  readonly failures?: ReadonlyArray<AnyOutcome>
}

const numbers = (outcomes: ReadonlyArray<AnyOutcome>): Array<number> => outcomes.map(({ index }) => index)

export const insist = (condition: boolean, complaint: () => string): void => {
  if (!condition) throw new Error(complaint())
}

const same = (found: ReadonlyArray<number>, wanted: ReadonlyArray<number>, what: string): void =>
  insist(found.join() === wanted.join(), () => `${what}: found ${found.join()}, expected ${wanted.join()}`)

/** `instanceof` for values on which it may throw. */
const isOf = <A>(value: unknown, kind: new(...args: any) => A): value is A => {
  try {
    return value instanceof kind
  } catch {
    return false
  }
}

const ascending = (a: number, b: number): number => a - b

const millis = Duration.toMillis

const startOf = ({ startedAt }: Pick<AnyOutcome, "startedAt">): number => millis(startedAt)

const endOf = ({ elapsed, startedAt }: Pick<AnyOutcome, "startedAt" | "elapsed">): number =>
  millis(startedAt) + millis(elapsed)

/** Error of a time, in milliseconds, because clocks of several threads are compared. */
const error = 0.005

/** Returns a message about impossible times. */
const judgeTimes = (outcomes: ReadonlyArray<AnyOutcome>, elapsed: number, alone: boolean): void => {
  const attempts = outcomes.flatMap((outcome) => Outcome.tries(outcome).map((attempt) => ({ outcome, attempt })))
  for (const { attempt, outcome } of attempts) {
    const where = `an attempt at input ${outcome.index}`
    const waits = Object.values(attempt.waits).map(millis)
    const whole = waits.reduce((sum, wait) => sum + wait, millis(attempt.elapsed))
    insist(waits.every((wait) => wait >= 0) && millis(attempt.elapsed) >= 0, () => `${where} has waited less than 0`)
    insist(
      whole <= elapsed + error,
      () => `${where} and its waits took ${whole} ms of ${elapsed} ms: waits ${waits.join(", ")}, ${attempt.end}`
    )
    insist(startOf(attempt) >= startOf(outcome) - error, () => `${where} began before its input`)
    insist(endOf(attempt) <= endOf(outcome) + error, () => `${where} ended after its input`)
    insist(endOf(attempt) <= elapsed + error, () => `${where} ended at ${endOf(attempt)} ms of ${elapsed} ms`)
  }
  if (!alone) return
  for (const [worker, row] of Map.groupBy(attempts, ({ attempt }) => attempt.worker)) {
    const sorted = row.toSorted((a, b) => startOf(a.attempt) - startOf(b.attempt))
    for (const [k, { attempt, outcome }] of sorted.entries()) {
      const before = sorted[k - 1]
      if (before === undefined || endOf(before.attempt) <= startOf(attempt) + error) continue
      const numbers = `${before.outcome.index} and ${outcome.index}`
      throw new Error(`worker ${worker} was at inputs ${numbers} at once, at ${startOf(attempt)} ms`)
    }
  }
}

/** Returns a message about the end of a run, unless it may end in this way. */
export const judge = ({ alone = false, exact, exit, fits, inputDefect, run }: Seen): void => {
  const model = run.works.map((_, index) => expected(run, index))
  const indicesOf = (tag: "Success" | "Failure") => model.flatMap((each, index) => each.tag === tag ? [index] : [])
  const failing = indicesOf("Failure")
  const throws = run.throwsAt >= 0 && run.throwsAt < run.works.length && run.inputs !== "array" &&
    run.inputs !== "iterator"
  const check = (outcomes: ReadonlyArray<AnyOutcome>, where: string): void => {
    insist(new Set(numbers(outcomes)).size === outcomes.length, () => `${where}: an input has two outcomes`)
    for (const outcome of outcomes) {
      const expectation = model[outcome.index]
      insist(expectation !== undefined, () => `${where}: an outcome of input ${outcome.index}, which there is not`)
      insist(
        fits(outcome, expectation!),
        () =>
          `${where}: the outcome of input ${outcome.index} is a ${outcome._tag} after ${outcome.attempts} attempts, ` +
          `expected a ${expectation!.tag} after ${expectation!.attempts}`
      )
      const lost = outcome.history.filter(({ end }) => end === "Lost").length
      insist(outcome.attempts - lost <= run.retries + 2, () => `${where}: ${outcome.attempts} attempts`)
    }
  }

  if (Exit.isFailure(exit)) {
    const error: unknown = Cause.squash(exit.cause)
    if (isOf(error, Outcome.TooManyErrors<unknown, unknown, unknown>)) {
      same([error.failures.length], [run.maxErrors ?? -1], "failures in TooManyErrors")
      return check(error.report.outcomes, "TooManyErrors")
    }
    if (isOf(error, Outcome.FailedExamples<unknown, unknown, unknown>)) {
      insist(run.mode === "validate", () => `FailedExamples in mode ${run.mode}`)
      if (exact) same(numbers(error.failures), failing, "failures in FailedExamples")
      return check(error.report.outcomes, "FailedExamples")
    }
    if (error === inputDefect) return insist(throws, () => "the inputs threw, which they do not")
    if (Cause.hasInterrupts(exit.cause)) {
      const acts = exact ? model.map(({ act }) => act) : run.works.flat()
      const own = run.mode === "forEach" && acts.some(({ kind }) => kind === "interrupt own fiber")
      return insist(run.interruptAt >= 0 || own, () => "the run was interrupted by nobody")
    }
    insist(run.mode === "forEach", () => `the run died: ${Cause.pretty(exit.cause)}`)
    return insist(!exact || failing.length > 0, () => "forEach failed, and no input does")
  }

  const { elapsed, failures, outcomes, values } = exit.value
  if (outcomes !== undefined && elapsed !== undefined) judgeTimes(outcomes, millis(elapsed), alone)
  insist(!throws, () => "the inputs threw, and the run succeeded")
  if (outcomes !== undefined) {
    const order = numbers(outcomes)
    same(run.mode === "completion" ? order.toSorted(ascending) : order, [...run.works.keys()], "outcomes")
    check(outcomes, "outcomes")
  }
  if (failures !== undefined) {
    if (exact) same(numbers(failures), failing, "failures")
    check(failures, "failures")
  }
  if (!exact) return
  if (values !== undefined) same([values.length], [model.length - failing.length], "number of values")
  if (failures === undefined && outcomes === undefined) same(failing, [], "failures that nobody told of")
  if (run.mode !== "forEach" && run.maxErrors !== undefined) {
    insist(failing.length < run.maxErrors, () => "the budget was used up, and the run succeeded")
  }
}
