/** The layout of the graph of a flow. */
import { Graph, layout } from "@dagrejs/dagre"
import type { Json } from "../src/report/json.ts"
import { count } from "./text.ts"

export type Flow = NonNullable<Json["flows"]>[number]

export interface Point {
  readonly x: number
  readonly y: number
}

/** A box in the picture. `x` and `y` are its center. */
export interface Box extends Point {
  readonly id: string
  readonly kind: "start" | "node" | "exit"
  readonly width: number
  readonly height: number
  readonly title: string
  readonly note: string
  readonly failed: number
}

export interface Arrow {
  readonly points: ReadonlyArray<Point>
  readonly label: string
  readonly at: Point
  /** Size of the label. */
  readonly width: number
  readonly height: number
  readonly taken: number
}

export interface Picture {
  readonly width: number
  readonly height: number
  readonly boxes: ReadonlyArray<Box>
  readonly arrows: ReadonlyArray<Arrow>
}

/** Width of a character in pixels. Nearly all characters are at most this wide. */
const letter = 7.2

const widthOf = (...texts: ReadonlyArray<string>): number => letter * Math.max(...texts.map(({ length }) => length))

/** Cuts a text for the picture. The table has the whole text. */
const short = (text: string, most = 28): string => text.length <= most ? text : `${text.slice(0, most - 1)}…`

/** Describes where an edge leads. */
export const targetOf = ({ exit, to }: Flow["edges"][number]): string => to ?? `exit ${exit ?? ""}`.trim()

type Label = Omit<Box, "id" | "x" | "y">

/** Lays out a flow, from left to right or from top to bottom. */
export const pictureOf = (flow: Flow, direction: "LR" | "TB"): Picture => {
  const graph = new Graph({ multigraph: true })
  graph.setGraph({ rankdir: direction, nodesep: 28, ranksep: 36, edgesep: 18, marginx: 6, marginy: 6 })
  const set = (id: string, label: Label) => graph.setNode(id, { ...label, id })
  set("start", { kind: "start", title: "", note: "", failed: 0, width: 12, height: 12 })
  for (const { entered, failed, kind, name } of flow.nodes) {
    const [title, note] = [short(name), `${kind === "Node" ? "" : `${kind}, `}entered ${count(entered)}×`]
    const width = Math.max(96, 24 + widthOf(title, note))
    set(`node ${name}`, { kind: "node", title, note, failed, width, height: failed > 0 ? 62 : 46 })
  }
  const edges = [{ from: "start", to: `node ${flow.start}`, label: "", taken: flow.walks }]
  for (const edge of flow.edges) {
    const exit = `exit ${edge.exit ?? edge.action}`
    if (edge.to === undefined && !graph.hasNode(exit)) {
      const title = short(edge.exit ?? edge.action)
      set(exit, { kind: "exit", title, note: "", failed: 0, width: Math.max(52, 28 + widthOf(title)), height: 28 })
    }
    const label = `${short(edge.action, 20)} ${count(edge.taken)}×`
    const to = edge.to === undefined ? exit : `node ${edge.to}`
    edges.push({ from: `node ${edge.from}`, to, label, taken: edge.taken })
  }
  const known = edges.filter(({ from, to }) => graph.hasNode(from) && graph.hasNode(to))
  for (const [place, { from, label, taken, to }] of known.entries()) {
    const size = label === "" ? { width: 0, height: 0 } : { width: 8 + widthOf(label) * 0.92, height: 18 }
    graph.setEdge(from, to, { label, taken, ...size, labelpos: "c" }, String(place))
  }
  layout(graph)
  const boxes = graph.nodes().map((id) => graph.node(id) as unknown as Box)
  const arrows = graph.edges().map((edge): Arrow => {
    const { height, label, points, taken, width, x, y } = graph.edge(edge) as unknown as Laid
    return { label, points, taken, width, height, at: { x, y } }
  })
  const { height, width } = graph.graph() as { readonly width: number; readonly height: number }
  return { width, height, boxes, arrows }
}

interface Laid extends Point {
  readonly label: string
  readonly width: number
  readonly height: number
  readonly taken: number
  readonly points: ReadonlyArray<Point>
}

/** Makes a smooth path through points. */
export const pathOf = (points: ReadonlyArray<Point>): string => {
  const [first, ...others] = points
  if (first === undefined) return ""
  let path = `M${at(first)}`
  for (const [i, point] of others.entries()) {
    const next = others[i + 1]
    if (next === undefined) path += `L${at(point)}`
    else path += `Q${at(point)} ${at({ x: (point.x + next.x) / 2, y: (point.y + next.y) / 2 })}`
  }
  return path
}

const at = ({ x, y }: Point): string => `${x.toFixed(1)},${y.toFixed(1)}`
