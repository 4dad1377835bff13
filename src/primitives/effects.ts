/**
 * Effects where Effect's own functions cost too much or take only effects: checks without a call, values as effects, an
 * effect in a child fiber.
 */
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { shorten } from "./shorten.ts"

/** Property that marks an `Exit`. If it ever changes, no effect looks ready and all are run by the runtime. */
const ExitTypeId = "~effect/Exit"

/**
 * Checks whether an effect is an exit already, so that running it takes no time and no fiber. This is `Exit.isExit`, inline:
 * as a call it costs a third of an input that is ready.
 */
export const isReady = <A, E, R>(effect: Effect.Effect<A, E, R>): effect is Exit.Exit<A, E> & Effect.Effect<A, E, R> =>
  (effect as { readonly [ExitTypeId]?: unknown } | undefined)?.[ExitTypeId] !== undefined

/** `Effect.isEffect`, inline for the same reason. */
const isEffect = (effect: unknown): boolean =>
  (effect as { readonly [Effect.TypeId]?: unknown } | undefined)?.[Effect.TypeId] !== undefined

/** Passes on an effect; anything else becomes a defect, since the runtime would end the whole fiber over it. */
export const checkedEffect = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  isEffect(effect)
    ? effect
    : Effect.die(new TypeError(`expected the work to return an Effect, got ${shorten(effect)}`))

/**
 * Runs an effect in a fiber of its own and passes that to `started`; interrupting either ends both. `ended` may replace the
 * exit.
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

/** Converts what a step gave back, an effect or a plain value, to an effect. A promise is refused as a defect. */
export const toEffect = (value: unknown): Effect.Effect<any, any, any> =>
  isEffect(value) ? value as Effect.Effect<any, any, any> : isPromise(value) ? refusePromise : Effect.succeed(value)

/** Continues with the value of an effect, or with a plain value; then no effect is made. */
export const flatMapValue = (
  value: unknown,
  next: (value: any) => Effect.Effect<any, any, any>
): Effect.Effect<any, any, any> =>
  isEffect(value)
    ? Effect.flatMap(value as Effect.Effect<any, any, any>, next)
    : isPromise(value)
    ? refusePromise
    : next(value)

const isPromise = (value: unknown): boolean =>
  typeof value === "object" && value !== null && typeof (value as { readonly then?: unknown }).then === "function"

const refusePromise = Effect.suspend(() =>
  Effect.die(new TypeError("expected a step to give an effect or a value, got a promise: wrap it in Effect.promise"))
)
