/**
 * Runs a flow: its nodes sequentially, along its edges.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { type SeenWalk, type Spectator, Spectators } from "../observability/spectator.ts"
import { type TurnBudget, turnBudgetOf } from "../primitives/eventLoop.ts"
import { shorten, shortenName } from "../primitives/shorten.ts"
import type { Target, Wiring } from "./graph.ts"
import { type Any, isOut, type Out, out, runAt } from "./node.ts"
import * as Path from "./path.ts"

/**
 * A flow ran as many nodes as its `maxSteps` allows, and did not exit.
 *
 * @category errors
 * @since 0.1.0
 */
export class StepLimit extends Schema.TaggedError<StepLimit>("effect-parallel/Flow/StepLimit")("StepLimit", {
  /** The path of the flow: the names of the flows around it and its own, separated by slashes. */
  path: Schema.String,
  /** The `maxSteps` of the flow. */
  limit: Schema.Int,
  /** Names of the last nodes that ran, at most eight, the latest last. */
  last: Schema.Array(Schema.String)
}) {
  override get message(): string {
    const [path, last] = [shortenName(this.path), shortenName(this.last.join(", "))]
    return `flow ${path} ran ${this.limit} nodes and did not exit; the last were ${last}`
  }
}

/** A flow prepared for execution, with its edges as maps. */
export interface Route {
  /** The structure of the flow. */
  readonly wiring: Wiring
  readonly start: string
  /** Greatest number of nodes that may run. */
  readonly maxSteps: number
  readonly nodesByName: ReadonlyMap<string, WiredNode>
  /** True if the flow exits with an action that has no edge. */
  readonly open: boolean
}

/** A node and the targets of its actions. */
interface WiredNode {
  readonly node: Any
  readonly on: ReadonlyMap<string, Target>
}

/** Prepares nodes and edges. */
export const route = (
  nodes: Readonly<Record<string, Any>>,
  wiring: Wiring,
  options: Pick<Route, "maxSteps" | "open">
): Route => ({
  ...options,
  wiring,
  start: wiring.start,
  nodesByName: new Map(
    Object.entries(nodes).map(([name, node]) => [name, { node, on: new Map(Object.entries(wiring.on[name]!)) }])
  )
})

/** Runs a route to its end. Failures get the path of the node where they occurred. */
export const walk = (
  route: Route,
  input: unknown,
  path: Path.Path
): Effect.Effect<Out<string, unknown>, any, any> => {
  const seen = (spectators: ReadonlyArray<Spectator>) => {
    const flow = { name: Path.nameOf(path), wiring: route.wiring }
    return spectators.map((spectator) => spectator.walk(flow))
  }
  return Effect.withFiber((fiber) => {
    const spectators = fiber.getRef(Spectators)
    const walk = new Walk(route, input, path, turnBudgetOf(fiber), spectators.length === 0 ? [] : seen(spectators))
    return Effect.matchCauseEffect(Effect.whileLoop(walk), {
      onFailure: (cause) => {
        walk.failed(cause)
        return Effect.failCause(Path.locate(cause, walk.path, 1))
      },
      onSuccess: () => Effect.succeed(walk.exit!)
    })
  })
}

/** Number of the last nodes that a `StepLimit` names. */
const lastNodes = 8

/** The state of one execution. It is also the options object of its `whileLoop`, which saves closures for each step. */
class Walk {
  /** Path of the running node. */
  path: Path.Path
  exit: Out<string, unknown> | undefined
  private readonly route: Route
  private readonly root: Path.Path
  private readonly turnBudget: TurnBudget
  /** The spectators that follow this execution. */
  private readonly seen: ReadonlyArray<SeenWalk>
  /** True while a node runs. */
  private isInside = false
  private readonly last: Array<string> = []
  private current!: WiredNode
  /** Input of the next node. */
  private value: unknown
  /** Name of the next node. */
  private next: string
  private steps = 0

  constructor(
    route: Route,
    input: unknown,
    path: Path.Path,
    turnBudget: TurnBudget,
    seen: ReadonlyArray<SeenWalk>
  ) {
    this.route = route
    this.seen = seen
    this.root = path
    this.path = path
    this.turnBudget = turnBudget
    this.value = input
    this.next = route.start
  }

  while(): boolean {
    return this.exit === undefined
  }

  body(): Effect.Effect<Out<string, unknown>, any, any> {
    const { maxSteps, nodesByName } = this.route
    if (this.steps === maxSteps) {
      return Effect.fail(new StepLimit({ path: Path.pathOf(this.root), limit: maxSteps, last: this.last }))
    }
    if (++this.steps > maxSteps - lastNodes) this.last.push(this.next)
    this.current = nodesByName.get(this.next)!
    this.path = Path.inside(this.root, this.next, this.steps)
    this.isInside = true
    for (const each of this.seen) each.entered(this.next)
    return this.turnBudget.tick() ? Effect.flatMap(this.turnBudget.next, () => this.enter()) : this.enter()
  }

  step(exit: Out<string, unknown>): void {
    const { name } = this.path
    this.isInside = false
    if (!isOut(exit)) {
      throw new TypeError(`expected node \`${shortenName(name)}\` to exit with a \`Node.out\`, got ${shorten(exit)}`)
    }
    const target = this.current.on.get(exit.action)
    if (target !== undefined || this.route.open) { for (const each of this.seen) each.left(name, exit.action) }
    if (typeof target === "string") {
      this.next = target
      this.value = exit.value
    } else if (target === undefined && !this.route.open) {
      throw new TypeError(
        `node \`${shortenName(name)}\` exited with the action ${shorten(exit.action)}, which has no target in \`on\``
      )
    } else {
      this.exit = target?._tag === "Leave" ? out(target.action, exit.value) : exit
    }
  }

  /** Reports to spectators that the node has failed. An interruption is not a failure of the node. */
  failed(cause: Cause.Cause<unknown>): void {
    if (!this.isInside || Cause.hasInterruptsOnly(cause)) return
    for (const each of this.seen) each.failed(this.path.name)
  }

  private enter(): Effect.Effect<Out<string, unknown>, any, any> {
    return runAt(this.current.node, this.value, this.path)
  }
}
