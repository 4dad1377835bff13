/**
 * The attempt that is under way, as the work sees it.
 *
 * Whoever runs attempts in its fiber gives a reader to the fiber once, and not a value to each attempt: so what nobody asks
 * for is not made.
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"

/**
 * An attempt, as the work sees it.
 *
 * **Details**
 *
 * `run` is the name of the run, or the path of the node; `index` the place of the input in the run, from 0; `attempt` counts
 * the starts at this input, from 1, copies of a straggler and starts that were lost with their worker included. `key` is
 * that under which a journal records the input; undefined without one.
 *
 * @category models
 * @since 0.1.0
 */
export interface CurrentAttempt {
  readonly run: string
  readonly index: number
  readonly attempt: number
  readonly key: string | undefined
}

/** The part of a batch that tells of its attempts. */
export interface NumberedBatch {
  readonly index: (position: number) => number | undefined
  readonly attempt?: ((position: number) => number) | undefined
  readonly key?: ((position: number) => string) | undefined
  readonly run: { readonly name: string }
}

/** Tells the attempt that is under way in a fiber; undefined if there is none. */
export type AttemptReader = () => CurrentAttempt | undefined

/** Reader of the attempt around; undefined outside of all, and in the lane of a batch, whose backend knows. */
const Reader: Context.Reference<AttemptReader | undefined> = Context.Reference<AttemptReader | undefined>(
  "effect-parallel/internal/Attempt",
  { defaultValue: () => undefined }
)

/** Reader of the attempt of the nearest run around; the attempts at nodes of flows are not of runs. */
const RunReader: Context.Reference<AttemptReader | undefined> = Context.Reference<AttemptReader | undefined>(
  "effect-parallel/internal/RunAttempt",
  { defaultValue: () => undefined }
)

/** Runs an effect inside attempts of a run that a reader tells of. */
export const insideRun = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  read: AttemptReader | undefined
): Effect.Effect<A, E, R> => Effect.provideService(inside(effect, read), RunReader, read)

/** Runs an effect inside a run, and outside of its attempts until a lane of it says otherwise. */
export const betweenAttempts = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.provideService(effect, RunReader, undefined)

/** Returns the attempt of the nearest run around a context. */
export const aroundRun = (context: Context.Context<never>): CurrentAttempt | undefined =>
  Context.get(context, RunReader)?.()

/** Runs an effect inside attempts that a reader tells of. */
export const inside = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  read: AttemptReader | undefined
): Effect.Effect<A, E, R> => Effect.provideService(effect, Reader, read)

/** Returns the attempt around a context. */
export const around = (context: Context.Context<never>): CurrentAttempt | undefined => Context.get(context, Reader)?.()

/** The attempt around; fails outside of one. */
export const current: Effect.Effect<CurrentAttempt, Cause.NoSuchElementError> = Effect.contextWith(
  (context: Context.Context<never>) => {
    const attempt = around(context)
    return attempt === undefined
      ? Effect.fail(new Cause.NoSuchElementError("there is no attempt around"))
      : Effect.succeed(attempt)
  }
)

/** Runs what executes a batch here, so that its inputs find their attempts; in a lane of theirs they do so already. */
export const insideBatch = <A, E, R>(
  execution: Effect.Effect<A, E, R>,
  batch: NumberedBatch,
  position: () => number
): Effect.Effect<A, E, R> =>
  Effect.contextWith((context: Context.Context<never>) =>
    batch.index(0) === undefined || Context.get(context, Reader) !== undefined
      ? execution
      : insideRun(execution, () => ofBatch(batch, position()))
  )

/** Returns the attempt at a position of a batch; undefined for a task that is called by itself. */
const ofBatch = (batch: NumberedBatch, position: number): CurrentAttempt | undefined => {
  const index = batch.index(position)
  if (index === undefined) return undefined
  return {
    run: batch.run.name,
    index,
    attempt: batch.attempt?.(position) ?? 1,
    key: batch.key?.(position)
  }
}
