/**
 * Warns of work that holds the event loop of a program that seems to expect it on workers.
 *
 * A task without a backend, and a function in a program that provides one, run in the program's own thread. While such
 * work computes, no timer, socket or other input gets its turn, and timeouts are late. Each program is warned once.
 *
 * Nothing is put around an attempt. When an attempt starts, the watch asks for long turns of the event loop since an
 * earlier attempt started: at each start while attempts are slow, at one start in `maxStride` while they are fast, and
 * when the run ends. An attempt that waits ends in a turn whose start nobody saw. A timer that should have fired since
 * then shows how long that turn has lasted. A turn counts only if the thread computed for most of 50 ms, because a busy
 * machine makes any turn long.
 */
import * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import { Reference } from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import { warn } from "../primitives/causes.ts"
import { longMillis, type TurnBudget, turnBudgetOf } from "../primitives/eventLoop.ts"
import { timer } from "../primitives/monotonic.ts"
import { shortenName } from "../primitives/shorten.ts"
import { backendKey } from "./contract.ts"
import { Sequential } from "./sequential.ts"

/** Milliseconds between two beats of the timer that shows when the current turn began. */
const beatMillis = 20

/** Of this number of starts at least one is watched; fewer are watched only if they follow within `fastMillis`. */
const maxStride = 256
const fastMillis = 4

/** CPU time in milliseconds that a long turn has to take, at least. */
const leastComputed = 0.8 * longMillis

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
  /** Number of long turns without a warning. */
  private spared: number
  /** Number of starts of which one is watched. */
  private stride = 1
  /** Number of starts left until the next that is watched. */
  private left = 0
  /** Turn and time of the last start that was watched, and the CPU time of the program then; times are milliseconds. */
  private turn = -1
  private startedAt = 0
  private computedAt = 0
  /** Time of the last beat. `undefined` until attempts start in different turns. */
  private beatAt: number | undefined = undefined
  private beat: NodeJS.Timeout | undefined = undefined

  constructor(fiber: Fiber.Fiber<unknown, unknown>, spared: number, message: (millis: number) => string) {
    const { context } = fiber
    this.turnBudget = turnBudgetOf(fiber)
    this.warned = fiber.getRef(Warned)
    this.spared = spared
    this.warn = (millis) => void Effect.runForkWith(context)(warn(message(millis), Cause.empty))
  }

  /** Wraps a function that starts work, so that some of its starts are watched. */
  around<F extends StartWork>(start: F): F {
    const watched: StartWork = (input, index) => {
      if (--this.left < 0) this.watch()
      return start(input, index)
    }
    return watched as F
  }

  /** Wraps a job, so that some of its starts are watched. */
  job<J extends { readonly run: StartWork }>(job: J): J {
    return Object.assign(Object.create(job), { run: this.around(job.run) })
  }

  /** Looks at the last turn, and stops the timer. */
  close(): void {
    this.look(timer.now())
    clearTimeout(this.beat)
  }

  private watch(): void {
    if (this.warned.isDone) {
      this.left = Infinity
      return
    }
    const now = timer.now()
    this.look(now)
    const { turn } = this.turnBudget
    this.stride = now - this.startedAt < fastMillis ? Math.min(maxStride, this.stride * 2) : 1
    this.left = this.stride - 1
    if (turn !== this.turn && this.turn >= 0 && this.beat === undefined) this.nextBeat()
    this.turn = turn
    this.startedAt = now
    if (this.stride === 1) this.computedAt = computedMillis()
  }

  /** Warns if the turn of the last start was long, or the turn that goes on. */
  private look(now: number): void {
    const late = this.beatAt === undefined ? 0 : now - this.beatAt - beatMillis
    if (this.turn < 0) return
    const held = Math.max(late, this.turnBudget.heldSince(this.turn))
    if (held < longMillis || this.warned.isDone) return
    if (computedMillis() - this.computedAt < leastComputed || --this.spared >= 0) return
    this.warned.isDone = true
    this.warn(Math.round(held))
  }

  private readonly nextBeat = (): void => {
    this.beatAt = timer.now()
    this.beat = setTimeout(this.nextBeat, beatMillis)
    this.beat.unref()
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
    // the first may load modules, as the first call of fetch does
    1,
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
