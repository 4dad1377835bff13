/** The flows that attempts have run, as graphs. */
import { useMemo } from "preact/hooks"
import { type Arrow, type Box, type Flow, pathOf, pictureOf, targetOf } from "./graph.ts"
import { count, counted } from "./text.ts"

export const Flows = ({ flows }: { readonly flows: ReadonlyArray<Flow> }) => (
  <section id="flows" aria-labelledby="flows-title">
    <h2 id="flows-title">Flows</h2>
    {flows.map((flow, place) => <FlowOf key={flow.name} flow={flow} head={`head-${place}`} />)}
  </section>
)

/** Shows a flow. `head` is the id of its arrowhead. */
const FlowOf = ({ flow, head }: { readonly flow: Flow; readonly head: string }) => {
  const picture = useMemo(() => pictureOf(flow, matchMedia("(max-width: 700px)").matches ? "TB" : "LR"), [flow])
  const most = Math.max(1, ...picture.arrows.map(({ taken }) => taken))
  const walked = `${flow.name}: ${counted(flow.walks, "run")} through ${counted(flow.nodes.length, "node")}`
  return (
    <figure class="flow">
      <figcaption>
        <h3>
          {flow.name} <small>ran {count(flow.walks)}×</small>
        </h3>
      </figcaption>
      <div class="wide" tabIndex={0} role="region" aria-label={`Graph of ${flow.name}`}>
        <svg
          role="img"
          aria-label={`Graph of ${walked}. The table below has the same numbers.`}
          width={picture.width}
          height={picture.height}
          style={{ minWidth: `${0.8 * picture.width}px` }}
          viewBox={`0 0 ${picture.width} ${picture.height}`}
        >
          <defs>
            <marker
              id={head}
              viewBox="0 0 8 8"
              refX="7"
              refY="4"
              markerWidth="8"
              markerHeight="8"
              markerUnits="userSpaceOnUse"
              orient="auto"
            >
              <path d="M0,0L8,4L0,8z" />
            </marker>
          </defs>
          {picture.arrows.map((arrow, place) => <ArrowOf key={place} arrow={arrow} most={most} head={head} />)}
          {picture.arrows.map((arrow, place) => arrow.label !== "" && <LabelOf key={place} arrow={arrow} />)}
          {picture.boxes.map((box) => <BoxOf key={box.id} box={box} />)}
        </svg>
      </div>
      <details>
        <summary>as a table</summary>
        <FlowTable flow={flow} />
      </details>
    </figure>
  )
}

interface ArrowProps {
  readonly arrow: Arrow
  readonly most: number
  readonly head: string
}

const ArrowOf = ({ arrow: { points, taken }, head, most }: ArrowProps) => (
  <path
    class={taken === 0 ? "arrow never" : "arrow"}
    d={pathOf(points)}
    stroke-width={taken === 0 ? 1 : 1.25 + 3.75 * Math.sqrt(taken / most)}
    marker-end={`url(#${head})`}
  />
)

const LabelOf = ({ arrow: { at: { x, y }, height, label, taken, width } }: { readonly arrow: Arrow }) => (
  <g>
    <rect class="behind" x={x - width / 2} y={y - height / 2} width={width} height={height} />
    <text class={taken === 0 ? "label never" : "label"} x={x} y={y + 4}>{label}</text>
  </g>
)

const BoxOf = ({ box: { failed, height, kind, note, title, width, x, y } }: { readonly box: Box }) => {
  if (kind === "start") return <circle class="start" cx={x} cy={y} r={width / 2} />
  const round = kind === "exit" ? height / 2 : 6
  const top = y - height / 2
  return (
    <g class={kind}>
      <rect x={x - width / 2} y={top} width={width} height={height} rx={round} />
      <text class="name" x={x} y={kind === "exit" ? y + 4 : top + 19}>{title}</text>
      {note !== "" && <text class="note" x={x} y={top + 36}>{note}</text>}
      {failed > 0 && <text class="note is-failed" x={x} y={top + 52}>✗ failed {count(failed)}×</text>}
    </g>
  )
}

const FlowTable = ({ flow: { edges, name, nodes } }: { readonly flow: Flow }) => (
  <div class="wide" tabIndex={0} role="region" aria-label={`Tables of ${name}`}>
    <table>
      <caption>Nodes of {name}</caption>
      <thead>
        <tr>{["node", "kind", "entered", "failed"].map((title) => <th key={title} scope="col">{title}</th>)}</tr>
      </thead>
      <tbody>
        {nodes.map(({ entered, failed, kind, name }) => (
          <tr key={name}>
            <th scope="row">{name}</th>
            <td>{kind}</td>
            <td>{count(entered)}</td>
            <td class={failed > 0 ? "is-failed" : ""}>{count(failed)}</td>
          </tr>
        ))}
      </tbody>
    </table>
    <table>
      <caption>Edges of {name}</caption>
      <thead>
        <tr>{["from", "action", "to", "taken"].map((title) => <th key={title} scope="col">{title}</th>)}</tr>
      </thead>
      <tbody>
        {edges.map((edge, place) => (
          <tr key={place}>
            <th scope="row">{edge.from}</th>
            <td>{edge.action}</td>
            <td>{targetOf(edge)}</td>
            <td>{count(edge.taken)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  </div>
)
