/** What a run may have come to, by the model: each input once, in order, with what its own attempts make of it. */
import { Outcome } from "effect-parallel"
import * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"
import { type Expected, expected, type Run } from "./program.ts"

type AnyOutcome = Outcome.Outcome<unknown, unknown, unknown>

/** What was seen of a run. */
export interface Seen {
  readonly run: Run
  readonly exit: Exit.Exit<Result, unknown>
  /** The defect that its inputs throw. */
  readonly inputDefect: unknown
  /** Tells whether an outcome is the one that the model expects, value and error included. */
  readonly fits: (outcome: AnyOutcome, expectation: Expected) => boolean
  /** False if it is not known beforehand which inputs succeed: then all that is judged is that each ends once. */
  readonly exact: boolean
}

/** What a run succeeds with: outcomes, or values and failures. */
export interface Result {
  readonly outcomes?: ReadonlyArray<AnyOutcome>
  readonly values?: ReadonlyArray<unknown>
  readonly failures?: ReadonlyArray<AnyOutcome>
}

const numbers = (outcomes: ReadonlyArray<AnyOutcome>): Array<number> => outcomes.map(({ index }) => index)

export const insist = (condition: boolean, complaint: () => string): void => {
  if (!condition) throw new Error(complaint())
}

const same = (found: ReadonlyArray<number>, wanted: ReadonlyArray<number>, what: string): void =>
  insist(found.join() === wanted.join(), () => `${what}: found ${found.join()}, expected ${wanted.join()}`)

/** `instanceof`, for values that may refuse the question. */
const isOf = <A>(value: unknown, kind: new(...args: any) => A): value is A => {
  try {
    return value instanceof kind
  } catch {
    return false
  }
}

const ascending = (a: number, b: number): number => a - b

/** Complains of how a run has ended, unless it may have ended so. */
export const judge = ({ exact, exit, fits, inputDefect, run }: Seen): void => {
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
      insist(outcome.attempts <= run.retries + 2, () => `${where}: ${outcome.attempts} attempts`)
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

  const { failures, outcomes, values } = exit.value
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
