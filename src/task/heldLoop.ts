/**
 * Warns of work that holds the event loop of a program that seems to expect it on workers.
 *
 * A task without a backend, and a function in a program that provides one, run in the program's own thread. While such
 * work computes, no timer, socket or other input gets its turn, and timeouts are late. Each program is warned once.
 *
 * Slow work is measured at every attempt, fast work at one attempt in `maxStride`, so that a run pays almost nothing.
 * If the event loop has not turned during an attempt, the time counts from its start to its end. An attempt that waited
 * ends in a turn whose start was not seen; a timer that should have fired since then shows how long the turn has
 * lasted.
 */
import * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import { Reference } from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import { warn } from "../primitives/causes.ts"
import { isEffect, isReady } from "../primitives/effects.ts"
import { type TurnBudget, turnBudgetOf } from "../primitives/eventLoop.ts"
import { timer } from "../primitives/monotonic.ts"
import { shortenName } from "../primitives/shorten.ts"
import { backendKey } from "./contract.ts"
import { Sequential } from "./sequential.ts"

/** Milliseconds for which work may hold the event loop without a warning. */
const mostMillis = 50

/** Milliseconds between two beats of the timer that shows when the current turn began. */
const beatMillis = 20

/** Fast attempts are measured once in this number of attempts, at least. */
const maxStride = 32

/** Kept here, because tests may replace the global timers by ones that do not run. */
const { clearTimeout, setTimeout } = globalThis

/** Records that the program has been warned, which happens once. */
export const Warned = Reference<{ isDone: boolean }>("effect-parallel/HeldLoop/Warned", {
  defaultValue: () => ({ isDone: false })
})

/** Any function that starts work. */
type StartWork = (input: any, index: number) => any

export class LoopWatch {
  private readonly turnBudget: TurnBudget
  private readonly warned: { isDone: boolean }
  private readonly warn: (millis: number) => void
  /** Number of attempts of which one is measured. */
  private stride = 1
  /** Number of attempts left until the next measured one. */
  private left = 0
  /** Time of the last beat, in milliseconds of `timer`. `undefined` until an attempt has waited for something. */
  private beatAt: number | undefined = undefined
  private beat: NodeJS.Timeout | undefined = undefined

  constructor(fiber: Fiber.Fiber<unknown, unknown>, message: (millis: number) => string) {
    const { context } = fiber
    this.turnBudget = turnBudgetOf(fiber)
    this.warned = fiber.getRef(Warned)
    this.warn = (millis) => void Effect.runForkWith(context)(warn(message(millis), Cause.empty))
  }

  /** Wraps a function that starts work, so that some of its attempts are measured. */
  around<F extends StartWork>(start: F): F {
    const watched: StartWork = (input, index) =>
      --this.left >= 0 ? start(input, index) : this.measured(() => start(input, index))
    return watched as F
  }

  /** Wraps a job, so that some of its attempts are measured. */
  job<J extends { readonly run: StartWork }>(job: J): J {
    return Object.assign(Object.create(job), { run: this.around(job.run) })
  }

  /** Stops the timer. */
  close(): void {
    clearTimeout(this.beat)
  }

  private measured(start: () => any): any {
    if (this.warned.isDone) {
      this.left = Infinity
      return start()
    }
    const { turn } = this.turnBudget
    const startedAt = timer.now()
    const effect = start()
    if (!isEffect(effect) || isReady(effect)) {
      this.ended(startedAt, turn)
      return effect
    }
    return Effect.onExit(effect as Effect.Effect<unknown>, () => Effect.sync(() => this.ended(startedAt, turn)))
  }

  private ended(startedAt: number, turn: number): void {
    const now = timer.now()
    const hasWaited = this.turnBudget.turn !== turn
    this.stride = !hasWaited && now - startedAt < 1 ? Math.min(maxStride, this.stride * 2) : 1
    this.left = this.stride - 1
    const held = hasWaited ? now - (this.beatAt ?? now) - beatMillis : now - startedAt
    if (held >= mostMillis && !this.warned.isDone) {
      this.warned.isDone = true
      this.close()
      this.warn(Math.round(held))
    } else if (hasWaited && this.beat === undefined) this.nextBeat()
  }

  private readonly nextBeat = (): void => {
    this.beatAt = timer.now()
    this.beat = setTimeout(this.nextBeat, beatMillis)
    this.beat.unref()
  }
}

/** Returns the watch of a task if no backend is provided for it. Returns `undefined` if nothing must be watched. */
export const watchTask = (fiber: Fiber.Fiber<unknown, unknown>, task: string): LoopWatch | undefined => {
  if (!mayWatch(fiber) || providedBackend(fiber.context) !== undefined) return undefined
  return new LoopWatch(
    fiber,
    (millis) =>
      `task "${
        shortenName(task)
      }" held the event loop for ${millis} ms, during which nothing else ran and no timeout ` +
      "was on time. No backend is provided, so tasks run in the program's own thread. Provide `Threads.layer()` from " +
      "\"effect-parallel/backend/Threads\" to run them on worker threads, or `Backend.layer(Backend.async)` to keep them here"
  )
}

/**
 * Returns the watch of a function if a backend with workers is provided. Returns `undefined` if nothing must be
 * watched.
 */
export const watchFunction = (fiber: Fiber.Fiber<unknown, unknown>, run: string): LoopWatch | undefined => {
  const backend = providedBackend(fiber.context)
  if (backend === undefined || backend.name === "async" || !mayWatch(fiber)) return undefined
  return new LoopWatch(
    fiber,
    (millis) =>
      `the work of run "${
        shortenName(run)
      }" held the event loop for ${millis} ms, during which nothing else ran and no ` +
      `timeout was on time. It is a function, so it runs in the program's own thread, not on the workers of "${
        shortenName(backend.name)
      }". ` +
      "Make it a task with `Task.make` to run it there"
  )
}

const mayWatch = (fiber: Fiber.Fiber<unknown, unknown>): boolean =>
  fiber.cache.scheduler.executionMode !== "sync" && !fiber.getRef(Sequential) && !fiber.getRef(Warned).isDone

/** Returns the backend that the program provides. `undefined` if there is none, so that tasks run on fibers. */
const providedBackend = (context: Context.Context<never>): { readonly name: string } | undefined =>
  context.mapUnsafe.get(backendKey) as { readonly name: string } | undefined
