/** Works of random duration. Some exit, throw, hang or allocate without end: only those may fail. */
import { Backend, Outcome, Parallel } from "effect-parallel"
import * as Cause from "effect/Cause"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as tasks from "./workerTasks.ts"

export interface Work {
  readonly n: number
  readonly micros: number
  readonly fate: "pass" | "exit" | "throw" | "hang" | "hoard"
}

/** Random numbers between 0 and 1, reproducible by the seed. */
const random = (seed: number) => () => {
  seed = seed + 0x6D2B79F5 | 0
  let t = Math.imul(seed ^ seed >>> 15, 1 | seed)
  t = t + Math.imul(t ^ t >>> 7, 61 | t) ^ t
  return ((t ^ t >>> 14) >>> 0) / 4294967296
}

const fates = ["exit", "throw", "hang", "hoard"] as const

/** Makes this many works. One in a hundred has each bad fate. */
export const draw = (count: number, seed: number, faults: boolean): ReadonlyArray<Work> => {
  const next = random(seed)
  return Array.from({ length: count }, (_, n) => {
    const micros = Math.floor(20 * Math.exp(6 * next()))
    const drawn = Math.floor(next() * 100)
    return { n, micros, fate: faults && drawn < fates.length ? fates[drawn]! : "pass" }
  })
}

/** True if an input may fail with this fate. One that allocates without end may time out before it is out of memory. */
const isDue = (fate: string, found: string): boolean => found === fate || (fate === "hoard" && found === "hang")

/** Returns the fate that explains the failure of an input. */
const fateOf = (failure: Outcome.Failure<Work, unknown>): string => {
  const error = Option.getOrUndefined(Outcome.error(failure))
  if (Cause.isTimeoutError(error)) return "hang"
  if (error instanceof RangeError && error.message === `no ${failure.input.n}`) return "throw"
  if (!(error instanceof Backend.BackendError) || error.reason._tag !== "WorkerCrashed") return `odd: ${String(error)}`
  return error.reason.exitCode === 3 ? "exit" : /memory/i.test(error.reason.stderr) ? "hoard" : error.message
}

/** Runs the works with a timeout. Returns the unexpected outcomes and the time. */
export const run = (works: ReadonlyArray<Work>, concurrency: number, timeout: Duration.Input = "1 second") =>
  Effect.gen(function*() {
    const from = performance.now()
    const report = yield* Parallel.run(works, tasks.chaos, { timeout, concurrency })
    const wrong = report.outcomes.filter((outcome) =>
      Outcome.isSuccess(outcome)
        ? outcome.input.fate !== "pass" || outcome.value !== outcome.index * 2
        : !isDue(outcome.input.fate, fateOf(outcome))
    )
    return {
      wrong: wrong.map((outcome) =>
        `#${outcome.index} ${outcome.input.fate}: ${Outcome.isFailure(outcome) ? fateOf(outcome) : "passed"}`
      ),
      outcomes: report.outcomes.length,
      failures: report.failures.length,
      millis: performance.now() - from
    }
  })
