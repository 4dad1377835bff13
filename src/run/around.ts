/**
 * What is put around the engine of a run: its journal, the end of its program, and workers that come and go.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import type * as Backend from "../Backend.ts"
import { Journal, type RunJournal } from "../journal/record/contract.ts"
import { shortenName } from "../primitives/shorten.ts"
import type { ShutdownSignal } from "../primitives/shutdown.ts"
import type { InputQueue } from "./inputs/queue.ts"
import type { Recorder } from "./outcomes/recorder.ts"
import * as Plan from "./plan.ts"

/** Runs with the journal of the run, if it has one. */
export const journaled = <A, E, R>(
  plan: Plan.Plan<any, any, any, any, any, any>,
  { journal, name }: Plan.Settings,
  context: Context.Context<never>,
  run: (journal: RunJournal | undefined) => Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> => {
  if (journal === undefined) return run(undefined)
  const service = Context.getOrUndefined(context as Context.Context<Journal>, Journal)
  if (service === undefined) {
    return Effect.die(new Error(`run ${shortenName(name)} has a journal, and no layer of one is provided`))
  }
  const { error, payload, success } = Plan.asTask(plan.work) ?? {}
  return Effect.scopedWith((scope) =>
    Effect.flatMap(
      Scope.provide(
        service.attach({
          name,
          version: journal.version,
          key: journal.key,
          payload,
          success: journal.success ?? success,
          error: journal.error ?? error
        }),
        scope
      ),
      run
    )
  ) as Effect.Effect<A, E, R>
}

/** Says where a run stood that was shut down, and how to go on. */
const standing = (
  name: string,
  { count, done }: InputQueue<any, any, any>,
  recorder: Recorder<any, any, any> | undefined
): string =>
  `${shortenName(name)}: shut down after ${done} of the ${count} inputs that were taken; ` +
  (recorder === undefined
    ? "without a journal, all of them run again"
    : `they are recorded in ${recorder.store}: run it again to go on`)

/** Ends a run cleanly when its program is shut down: nothing new begins, and once all attempts have ended it is interrupted. */
export const stoppable = (
  name: string,
  shutdown: ShutdownSignal | undefined,
  queue: InputQueue<any, any, any>,
  recorder: Recorder<any, any, any> | undefined
) =>
<A, E, R>(run: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> => {
  if (shutdown === undefined) return run
  const ended = Effect.flatMap(run, (ran) =>
    queue.draining && !queue.complete
      ? Effect.andThen(Effect.logWarning(standing(name, queue, recorder)), Effect.interrupt)
      : Effect.succeed(ran))
  return Effect.acquireUseRelease(
    Effect.sync(() => shutdown.join({ drain: () => queue.drain(), stop: () => queue.stop() })),
    () => ended,
    (leave) => Effect.sync(leave)
  )
}

/** Records a run: it ends when everything it has finished is durable, and tells at its start and end what was known. */
export const recorded =
  (recorder: Recorder<any, any, any>) => <A, E, R>(run: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> => {
    const { greeting } = recorder
    return (greeting === undefined ? run : Effect.andThen(Effect.logInfo(greeting), run)).pipe(
      Effect.tap(() => recorder.drained),
      Effect.ensuring(recorder.close),
      Effect.tap(() => {
        const { conclusion, error } = recorder
        return error === undefined && conclusion !== undefined ? Effect.logInfo(conclusion) : Effect.void
      })
    )
  }

/** Calls `resized` with the number of workers whenever that has changed while an effect runs. */
export const following =
  (backend: Backend.Backend, resized: (workers: number) => void) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.acquireUseRelease(
      Effect.sync(() =>
        backend.onResize!(() => {
          const { workers } = backend
          if (workers === Infinity || (Number.isSafeInteger(workers) && workers > 0)) resized(workers)
        })
      ),
      () => effect,
      (stop) => Effect.sync(stop)
    )
