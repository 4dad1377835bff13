/**
 * What can be seen of a node from outside: enough to draw it.
 */

/**
 * Leaves the flow by the action that led here.
 *
 * @category models
 * @since 0.1.0
 */
export interface End {
  readonly _tag: "End"
}

/**
 * Leaves the flow by another action.
 *
 * @category models
 * @since 0.1.0
 */
export interface Leave<out A extends string> {
  readonly _tag: "Leave"
  readonly action: A
}

/** Where an edge leads: to a node, or out of the flow. */
export type Target = string | End | Leave<string>

/** A node as it is drawn. */
export interface Drawn {
  readonly name: string
  readonly shape: Shape
}

/** How nodes and edges are wired. */
export interface Wired {
  readonly _tag: "Flow"
  readonly start: string
  readonly nodes: Readonly<Record<string, Drawn>>
  readonly on: Readonly<Record<string, Readonly<Record<string, Target>>>>
}

/** Nodes that run at once on the same input. */
export interface Together {
  readonly _tag: "FanOut" | "Race"
  readonly nodes: Readonly<Record<string, Drawn>>
}

/** A flow that runs once for each item. */
interface Each {
  readonly _tag: "BatchFlow"
  readonly flow: Drawn
}

/** What a node is made of. */
export type Shape = { readonly _tag: "Node" | "BatchNode" } | Wired | Together | Each
