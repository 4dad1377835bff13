/**
 * The common form of all nodes, and how they run at their path in a flow.
 */
import * as Effect from "effect/Effect"
import { hasProperty } from "effect/Predicate"
import type * as Schema from "effect/Schema"
import { nonEmptyString } from "../primitives/check.ts"
import { shortenName } from "../primitives/shorten.ts"
import type { Graph, GraphNode } from "./graph.ts"
import * as Path from "./path.ts"

const TypeId = "~effect-parallel/Node"
const OutTypeId = "~effect-parallel/Node/Out"

/**
 * How a node was left: by which action, with which value.
 *
 * @category models
 * @since 0.1.0
 */
export interface Out<out A extends string, out V> {
  readonly [OutTypeId]: typeof OutTypeId
  readonly action: A
  readonly value: V
}

/**
 * A step that takes an `I`, and leaves by one of the exits `X`. Flows, batches and batch flows are nodes too.
 *
 * **Details**
 *
 * `X` is a union of `Out`s, one for each action. Nodes are immutable: all that changes during a run lives in the run,
 * so one node may stand in many flows and run many times at once. State that nodes share is a service in `R`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Node<in I, out X extends Out<string, unknown>, out E = never, out R = never> {
  readonly [TypeId]: Inner<I, X, E, R>
  readonly name: string
}

/** Result of a `post`: an exit, or an effect of one. */
export type Posted = Out<string, unknown> | Effect.Effect<Out<string, unknown>, any, any>

/** The part of a node that only flows read: its behavior and its structure. */
interface Inner<in I, out X, out E, out R> {
  readonly run: (input: I, path: Path.Path) => Effect.Effect<X, E, R>
  readonly graph: Graph
  /** Schema of the values by which it is left, for a journal. */
  readonly schema?: Schema.Codec<any, any> | undefined
}

/**
 * Any node.
 *
 * @category models
 * @since 0.1.0
 */
export type Any = Node<any, Out<string, any>, any, any>

/**
 * What a node takes.
 *
 * @category type-level
 * @since 0.1.0
 */
export type Input<N> = N extends Node<infer I, any, any, any> ? I : never

/**
 * The `Out`s by which a node may be left.
 *
 * @category type-level
 * @since 0.1.0
 */
export type Exit<N> = N extends Node<any, infer X, any, any> ? X : never

/**
 * The errors of a node.
 *
 * @category type-level
 * @since 0.1.0
 */
export type Error<N> = N extends Node<any, any, infer E, any> ? E : never

/**
 * The services that a node needs.
 *
 * @category type-level
 * @since 0.1.0
 */
export type Services<N> = N extends Node<any, any, any, infer R> ? R : never

/**
 * Tells whether a value is a node.
 *
 * @category guards
 * @since 0.1.0
 */
export const isNode = (u: unknown): u is Any => hasProperty(u, TypeId)

/**
 * Tells whether a value is an exit of a node.
 *
 * @category guards
 * @since 0.1.0
 */
export const isOut = (u: unknown): u is Out<string, unknown> => hasProperty(u, OutTypeId)

/**
 * Leaves a node by an action, with a value for the next.
 *
 * **Example** (A decision)
 *
 * ```ts
 * import { Node } from "effect-parallel"
 *
 * const sign = Node.make("sign", {
 *   post: (n: number) => n < 0 ? Node.out("negative", -n) : Node.out("positive", n)
 * })
 *
 * console.log(sign.name) // => "sign"
 * console.log(Node.out("negative", 3).action) // => "negative"
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const out = <const A extends string, V>(action: A, value: V): A extends string ? Out<A, V> : never =>
  new OutImpl(action, value) as unknown as A extends string ? Out<A, V> : never

/**
 * The class of exits. It is the value of a key and declares its fields, for the reasons given at the classes of
 * outcomes (`outcome/settled.ts`).
 */
const { Out: OutImpl } = {
  Out: class {
    declare readonly [OutTypeId]: typeof OutTypeId
    declare readonly action: string
    declare readonly value: unknown
    constructor(action: string, value: unknown) {
      this.action = action
      this.value = value
    }
  }
}
Object.assign(OutImpl.prototype, { [OutTypeId]: OutTypeId })

/** Makes a node from its behavior and structure. */
export const fromRun = <I, X extends Out<string, unknown>, E, R>(
  name: string,
  inner: Inner<I, X, E, R>
): Node<I, X, E, R> => {
  nonEmptyString("name", name)
  return Object.freeze({ [TypeId]: Object.freeze(inner), name })
}

/** Returns the structure of a node for drawing. */
export const graphOf = ({ name, [TypeId]: { graph } }: Any): GraphNode => ({ name, graph })

/** Returns the schema of the values of a node; undefined if it states none. */
export const schemaOf = (node: Any): Schema.Codec<any, any> | undefined => node[TypeId].schema

/** Makes a node that states the schema of its values. */
export const stating = <I, X extends Out<string, unknown>, E, R>(
  { name, [TypeId]: inner }: Node<I, X, E, R>,
  schema: Schema.Codec<X["value"], any>
): Node<I, X, E, R> => fromRun(name, { ...inner, schema })

/** Runs a node at its path, unless its journal knows how it was left. */
export const runAt = <I, X extends Out<string, unknown>, E, R>(
  node: Node<I, X, E, R>,
  input: I,
  path: Path.Path
): Effect.Effect<X, E, R> =>
  path.recorder === undefined
    ? runTraced(node, input, path)
    : path.recorder.around(node, path, Effect.suspend(() => runTraced(node, input, path)))

/** Runs a node, in a span of its own if the run is traced. */
const runTraced = <I, X extends Out<string, unknown>, E, R>(
  node: Node<I, X, E, R>,
  input: I,
  path: Path.Path
): Effect.Effect<X, E, R> => {
  const { run } = node[TypeId]
  if (!path.traced) return run(input, path)
  const attributes = { "flow.path": Path.pathOf(path), "flow.node": shortenName(node.name) }
  return Path.spanned(
    path.index === undefined ? path.name : node.name,
    { attributes },
    (span) =>
      Effect.tap(
        run(input, { ...path, span }),
        (out) => Effect.sync(() => span.attribute("flow.action", shortenName(out.action)))
      )
  )
}
