/**
 * Paths of nodes in a running flow, for errors and spans.
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as References from "effect/References"
import * as Tracer from "effect/Tracer"
import { toEffect } from "../primitives/effects.ts"
import { shortenName } from "../primitives/shorten.ts"
import * as Plan from "../run/plan.ts"

/** The position of a node in a run, as a linked list from the node up to the outermost flow. */
export interface Path {
  readonly parent: Path | undefined
  readonly name: string
  /** Index of the item if `name` is a batch. */
  readonly index: number | undefined
  /** True if spans are made. */
  readonly traced: boolean
  /** The span of the node itself. */
  readonly span: Tracer.Span | undefined
  /** Number of its step in the flow that contains it, from 1. It is 0 if that flow has no steps. */
  readonly step: number
  /** The recorder of the flow, if it has a journal. */
  readonly recorder: PathRecorder | undefined
  /** Default options around the flow that apply to the `exec` of a node, if there are any. */
  readonly defaults: ExecDefaults | undefined
}

/** Default options that apply to the `exec` of a node that does not set them. */
export type ExecDefaults = Pick<Plan.CheckedOptions, "retry" | "limits">

/** The hooks of a journal around each node. */
export interface PathRecorder {
  readonly around: <E, R>(
    node: any,
    path: Path,
    run: Effect.Effect<any, E, R>
  ) => Effect.Effect<any, E, R>
  /** The key under which it records a node. */
  readonly keyOf: (path: Path) => string
}

/**
 * Where a failure of a node comes from.
 *
 * @category models
 * @since 0.1.0
 */
export interface Location {
  /** Names of the nodes from the outermost flow to the one that failed, such as `approval/perFile[2]/load`. */
  readonly path: string
  /** Name of the node that failed, as the flow around it calls it. */
  readonly node: string
  /** Index of the item of the nearest batch around the node, from 0; undefined outside of batches. */
  readonly index: number | undefined
  /** Number of the attempt that failed, from 1. */
  readonly attempt: number
}

/** The annotation of a cause with the location of its origin. */
class LocationKey extends Context.Service<LocationKey, Location>()("effect-parallel/Node/Location") {}

/**
 * Makes the path of the outermost node. Spans are made only if a tracer was provided, because the default tracer of
 * Effect exports none.
 */
export const root = (name: string, recorder?: PathRecorder): Effect.Effect<Path> =>
  Effect.contextWith((context: Context.Context<never>) =>
    Effect.succeed({
      parent: undefined,
      name,
      index: undefined,
      traced: Context.get(context, Tracer.Tracer) !== Tracer.nativeTracer &&
        Context.get(context, References.TracerEnabled),
      span: undefined,
      step: 0,
      recorder,
      defaults: execDefaultsOf(Context.get(context, Plan.Defaults))
    })
  )

const execDefaultsOf = (defaults: Plan.CheckedOptions): ExecDefaults | undefined =>
  defaults.retry === undefined && defaults.limits === undefined ? undefined : defaults

/** Makes the path of a node inside another, at one of its steps. */
export const inside = (parent: Path, name: string, step = 0): Path => ({
  parent,
  name,
  index: undefined,
  traced: parent.traced,
  span: undefined,
  step,
  recorder: parent.recorder,
  defaults: parent.defaults
})

/** Makes the path of an item of a batch. */
export const item = (at: Path, index: number): Path => ({ ...at, index })

/**
 * Makes the path of an item, whose nodes the journal of the flow does not record, because an item is identified by its
 * value, not by its position.
 */
export const unrecorded = (path: Path): Path => path.recorder === undefined ? path : { ...path, recorder: undefined }

/** Formats a path: the names from the outermost flow down, as in `approval/perFile[2]/load`. */
export const pathOf = ({ index, name, parent }: Path): string => {
  const shown = shortenName(name)
  const own = index === undefined ? shown : `${shown}[${index}]`
  return parent === undefined ? own : `${pathOf(parent)}/${own}`
}

/** Formats a path without the indices of items. */
export const nameOf = ({ name, parent }: Path): string =>
  parent === undefined ? shortenName(name) : `${nameOf(parent)}/${shortenName(name)}`

/** Formats a path with its steps, so that each run of a node in a flow has a different name. */
export const stepsOf = ({ index, name, parent, step }: Path): string =>
  `${parent === undefined ? "" : stepsOf(parent)}${JSON.stringify([name, step, index ?? -1])}`

/** Annotates each failure of a cause with its location, unless it has one. Does not change interruptions. */
export const locate = <E>(cause: Cause.Cause<E>, at: Path, attempt: number): Cause.Cause<E> => {
  const isNew = (reason: Cause.Reason<E>) => reason._tag !== "Interrupt" && !reason.annotations.has(LocationKey.key)
  if (!cause.reasons.some(isNew)) return cause
  const path = pathOf(at)
  const location = { path, node: at.name, index: indexOf(at), attempt }
  const frame = { name: attempt === 1 ? path : `${path} (attempt ${attempt})`, stack: () => undefined }
  return Cause.fromReasons(cause.reasons.map((reason) => {
    if (!isNew(reason)) return reason
    const parent = Context.getOrUndefined(Cause.reasonAnnotations(reason), Cause.StackTrace)
    const annotations = Context.make(LocationKey, location).pipe(Context.add(Cause.StackTrace, { ...frame, parent }))
    return reason.annotate(annotations, { overwrite: true })
  }))
}

/** Reads the location of the first failure of a cause that has one. */
export const locationOf = (cause: Cause.Cause<unknown>): Option.Option<Location> => {
  for (const reason of cause.reasons) {
    const found = Context.getOption(Cause.reasonAnnotations(reason), LocationKey)
    if (Option.isSome(found)) return found
  }
  return Option.none()
}

/**
 * Makes a recovery at a path: it annotates the failure with its location, then runs the fallback. A failure of the
 * fallback gets the same location.
 */
export const recoverAt = <I>(
  at: (index: number) => Path,
  fallback: ((input: I, cause: Cause.Cause<any>) => unknown) | undefined
) =>
(
  { attempts, index, input }: { readonly index: number; readonly input: I; readonly attempts: number },
  cause: Cause.Cause<any>
): Effect.Effect<any, any, any> => {
  const located = locate(cause, at(index), attempts)
  return fallback === undefined
    ? Effect.failCause(located)
    : Effect.catchCause(
      Effect.suspend(() => toEffect(fallback(input, located))),
      (cause) => Effect.failCause(locate(cause, at(index), attempts))
    )
}

/** Runs an effect in a span, which is the parent of the spans inside. */
export const spanned = <A, E, R>(
  name: string,
  options: Tracer.SpanOptionsNoTrace,
  effect: (span: Tracer.Span) => Effect.Effect<A, E, R>
): Effect.Effect<A, E, Exclude<R, Tracer.ParentSpan>> =>
  Effect.useSpan(
    shortenName(name),
    options,
    (span) => Effect.provideService(Effect.suspend(() => effect(span)), Tracer.ParentSpan, span)
  )

/** Returns the index of the item in the nearest batch that contains a path. */
const indexOf = ({ index, parent }: Path): number | undefined =>
  index !== undefined || parent === undefined ? index : indexOf(parent)
