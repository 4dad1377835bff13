/**
 * Nodes wired to each other: the compiler checks every edge, and a flow is a node again.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import type { End, GraphNode, Leave, Target, Wiring } from "./flow/graph.ts"
import * as Mermaid from "./flow/mermaid.ts"
import {
  type Any,
  type Error,
  type Exit,
  fromRun,
  graphOf,
  type Input,
  isNode,
  type Node,
  type Out,
  out,
  runAt,
  type Services
} from "./flow/node.ts"
import * as Path from "./flow/path.ts"
import { checkFlowJournal, type FlowJournal, open } from "./flow/recorded.ts"
import { route, type StepLimit, walk } from "./flow/walk.ts"
import type { Aside, Checked, Edges, Joined, Leaving, LineExit, Linked, Nodes, SharedInput } from "./flow/wiring.ts"
import { all } from "./Parallel.ts"
import { knownKeys, oneOf, outOfRange, positiveInteger, wrongType } from "./primitives/check.ts"
import type { Journaled, Journaling, JournalService, NoJournaling } from "./run/types.ts"

/** @since 0.1.0 */
export type { End, Leave } from "./flow/graph.ts"

/** @since 0.1.0 */
export type { FlowJournal } from "./flow/recorded.ts"

/** @since 0.1.0 */
export { StepLimit } from "./flow/walk.ts"

/**
 * The target of an edge that leaves the flow, by the action that led there.
 *
 * @category constructors
 * @since 0.1.0
 */
export const end: End = Object.freeze({ _tag: "End" })

