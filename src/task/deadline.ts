/**
 * Attempts that can be ended alone: by their deadline, or because another copy was first.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type { Alarm } from "../primitives/timers.ts"
import { lift } from "../primitives/effects.ts"
import { shorten } from "../primitives/shorten.ts"

/** The mark of an `Exit`. Were it to change, no effect would look ready, and all would still be run. */
const ExitTypeId = "~effect/Exit"

/**
 * Whether an effect has its exit already, so that running it takes no time and no fiber. `Exit.isExit`, spelled out:
 * this is asked once for each input, and costs a third of a ready one if it is a call.
 */
export const isReady = <A, E, R>(effect: Effect.Effect<A, E, R>): effect is Exit.Exit<A, E> & Effect.Effect<A, E, R> =>
  (effect as { readonly [ExitTypeId]?: unknown } | undefined)?.[ExitTypeId] !== undefined

/** `Effect.isEffect`, spelled out for the same reason. */
const isEffect = (effect: unknown): boolean =>
  (effect as { readonly [Effect.TypeId]?: unknown } | undefined)?.[Effect.TypeId] !== undefined

/** What a work has returned; the runtime would end the whole fiber over something else. */
export const effectOf = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  isEffect(effect)
    ? effect
    : Effect.die(new TypeError(`expected the work to return an Effect, got ${shorten(effect)}`))

/** What a work has returned that may return a plain value. */
export const effectOrValue = <A, E, R>(given: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  isReady(given) ? given : lift(given)

/**
 * Runs an effect in a fiber of its own, which `started` is shown; interruption of either ends both. `ended` may put
 * another exit in place of the fiber's.
 */
export const separately = <A, E, R, E2 = never>(
  effect: Effect.Effect<A, E, R>,
  started: (fiber: Fiber.Fiber<A, E>) => void,
  ended: (exit: Exit.Exit<A, E>) => Exit.Exit<A, E | E2>
): Effect.Effect<A, E | E2, R> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(Effect.forkChild(effect, { startImmediately: true }), (fiber) => {
      if (fiber.pollUnsafe() !== undefined) return ended(fiber.pollUnsafe()!)
      started(fiber)
      return Effect.flatMap(
        Effect.onInterrupt(restore(Fiber.await(fiber)), () => Fiber.interrupt(fiber)),
        ended
      )
    })
  )

/** Fails an attempt with `TimeoutError` when it takes longer than `timeout`; it has stopped by then. */
export const withDeadline = <A, E, R>(
  attempt: Effect.Effect<A, E, R>,
  timeout: Duration.Duration,
  alarm: Alarm
): Effect.Effect<A, E | Cause.TimeoutError, R> => {
  if (isReady(attempt)) return attempt
  let late = false
  let appointment: ReturnType<Alarm["after"]> | undefined
  return separately(
    attempt,
    (fiber) => {
      appointment = alarm.after(timeout, () => {
        late = true
        fiber.interruptUnsafe()
      })
    },
    (exit) => {
      if (appointment !== undefined) alarm.cancel(appointment)
      return late ? timedOut(exit, timeout) : exit
    }
  )
}

/** What an attempt that is late fails with, wherever it runs. */
export const timeoutError = (timeout: Duration.Duration): Cause.TimeoutError => {
  const error = new Cause.TimeoutError(`the attempt took longer than ${Duration.format(timeout)}`)
  deadlines.add(error)
  return error
}

const deadlines = new WeakSet<object>()

/** Whether an error is the deadline of an attempt, and not a timeout that a task fails with itself. */
export const isDeadline = (error: unknown): boolean => Cause.isTimeoutError(error) && deadlines.has(error)

/** The failure of an attempt that was late, with the defects that its finalizers ended in. */
const timedOut = <A, E>(exit: Exit.Exit<A, E>, timeout: Duration.Duration): Exit.Exit<A, E | Cause.TimeoutError> => {
  const error = Cause.fail(timeoutError(timeout))
  const defects = Exit.isFailure(exit) ? exit.cause.reasons.filter(Cause.isDieReason) : []
  return Exit.failCause(defects.length === 0 ? error : Cause.combine(error, Cause.fromReasons(defects)))
}
