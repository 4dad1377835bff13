/**
 * The structure of nodes, as far as it is needed to draw them.
 */

/**
 * The type of `Flow.end`: the target of an action that exits the flow with the same action.
 *
 * @category models
 * @since 0.1.0
 */
export interface End {
  /** Tells it apart from a `Leave`. */
  readonly _tag: "End"
}

/**
 * The type of `Flow.exit(action)`: the target of an action that exits the flow with another action.
 *
 * @category models
 * @since 0.1.0
 */
export interface Leave<out A extends string> {
  /** Tells it apart from an `End`. */
  readonly _tag: "Leave"
  /** The action with which the flow exits. */
  readonly action: A
}

/** The target of an edge: a node, or an exit of the flow. */
export type Target = string | End | Leave<string>

/** A node for drawing. */
export interface GraphNode {
  readonly name: string
  readonly graph: Graph
}

/** The nodes and edges of a flow. */
export interface Wiring {
  readonly _tag: "Flow"
  readonly start: string
  readonly nodes: Readonly<Record<string, GraphNode>>
  readonly on: Readonly<Record<string, Readonly<Record<string, Target>>>>
}

/** Nodes that run concurrently on the same input. */
export interface Branches {
  readonly _tag: "FanOut" | "Race"
  readonly nodes: Readonly<Record<string, GraphNode>>
}

/** A flow that runs once for each item. */
interface ForEachItem {
  readonly _tag: "BatchFlow"
  readonly flow: GraphNode
}

/** The structure of a node. */
export type Graph = { readonly _tag: "Node" | "BatchNode" } | Wiring | Branches | ForEachItem
