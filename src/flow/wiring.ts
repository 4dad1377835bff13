/**
 * The wiring of a flow as the compiler checks it.
 *
 * Each check costs one comparison for each edge, whatever the number of nodes, and what is wrong is told in words: the
 * type that an edge should have had is a sentence, or a `Mismatch` that names both types.
 */
import type { End, Leave } from "./graph.ts"
import type { Any, Exit, Input, Out } from "./node.ts"

/** Nodes by the names that edges use. */
export type Nodes = Readonly<Record<string, Any>>

type ActionOf<N> = Exit<N>["action"]

/** What a node carries along an edge. */
type Carried<N, A> = Extract<Exit<N>, { readonly action: A }>["value"]

/** An edge whose target takes another type than the edge carries. */
interface Mismatch<in out Target extends string, in out Takes, in out Action extends string, in out Carries> {
  readonly mismatch: [Target, Takes, Action, Carries]
}

/** For each node and each of its actions, where it may lead: what an editor offers. */
export type Edges<Ns extends Nodes> = {
  readonly [N in keyof Ns]: {
    readonly [A in ActionOf<Ns[N]>]: (keyof Ns & string) | End | Leave<string>
  }
}

/** The wiring that was given, with what is wrong in place of what was given. */
export type Checked<Ns extends Nodes, W> = {
  readonly [N in keyof W]: N extends keyof Ns
    ? { readonly [A in keyof W[N]]: Edge<Ns, N & string, A & string, W[N][A]> }
    : `there is no node '${N & string}'`
}

type Edge<Ns extends Nodes, N extends keyof Ns & string, A extends string, T> = string extends ActionOf<Ns[N]>
  ? `the actions of '${N}' are not known: leave it by Node.out with a literal`
  : A extends ActionOf<Ns[N]> ? T extends keyof Ns & string ? Fit<T, Input<Ns[T]>, A, Carried<Ns[N], A>> : T
  : `'${N}' is never left by '${A}'`

type Fit<T extends string, Takes, A extends string, Carries> = [Carries] extends [Takes] ? T
  : Mismatch<`'${T}' takes`, Takes, `but '${A}' carries`, Carries>

/** The exits of a flow: those of its nodes that lead out of it. */
export type Leaving<Ns extends Nodes, W> = {
  [N in keyof Ns & keyof W]: {
    [A in keyof W[N]]: W[N][A] extends End ? Extract<Exit<Ns[N]>, { readonly action: A }>
      : W[N][A] extends Leave<infer B> ? B extends string ? Out<B, Carried<Ns[N], A>> : never
      : never
  }[keyof W[N]]
}[keyof Ns & keyof W]

/** Nodes in a line, each beside the one before it, which it has to follow. */
export type Linked<Ns extends ReadonlyArray<Any>> = {
  readonly [K in keyof Ns]: K extends keyof Shifted<Ns> ? LinkCheck<Shifted<Ns>[K], Ns[K]> : Ns[K]
}

type Shifted<Ns extends ReadonlyArray<Any>> = readonly [undefined, ...Ns]

type LinkCheck<Before, N> = Before extends Any
  ? [ActionOf<Before> & "default"] extends [never] ?
    `'default' never leads to this node: the one before is not left by it`
  : [Carried<Before, "default">] extends [Input<N>] ? N
  : Mismatch<"this node takes", Input<N>, "but the one before carries", Carried<Before, "default">>
  : N

/** The exits of a line: those of its last node, and all but `"default"` of the others. */
export type LineExit<Ns extends ReadonlyArray<Any>> = Ns extends readonly [infer N] ? Exit<N>
  : Ns extends readonly [infer N, ...infer Rest extends ReadonlyArray<Any>] ? Aside<N> | LineExit<Rest>
  : never

/** The exits of a node that do not lead on. */
export type Aside<N> = Exclude<Exit<N>, { readonly action: "default" }>

/** What all nodes take. */
export type SharedInput<Ns extends Nodes> = {
  [N in keyof Ns]: (input: Input<Ns[N]>) => void
}[keyof Ns] extends (input: infer I) => void ? I : never

/** What the nodes carry by `"default"`, by their names. */
export type Joined<Ns extends Nodes> = { readonly [N in keyof Ns]: Carried<Ns[N], "default"> }
