/**
 * Warns of work that holds the event loop of a program that seems to expect it on workers.
 *
 * A task without a backend, and a function in a program that provides one, run in the program's own thread. While such
 * work computes, no timer, socket or other input gets its turn, and timeouts are late. Each program is warned once.
 *
 * Only what an attempt computes without a pause, from its start to its end, counts. So no other code of the program is
 * blamed; an attempt that has paused is not judged. All slow attempts are measured, and one in `maxStride` of the fast
 * ones, so that a run pays almost nothing. A long attempt counts only if the thread computed for most of that time,
 * because a busy machine makes any attempt long.
 */
import * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import { Reference } from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import { warn } from "../primitives/causes.ts"
import { isEffect, isReady } from "../primitives/effects.ts"
import { timer } from "../primitives/monotonic.ts"
import { shortenName } from "../primitives/shorten.ts"
import { backendKey } from "./contract.ts"
import { Sequential } from "./sequential.ts"

/** Milliseconds from which an attempt is long, and CPU time in milliseconds that it has to take. */
const longMillis = 50
const leastComputed = 0.8 * longMillis

/** One in at most this number of attempts is measured, if they follow each other within `fastMillis`. */
const maxStride = 512
const fastMillis = 4

/** Records that the program has been warned, which happens once. */
export const Warned = Reference<{ isDone: boolean }>("effect-parallel/HeldLoop/Warned", {
  defaultValue: () => ({ isDone: false })
})

/** The parts of a task that a run hands to a backend. */
interface JobParts {
  readonly name: string
  readonly module: string
  readonly payload?: unknown
  readonly success?: unknown
  readonly error?: unknown
  readonly layer?: unknown
  readonly run: (payload: any) => unknown
}

export class LoopWatch {
  private readonly warned: { isDone: boolean }
  private readonly warn: (millis: number) => void
  /** Number of long attempts without a warning. */
  private spared: number
  /** Number of attempts of which one is measured, and of those left until the next that is. */
  private stride = 1
  private left = 0
  /** Time of the last measurement, in milliseconds. */
  private measuredAt = 0

  constructor(fiber: Fiber.Fiber<unknown, unknown>, spared: number, message: (millis: number) => string) {
    const { context } = fiber
    this.warned = fiber.getRef(Warned)
    this.spared = spared
    this.warn = (millis) => void Effect.runForkWith(context)(warn(message(millis), Cause.empty))
  }

  /** Begins to measure an attempt, if it is one of those that are measured. */
  begin(): Stretch | undefined {
    return --this.left >= 0 ? undefined : this.measure()
  }

  /** Copies a job, so that some of its attempts are measured, for backends that know nothing of the watch. */
  job(job: JobParts): JobParts {
    const { error, layer, module, name, payload, success } = job
    const run = (payload: unknown): unknown => {
      const stretch = this.begin()
      const effect = job.run(payload)
      if (stretch === undefined) return effect
      if (isEffect(effect) && !isReady(effect as Effect.Effect<unknown>)) {
        return Effect.onExit(effect as Effect.Effect<unknown>, () => Effect.sync(() => stretch.end()))
      }
      stretch.end()
      return effect
    }
    return { name, module, payload, success, error, layer, run }
  }

  private measure(): Stretch | undefined {
    if (this.warned.isDone) {
      this.left = Infinity
      return undefined
    }
    const now = timer.now()
    this.stride = now - this.measuredAt < fastMillis ? Math.min(maxStride, this.stride * 2) : 1
    this.left = this.stride - 1
    this.measuredAt = now
    return new Stretch((millis) => {
      if (this.warned.isDone || --this.spared >= 0) return
      this.warned.isDone = true
      this.warn(millis)
    })
  }
}

/** An attempt that is measured, until it ends or pauses. */
export class Stretch {
  private readonly long: (millis: number) => void
  private readonly startedAt = timer.now()
  private readonly computedAt = computedMillis()
  private isOver = false

  constructor(long: (millis: number) => void) {
    this.long = long
    queueMicrotask(() => {
      this.isOver = true
    })
  }

  /** Ends the attempt. Calls `long` if it has not paused, was long, and has computed for most of that time. */
  end(): void {
    if (this.isOver) return
    this.isOver = true
    const millis = timer.now() - this.startedAt
    if (millis >= longMillis && computedMillis() - this.computedAt >= leastComputed) this.long(Math.round(millis))
  }
}

interface CpuUsage {
  readonly user: number
  readonly system: number
}

/** Returns the CPU time of this thread in milliseconds, or of the program where only that is known. Infinite otherwise. */
const computedMillis = (): number => {
  const { process } = globalThis as {
    readonly process?: { readonly threadCpuUsage?: () => CpuUsage; readonly cpuUsage?: () => CpuUsage }
  }
  const usage = process?.threadCpuUsage?.() ?? process?.cpuUsage?.()
  return usage === undefined ? Infinity : (usage.user + usage.system) / 1000
}

/** Returns the watch of a task if no backend is provided for it. Returns `undefined` if nothing must be watched. */
export const watchTask = (fiber: Fiber.Fiber<unknown, unknown>, task: string): LoopWatch | undefined => {
  if (!mayWatch(fiber) || providedBackend(fiber.context) !== undefined) return undefined
  return new LoopWatch(
    fiber,
    0,
    (millis) =>
      `task "${shortenName(task)}" ${
        held(millis)
      }. No backend is provided, so tasks run in the program's own thread. Provide ` +
      "`Threads.layer()` from \"effect-parallel/backend/Threads\" to run them on worker threads, or " +
      "`Backend.layer(Backend.async)` to keep them here"
  )
}

/**
 * Returns the watch of a function if a backend with workers is provided. Returns `undefined` if nothing must be
 * watched.
 */
export const watchFunction = (fiber: Fiber.Fiber<unknown, unknown>, run: string): LoopWatch | undefined => {
  const backend = providedBackend(fiber.context)
  if (backend === undefined || backend.name === "async" || !mayWatch(fiber)) return undefined
  // the first may load modules, as the first call of fetch does
  return new LoopWatch(
    fiber,
    1,
    (millis) =>
      `the work of run "${shortenName(run)}" ${
        held(millis)
      }. It is a function, so it runs in the program's own thread, not on ` +
      `the workers of "${shortenName(backend.name)}". Make it a task with \`Task.make\` to run it there`
  )
}

const held = (millis: number): string =>
  `held the event loop for ${millis} ms, during which nothing else ran and no timeout was on time`

const mayWatch = (fiber: Fiber.Fiber<unknown, unknown>): boolean =>
  fiber.cache.scheduler.executionMode !== "sync" && !fiber.getRef(Sequential) && !fiber.getRef(Warned).isDone

/** Returns the backend that the program provides. `undefined` if there is none, so that tasks run on fibers. */
const providedBackend = (context: Context.Context<never>): { readonly name: string } | undefined =>
  context.mapUnsafe.get(backendKey) as { readonly name: string } | undefined
