/**
 * A clean stop of a program: after Ctrl-C, runs take no more inputs and let their attempts end.
 *
 * @since 0.1.0
 */
import type * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import { knownKeys, positiveDuration } from "../primitives/check.ts"
import type { DurationInput } from "../primitives/duration.ts"
import { Shutdown, type ShutdownSignal, type StoppableRun } from "../primitives/shutdown.ts"

/**
 * The options of a clean stop.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** How long running attempts may take to end after the first signal: a positive duration. Default: 10 seconds. */
  readonly drain?: DurationInput<"10 seconds"> | undefined
}

/** Signals that stop a program, and the exit code after the second one, as after Ctrl-C in a shell. */
const signals = ["SIGINT", "SIGTERM"] as const
type Signal = typeof signals[number]
const exitCode = 130

/**
 * Stops the runs of a program cleanly at the first SIGINT or SIGTERM.
 *
 * **Details**
 *
 * At the first signal, runs take no more inputs, and running attempts may end. Attempts that wait for a limit or for a
 * retry do not start. An attempt that takes longer than `drain` is interrupted. When its attempts have ended, a run
 * logs how far it came, and ends as interrupted. A run with a journal first records what it has finished; it waits at
 * most five seconds more for a journal that does not answer.
 *
 * When no run is left, the signal is passed to the listeners that were there before: `NodeRuntime.runMain` then
 * interrupts the remaining program. Without a listener, the signal ends the program. The second signal ends the program
 * immediately, with exit code 130. Several layers of one program, nested or next to each other, share the signals.
 *
 * An interruption that comes from the program itself is immediate, as without this layer. Runs on worker threads and
 * processes belong to the program that started them. A single call of a task (`task(input)`) is not a run, and is
 * interrupted with the program.
 *
 * **Example** (Giving attempts ten seconds to end)
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
      // the runner of the program adds its listeners to signals after it has started the program
      yield* Effect.yieldNow
      const context = yield* Effect.context()
      return yield* Effect.acquireRelease(
        Effect.sync(() => new Signals(drain, context)),
        (signals) => Effect.sync(() => signals.close())
      )
    })
  )
}

/** The signals of the process, which all layers share. */
class ProcessSignals {
  private readonly layers = new Set<Signals>()
  /** Listeners from before the first layer, which get a signal when no run is left. */
  private others: ReadonlyArray<readonly [Signal, NodeJS.SignalsListener]> = []
  private received: Signal | undefined

  /** Adds a layer. The first one removes the listeners that were there before. */
  open(layer: Signals): void {
    this.layers.add(layer)
    if (this.layers.size > 1) {
      if (this.received !== undefined) layer.receive(this.received)
      return
    }
    this.received = undefined
    this.others = signals.flatMap((signal) =>
      // raw, so that a listener for one signal stays one
      process.rawListeners(signal).map((listener) => [signal, listener as NodeJS.SignalsListener] as const)
    )
    for (const [signal, listener] of this.others) process.removeListener(signal, listener)
    for (const signal of signals) process.on(signal, this.receive)
  }

  /** Removes a layer. The last one restores the listeners from before. */
  close(layer: Signals): void {
    if (!this.layers.delete(layer) || this.layers.size > 0) return
    for (const signal of signals) process.removeListener(signal, this.receive)
    for (const [signal, listener] of this.others) process.on(signal, listener)
  }

  private readonly receive = (signal: Signal): void => {
    if (this.received !== undefined) process.exit(exitCode)
    this.received = signal
    for (const layer of this.layers) layer.receive(signal)
    this.passOn()
  }

  /** Passes the signal on when no run is left, after the runs that ended could log. */
  passOn(): void {
    setImmediate(() => {
      const { layers, others, received } = this
      if (received === undefined || layers.size === 0 || [...layers].some(({ isBusy }) => isBusy)) return
      for (const layer of layers) this.close(layer)
      const own = others.filter(([of]) => of === received)
      for (const [, listener] of own) listener.call(process, received)
      if (own.length === 0) process.kill(process.pid, received)
    })
  }
}

const processSignals = new ProcessSignals()

/** The signals of one layer, for the runs inside. */
class Signals implements ShutdownSignal {
  private readonly drain: Duration.Duration
  private readonly context: Context.Context<never>
  private readonly runs = new Set<StoppableRun>()
  private received = false
  /** Fiber that interrupts runs that take longer than `drain`. */
  private late: Fiber.Fiber<void> | undefined

  constructor(drain: Duration.Duration, context: Context.Context<never>) {
    this.drain = drain
    this.context = context
    processSignals.open(this)
  }

  get isBusy(): boolean {
    return this.runs.size > 0
  }

  join(run: StoppableRun): () => void {
    this.runs.add(run)
    if (this.received) run.drain()
    return () => {
      this.runs.delete(run)
      if (this.received && !this.isBusy) processSignals.passOn()
    }
  }

  close(): void {
    this.late?.interruptUnsafe()
    processSignals.close(this)
  }

  receive(signal: Signal): void {
    this.received = true
    if (!this.isBusy) return
    const late = Effect.sync(() => {
      for (const run of this.runs) run.stop()
    })
    const told = Effect.logWarning(
      `${signal}: running attempts may end within ${Duration.format(this.drain)}; ` +
        "another signal ends the program immediately"
    )
    this.late = Effect.runForkWith(this.context)(Effect.andThen(told, Effect.delay(late, this.drain)))
    for (const run of this.runs) run.drain()
  }
}
