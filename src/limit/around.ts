/**
 * Limits of any kind around an attempt, and the facts about them that a run needs beforehand.
 */
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { monotonicClock } from "../primitives/clock.ts"
import * as Contract from "./contract.ts"
import { alone, type Passengers, throughWith } from "./passing.ts"
import { Turnstile } from "./turnstile.ts"

type AnyLimit = Contract.Limit<any>

/** Returns true if the limits of an attempt depend on its input. */
export const dependOnInput = (limits: ReadonlyArray<AnyLimit>): boolean =>
  limits.some(({ resolve }) => resolve !== undefined)

/** Replaces limits that stand for others by those others, and sorts them all by rank. */
export const resolved = (limits: ReadonlyArray<AnyLimit>, input: unknown, now: number): ReadonlyArray<AnyLimit> =>
  dependOnInput(limits)
    ? Contract.sorted(
      limits.flatMap((limit) => limit.resolve === undefined ? [limit] : resolved(limit.resolve(input, now), input, now))
    )
    : limits

/** Returns the greatest number of inputs that may pass together. Returns undefined if each has to pass by itself. */
export const mostOfBatch = (limits: ReadonlyArray<AnyLimit>): number | undefined => {
  let most = Infinity
  for (const limit of limits) {
    if (!(limit instanceof Turnstile) || limit.mostOfBatch === undefined) return undefined
    most = Math.min(most, limit.mostOfBatch)
  }
  return most
}

/** Runs an attempt when its limits have let it through. The first limit is the outermost. */
export const around = <A, E, R>(
  limits: ReadonlyArray<AnyLimit>,
  attempt: Effect.Effect<A, E, R>,
  input: unknown
): Effect.Effect<A, E, R> => aroundAll(limits, attempt, alone(input))

/** Does the same for inputs that pass together, or for an attempt whose run counts its waits. */
export const aroundAll = <A, E, R>(
  limits: ReadonlyArray<AnyLimit>,
  attempt: Effect.Effect<A, E, R>,
  passengers: Passengers
): Effect.Effect<A, E, R> =>
  dependOnInput(limits)
    ? Effect.clockWith((clock: Clock.Clock) =>
      Effect.suspend(() =>
        throughSorted(resolved(limits, passengers.input, monotonicClock(clock)()), attempt, passengers)
      )
    )
    : throughSorted(limits, attempt, passengers)

/** Wraps an attempt in sorted limits. Turnstiles that follow each other are passed together. */
const throughSorted = <A, E, R>(
  limits: ReadonlyArray<AnyLimit>,
  attempt: Effect.Effect<A, E, R>,
  passengers: Passengers
): Effect.Effect<A, E, R> => {
  let inner = attempt
  for (let end = limits.length; end > 0;) {
    let start = end
    while (start > 0 && limits[start - 1] instanceof Turnstile) start--
    if (start < end) inner = throughWith(limits.slice(start, end) as Array<any>, inner, passengers)
    else inner = limits[--start]!.around(inner, passengers.input)
    end = start
  }
  return inner
}
