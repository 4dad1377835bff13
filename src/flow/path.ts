/**
 * Where in a flow something runs: what errors and spans say of it.
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as References from "effect/References"
import * as Tracer from "effect/Tracer"

/** A node on its way through a run. Places form a list, from the node up to the outermost flow. */
export interface Place {
  readonly parent: Place | undefined
  readonly name: string
  /** Which item of the batch that `name` stands for. */
  readonly index: number | undefined
  /** Whether somebody looks at spans; otherwise none are made. */
  readonly traced: boolean
  /** The node's own span. */
  readonly span: Tracer.Span | undefined
}

/** Where a failure came from. */
export interface Located {
  readonly path: string
  readonly node: string
  readonly index: number | undefined
  readonly attempt: number
}

/** The annotation of a cause that says where it came from. */
class Location extends Context.Service<Location, Located>()("effect-parallel/Node/Location") {}

/** The place of the outermost node. Spans are made when a tracer was provided: Effect's own shows them to nobody. */
export const root = (name: string): Effect.Effect<Place> =>
  Effect.contextWith((context: Context.Context<never>) =>
    Effect.succeed({
      parent: undefined,
      name,
      index: undefined,
      traced: Context.get(context, Tracer.Tracer) !== Tracer.nativeTracer &&
        Context.get(context, References.TracerEnabled),
      span: undefined
    })
  )

/** The place of a node inside another. */
export const inside = (parent: Place, name: string): Place => ({
  parent,
  name,
  index: undefined,
  traced: parent.traced,
  span: undefined
})

/** The place of an item of a batch. */
export const item = (place: Place, index: number): Place => ({ ...place, index })

/** The names from the outermost flow down, as in `approval/perFile[2]/load`. */
export const pathOf = ({ index, name, parent }: Place): string => {
  const own = index === undefined ? name : `${name}[${index}]`
  return parent === undefined ? own : `${pathOf(parent)}/${own}`
}

/** Says in every failure of a cause where it came from, unless it is known already. Interruptions stay as they are. */
export const locate = <E>(cause: Cause.Cause<E>, place: Place, attempt: number): Cause.Cause<E> => {
  const isNew = (reason: Cause.Reason<E>) => reason._tag !== "Interrupt" && !reason.annotations.has(Location.key)
  if (!cause.reasons.some(isNew)) return cause
  const path = pathOf(place)
  const location = { path, node: place.name, index: indexOf(place), attempt }
  const frame = { name: attempt === 1 ? path : `${path} (attempt ${attempt})`, stack: () => undefined }
  return Cause.fromReasons(cause.reasons.map((reason) => {
    if (!isNew(reason)) return reason
    const parent = Context.getOrUndefined(Cause.reasonAnnotations(reason), Cause.StackTrace)
    const annotations = Context.make(Location, location).pipe(Context.add(Cause.StackTrace, { ...frame, parent }))
    return reason.annotate(annotations, { overwrite: true })
  }))
}

/** Where the first located failure of a cause came from. */
export const locationOf = (cause: Cause.Cause<unknown>): Option.Option<Located> => {
  for (const reason of cause.reasons) {
    const found = Context.getOption(Cause.reasonAnnotations(reason), Location)
    if (Option.isSome(found)) return found
  }
  return Option.none()
}

/** Runs an effect in a span that its own spans belong to. */
export const spanned = <A, E, R>(
  name: string,
  options: Tracer.SpanOptionsNoTrace,
  effect: (span: Tracer.Span) => Effect.Effect<A, E, R>
): Effect.Effect<A, E, Exclude<R, Tracer.ParentSpan>> =>
  Effect.useSpan(
    name,
    options,
    (span) => Effect.provideService(Effect.suspend(() => effect(span)), Tracer.ParentSpan, span)
  )

/** The item of the nearest batch around. */
const indexOf = ({ index, parent }: Place): number | undefined =>
  index !== undefined || parent === undefined ? index : indexOf(parent)
