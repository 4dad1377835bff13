/**
 * The attempts at the `exec` of one node: each timed and limited, tried again as told, and at last replaced.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { toEffect } from "../primitives/effects.ts"
import * as Plan from "../run/plan.ts"
import type { Decide } from "../run/retry.ts"
import { timeoutError } from "../task/deadline.ts"
import * as Place from "./path.ts"

type Any = Effect.Effect<any, any, any>

/** What is tried, and how. */
export interface Options {
  readonly exec: (prepared: any) => unknown
  readonly fallback: ((prepared: any, cause: Cause.Cause<any>) => unknown) | undefined
  readonly options: Pick<Plan.Options<any>, "retry" | "timeout" | "limit">
}

/** Checks the options, and gives what runs `exec` at a place: its value, or an effect. */
export const make = ({ exec, fallback, options }: Options): (prepared: any, place: Place.Place) => unknown => {
  const { limits = [], retry, timeout } = Plan.make([], exec as Plan.Work<any, any, any, any>, options).options
  if (fallback === undefined && retry === undefined && timeout === undefined && limits.length === 0) {
    return (prepared, place) =>
      place.traced ? inSpan(Effect.suspend(() => toEffect(exec(prepared))), 1) : exec(prepared)
  }
  const bounded = (attempt: Any): Any =>
    timeout === undefined
      ? attempt
      : Effect.timeoutOrElse(attempt, { duration: timeout, orElse: () => Effect.fail(timeoutError(timeout)) })

  return (prepared, place) => {
    const decide = retry?.()
    const last = (cause: Cause.Cause<any>, n: number): Any =>
      fallback === undefined
        ? Effect.failCause(cause)
        : Effect.catchCause(
          Effect.suspend(() => toEffect(fallback(prepared, cause))),
          (cause) => Effect.failCause(Place.locate(cause, place, n))
        )
    const attempt = (n: number): Any => {
      const run = bounded(Effect.suspend(() => toEffect(exec(prepared))))
      const seen = place.traced ? inSpan(run, n) : run
      return Effect.catchCause(limits.reduceRight((effect, limit) => limit.around(effect), seen), (cause) => {
        const located = Place.locate(cause, place, n)
        return Effect.flatMap(next(decide, cause), (delay) =>
          delay === undefined
            ? last(located, n)
            : Effect.flatMap(wait(place, delay, n + 1), () => attempt(n + 1)))
      })
    }
    return attempt(1)
  }
}

const inSpan = (run: Any, attempt: number): Any => Place.spanned("attempt", { attributes: { attempt } }, () => run)

/** How long to wait for the next attempt; only typed errors are followed by one. */
const next = (decide: Decide | undefined, cause: Cause.Cause<any>): ReturnType<Decide> => {
  const error = decide === undefined || Cause.hasDies(cause) ? Option.none() : Cause.findErrorOption(cause)
  return Option.isNone(error) ? Effect.undefined : decide!(error.value)
}

const wait = (place: Place.Place, delay: Duration.Duration, attempt: number): Effect.Effect<void> =>
  Effect.flatMap(Clock.currentTimeNanos, (now) => {
    place.span?.event("retry", now, { attempt, delay: Duration.format(delay) })
    return Duration.isZero(delay) ? Effect.void : Effect.sleep(delay)
  })
