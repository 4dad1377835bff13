/**
 * Counts of how often flows, their nodes and their edges were used, by the paths of the flows.
 */
import type { SeenFlow, SeenWalk, SeenWiring } from "../observability/spectator.ts"
import type * as Outcome from "../Outcome.ts"
import { shortenName } from "../primitives/shorten.ts"

/** Greatest number of flows that are counted. */
const mostFlows = 100

/**
 * Greatest number of edges of a flow that are added when they are first taken. Its wiring does not name the actions of
 * these.
 */
const mostEdges = 1000

interface Counted {
  readonly flow: SeenFlow
  walks: number
  readonly nodes: Map<string, { entered: number; failed: number }>
  /** Number of times that edges were taken, by node and action. */
  readonly edges: Map<string, Map<string, number>>
  /** Number of edges. */
  size: number
}

/**
 * Counts flows. Flows with the same path and the same wiring count as one, for example a flow that is made for each
 * input.
 */
export class FlowCounter {
  private readonly flows = new Map<string, Counted>()

  /** Counts a flow that starts to run. */
  walk(flow: SeenFlow): SeenWalk {
    const key = `${flow.name}\n${signatureOf(flow.wiring)}`
    const known = this.flows.get(key)
    if (known === undefined && this.flows.size >= mostFlows) return ignored
    const counted = known ?? begin(flow)
    if (known === undefined) this.flows.set(key, counted)
    counted.walks++
    const { edges, nodes } = counted
    return {
      entered: (node) => void nodes.get(node)!.entered++,
      failed: (node) => void nodes.get(node)!.failed++,
      left: (node, action) => {
        const taken = edges.get(node)!
        const before = taken.get(action)
        if (before === undefined && counted.size >= mostEdges) return
        if (before === undefined) counted.size++
        taken.set(action, (before ?? 0) + 1)
      }
    }
  }

  get counts(): ReadonlyArray<Outcome.FlowCounts> {
    return [...this.flows.values()].map(countsOf)
  }
}

const ignored: SeenWalk = { entered: () => {}, failed: () => {}, left: () => {} }

const signatures = new WeakMap<SeenWiring, string>()

/** Returns a text that is equal for wirings that are drawn alike. */
const signatureOf = (wiring: SeenWiring): string => {
  let signature = signatures.get(wiring)
  if (signature === undefined) {
    const kinds = Object.entries(wiring.nodes).map(([name, { graph }]) => [name, graph._tag])
    const edges = Object.entries(wiring.on).map(([name, actions]) => [name, Object.entries(actions)])
    signatures.set(wiring, signature = JSON.stringify([wiring.start, kinds, edges]))
  }
  return signature
}

const begin = (flow: SeenFlow): Counted => {
  const { nodes, on } = flow.wiring
  const names = Object.keys(nodes)
  const edges = new Map(names.map((node) => [node, new Map(Object.keys(on[node]!).map((action) => [action, 0]))]))
  return {
    flow,
    walks: 0,
    nodes: new Map(names.map((node) => [node, { entered: 0, failed: 0 }])),
    edges,
    size: [...edges.values()].reduce((sum, { size }) => sum + size, 0)
  }
}

const countsOf = (
  { edges, flow: { name, wiring: { nodes: drawn, on, start } }, nodes, walks }: Counted
): Outcome.FlowCounts => ({
  name: shortenName(name),
  walks,
  start: shortenName(start),
  nodes: [...nodes].map(([name, { entered, failed }]) => ({
    name: shortenName(name),
    kind: drawn[name]!.graph._tag,
    entered,
    failed
  })),
  edges: [...edges].flatMap(([from, actions]) =>
    [...actions].map(([action, taken]) => {
      const target = Object.hasOwn(on[from]!, action) ? on[from]![action] : undefined
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
