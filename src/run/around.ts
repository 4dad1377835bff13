/**
 * Parts that surround the engine of a run: its journal, a clean stop when its program is shut down, and following a
 * backend whose number of workers changes.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import type * as Backend from "../Backend.ts"
import { provided, type RunJournal } from "../journal/record/contract.ts"
import { shortenName } from "../primitives/shorten.ts"
import type { ShutdownSignal } from "../primitives/shutdown.ts"
import type { Item } from "./inputs/item.ts"
import type { InputQueue } from "./inputs/queue.ts"
import type { Recorder } from "./outcomes/recorder.ts"
import type { Sink } from "./outcomes/sink.ts"
import * as Plan from "./plan.ts"

/** Runs with the journal of the run, if it has one. */
export const journaled = <A, E, R>(
  plan: Plan.Plan<any, any, any, any, any, any>,
  { journal, name }: Plan.Settings,
  run: (journal: RunJournal | undefined) => Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> => {
  if (journal === undefined) return run(undefined)
  const { error, payload, success } = Plan.asTask(plan.work) ?? {}
  const attached = Effect.flatMap(provided(`run ${shortenName(name)}`), (service) =>
    service.attach({
      name,
      version: journal.version,
      key: journal.key,
      payload,
      success: journal.success ?? success,
      error: journal.error ?? error
    }))
  return Effect.scopedWith((scope) => Effect.flatMap(Scope.provide(attached, scope), run)) as Effect.Effect<A, E, R>
}

/** Describes the state of a run that was shut down, and how to continue it. */
const standing = (
  name: string,
  { count, done }: InputQueue<any, any, any>,
  { cut }: DrainableSink<any, any, any>,
  recorder: Recorder<any, any, any> | undefined
): string =>
  `${shortenName(name)}: shut down after ${done - cut} of the ${count} inputs taken; ` +
  (recorder === undefined
    ? "without a journal, all of them will run again"
    : `they are recorded in ${recorder.store}: run it again to continue`)

/** The sink of a run that may be shut down. An attempt that the shutdown interrupts gets no outcome. */
export class DrainableSink<I, A, E> implements Sink<I, A, E> {
  readonly detailed: boolean
  readonly retires: boolean
  /** Number of inputs that have no outcome because the shutdown interrupted them. */
  cut = 0
  private readonly sink: Sink<I, A, E>
  private readonly isDraining: () => boolean

  constructor(sink: Sink<I, A, E>, isDraining: () => boolean) {
    this.sink = sink
    this.detailed = sink.detailed
    this.retires = sink.retires
    this.isDraining = isDraining
  }

  onSuccess(item: Item<I>, value: A): true | void {
    return this.sink.onSuccess(item, value)
  }

  onFailure(item: Item<I>, cause: Cause.Cause<E>): boolean {
    if (!this.isDraining() || !Cause.hasInterruptsOnly(cause)) return this.sink.onFailure(item, cause)
    this.cut++
    return false
  }
}

/** The parts of a run that a shutdown of its program acts on. */
interface Stoppable {
  readonly name: string
  readonly queue: InputQueue<any, any, any>
  readonly sink: DrainableSink<any, any, any>
  readonly recorder: Recorder<any, any, any> | undefined
  /** Ends the feed, which pulls the inputs. */
  readonly endFeed: () => void
}

/**
 * Ends a run cleanly when its program is shut down. Nothing new begins, and when all attempts have ended, the run is
 * interrupted.
 */
export const stoppable =
  (shutdown: ShutdownSignal, { endFeed, name, queue, recorder, sink }: Stoppable) =>
  <A, E, R>(run: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> => {
    const ended = Effect.flatMap(run, (ran) =>
      queue.draining && (!queue.complete || sink.cut > 0)
        ? Effect.andThen(Effect.logWarning(standing(name, queue, sink, recorder)), Effect.interrupt)
        : Effect.succeed(ran))
    const drain = () => {
      queue.drain()
      queue.limitWaits?.abandon()
      endFeed()
    }
    const stop = () => {
      queue.stop()
      recorder?.hurry()
    }
    return Effect.acquireUseRelease(
      Effect.sync(() => shutdown.join({ drain, stop })),
      () => ended,
      (leave) => Effect.sync(leave)
    )
  }

/**
 * Records a run. The run ends when everything it has finished is durable; at its start and end it logs how many inputs
 * the journal already knew.
 */
export const recorded =
  (recorder: Recorder<any, any, any>) => <A, E, R>(run: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> => {
    const { greeting } = recorder
    return (greeting === undefined ? run : Effect.andThen(Effect.logInfo(greeting), run)).pipe(
      Effect.tap(() => recorder.drained),
      Effect.tap(() => recorder.defect === undefined ? Effect.void : Effect.failCause(recorder.defect)),
      Effect.ensuring(recorder.close),
      Effect.tap(() => {
        const { conclusion, error } = recorder
        return error === undefined && conclusion !== undefined ? Effect.logInfo(conclusion) : Effect.void
      })
    )
  }

/** Calls `resized` with the number of workers each time it changes while an effect runs. */
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
