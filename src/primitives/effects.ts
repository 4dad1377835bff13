/**
 * Replacements for functions of Effect that cost too much on the hot path or accept only effects: type checks without a
 * call, plain values as effects, an effect in a child fiber.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import { shorten } from "./shorten.ts"

/**
 * Property that marks an `Exit`. If Effect renames it, no effect looks ready and the runtime runs them all, which is
 * slower and not wrong.
 */
const ExitTypeId = "~effect/Exit"

/**
 * Returns true if an effect is an exit already, so that running it takes no time and no fiber. It is `Exit.isExit`
 * inline: as a call, the check costs a third of the whole cost of a ready input.
 */
export const isReady = <A, E, R>(effect: Effect.Effect<A, E, R>): effect is Exit.Exit<A, E> & Effect.Effect<A, E, R> =>
  (effect as { readonly [ExitTypeId]?: unknown } | undefined)?.[ExitTypeId] !== undefined

/**
 * Returns true if a value is a complete exit, with its tag and its cause. A value that claims to be one may come from
 * anywhere.
 */
export const isWholeExit = (u: unknown): u is Exit.Exit<unknown, unknown> =>
  Exit.isExit(u) && (u._tag === "Success" || (u._tag === "Failure" && Cause.isCause(u.cause)))

/** Returns true if a value is an effect. It is `Effect.isEffect` inline, for the same reason. */
export const isEffect = (effect: unknown): boolean =>
  (effect as { readonly [Effect.TypeId]?: unknown } | undefined)?.[Effect.TypeId] !== undefined

/**
 * Returns an effect unchanged, and turns anything else into a defect. Without the check, the runtime would end the
 * whole fiber.
 */
export const checkedEffect = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  isEffect(effect)
    ? effect
    : Effect.die(notAnEffect("the work", "an Effect", effect))

/** Makes the defect of a value that was returned where an effect was expected. */
export const notAnEffect = (what: string, expected: string, got: unknown): TypeError => {
  if (!isPromise(got)) return new TypeError(`expected ${what} to return ${expected}, got ${shorten(got)}`)
  // its rejection, which nothing else handles, would end the program
  if (isNativePromise(got)) {
    try {
      void Promise.prototype.then.call(got, undefined, () => {})
    } catch {}
  }
  return new TypeError(`${what} returned a promise: wrap it with Effect.tryPromise`)
}

/**
 * Runs an effect in a child fiber. Calls `started` with the fiber, unless the effect has ended by then, and passes the
 * exit through `ended`, which may replace it. Interruption of the caller interrupts the child and waits until it has
 * ended.
 */
export const inChildFiber = <A, E, R, E2 = never>(
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

/** Converts the result of a step, which is an effect or a plain value, to an effect. A promise becomes a defect. */
export const toEffect = (value: unknown): Effect.Effect<any, any, any> =>
  isEffect(value)
    ? value as Effect.Effect<any, any, any>
    : isPromise(value)
    ? refusePromise(value)
    : Effect.succeed(value)

/**
 * Calls `next` with the value of an effect, or directly with a plain value, without an effect around it. A promise
 * becomes a defect.
 */
export const flatMapValue = (
  value: unknown,
  next: (value: any) => Effect.Effect<any, any, any>
): Effect.Effect<any, any, any> =>
  isEffect(value)
    ? Effect.flatMap(value as Effect.Effect<any, any, any>, next)
    : isPromise(value)
    ? refusePromise(value)
    : next(value)

/** Returns true if a value seems to be a promise itself, of whatever realm. The `then` of a thenable may start work. */
const isNativePromise = (value: unknown): value is Promise<unknown> => {
  try {
    return Object.prototype.toString.call(value) === "[object Promise]"
  } catch {
    return false
  }
}

/** Returns true if a value is a promise, or a thenable. Its `then` may throw when it is read. */
const isPromise = (value: unknown): boolean => {
  try {
    return typeof value === "object" && value !== null &&
      typeof (value as { readonly then?: unknown }).then === "function"
  } catch {
    return false
  }
}

const refusePromise = (promise: unknown): Effect.Effect<never> =>
  Effect.suspend(() => Effect.die(notAnEffect("a step", "an Effect or a value", promise)))

/**
 * Waits for an effect for at most `millis` milliseconds, even in a region that cannot be interrupted. Never fails.
 * Succeeds with true if the effect has succeeded by then.
 */
export const inTime = (effect: Effect.Effect<void>, millis: number): Effect.Effect<boolean> =>
  Effect.flatMap(
    Effect.forkDetach(Effect.timeoutOption(effect, millis), { startImmediately: true }),
    (fiber) => Effect.map(Fiber.await(fiber), (exit) => Exit.isSuccess(exit) && Option.isSome(exit.value))
  )
