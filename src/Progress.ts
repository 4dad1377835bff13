/**
 * Watches runs: how far they are, how fast they go, and how much time is left.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as References from "effect/References"
import * as SubscriptionRef from "effect/SubscriptionRef"
import * as Board from "./observability/board.ts"
import * as Contract from "./observability/contract.ts"
import * as Log from "./observability/log.ts"
import * as Terminal from "./observability/terminal.ts"

/** @since 0.1.0 */
export { make } from "./observability/board.ts"

/** @since 0.1.0 */
export { type Counts, none, Progress, type Run, type Snapshot } from "./observability/contract.ts"

/** @since 0.1.0 */
export { toText } from "./observability/line.ts"

/** @since 0.1.0 */
export type { LogOptions } from "./observability/log.ts"

/**
 * Shows progress on stderr: progress bars on a terminal, log lines otherwise.
 *
 * **When to use**
 *
 * Use at the entry point of a program that somebody watches. `layerLog` always writes log lines; `layerCallback` and
 * `layerRef` feed a display of your own.
 *
 * **Details**
 *
 * On a terminal, each run that has lasted a tenth of a second has a line. Runs inside it are below it and indented. A
 * line has a bar, if the number of inputs is known, and says how many inputs are done, failed, retried and running, how
 * fast the run goes, and how much time is left. It is shortened to the width of the terminal.
 *
 * Lines are redrawn at most ten times a second, whatever the number of inputs. What the program writes to its terminal
 * meanwhile, by logger, console or stream, appears above them. A run that is not inside another leaves its last line;
 * if it was interrupted, that line says how far it was.
 *
 * There are no colors if `NO_COLOR` is set, and log lines if `TERM` is `dumb`.
 *
 * **Gotchas**
 *
 * At Ctrl-C, a terminal drops what it has not shown yet. If that is half of a redraw, old lines stay above the last
 * ones. `stty noflsh` makes the terminal keep everything.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<never> = Layer.effect(
  Contract.Progress,
  Effect.suspend(() => {
    const screen = Terminal.stderr()
    return screen === undefined
      ? Log.make(undefined, Effect.provideService(References.LogToStderr, true))
      : Terminal.make(screen)
  })
)

/**
 * Shows progress as log lines, which become rarer the longer a run lasts.
 *
 * **Details**
 *
 * The first line comes when a run has lasted `after` (1 second), the next ones whenever it has lasted half as long
 * again, but at least every half hour, and one at its end. So a run of a minute has about ten lines, and a run of an
 * hour about twenty. Lines have the level `Info`. A run that ends before its first line logs nothing, unless it is
 * interrupted.
 *
 * An `after` that is not a positive duration is a defect. The idea is that of `verbose` in joblib.
 *
 * **Example** (Logging how a run ended)
 *
 * ```ts
 * import { Effect, Logger } from "effect"
 * import { Parallel, Progress } from "effect-parallel"
 *
 * const lines: Array<string> = []
 * const logger = Logger.layer([Logger.make(({ message }) => void lines.push(String(message)))])
 * const program = Parallel.forEach([1, 2], () => Effect.sleep(20), { name: "naps" }).pipe(
 *   Effect.provide(Progress.layerLog({ after: "10 millis" })),
 *   Effect.provide(logger)
 * )
 * await Effect.runPromise(program)
 *
 * console.log(lines.at(-1)?.split(",")[0]) // => "naps: 2 of 2 (100%) done"
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerLog = (options?: Log.LogOptions): Layer.Layer<never> =>
  Layer.effect(Contract.Progress, Log.make(options))

/**
 * Passes progress to a function, at most ten times a second.
 *
 * **Details**
 *
 * The function gets a snapshot of every run that is in progress, each before the runs inside it. A run that has ended
 * is passed once more, with its last snapshot. Calls never overlap, and runs that the function starts are not watched.
 *
 * A function that fails, dies or is interrupted never affects a run: that is logged once, as a warning, and the
 * function is called again when it is due. The end of a run waits for it at most 5 seconds, by Effect's clock. Then it
 * is interrupted, which is logged too, and from then on no run waits for it. The same applies to the other layers.
 *
 * **Example** (Keeping the last snapshots)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Parallel, Progress } from "effect-parallel"
 *
 * let last: ReadonlyArray<Progress.Snapshot> = []
 * const watch = Progress.layerCallback((snapshots) => Effect.sync(() => void (last = snapshots)))
 *
 * const program = Parallel.forEach([1, 2, 3], Effect.succeed, { name: "numbers" }).pipe(Effect.provide(watch))
 *
 * await Effect.runPromise(program)
 * console.log(last.map(({ done, name, state }) => `${name} ${state}: ${done}`)) // => ["numbers done: 3"]
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerCallback = (
  show: (snapshots: ReadonlyArray<Contract.Snapshot>) => Effect.Effect<void>
): Layer.Layer<never> => Layer.effect(Contract.Progress, Board.make(show))

/**
 * Keeps progress in a `SubscriptionRef`, whose `SubscriptionRef.changes` streams it.
 *
 * **Details**
 *
 * The reference has the snapshots that `layerCallback` passes, and changes as often. A run that has ended is in one
 * update, and not in later ones.
 *
 * **Example** (Reading how far a run is)
 *
 * ```ts
 * import { Effect, SubscriptionRef } from "effect"
 * import { Parallel, Progress } from "effect-parallel"
 *
 * const program = Effect.gen(function*() {
 *   const ref = yield* SubscriptionRef.make<ReadonlyArray<Progress.Snapshot>>([])
 *   yield* Effect.provide(Parallel.forEach([1, 2, 3], Effect.succeed), Progress.layerRef(ref))
 *   return yield* SubscriptionRef.get(ref)
 * })
 *
 * const [run] = await Effect.runPromise(program)
 * console.log(`${run?.done} of ${run?.total}`) // => "3 of 3"
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerRef = (
  ref: SubscriptionRef.SubscriptionRef<ReadonlyArray<Contract.Snapshot>>
): Layer.Layer<never> => layerCallback((snapshots) => SubscriptionRef.set(ref, snapshots))
