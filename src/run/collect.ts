/**
 * Collects the results of a run while it runs.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import { Spectators } from "../observability/spectator.ts"
import * as Outcome from "../Outcome.ts"
import { nanoClock } from "../primitives/clock.ts"
import { InsideOf } from "../report/inside.ts"
import * as Report from "../report/report.ts"
import * as Attempt from "../task/attempt.ts"
import * as Engine from "./engine.ts"
import { isNonEmpty, tooManyErrors, withReport } from "./outcomes/settle.ts"
import { Outcomes, Sides, Values } from "./outcomes/sinks.ts"
import type * as Plan from "./plan.ts"

/** Runs a plan to its values. Fails with the first cause. */
export const values = <I, A, E, R, EI, RI>(
  plan: Plan.Plan<I, A, E, R, EI, RI>
): Effect.Effect<Array<A>, E | EI, R | RI> =>
  plan.options.journal !== undefined ? recordedValues(plan) : Effect.suspend(() => {
    let sink: Values<I, A, E>
    return Effect.flatMap(
      Engine.run(plan, (control) => sink = new Values(control)),
      (ran) => sink.failure === undefined ? Effect.succeed(sink.values(ran.inputs)) : Effect.failCause(sink.failure)
    )
  })

/** Does the same with a journal, whose error carries what was finished before it. */
const recordedValues = <I, A, E, R, EI, RI>(
  plan: Plan.Plan<I, A, E, R, EI, RI>
): Effect.Effect<Array<A>, E | EI, R | RI> =>
  Effect.flatMap(
    outcomes({ ...plan, options: { ...plan.options, maxErrors: 1 } }),
    ({ firstFailure, report }) =>
      firstFailure === undefined ? Effect.succeed([...report.values]) : Effect.failCause(firstFailure.cause)
  )

/** Runs a plan to its values and its failures. */
export const sides = <I, A, E, R, EI, RI>(
  plan: Plan.Plan<I, A, E, R, EI, RI>
): Effect.Effect<[Array<A>, Array<Outcome.Failure<I, E>>], Outcome.TooManyErrors<I, A, E> | EI, R | RI> =>
  plan.options.maxErrors === undefined && plan.options.journal === undefined
    ? Effect.suspend(() => {
      let sink: Sides<I, A, E>
      return Effect.map(
        Engine.run(plan, (control) => sink = new Sides(control)),
        (ran) => sink.sides(ran.inputs)
      )
    })
    : Effect.map(report(plan), (report) => [[...report.values], [...report.failures]])

/** Runs a plan to the report of every outcome. Fails when its error budget is used up. */
export const report = <I, A, E, R, EI, RI>(
  plan: Plan.Plan<I, A, E, R, EI, RI>
): Effect.Effect<Outcome.Report<I, A, E>, Outcome.TooManyErrors<I, A, E> | EI, R | RI> =>
  Effect.flatMap(
    outcomes(plan),
    ({ maxErrors, report, tripped }) => tripped ? Effect.fail(tooManyErrors(report, maxErrors)) : Effect.succeed(report)
  )

/** Runs a plan to the outcomes of its inputs. */
const outcomes = <I, A, E, R, EI, RI>(plan: Plan.Plan<I, A, E, R, EI, RI>) =>
  Effect.withFiber((fiber) => {
    let sink: Outcomes<I, A, E>
    const run = Engine.run(plan, (control, settings) => sink = new Outcomes(control, settings.maxErrors))
    const inside = insideOf(fiber)
    return Effect.flatMap(seenBy(inside, run), (ran) => {
      const { firstFailure, maxErrors, outcomes, tripped } = sink
      const { backend, journalError, machineOf, options, seen } = ran
      const report = Report.make({
        ...ran,
        outcomes,
        machines: machineOf && machinesOf(outcomes, machineOf),
        settings: { backend, options: options() },
        inside: inside.gather()
      })
      seen?.reported(report)
      return journalError !== undefined
        ? Effect.fail(withReport(journalError, report) as never)
        : Effect.succeed({ report, tripped, maxErrors, firstFailure })
    })
  })

/** Makes the collector of everything that happens inside a run: nested runs, flows and log lines. */
export const insideOf = (fiber: Fiber.Fiber<unknown, unknown>): InsideOf =>
  new InsideOf(Attempt.aroundRun, nanoClock(fiber.getRef(Clock.Clock)))

/** Lets a report see what happens inside its run. */
export const seenBy = <A, E, R>(inside: InsideOf, run: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  run.pipe(
    Effect.updateService(Spectators, (around) => [...around, inside]),
    Effect.updateService(Logger.CurrentLoggers, (loggers) => new Set([...loggers, inside.logger]))
  )

/** Returns the values of a report. Fails with all failures if there are any. */
export const validated = <I, A, E>(
  report: Outcome.Report<I, A, E>
): Effect.Effect<Array<A>, Outcome.FailedExamples<I, A, E>> =>
  isNonEmpty(report.failures)
    ? Effect.fail(new Outcome.FailedExamples({ failures: report.failures, report }))
    : Effect.succeed([...report.values])

/** Finds the machine of each worker that has made an attempt. */
const machinesOf = (
  outcomes: ReadonlyArray<Outcome.Outcome<unknown, unknown, unknown>>,
  machineOf: (worker: number) => string | undefined
): ReadonlyMap<number, string> => {
  const machines = new Map<number, string>()
  const add = ({ worker }: { readonly worker: number }): void => {
    const machine = machines.has(worker) ? undefined : machineOf(worker)
    if (machine !== undefined) machines.set(worker, machine)
  }
  for (const outcome of outcomes) {
    if (outcome.attempts > 0) add(outcome)
    for (const attempt of outcome.history) add(attempt)
  }
  return machines
}