/**
 * The target of an edge that leaves the flow by another action.
 *
 * **Example** (Two ways out that mean the same)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Flow, Node } from "effect-parallel"
 *
 * const sign = Node.make("sign", {
 *   post: (n: number) => n === 0 ? Node.out("zero", n) : n < 0 ? Node.out("negative", n) : Node.out("positive", n)
 * })
 * const isZero = Flow.make("isZero", {
 *   start: "sign",
 *   nodes: { sign },
 *   on: { sign: { zero: Flow.exit("yes"), negative: Flow.exit("no"), positive: Flow.exit("no") } }
 * })
 *
 * console.log((await Effect.runPromise(Flow.run(isZero, 3))).action) // => "no"
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const exit = <const A extends string>(action: A): Leave<A> => Object.freeze({ _tag: "Leave", action })

/**
 * Wires nodes into a flow, which is a node again.
 *
 * **Details**
 *
 * Graph: `on` says for each node and each of its actions where it leads: to a node, by its name in `nodes`, out of the
 * flow (`Flow.end`), or out of it by another action (`Flow.exit`). The flow takes what its `start` takes, and is left
 * by the actions that lead out of it. Loops are allowed. Nodes run one after another; the event loop has its turn at
 * least every 8 ms of steps that do not wait.
 *
 * What does not fit does not compile: an action that is not wired, or that the node does not have; a node that is not
 * wired; a target that does not exist, or that takes another type than the edge carries.
 *
 * Units: `maxSteps` is how many nodes may run, those of nested flows not counted: a positive integer or `Infinity`,
 * default 10,000. Errors: those of all nodes, and `StepLimit` when so many have run. Each says where it came from
 * (`Node.location`). Interruption stops the node under way.
 *
 * **Example** (A loop)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Flow, Node } from "effect-parallel"
 *
 * interface Draft { readonly text: string; readonly round: number }
 *
 * const review = Node.make("review", {
 *   post: (draft: Draft) => draft.round < 2 ? Node.out("revise", draft) : Node.out("accepted", draft.text)
 * })
 * const revise = Node.make("revise", {
 *   exec: (draft: Draft) => ({ text: `${draft.text}!`, round: draft.round + 1 })
 * })
 *
 * const writing = Flow.make("writing", {
 *   start: "review",
 *   nodes: { review, revise },
 *   on: {
 *     review: { revise: "revise", accepted: Flow.end },
 *     revise: { default: "review" }
 *   }
 * })
 *
 * console.log((await Effect.runPromise(Flow.run(writing, { text: "Hi", round: 0 }))).value) // => "Hi!!"
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <const Ns extends Nodes, const S extends keyof Ns & string, const W extends Edges<Ns>>(
  name: string,
  options: {
    readonly start: S
    readonly nodes: Ns
    readonly on: W & Checked<Ns, W>
    readonly maxSteps?: number | undefined
  }
): Node<
  Input<Ns[S]>,
  Leaving<Ns, W> extends infer X extends Out<string, unknown> ? X : never,
  Error<Ns[keyof Ns]> | StepLimit,
  Services<Ns[keyof Ns]>
> => {
  knownKeys("flow options", options, ["start", "nodes", "on", "maxSteps"])
  const { maxSteps = 10_000, nodes, start } = options
  const on = options.on as Readonly<Record<string, Readonly<Record<string, Target>>>>
  checkNodes(nodes)
  const names = Object.keys(nodes)
  const known = names.map((name) => `"${name}"`).join(", ")
  oneOf("start", start, names, `one of ${known}`)
  knownKeys("on", on, names)
  for (const name of names) {
    if (!Object.hasOwn(on, name)) wrongType(`on.${name}`, "given", undefined)
    for (const [action, target] of Object.entries(on[name]!)) {
      const leads = typeof target === "string" ? Object.hasOwn(nodes, target) : isOutward(target)
      if (!leads) {
        ;(typeof target === "string" ? outOfRange : wrongType)(
          `on.${name}.${action}`,
          `one of ${known}, Flow.end or Flow.exit(action)`,
          target
        )
      }
    }
  }
  return fromWiring(name, nodes, { start, on }, {
    maxSteps: maxSteps === Infinity ? maxSteps : positiveInteger("maxSteps", maxSteps),
    open: false
  })
}

/**
 * Runs nodes in a straight line: each leads on to the next by `"default"`.
 *
 * **Details**
 *
 * Graph: it takes what the first takes, and is left as the last is left. Any other action than `"default"` of a node
 * before the last leaves the line at once, by that action. Errors: those of the nodes.
 *
 * **Example** (A line)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Flow, Node } from "effect-parallel"
 *
 * const trim = Node.make("trim", { exec: (text: string) => text.trim() })
 * const check = Node.make("check", {
 *   post: (text: string) => text === "" ? Node.out("empty", null) : Node.out("default", text)
 * })
 * const count = Node.make("count", { exec: (text: string) => text.length })
 *
 * const line = Flow.chain("line", trim, check, count)
 *
 * console.log((await Effect.runPromise(Flow.run(line, " abc "))).value) // => 3
 * console.log((await Effect.runPromise(Flow.run(line, " "))).action) // => "empty"
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const chain = <const Ns extends readonly [Any, ...Array<Any>]>(
  name: string,
  ...line: Ns & Linked<Ns>
): Node<Input<Ns[0]>, LineExit<Ns>, Error<Ns[number]>, Services<Ns[number]>> => {
  const names: Array<string> = []
  for (const node of line as ReadonlyArray<Any>) names.push(freeName(isNode(node) ? node.name : "node", names))
  const nodes = Object.fromEntries(names.map((name, i) => [name, line[i]!]))
  checkNodes(nodes)
  const on = Object.fromEntries(names.map((name, i) => [name, i + 1 < names.length ? { default: names[i + 1]! } : {}]))
  return fromWiring(name, nodes, { start: names[0]!, on }, { maxSteps: Infinity, open: true })
}

/**
 * Runs different nodes at once on the same input, and joins what they come to.
 *
 * **Details**
 *
 * Graph: it is left by `"default"` with a record of their values, by their names, when all have been left by
 * `"default"`. Any other action leaves at once, by that action, and interrupts the rest. Errors: the first of a node,
 * which interrupts the rest and waits for their finalizers.
 *
 * **Example** (Two questions at once)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Flow, Node } from "effect-parallel"
 *
 * const words = Node.make("words", { exec: (text: string) => text.split(" ").length })
 * const letters = Node.make("letters", { exec: (text: string) => text.length })
 *
 * const counts = Flow.fanOut("counts", { words, letters })
 *
 * console.log((await Effect.runPromise(Flow.run(counts, "a bc"))).value) // => { words: 2, letters: 4 }
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const fanOut = <const Ns extends Nodes>(name: string, nodes: Ns): Node<
  SharedInput<Ns>,
  Out<"default", Joined<Ns>> | Aside<Ns[keyof Ns]>,
  Error<Ns[keyof Ns]>,
  Services<Ns[keyof Ns]>
> => {
  checkNodes(nodes)
  const onward = (left: Out<string, unknown>) =>
    left.action === "default" ? Effect.succeed(left.value) : Effect.fail(new LeftAside(left))
  const run = (input: unknown, path: Path.Path): Effect.Effect<any, any, any> => {
    const branches = Object.entries(nodes).map(([name, node]) =>
      [name, Effect.flatMap(branch(node, input, Path.inside(path, name)), onward)] as const
    )
    return all(Object.fromEntries(branches), { concurrency: "unbounded", name }).pipe(
      Effect.map((joined) => out("default", joined)),
      Effect.catchIf((error) => error instanceof LeftAside, ({ left }) => Effect.succeed(left))
    )
  }
  return fromRun(name, { run, graph: { _tag: "FanOut", nodes: graphsOf(nodes) } }) as any
}

/**
 * Runs different nodes at once on the same input; the first that succeeds interrupts the rest.
 *
 * **Details**
 *
 * Graph: it is left as the winner was left. Errors: when none succeeds, the failures of all in one cause. It waits for
 * the finalizers of those that lost. For a race over items, see `collect: "race"` of a batch node.
 *
 * **Example** (The faster of two)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Flow, Node } from "effect-parallel"
 *
 * const wait = (millis: number) =>
 *   Node.make("wait", { exec: (text: string) => Effect.succeed(`${text} ${millis}`).pipe(Effect.delay(millis)) })
 *
 * const fastest = Flow.race("fastest", { fast: wait(1), slow: wait(5000) })
 *
 * console.log((await Effect.runPromise(Flow.run(fastest, "after"))).value) // => "after 1"
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const race = <const Ns extends Nodes>(
  name: string,
  nodes: Ns
): Node<SharedInput<Ns>, Exit<Ns[keyof Ns]>, Error<Ns[keyof Ns]>, Services<Ns[keyof Ns]>> => {
  checkNodes(nodes)
  const run = (input: unknown, path: Path.Path): Effect.Effect<any, any, any> =>
    Effect.raceAll(Object.entries(nodes).map(([name, node]) => branch(node, input, Path.inside(path, name))))
  return fromRun(name, { run, graph: { _tag: "Race", nodes: graphsOf(nodes) } })
}

/**
 * Runs a flow, or any other node, from its input to the `Out` by which it is left.
 *
 * **Details**
 *
 * Errors: those of its nodes, each as it was; `Node.location` tells where in the flow it came from. Where a tracer is
 * provided there is a span for the flow and each of its nodes, items and attempts, with the path; without one there are
 * none, and they cost nothing. Interruption stops what is under way and waits for its finalizers. With a `journal`, a flow that
 * is run again goes on after the last node that was left (`RunOptions`).
 *
 * **Example** (By which action a flow was left)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Flow, Node } from "effect-parallel"
 *
 * const sign = Node.make("sign", {
 *   post: (n: number) => n < 0 ? Node.out("negative", -n) : Node.out("positive", n)
 * })
 *
 * const { action, value } = await Effect.runPromise(Flow.run(sign, -3))
 * console.log(action) // => "negative"
 * console.log(value) // => 3
 * ```
 *
 * @category running
 * @since 0.1.0
 */
