/**
 * The contract of watching: what a run can be asked, what a progress is given, and how often.
 *
 * A run reports nothing by itself: it counts, and a progress reads the counts when it wants to. An input therefore
 * costs the same whether the run is watched or not.
 */
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"

/**
 * How far a run is, in inputs.
 *
 * **Details**
 *
 * `total` is how many inputs there are, once that is known: at the start for arrays and the like, at the end of the
 * inputs otherwise. `done` inputs have their outcome, `failed` of them a failure; `retried` took more than one attempt
 * and of `recalled` it was known without one what became of them. `running` inputs are in hand, one a lane at most; `waiting`
 * ones wait to be tried again, or for another worker. Those that wait for limits are neither: `limited` has how many wait for
 * which, by the names of limits.
 *
 * @category models
 * @since 0.1.0
 */
export interface Counts {
  readonly total: number | undefined
  readonly done: number
  readonly failed: number
  readonly retried: number
  readonly recalled: number
  readonly running: number
  readonly waiting: number
  readonly limited: ReadonlyArray<{ readonly name: string; readonly waiting: number }>
}

/**
 * A run that can be watched.
 *
 * **Details**
 *
 * `counts` may be asked at any time, also after the end; it does not change anything and costs next to nothing.
 * `parent` is the run whose attempt has started this one.
 *
 * @category models
 * @since 0.1.0
 */
export interface Run {
  readonly name: string
  readonly parent: Run | undefined
  readonly counts: () => Counts
}

/**
 * How far a run is, and how it goes.
 *
 * **Details**
 *
 * Units: `rate` is inputs a second over the last ten seconds, or over all where none was done in them; recalled inputs
 * are not in it. `left` is the time that the rest takes at that rate, where both are known. `id` numbers the runs of a
 * progress from 0, `parent` is the `id` of the run around, and `depth` how many are around. `state` is `"stopped"`
 * where the run ended before all inputs were done: by a failure, its error budget, or inputs that failed.
 *
 * @category models
 * @since 0.1.0
 */
export interface Snapshot extends Counts {
  readonly id: number
  readonly parent: number | undefined
  readonly depth: number
  readonly name: string
  readonly elapsed: Duration.Duration
  readonly rate: number
  readonly left: Duration.Duration | undefined
  readonly state: "running" | "done" | "stopped" | "interrupted"
}

/**
 * Watches runs: `watch` is put around each, and must neither fail nor change how it ends.
 *
 * @category models
 * @since 0.1.0
 */
export interface Progress {
  readonly watch: <A, E, R>(run: Run, self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
}

/**
 * Watches nothing.
 *
 * @category constructors
 * @since 0.1.0
 */
export const none: Progress = { watch: (_, self) => self }

/**
 * What watches the runs inside; nothing unless it is provided.
 *
 * @category services
 * @since 0.1.0
 */
export const Progress: Context.Reference<Progress> = Context.Reference<Progress>("effect-parallel/Progress", {
  defaultValue: () => none
})

/** The run that the surrounding attempt belongs to. */
export const Current: Context.Reference<Run | undefined> = Context.Reference<Run | undefined>(
  "effect-parallel/Progress/Current",
  { defaultValue: () => undefined }
)
