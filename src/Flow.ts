/**
 * Workflows: nodes connected by their actions. The compiler checks every connection, and a flow is a node too.
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
 * The target of an action that exits the flow. The flow exits with the same action.
 *
 * @category constructors
 * @since 0.1.0
 */
export const end: End = Object.freeze({ _tag: "End" })

/**
 * Makes the target of an action that exits the flow with another action.
 *
 * **Example** (Merging two actions into one)
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
 * Makes a flow from nodes that are connected by their actions. A flow is a node too.
 *
 * **Details**
 *
 * The input of the flow is the input of its start node. The flow exits with the actions whose target is `Flow.end` or
 * `Flow.exit`. Loops are allowed. Nodes run one after another. If they do not wait, the flow yields to the event loop
 * at least every 8 ms.
 *
 * A missing or mismatched connection is a compile error: a node or an action without a target, an action that the node
 * does not have, a target that does not exist, or a target whose input has another type than the value of the action.
 *
 * The flow fails with the errors of its nodes, and with `StepLimit` after `maxSteps` nodes. `Node.location` returns
 * where a failure comes from. Interruption stops the node that runs.
 *
 * **Example** (Looping until a draft is accepted)
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
    /** The name in `nodes` of the node that runs first. */
    readonly start: S
    /** The nodes, by the names that `start` and `on` use. At least one. */
    readonly nodes: Ns
    /**
     * The target of each action of each node: the name of the node that runs next, `Flow.end` to exit the flow with the
     * same action, or `Flow.exit(action)` to exit it with another one.
     */
    readonly on: W & Checked<Ns, W>
    /**
     * How many nodes may run, not counting those of nested flows: a positive integer, or `Infinity`. If the flow has
     * not exited by then, it fails with `StepLimit`. Default: 10,000.
     */
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
 * Makes a flow that runs nodes in sequence: the action `"default"` of each leads to the next.
 *
 * **Details**
 *
 * The input of the flow is the input of its first node. The flow exits with the exit of its last node. If an earlier
 * node exits with another action than `"default"`, the flow exits immediately with that action. The flow fails with the
 * errors of its nodes.
 *
 * **Example** (Running three steps, or exiting after the second)
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
 * Makes a node that runs several nodes concurrently on the same input, and combines their values.
 *
 * **Details**
 *
 * When all nodes have exited with `"default"`, it exits with `"default"` and a record of their values, by the names of
 * the nodes. If one exits with another action, it interrupts the others and exits immediately with that action. If one
 * fails, it interrupts the others, waits for their finalizers, and fails with that error.
 *
 * **Example** (Counting words and letters concurrently)
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
 * Makes a node that runs several nodes concurrently on the same input; the first that succeeds wins.
 *
 * **Details**
 *
 * It exits with the exit of the winner, after it has interrupted the others and waited for their finalizers. If no node
 * succeeds, it fails with the failures of all in one cause. For a race over items, see `collect: "race"` of a batch
 * node.
 *
 * **Example** (Taking the faster of two)
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
 * Runs a flow, or any other node, and returns its exit: an action and a value.
 *
 * @category running
 * @since 0.1.0
 */
export const run: {
  /**
   * Runs a flow, or any other node, and returns its exit: an action and a value.
   *
   * **Details**
   *
   * It fails with the errors of the nodes, unchanged. `Node.location` returns where in the flow an error comes from.
   * Interruption stops the nodes that run, and waits for their finalizers. With the option `journal`, a flow that is
   * run again continues after the last node that has exited.
   *
   * If a tracer is provided, the flow and each of its nodes, items and attempts have a span with the path. Without a
   * tracer, there are no spans, and they cost nothing.
   *
   * **Example** (Reading the action and the value of an exit)
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
   */
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
 * The options of `Flow.run`.
 *
 * @category models
 * @since 0.1.0
 */
export interface RunOptions<I = unknown, J extends Journaling = never> {
  /**
   * Records the action and the value of each exit before the next node starts: `true`, or the options of `FlowJournal`.
   * A flow that is run again with the same input continues after the last recorded node. A node that was running when
   * the program ended runs again, and so does a node that failed.
   *
   * Values have to be what JSON keeps unchanged, or the node needs their schema (`Node.withSchema`). Adds the error
   * `JournalError`, and needs a `Journal`. Default: no records.
   */
  readonly journal?: (J & FlowJournal<I>) | undefined
}

/**
 * Draws a flow, or any other node, as a Mermaid flowchart.
 *
 * **Details**
 *
 * Returns the text of a `flowchart TD`, the same for the same flow. A nested flow is a box around its nodes; edges to
 * or from it start and end at the box. Edges are labeled with their actions, and exits with the action of the flow. The
 * exits of a `Flow.chain` are not drawn: only its type knows them.
 *
 * **Example** (Drawing a node that leads back to itself)
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

/** Returns a name for a node that is not taken. */
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

/** Runs a node at its path, and adds the path to its failures. */
const branch = <I, X extends Out<string, unknown>, E, R>(
  node: Node<I, X, E, R>,
  input: I,
  path: Path.Path
): Effect.Effect<X, E, R> =>
  Effect.catchCause(
    Effect.suspend(() => runAt(node, input, path)),
    (cause) => Effect.failCause(Path.locate(cause, path, 1))
  )

/** Failure with the exit of a fan-out branch whose action is not `"default"`. */
class LeftAside {
  readonly left: Out<string, unknown>
  constructor(left: Out<string, unknown>) {
    this.left = left
  }
}
