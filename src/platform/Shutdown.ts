/**
 * A clean stop of a program: Ctrl-C lets what is under way end.
 *
 * @since 0.1.0
 */
import type * as Context from "effect/Context"
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
 * At the first signal the runs take no more inputs and let attempts end; what waits for a limit, or to be tried again,
 * does not begin. Then each run says where it stood, and ends as interrupted, after what it has finished is recorded,
 * if it has a journal. What takes longer than `drain` is interrupted, and a journal that does not answer is waited for
 * five seconds more. When no run is left, whoever listened to the signal before hears of it: `NodeRuntime.runMain`
 * interrupts the rest of the program; without a listener the program ends by the signal. The second signal ends the
 * program at once, with exit code 130. Several layers of one program, nested or beside each other, share the signals.
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
      const context = yield* Effect.context()
      return yield* Effect.acquireRelease(
        Effect.sync(() => new Signals(drain, context)),
        (signals) => Effect.sync(() => signals.close())
      )
    })
  )
}

/** The signals of the process, as all layers of it share them. */
class ProcessSignals {
  private readonly layers = new Set<Signals>()
  /** Listeners of others, which hear of a signal when no run is left. */
  private others: ReadonlyArray<readonly [Signal, NodeJS.SignalsListener]> = []
  private received: Signal | undefined

  /** Adds a layer; the first takes the signals from those who listened before. */
  open(layer: Signals): void {
    this.layers.add(layer)
    if (this.layers.size > 1) {
      if (this.received !== undefined) layer.receive(this.received)
      return
    }
    this.received = undefined
    this.others = signals.flatMap((signal) =>
      // raw, so that who listens once does
      process.rawListeners(signal).map((listener) => [signal, listener as NodeJS.SignalsListener] as const)
    )
    for (const [signal, listener] of this.others) process.removeListener(signal, listener)
    for (const signal of signals) process.on(signal, this.receive)
  }

  /** Removes a layer; the last gives the signals back. */
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

  /** Passes the signal on, once no run is left and those that ended had time to say what they have to. */
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

/** What one layer tells the runs inside. */
class Signals implements ShutdownSignal {
  private readonly drain: Duration.Duration
  private readonly context: Context.Context<never>
  private readonly runs = new Set<StoppableRun>()
  private received = false
  /** Fiber that interrupts the runs which are late. */
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
      `${signal}: attempts that are under way may end within ${Duration.format(this.drain)}; ` +
        "another signal ends them immediately"
    )
    this.late = Effect.runForkWith(this.context)(Effect.andThen(told, Effect.delay(late, this.drain)))
    for (const run of this.runs) run.drain()
  }
}