export const run: {
  <I>(input: I): <X extends Out<string, unknown>, E, R>(self: Node<I, X, E, R>) => Effect.Effect<X, E, R>
  <I, J extends Journaling>(
    input: I,
    options: { readonly journal: J & FlowJournal<NoInfer<I>> }
  ): <X extends Out<string, unknown>, E, R>(
    self: Node<I, X, E, R>
  ) => Effect.Effect<X, E | Journaled<J, I, X["value"], never>, R | JournalService<J>>
  <I, X extends Out<string, unknown>, E, R, J extends Journaling = NoJournaling>(
    self: Node<I, X, E, R>,
    input: NoInfer<I>,
    options?: RunOptions<NoInfer<I>, J>
  ): Effect.Effect<X, E | Journaled<J, I, X["value"], never>, R | JournalService<J>>
} = dual(
  (args) => args.length > 1 && isNode(args[0]),
  <I, X extends Out<string, unknown>, E, R>(
    self: Node<I, X, E, R>,
    input: I,
    options: RunOptions<I, any> = {}
  ): Effect.Effect<X, any, any> => {
    knownKeys("options", options, ["journal"])
    if (options.journal === undefined) return Effect.flatMap(Path.root(self.name), (path) => branch(self, input, path))
    const journal = checkFlowJournal(options.journal)
    return Effect.scoped(Effect.gen(function*() {
      const recorder = yield* open(self.name, input, journal)
      const exit = yield* branch(self, input, yield* Path.root(self.name, recorder))
      yield* Effect.logInfo(recorder.summary)
      return exit
    }))
  }
)

