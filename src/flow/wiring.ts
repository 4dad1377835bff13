/**
 * Types that check the wiring of a flow.
 *
 * The check costs one comparison for each edge, for any number of nodes. Errors are readable: the expected type of a
 * wrong edge is a sentence, or a `Mismatch` that names both types.
 */
import type { End, Leave } from "./graph.ts"
import type { Any, Exit, Input, Out } from "./node.ts"

/** Nodes by the names that edges use. */
export type Nodes = Readonly<Record<string, Any>>

type ActionOf<N> = Exit<N>["action"]

/** The value that a node passes along an edge. */
type Carried<N, A> = Extract<Exit<N>, { readonly action: A }>["value"]

/** The error of an edge whose target takes another type than the edge carries. */
interface Mismatch<in out Target extends string, in out Takes, in out Action extends string, in out Carries> {
  readonly mismatch: [Target, Takes, Action, Carries]
}

/** The targets that each action of each node may have. Editors offer them as completions. */
export type Edges<Ns extends Nodes> = {
  readonly [N in keyof Ns]: {
    readonly [A in ActionOf<Ns[N]>]: (keyof Ns & string) | End | Leave<string>
  }
}

/** The given wiring, with an error as the type of each wrong edge. */
export type Checked<Ns extends Nodes, W> = {
  readonly [N in keyof W]: N extends keyof Ns
    ? { readonly [A in keyof W[N]]: Edge<Ns, N & string, A & string, W[N][A]> }
    : `there is no node '${N & string}'`
}

type Edge<Ns extends Nodes, N extends keyof Ns & string, A extends string, T> = string extends ActionOf<Ns[N]>
  ? `the actions of '${N}' are unknown: give Node.out a literal action`
  : A extends ActionOf<Ns[N]> ? T extends keyof Ns & string ? Fit<T, Input<Ns[T]>, A, Carried<Ns[N], A>> : T
  : `'${N}' never exits with '${A}'`

type Fit<T extends string, Takes, A extends string, Carries> = [Carries] extends [Takes] ? T
  : Mismatch<`'${T}' takes`, Takes, `but '${A}' carries`, Carries>

/** The exits of a flow: those exits of its nodes that lead out of it. */
export type Leaving<Ns extends Nodes, W> = {
  [N in keyof Ns & keyof W]: {
    [A in keyof W[N]]: W[N][A] extends End ? Extract<Exit<Ns[N]>, { readonly action: A }>
      : W[N][A] extends Leave<infer B> ? B extends string ? Out<B, Carried<Ns[N], A>> : never
      : never
  }[keyof W[N]]
}[keyof Ns & keyof W]

/** The nodes of a sequence, each checked against the node before it. */
export type Linked<Ns extends ReadonlyArray<Any>> = {
  readonly [K in keyof Ns]: K extends keyof Shifted<Ns> ? LinkCheck<Shifted<Ns>[K], Ns[K]> : Ns[K]
}

type Shifted<Ns extends ReadonlyArray<Any>> = readonly [undefined, ...Ns]

type LinkCheck<Before, N> = Before extends Any
  ? [ActionOf<Before> & "default"] extends [never] ?
    `'default' never leads to this node: the node before never exits with it`
  : [Carried<Before, "default">] extends [Input<N>] ? N
  : Mismatch<"this node takes", Input<N>, "but the node before carries", Carried<Before, "default">>
  : N

/** The exits of a sequence: those of its last node, and those of the others except `"default"`. */
export type LineExit<Ns extends ReadonlyArray<Any>> = Ns extends readonly [infer N] ? Exit<N>
  : Ns extends readonly [infer N, ...infer Rest extends ReadonlyArray<Any>] ? Aside<N> | LineExit<Rest>
  : never

/** The exits of a node other than `"default"`, which end a sequence early. */
export type Aside<N> = Exclude<Exit<N>, { readonly action: "default" }>

/** The input that all nodes accept. */
export type SharedInput<Ns extends Nodes> = {
  [N in keyof Ns]: (input: Input<Ns[N]>) => void
}[keyof Ns] extends (input: infer I) => void ? I : never

/** The values with which the nodes exit by `"default"`, by the names of the nodes. */
export type Joined<Ns extends Nodes> = { readonly [N in keyof Ns]: Carried<Ns[N], "default"> }
