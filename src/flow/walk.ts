/**
 * A run through the nodes of a flow, one after another along its edges.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { type TurnBudget, turnBudgetOf } from "../primitives/eventLoop.ts"
import { shorten } from "../primitives/shorten.ts"
import type { Target, Wiring } from "./graph.ts"
import { type Any, isOut, type Out, out, runAt } from "./node.ts"
import * as Path from "./path.ts"

/**
 * A flow took as many steps as it may, and was not left.
 *
 * **Details**
 *
 * `path` is the flow, with those around it; `limit` its `maxSteps`; `last` names the last nodes it ran, at most eight.
 *
 * @category errors
 * @since 0.1.0
 */
export class StepLimit extends Schema.TaggedError<StepLimit>("effect-parallel/Flow/StepLimit")("StepLimit", {
  path: Schema.String,
  limit: Schema.Int,
  last: Schema.Array(Schema.String)
}) {
  override get message(): string {
    return `flow ${this.path} took ${this.limit} steps and was not left; the last were ${this.last.join(", ")}`
  }
}

/** A flow made ready to run. */
export interface Route {
  readonly start: string
  /** How many nodes may run, at most. */
  readonly maxSteps: number
  readonly stops: ReadonlyMap<string, Stop>
  /** Whether an action that is not wired leaves the flow. */
  readonly open: boolean
}

/** A node and where its actions lead. */
interface Stop {
  readonly node: Any
  readonly on: ReadonlyMap<string, Target>
}

/** Makes a route of nodes and edges. */
export const route = (
  nodes: Readonly<Record<string, Any>>,
  { on, start }: Pick<Wiring, "on" | "start">,
  options: Pick<Route, "maxSteps" | "open">
): Route => ({
  ...options,
  start,
  stops: new Map(Object.entries(nodes).map(([name, node]) => [name, { node, on: new Map(Object.entries(on[name]!)) }]))
})

/** Follows a route to its end. */
export const walk = (
  route: Route,
  input: unknown,
  path: Path.Path
): Effect.Effect<Out<string, unknown>, any, any> =>
  Effect.withFiber((fiber) => {
    const walk = new Walk(route, input, path, turnBudgetOf(fiber))
    return Effect.matchCauseEffect(Effect.whileLoop(walk), {
      onFailure: (cause) => Effect.failCause(Path.locate(cause, walk.path, 1)),
      onSuccess: () => Effect.succeed(walk.left!)
    })
  })

/** How many of the last nodes a `StepLimit` names. */
const remembered = 8

/** What changes on the way. It is itself the options of its `whileLoop`. */
class Walk {
  /** Where the walk is now. */
  path: Path.Path
  left: Out<string, unknown> | undefined
  private readonly route: Route
  private readonly root: Path.Path
  private readonly turnBudget: TurnBudget
  private readonly last: Array<string> = []
  private stop!: Stop
  private value: unknown
  private next: string
  private steps = 0

  constructor(route: Route, input: unknown, path: Path.Path, turnBudget: TurnBudget) {
    this.route = route
    this.root = path
    this.path = path
    this.turnBudget = turnBudget
    this.value = input
    this.next = route.start
  }

  while(): boolean {
    return this.left === undefined
  }

  body(): Effect.Effect<Out<string, unknown>, any, any> {
    const { maxSteps, stops } = this.route
    if (this.steps === maxSteps) {
      return Effect.fail(new StepLimit({ path: Path.pathOf(this.root), limit: maxSteps, last: this.last }))
    }
    if (++this.steps > maxSteps - remembered) this.last.push(this.next)
    this.stop = stops.get(this.next)!
    this.path = Path.inside(this.root, this.next)
    return this.turnBudget.tick() ? Effect.flatMap(this.turnBudget.next, () => this.enter()) : this.enter()
  }

  step(left: Out<string, unknown>): void {
    const { name } = this.path
    if (!isOut(left)) throw new TypeError(`expected \`${name}\` to be left by a \`Node.out\`, got ${shorten(left)}`)
    const target = this.stop.on.get(left.action)
    if (typeof target === "string") {
      this.next = target
      this.value = left.value
    } else if (target === undefined && !this.route.open) {
      throw new TypeError(`\`${name}\` was left by the action ${shorten(left.action)}, which leads nowhere`)
    } else {
      this.left = target?._tag === "Leave" ? out(target.action, left.value) : left
    }
  }

  private enter(): Effect.Effect<Out<string, unknown>, any, any> {
    return runAt(this.stop.node, this.value, this.path)
  }
}
