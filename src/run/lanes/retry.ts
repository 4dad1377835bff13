/**
 * The `retry` option as a function that decides what follows each failure of an input.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Pull from "effect/Pull"
import * as Schedule from "effect/Schedule"
import { knownKeys, numberWhere, optionalFunction, wrongType } from "../../primitives/check.ts"
import { isEffect } from "../../primitives/effects.ts"
import type { Decide } from "../inputs/item.ts"

/** The option: a schedule, or the number of retries, their schedule and their condition. */
export type Retry<E> = Schedule.Schedule<unknown, E> | RetryOptions<E>

interface RetryOptions<in E> {
  /** Number of retries, which follow the first attempt: an integer of at least 0, or `Infinity`. Default: not limited. */
  readonly times?: number | undefined
  /** Decides after which delay the next attempt starts, and when to stop. Default: immediately, and never. */
  readonly schedule?: Schedule.Schedule<unknown, E> | undefined
  /**
   * Whether an error is retried: a function that returns a boolean, or an effect of one. If it dies, that is a defect
   * beside the failure. Default: every error is retried.
   */
  readonly while?: ((error: E) => boolean | Effect.Effect<boolean>) | undefined
}

/** Checks the option. Returns a function that makes the decisions of one input. */
export const make = (retry: Retry<any>): () => Decide => {
  const { schedule, times = Infinity, while: mayRetry }: RetryOptions<any> = Schedule.isSchedule(retry)
    ? { schedule: retry as Schedule.Schedule<unknown> }
    : check(retry)
  return () => {
    let retries = 0
    let step: ((now: number, error: unknown) => Pull.Pull<[unknown, Duration.Duration], never, unknown>) | undefined
    return Effect.fnUntraced(function*(error) {
      if (retries >= times) return undefined
      retries++
      if (mayRetry !== undefined) {
        const answer: unknown = mayRetry(error)
        if (!(isEffect(answer) ? yield* answer as Effect.Effect<boolean> : checkAnswer(answer))) return undefined
      }
      if (schedule === undefined) return Duration.zero
      step ??= yield* Schedule.toStep(schedule)
      const now = yield* Clock.currentTimeMillis
      return yield* step(now, error).pipe(
        Effect.map(([, delay]): Duration.Duration | undefined => checkDelay(delay)),
        Pull.catchDone(() => Effect.undefined)
      )
    })
  }
}

/** Shows a checked option as a text. */
export const shown = (retry: Retry<any>): string => {
  const { schedule, times, while: mayRetry }: RetryOptions<any> = Schedule.isSchedule(retry)
    ? { schedule: retry as Schedule.Schedule<unknown> }
    : retry
  const parts = [
    ...(times !== undefined
      ? [times === Infinity ? "any number of times" : times === 1 ? "once" : `${times} times`]
      : []),
    ...(schedule !== undefined ? ["on a schedule"] : []),
    ...(mayRetry !== undefined ? ["while a condition holds"] : [])
  ]
  return parts.join(", ")
}

const checkAnswer = (answer: unknown): boolean =>
  typeof answer === "boolean" ? answer : wrongType("retry.while(error)", "a boolean or an effect of one", answer)

const checkDelay = (delay: unknown): Duration.Duration =>
  Duration.isDuration(delay) ? delay : wrongType("the delay of retry.schedule", "a Duration", delay)

const check = (retry: RetryOptions<any>): RetryOptions<any> => {
  knownKeys("retry", retry, ["times", "schedule", "while"])
  const { schedule, times, while: mayRetry } = retry
  if (times === undefined && schedule === undefined && mayRetry === undefined) {
    wrongType("retry", "a Schedule, or an object with `times`, `schedule` or `while`", retry)
  }
  if (times !== undefined && times !== Infinity) {
    numberWhere("retry.times", times, "an integer of at least 0", (n) => Number.isSafeInteger(n) && n >= 0)
  }
  if (schedule !== undefined && !Schedule.isSchedule(schedule)) wrongType("retry.schedule", "a Schedule", schedule)
  optionalFunction("retry.while", mayRetry)
  return { schedule, times, while: mayRetry }
}
