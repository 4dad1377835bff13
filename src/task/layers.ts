/**
 * The services that layers of tasks build.
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"

type AnyLayer = Layer.Layer<any, any>
type Built = Effect.Effect<Context.Context<any>, unknown>

const built = new WeakMap<Scope.Scope, Map<AnyLayer, Built>>()

/**
 * Returns the services of a layer. They are built once for each scope, at the first use, and released with the scope. A
 * layer that could not be built is tried again at the next use.
 */
export const servicesOf = (layer: AnyLayer, scope: Scope.Scope): Built => {
  let layers = built.get(scope)
  if (layers === undefined) built.set(scope, layers = new Map())
  let found = layers.get(layer)
  if (found === undefined) {
    const build = Effect.onError(
      Layer.buildWithScope(layer, scope),
      () => Effect.sync(() => layers.delete(layer))
    )
    layers.set(layer, found = Effect.runSync(Effect.cached(build)))
  }
  return found
}
