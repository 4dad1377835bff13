/**
 * Flows as Mermaid flowcharts.
 */
import { printable } from "../primitives/printable.ts"
import type { Branches, Graph, GraphNode, Target, Wiring } from "./graph.ts"

/** Draws a node as a flowchart, with one line for each node, box and edge. */
export const draw = (node: GraphNode): string => {
  const chart = new Chart()
  if (node.graph._tag === "Flow") chart.flow(node.graph)
  else chart.node(node.name, node.graph)
  return chart.text
}

/** A chart under construction. Nodes are numbered in the order of drawing. A nested flow is a box around its nodes. */
class Chart {
  private readonly lines: Array<string> = ["flowchart TD"]
  private depth = 1
  private count = 0

  get text(): string {
    return this.lines.join("\n")
  }

  /** Draws a node under its name in the flow. Returns its identifier. */
  node(name: string, graph: Graph): string {
    const id = this.id()
    switch (graph._tag) {
      case "Node":
        this.line(`${id}[${quoted(name)}]`)
        break
      case "BatchNode":
        this.line(`${id}[[${quoted(name)}]]`)
        break
      case "Flow":
        this.box(id, name, () => this.flow(graph))
        break
      case "FanOut":
      case "Race":
        this.box(id, name, () => this.branches(graph))
        break
      case "BatchFlow":
        this.box(id, `${name}: for each`, () => this.node(graph.flow.name, graph.flow.graph))
        break
    }
    return id
  }

  /** Draws the nodes and edges of a flow, and one terminal node for each action with which it exits. */
  flow({ nodes, on, start }: Wiring): void {
    const ids = new Map<string, string>()
    const names = Object.keys(nodes).toSorted((a, b) => Number(b === start) - Number(a === start))
    for (const name of names) ids.set(name, this.node(name, nodes[name]!.graph))
    const exits = new Map<string, string>()
    for (const name of names) {
      for (const [action, target] of Object.entries(on[name]!)) {
        const to = typeof target === "string" ? ids.get(target)! : this.exit(exits, leavesBy(action, target))
        this.line(`${ids.get(name)!} -->|${quoted(action)}| ${to}`)
      }
    }
  }

  /** Draws branches between their fork and their join. */
  private branches({ _tag, nodes }: Branches): void {
    const [from, to] = [this.id(), this.id()]
    this.line(`${from}@{ shape: fork }`)
    this.line(_tag === "Race" ? `${to}((${quoted("first")}))` : `${to}@{ shape: join }`)
    for (const [name, { graph }] of Object.entries(nodes)) {
      const id = this.node(name, graph)
      this.line(`${from} --> ${id}`)
      this.line(`${id} --> ${to}`)
    }
  }

  /** Returns the identifier of the terminal node of an action. Draws the node the first time. */
  private exit(exits: Map<string, string>, action: string): string {
    let id = exits.get(action)
    if (id === undefined) {
      exits.set(action, id = this.id())
      this.line(`${id}([${quoted(action)}])`)
    }
    return id
  }

  /** Draws a box around content. */
  private box(id: string, name: string, content: () => void): void {
    this.line(`subgraph ${id}[${quoted(name)}]`)
    this.depth++
    content()
    this.depth--
    this.line("end")
  }

  private id(): string {
    return `n${this.count++}`
  }

  private line(text: string): void {
    this.lines.push(`${"  ".repeat(this.depth)}${text}`)
  }
}

const leavesBy = (action: string, target: Exclude<Target, string>): string =>
  target._tag === "Leave" ? target.action : action

/**
 * Quotes a label. Escapes invisible characters, and writes characters that Mermaid may interpret as entities (`#59;`).
 */
const quoted = (text: string): string =>
  `"${printable(text).replace(/[^\p{L}\p{N} _.,:-]/gu, (character) => `#${character.codePointAt(0)!};`)}"`
