/**
 * The contract of watching: the questions that a run answers, and the calls that a progress gets.
 *
 * A run reports nothing by itself: it counts, and a progress reads the counts when it wants to. So an input costs the
 * same whether the run is watched or not.
 */
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"

/**
 * How far a run is, in inputs.
 *
 * **Details**
 *
 * Inputs that wait for a limit are counted in `limited`, not in `running` or `waiting`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Counts {
  /**
   * Number of inputs; undefined until it is known: at the start for arrays and other collections, otherwise once the
   * inputs have ended.
   */
  readonly total: number | undefined
  /** Number of inputs that have their outcome. */
  readonly done: number
  /** Number of inputs that failed. */
  readonly failed: number
  /** Number of inputs that took more than one attempt. */
  readonly retried: number
  /** Number of inputs whose outcome was known without an attempt, from a journal. */
  readonly recalled: number
  /** Number of inputs that are running: at most one per lane. */
  readonly running: number
  /** Number of inputs that wait for their retry, or for another worker. */
  readonly waiting: number
  /** How many inputs wait for limits, by the names of the limits; empty if none waits. */
  readonly limited: ReadonlyArray<{
    /** Name of the limits. */
    readonly name: string
    /** Number of inputs that wait for them. */
    readonly waiting: number
  }>
}

/**
 * A run that can be watched.
 *
 * @category models
 * @since 0.1.0
 */
export interface Run {
  /** Name of the run. */
  readonly name: string
  /** The run whose attempt has started this one; undefined if there is none. */
  readonly parent: Run | undefined
  /**
   * Reads how far the run is. It may be called at any time, also after the end, changes nothing, and costs next to
   * nothing.
   */
  readonly counts: () => Counts
}

/**
 * How far a run is, and how fast it goes.
 *
 * @category models
 * @since 0.1.0
 */
export interface Snapshot extends Counts {
  /** Number of the run among those that this progress has watched, from 0. */
  readonly id: number
  /** The `id` of the run that this one is inside; undefined if there is none. */
  readonly parent: number | undefined
  /** Number of runs that this one is inside. */
  readonly depth: number
  /** Name of the run. */
  readonly name: string
  /** Time since the run started. */
  readonly elapsed: Duration.Duration
  /**
   * Inputs per second over the last ten seconds, or over the whole run if none was done in them. Recalled inputs do not
   * count.
   */
  readonly rate: number
  /**
   * Time that the remaining inputs take at this rate; undefined if `total` or the rate is not known, and after the end.
   */
  readonly left: Duration.Duration | undefined
  /**
   * `"running"`, `"done"` with all its inputs, `"interrupted"`, or `"stopped"` before all inputs were done: by a
   * failure, by its error budget, or by inputs that failed.
   */
  readonly state: "running" | "done" | "stopped" | "interrupted"
}

/**
 * What watches runs.
 *
 * @category models
 * @since 0.1.0
 */
export interface Progress {
  /** Wraps each run while it is watched. It must neither fail nor change how the run ends. */
  readonly watch: <A, E, R>(run: Run, self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
}

/**
 * A progress that watches nothing.
 *
 * @category constructors
 * @since 0.1.0
 */
export const none: Progress = { watch: (_, self) => self }

/**
 * The progress that watches the runs inside an effect. Nothing watches them unless it is provided.
 *
 * @category services
 * @since 0.1.0
 */
export const Progress: Context.Reference<Progress> = Context.Reference<Progress>("effect-parallel/Progress", {
  defaultValue: () => none
})

/** The run of the surrounding attempt. */
export const Current: Context.Reference<Run | undefined> = Context.Reference<Run | undefined>(
  "effect-parallel/Progress/Current",
  { defaultValue: () => undefined }
)