/**
 * How a flow is run.
 *
 * **Details**
 *
 * - `journal`: records by which action and value each node was left, before the next begins; a flow that is run again with the same
 *   input goes on after the last node that is recorded. Adds `JournalError`, and needs a `Journal`. Values have to be what JSON
 *   keeps as it is, or the node states their schema (`Node.withSchema`). A node that was under way when the program ended runs
 *   again, and so does one that failed.
 *
 * @category models
 * @since 0.1.0
 */
export interface RunOptions<I = unknown, J extends Journaling = never> {
  readonly journal?: (J & FlowJournal<I>) | undefined
}

/**
 * Draws a flow, or any other node, as a Mermaid flowchart.
 *
 * **Details**
 *
 * Graph: the text of a `flowchart TD`, the same for the same flow. A nested flow is a box with its nodes inside; edges
 * that enter or leave it begin and end at the box. Edges are labelled with their actions, ways out with the action by
 * which the flow is left. The ways out of a `Flow.chain` are not drawn: only its type knows them.
 *
 * **Example** (A node that leads back to itself)
 *
 * ```ts
 * import { Flow, Node } from "effect-parallel"
 *
 * const guess = Node.make("guess", {
 *   post: (n: number) => n > 9 ? Node.out("found", n) : Node.out("again", n + 1)
 * })
 * const game = Flow.make("game", {
 *   start: "guess",
 *   nodes: { guess },
 *   on: { guess: { again: "guess", found: Flow.end } }
 * })
 *
 * console.log(Flow.toMermaid(game).split("\n")[2]) // => "  n0 -->|\"again\"| n0"
 * ```
 *
 * @category converting
 * @since 0.1.0
 */
export const toMermaid = (self: Any): string => Mermaid.draw(graphOf(self))

const checkNodes = (nodes: Readonly<Record<string, unknown>>): void => {
  if (Object.keys(nodes).length === 0) outOfRange("nodes", "at least one node", nodes)
  for (const [name, node] of Object.entries(nodes)) if (!isNode(node)) wrongType(`nodes.${name}`, "a node", node)
}

const isOutward = (target: unknown): boolean =>
  target === end || (target as Leave<string> | undefined)?._tag === "Leave"

/** Returns a name for a node that no other node has. */
const freeName = (name: string, taken: ReadonlyArray<string>, count = 1): string => {
  const candidate = count === 1 ? name : `${name} ${count}`
  return taken.includes(candidate) ? freeName(name, taken, count + 1) : candidate
}

const fromWiring = (
  name: string,
  nodes: Nodes,
  wiring: { readonly start: string; readonly on: Readonly<Record<string, Readonly<Record<string, Target>>>> },
  options: { readonly maxSteps: number; readonly open: boolean }
): Node<any, any, any, any> => {
  const graph: Wiring = { _tag: "Flow", ...wiring, nodes: graphsOf(nodes) }
  const way = route(nodes, graph, options)
  return fromRun(name, { run: (input: unknown, path) => walk(way, input, path), graph })
}

const graphsOf = (nodes: Nodes): Readonly<Record<string, GraphNode>> =>
  Object.fromEntries(Object.entries(nodes).map(([name, node]) => [name, graphOf(node)]))

/** Runs a node at its path; its failures get that path. */
const branch = <I, X extends Out<string, unknown>, E, R>(
  node: Node<I, X, E, R>,
  input: I,
  path: Path.Path
): Effect.Effect<X, E, R> =>
  Effect.catchCause(
    Effect.suspend(() => runAt(node, input, path)),
    (cause) => Effect.failCause(Path.locate(cause, path, 1))
  )

/** Failure that carries the exit of a fan-out branch which leaves the flow instead of joining. */
class LeftAside {
  readonly left: Out<string, unknown>
  constructor(left: Out<string, unknown>) {
    this.left = left
  }
}
