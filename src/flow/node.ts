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
 * The exit of a node: an action and a value.
 *
 * @category models
 * @since 0.1.0
 */
export interface Out<out A extends string, out V> {
  readonly [OutTypeId]: typeof OutTypeId
  /** The action, which decides what runs next. */
  readonly action: A
  /** The value, which is the input of the next node, or the result of the flow. */
  readonly value: V
}

/**
 * A step of a workflow: it takes an `I`, and exits with one of the exits `X`.
 *
 * **Details**
 *
 * Flows, batch nodes and batch flows are nodes too. `X` is a union of `Out`s, one for each action. Nodes are immutable,
 * and state belongs to the run: one node may be part of many flows, and run many times concurrently. State that nodes
 * share is a service in `R`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Node<in I, out X extends Out<string, unknown>, out E = never, out R = never> {
  readonly [TypeId]: Inner<I, X, E, R>
  /**
   * The name that `make` was given. The path of a failure starts with the name of the outermost node; inside a flow, it
   * uses the names that `nodes` gives.
   */
  readonly name: string
}

/** The result of a `post`: an exit, or an effect that succeeds with one. */
export type Posted = Out<string, unknown> | Effect.Effect<Out<string, unknown>, any, any>

/** The part of a node that only flows use: its behavior and its structure. */
interface Inner<in I, out X, out E, out R> {
  readonly run: (input: I, path: Path.Path) => Effect.Effect<X, E, R>
  readonly graph: Graph
  /** The schema of the values of its exits, for a journal. */
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
 * The input of a node.
 *
 * @category type-level
 * @since 0.1.0
 */
export type Input<N> = N extends Node<infer I, any, any, any> ? I : never

/**
 * The exits of a node: a union of `Out`s.
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
 * Checks whether a value is a node.
 *
 * **Example** (Finding the nodes of a module)
 *
 * ```ts
 * import { Node } from "effect-parallel"
 *
 * const trim = Node.make("trim", { exec: (text: string) => text.trim() })
 * const exported: Record<string, unknown> = { trim, limit: 3 }
 *
 * console.log(Object.values(exported).filter(Node.isNode).map(({ name }) => name)) // => ["trim"]
 * ```
 *
 * @category guards
 * @since 0.1.0
 */
export const isNode = (u: unknown): u is Any => hasProperty(u, TypeId)

/**
 * Checks whether a value is an exit of a node.
 *
 * **Example** (Giving plain values the default action)
 *
 * ```ts
 * import { Node } from "effect-parallel"
 *
 * const exitOf = (result: unknown) => Node.isOut(result) ? result : Node.out("default", result)
 *
 * console.log(exitOf(3).action) // => "default"
 * console.log(exitOf(Node.out("empty", null)).action) // => "empty"
 * ```
 *
 * @category guards
 * @since 0.1.0
 */
export const isOut = (u: unknown): u is Out<string, unknown> => hasProperty(u, OutTypeId)

/**
 * Makes the exit of a node: an action, and a value for the next node.
 *
 * **Example** (Deciding what runs next)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Flow, Node } from "effect-parallel"
 *
 * const sign = Node.make("sign", {
 *   post: (n: number) => n < 0 ? Node.out("negative", -n) : Node.out("positive", n)
 * })
 *
 * console.log((await Effect.runPromise(Flow.run(sign, -3))).action) // => "negative"
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const out = <const A extends string, V>(action: A, value: V): A extends string ? Out<A, V> : never =>
  new OutImpl(action, value) as unknown as A extends string ? Out<A, V> : never

/**
 * The class of exits. It is the value of a key and declares its fields, for the reasons given with the classes of
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

/** Makes a node from its behavior and its structure. */
export const fromRun = <I, X extends Out<string, unknown>, E, R>(
  name: string,
  inner: Inner<I, X, E, R>
): Node<I, X, E, R> => {
  nonEmptyString("name", name)
  return Object.freeze({ [TypeId]: Object.freeze(inner), name })
}

/** Returns the structure of a node for drawing. */
export const graphOf = ({ name, [TypeId]: { graph } }: Any): GraphNode => ({ name, graph })

/** Returns the schema of the values of a node, or `undefined` if it has none. */
export const schemaOf = (node: Any): Schema.Codec<any, any> | undefined => node[TypeId].schema

/** Makes a node that has a schema of its values. */
export const stating = <I, X extends Out<string, unknown>, E, R>(
  { name, [TypeId]: inner }: Node<I, X, E, R>,
  schema: Schema.Codec<X["value"], any>
): Node<I, X, E, R> => fromRun(name, { ...inner, schema })

/** Runs a node at its path, unless the journal has recorded its exit. */
export const runAt = <I, X extends Out<string, unknown>, E, R>(
  node: Node<I, X, E, R>,
  input: I,
  path: Path.Path
): Effect.Effect<X, E, R> =>
  path.recorder === undefined
    ? runTraced(node, input, path)
    : path.recorder.around(node, path, Effect.suspend(() => runTraced(node, input, path)))

/** Runs a node, in its own span if the run is traced. */
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
