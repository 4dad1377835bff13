/**
 * Counts of how flows are walked, by their paths.
 */
import type { SeenFlow, SeenWalk } from "../observability/spectator.ts"
import type * as Outcome from "../Outcome.ts"
import { shortenName } from "../primitives/shorten.ts"

/** Greatest number of flows that are counted. */
const mostFlows = 100

/** Greatest number of edges of a flow: one of an action that its wiring does not name is added when it is taken. */
const mostEdges = 1000

/** Counts of one flow. */
interface Counted {
  readonly flow: SeenFlow
  walks: number
  readonly nodes: Map<string, { entered: number; failed: number }>
  /** How often edges were taken, by node and action. */
  readonly edges: Map<string, Map<string, number>>
  /** Number of edges. */
  size: number
}

export class FlowCounter {
  private readonly flows = new Map<string, Counted>()

  /** Counts a walk that begins. */
  walk(flow: SeenFlow): SeenWalk {
    let counted = this.flows.get(flow.name)
    if (counted === undefined) {
      if (this.flows.size === mostFlows) return ignored
      this.flows.set(flow.name, counted = begin(flow))
    }
    const { edges, nodes } = counted
    const known = counted
    known.walks++
    return {
      entered: (node) => void nodes.get(node)!.entered++,
      failed: (node) => void nodes.get(node)!.failed++,
      left: (node, action) => {
        const taken = edges.get(node)!
        const before = taken.get(action)
        if (before === undefined && known.size === mostEdges) return
        if (before === undefined) known.size++
        taken.set(action, (before ?? 0) + 1)
      }
    }
  }

  get counts(): ReadonlyArray<Outcome.FlowCounts> {
    return [...this.flows.values()].map(countsOf)
  }
}

const ignored: SeenWalk = { entered: () => {}, failed: () => {}, left: () => {} }

const begin = (flow: SeenFlow): Counted => {
  const names = Object.keys(flow.nodes)
  const edges = new Map(names.map((node) => [node, new Map(Object.keys(flow.on[node]!).map((action) => [action, 0]))]))
  return {
    flow,
    walks: 0,
    nodes: new Map(names.map((node) => [node, { entered: 0, failed: 0 }])),
    edges,
    size: [...edges.values()].reduce((sum, { size }) => sum + size, 0)
  }
}

const countsOf = ({ edges, flow, nodes, walks }: Counted): Outcome.FlowCounts => ({
  name: shortenName(flow.name),
  walks,
  start: shortenName(flow.start),
  nodes: [...nodes].map(([name, { entered, failed }]) => ({
    name: shortenName(name),
    kind: flow.nodes[name]!.graph._tag,
    entered,
    failed
  })),
  edges: [...edges].flatMap(([from, actions]) =>
    [...actions].map(([action, taken]) => {
      const target = flow.on[from]![action]
      const isNode = typeof target === "string"
      return {
        from: shortenName(from),
        action: shortenName(action),
        to: isNode ? shortenName(target) : undefined,
        exit: isNode ? undefined : shortenName(target?._tag === "Leave" ? target.action : action),
        taken
      }
    })
  )
})
