/**
 * A clean stop of a program: Ctrl-C lets what is under way end.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import { knownKeys, positiveDuration } from "../primitives/check.ts"
import { Shutdown, type ShutdownSignal, type StoppableRun } from "../primitives/shutdown.ts"

/**
 * How a program is stopped.
 *
 * **Details**
 *
 * - `drain`: how long attempts that are under way may take to end; a positive duration, default 10 seconds.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  readonly drain?: Duration.Input | undefined
}

/** Signals that end a program, and the exit code after the second of them: that of Ctrl-C in a shell. */
const signals = ["SIGINT", "SIGTERM"] as const
type Signal = typeof signals[number]
const exitCode = 130

/**
 * Ends the runs inside cleanly at the first SIGINT or SIGTERM.
 *
 * **Details**
 *
 * At the first signal the runs take no more inputs and let attempts end; an input that waits to be tried again is not. Then each
 * run says where it stood, and ends as interrupted, after what it has finished is recorded, if it has a journal. What takes
 * longer than `drain` is interrupted. When no run is left, whoever listened to the signal before hears of it: `NodeRuntime.runMain`
 * interrupts the rest of the program; without a listener the program ends by the signal. The second signal ends the program at once,
 * with exit code 130.
 *
 * Interruption from the program itself is immediate, as without this layer. Runs of worker threads and processes are those of the
 * program; a single call of a task (`task(input)`) is not a run, and is interrupted with the program.
 *
 * **Example** (A program that stops cleanly)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Parallel } from "effect-parallel"
 * import * as Shutdown from "effect-parallel/platform/Shutdown"
 *
 * const program = Parallel.forEach([1, 2, 3], (n) => Effect.succeed(n * 2)).pipe(
 *   Effect.provide(Shutdown.layer({ drain: "10 seconds" }))
 * )
 *
 * console.log(await Effect.runPromise(program)) // => [2, 4, 6]
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options = {}): Layer.Layer<never> => {
  knownKeys("options", options, ["drain"])
  const drain = positiveDuration("drain", options.drain ?? "10 seconds")
  return Layer.effect(
    Shutdown,
    Effect.gen(function*() {
      // whoever runs the program listens to signals once it has started it
      yield* Effect.yieldNow
      const context = yield* Effect.context<never>()
      return yield* Effect.acquireRelease(
        Effect.sync(() => new Signals(drain, context)),
        (signals) => Effect.sync(() => signals.close())
      )
    })
  )
}

class Signals implements ShutdownSignal {
  private readonly drain: Duration.Duration
  private readonly context: Context.Context<never>
  private readonly runs = new Set<StoppableRun>()
  /** Listeners of others, which hear of a signal when no run is left. */
  private readonly others: ReadonlyArray<readonly [Signal, NodeJS.SignalsListener]>
  private received: Signal | undefined
  /** Fiber that interrupts the runs which are late. */
  private late: Fiber.Fiber<void> | undefined
  private closed = false

  constructor(drain: Duration.Duration, context: Context.Context<never>) {
    this.drain = drain
    this.context = context
    this.others = signals.flatMap((signal) =>
      process.listeners(signal).map((listener) => [signal, listener as NodeJS.SignalsListener] as const)
    )
    for (const [signal, listener] of this.others) process.removeListener(signal, listener)
    for (const signal of signals) process.on(signal, this.receive)
  }

  join(run: StoppableRun): () => void {
    this.runs.add(run)
    if (this.received !== undefined) run.drain()
    return () => {
      this.runs.delete(run)
      if (this.received !== undefined && this.runs.size === 0) this.passOn()
    }
  }

  /** Gives the signals back to those who listened before. */
  close(): void {
    if (this.closed) return
    this.closed = true
    this.late?.interruptUnsafe()
    for (const signal of signals) process.removeListener(signal, this.receive)
    for (const [signal, listener] of this.others) process.on(signal, listener)
  }

  private readonly receive = (signal: Signal): void => {
    if (this.received !== undefined) process.exit(exitCode)
    this.received = signal
    if (this.runs.size === 0) return this.passOn()
    const wait = Duration.format(this.drain)
    const late = Effect.sync(() => {
      for (const run of [...this.runs]) run.stop()
    })
    const told = Effect.logWarning(
      `${signal}: attempts that are under way may end within ${wait}; another signal ends them at once`
    )
    this.late = Effect.runForkWith(this.context)(Effect.andThen(told, Effect.delay(late, this.drain)))
    for (const run of [...this.runs]) run.drain()
  }

  /** Passes the signal on, once what runs inside had time to say what it has to. */
  private passOn(): void {
    const signal = this.received!
    setImmediate(() => {
      if (this.runs.size > 0 || this.closed) return
      this.close()
      const others = this.others.filter(([of]) => of === signal)
      for (const [, listener] of others) listener.call(process, signal)
      if (others.length === 0) process.kill(process.pid, signal)
    })
  }
}
