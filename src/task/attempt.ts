/**
 * The current attempt, as the work sees it.
 *
 * A lane gives its fiber a reader once, instead of a value for each attempt, so an attempt that nobody reads costs
 * nothing.
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"

/**
 * An attempt, as the work sees it.
 *
 * @category models
 * @since 0.1.0
 */
export interface CurrentAttempt {
  /** Name of the run, or path of the node. */
  readonly run: string
  /** Position of the input in the run, from 0. */
  readonly index: number
  /**
   * Number of this start at the input, from 1. Copies of a straggler, and starts that were lost with their worker,
   * count too.
   */
  readonly attempt: number
  /** Key under which a journal records the input; undefined without a journal. */
  readonly key: string | undefined
}

/** The part of a batch that describes its attempts. */
export interface NumberedBatch {
  readonly index: (position: number) => number | undefined
  readonly attempt?: ((position: number) => number) | undefined
  readonly key?: ((position: number) => string) | undefined
  readonly run: { readonly name: string }
}

/** Returns the current attempt of a fiber; undefined if there is none. */
export type AttemptReader = () => CurrentAttempt | undefined

/** Reader of the surrounding attempt; undefined outside of attempts, and in the lane of a batch, whose backend knows it. */
const Reader: Context.Reference<AttemptReader | undefined> = Context.Reference<AttemptReader | undefined>(
  "effect-parallel/internal/Attempt",
  { defaultValue: () => undefined }
)

/** Reader of the attempt of the innermost run. Attempts at nodes of flows are not attempts of runs. */
const RunReader: Context.Reference<AttemptReader | undefined> = Context.Reference<AttemptReader | undefined>(
  "effect-parallel/internal/RunAttempt",
  { defaultValue: () => undefined }
)

/** Runs an effect inside the attempts of a run, which `read` returns. */
export const insideRun = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  read: AttemptReader | undefined
): Effect.Effect<A, E, R> => Effect.provideService(inside(effect, read), RunReader, read)

/** Runs an effect inside a run, but outside of its attempts, until a lane of the run starts one. */
export const betweenAttempts = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.provideService(effect, RunReader, undefined)

/** Returns the attempt of the innermost run of a context. */
export const aroundRun = (context: Context.Context<never>): CurrentAttempt | undefined =>
  Context.get(context, RunReader)?.()

/** Runs an effect inside the attempts that `read` returns. */
export const inside = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  read: AttemptReader | undefined
): Effect.Effect<A, E, R> => Effect.provideService(effect, Reader, read)

/** Returns the current attempt of a context. */
export const around = (context: Context.Context<never>): CurrentAttempt | undefined => Context.get(context, Reader)?.()

/** The current attempt; fails outside of an attempt. */
export const current: Effect.Effect<CurrentAttempt, Cause.NoSuchElementError> = Effect.contextWith(
  (context: Context.Context<never>) => {
    const attempt = around(context)
    return attempt === undefined
      ? Effect.fail(
        new Cause.NoSuchElementError("no attempt is running here; read `Parallel.attempt` inside the work of a run")
      )
      : Effect.succeed(attempt)
  }
)

/** Runs the execution of a batch so that its inputs find their attempts. In a lane of their own they find them already. */
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

/** Returns the attempt at a position of a batch; undefined for a task that is called directly. */
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
