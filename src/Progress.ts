/**
 * Watching runs: how far they are, how fast they go, and how long they will take.
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
 * Shows progress on stderr: lines that are rewritten where stderr is a terminal, and log lines elsewhere.
 *
 * **When to use**
 *
 * Use at the edge of a program that somebody watches. `layerLog` writes lines whatever stderr is, `layerCallback` and
 * `layerRef` are for a screen of your own.
 *
 * **Details**
 *
 * Shape: a line for each run that has gone on for a tenth of a second, runs inside another below it and indented; a bar
 * where the total is known; then how many inputs are done, failed, tried again, running, how fast, and the time left.
 * Lines are shortened to the width of the terminal. A run that is not inside another leaves its last line. What the
 * program writes to its terminal meanwhile, by logger, console or stream, goes above. No colours where `NO_COLOR` is
 * set; log lines where `TERM` is `dumb`. Units: at most ten updates a second, whatever the number of inputs.
 * Interruption: the last line says how far the run was. At Ctrl-C a terminal drops what it has not shown yet; where that
 * is half of a redraw, lines of before stay above the last ones (`stty noflsh` makes it keep everything).
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
 * Shows progress as lines of Effect's logger, rarer as a run goes on.
 *
 * **Details**
 *
 * Shape: nothing for runs that end within `after` (1 second), unless they are interrupted; then a line at level `Info`
 * whenever the run has gone on half as long again, at least every half hour, and a last one. A run of a minute has
 * about ten lines, one of an hour twenty. Errors: an `after` that is no positive duration is a defect. Source: joblib's
 * `verbose`.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerLog = (options?: Log.LogOptions): Layer.Layer<never> =>
  Layer.effect(Contract.Progress, Log.make(options))

/**
 * Shows progress to a function, at most ten times a second.
 *
 * **Details**
 *
 * Shape: every run that is under way, each before those inside it, and once more, with its last snapshot, each that has
 * ended. It is never called twice at a time, and runs that it starts are not watched.
 *
 * Errors: no run pays for its progress. A function that fails, dies or is interrupted is logged once, as a warning, and
 * called again when it is due. The end of a run waits for it at most 5 seconds, by Effect's clock; then it is
 * interrupted, which is logged too, and from then on no run waits for it. The same holds for the other layers.
 *
 * **Example** (How it ended)
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
 * Keeps progress in a reference, whose `SubscriptionRef.changes` is the stream of it.
 *
 * **Details**
 *
 * Shape and units: as `layerCallback`. A run that has ended is in one update, and then no more.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerRef = (
  ref: SubscriptionRef.SubscriptionRef<ReadonlyArray<Contract.Snapshot>>
): Layer.Layer<never> => layerCallback((snapshots) => SubscriptionRef.set(ref, snapshots))
