/**
 * Deadlines of attempts: a late attempt is interrupted and fails with `TimeoutError`.
 */
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { inChildFiber, isReady } from "../primitives/effects.ts"
import type { Timers } from "../primitives/timers.ts"

/** Interrupts an attempt that takes longer than `timeout`. When it has stopped, it fails with `TimeoutError`. */
export const withDeadline = <A, E, R>(
  attempt: Effect.Effect<A, E, R>,
  timeout: Duration.Duration,
  timers: Timers
): Effect.Effect<A, E | Cause.TimeoutError, R> => {
  if (isReady(attempt)) return attempt
  let late = false
  let timer: ReturnType<Timers["after"]> | undefined
  return inChildFiber(
    attempt,
    (fiber) => {
      timer = timers.after(timeout, () => {
        late = true
        fiber.interruptUnsafe()
      })
    },
    (exit) => {
      if (timer !== undefined) timers.cancel(timer)
      return late ? timedOut(exit, timeout) : exit
    }
  )
}

/** Does the same for a single effect, which has no timers to share. Without a timeout, returns the effect unchanged. */
export const withTimeout = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  timeout: Duration.Duration | undefined
): Effect.Effect<A, E | Cause.TimeoutError, R> =>
  timeout === undefined
    ? effect
    : Effect.timeoutOrElse(effect, { duration: timeout, orElse: () => Effect.fail(timeoutError(timeout)) })

/** Makes the error of a late attempt. */
export const timeoutError = (timeout: Duration.Duration): Cause.TimeoutError => {
  const error = new Cause.TimeoutError(`the attempt took longer than ${Duration.format(timeout)}`)
  deadlines.add(error)
  return error
}

const deadlines = new WeakSet<object>()

/** True if an error is the deadline of an attempt in this process, not a `TimeoutError` of the task itself. */
export const isDeadline = (error: unknown): boolean => deadlines.has(error as object)

/** Makes the exit of a late attempt: `TimeoutError`, and the defects of its finalizers. */
const timedOut = <A, E>(exit: Exit.Exit<A, E>, timeout: Duration.Duration): Exit.Exit<A, E | Cause.TimeoutError> => {
  const error = Cause.fail(timeoutError(timeout))
  const defects = Exit.isFailure(exit) ? exit.cause.reasons.filter(Cause.isDieReason) : []
  return Exit.failCause(defects.length === 0 ? error : Cause.combine(error, Cause.fromReasons(defects)))
}
