/**
 * Draws the charts of `docs/benchmarks.md` as SVG, with Observable Plot and without a browser.
 *
 * A page shows them as images, which do not know its colors, so each stands on a white card of its own.
 */
import * as Plot from "@observablehq/plot"
import { parseHTML } from "linkedom"
import { busy, type Cost, costs, type Point, type Share, shares } from "./chartData.ts"
import { median, type Results } from "./results.ts"

const { document } = parseHTML("<!doctype html><html><body></body></html>")
const namespace = "http://www.w3.org/2000/svg"

const width = 760
const ink = "#24292f"
const faint = "#d8dee4"

/** Looks of what is compared: colors that everybody can tell apart, and shapes. */
const looks = [
  { color: "#0072b2", symbol: "circle" },
  { color: "#d55e00", symbol: "square" },
  { color: "#009e73", symbol: "triangle" }
] as const

const font = "system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif"

/** Renders a plot as a file, on a white card. Coordinates are rounded: nobody sees a hundredth. */
const svg = (options: Plot.PlotOptions & { readonly height: number }): string => {
  const style = { fontFamily: font, fontSize: "13px", color: ink, background: "none" }
  const plot = Plot.plot({ ...options, document, width, style })
  plot.setAttribute("xmlns", namespace)
  plot.setAttribute("xmlns:xlink", "http://www.w3.org/1999/xlink")
  const card = document.createElementNS(namespace, "rect")
  for (const [name, value] of Object.entries({ x: 0.5, y: 0.5, rx: 8, fill: "#ffffff", stroke: faint })) {
    card.setAttribute(name, String(value))
  }
  card.setAttribute("width", String(width - 1))
  card.setAttribute("height", String(options.height - 1))
  plot.querySelector("style")!.after(card)
  return `${plot.outerHTML.replace(/-?\d+\.\d{3,}/g, (number) => String(Number(Number(number).toFixed(2))))}\n`
}

/** Keeps text apart from lines behind it. */
const onWhite = { fill: ink, stroke: "#ffffff", strokeWidth: 5 } as const

/** Text that starts at a place beside the upper left corner of the plot. */
const note = (text: string, dx: number, dy: number): Plot.Markish =>
  Plot.text([text], { frameAnchor: "top-left", textAnchor: "start", lineAnchor: "middle", dx, dy, text: [text] })

/** Marks that say what looks how, in a line above the plot. */
const legend = (names: ReadonlyArray<string>, left: number, above: number): ReadonlyArray<Plot.Markish> => {
  let x = left
  return names.flatMap((name, n) => {
    const dx = x
    x += 44 + 7 * name.length
    const { color, symbol } = looks[n]!
    const dot = { frameAnchor: "top-left", dx: dx + 6, dy: -above, symbol, fill: color, r: 5 } as const
    return [Plot.dot([name], dot), note(name, dx + 18, -above)]
  })
}

const below = { labelAnchor: "center", labelArrow: "none", labelOffset: 42 } as const

/** Ticks of a logarithmic scale that are not crowded. */
const steps = (least: number, most: number, digits: ReadonlyArray<number>): ReadonlyArray<number> =>
  Array.from({ length: 12 }, (_, n) => n - 5)
    .flatMap((power) => digits.map((digit) => Number(`${digit}e${power}`)))
    .filter((tick) => tick >= least && tick <= most)

const leastOf = (points: ReadonlyArray<Point>): number => Math.min(...points.map(({ least }) => least))
const mostOf = (points: ReadonlyArray<Point>): number => Math.max(...points.map(({ most }) => most))

const tools = ["effect-parallel", "p-map", "Effect"]

const costChart = (data: ReadonlyArray<Cost>): string => {
  const rows = [...new Set(data.map(({ row }) => row))]
  const [least, most] = [leastOf(data) / 1.3, mostOf(data) * 1.3]
  const ticks = steps(least, most, [1, 2, 5])
  return svg({
    height: 120 + 32 * rows.length,
    marginLeft: 240,
    marginRight: 30,
    marginTop: 50,
    marginBottom: 56,
    x: { type: "log", domain: [least, most], axis: null },
    y: { domain: rows, label: null, tickSize: 0 },
    marks: [
      Plot.ruleY(rows, { stroke: faint }),
      Plot.ruleX(ticks, { stroke: faint }),
      Plot.axisX(ticks, { ...below, label: "µs per input (log scale)", text: ticks.map(String) }),
      ...tools.toReversed().flatMap((tool) => {
        const own = data.filter((each) => each.tool === tool)
        const { color, symbol } = looks[tools.indexOf(tool)]!
        return [
          Plot.ruleY(own, { y: "row", x1: "least", x2: "most", stroke: color, strokeWidth: 2 }),
          Plot.dot(own, { y: "row", x: "middle", fill: color, symbol, r: 5, stroke: "#ffffff", strokeWidth: 1 })
        ]
      }),
      ...legend(tools, 0, 24)
    ]
  })
}

const names = ["ours", "chunks by hand", "Piscina"]

const shareChart = (data: ReadonlyArray<Share>): string => {
  const lengths = [...new Set(data.map(({ length }) => length))]
  const [least, most] = [Math.min(leastOf(data), 0.3) / 1.2, mostOf(data) * 1.3]
  const ticks = steps(least, most, [1])
  const reference = (share: number, name: string, dy: number) => [
    Plot.ruleY([share], { stroke: ink, strokeDasharray: "5 4" }),
    Plot.text([share], { y: [share], text: [name], frameAnchor: "right", textAnchor: "end", dx: -4, dy, ...onWhite })
  ]
  return svg({
    height: 440,
    marginLeft: 70,
    marginRight: 30,
    marginTop: 80,
    marginBottom: 56,
    x: { ...below, type: "point", domain: lengths, label: "length of a task" },
    y: { type: "log", domain: [least, most], label: null, ticks: [...ticks], tickFormat: "," },
    marks: [
      Plot.ruleY(ticks, { stroke: faint }),
      ...reference(1, "one thread", -9),
      ...reference(0.5, "two threads at best", 10),
      ...names.toReversed().flatMap((name) => {
        const own = data.filter((each) => each.case === name)
        const { color, symbol } = looks[names.indexOf(name)]!
        return [
          Plot.lineY(own, { x: "length", y: "middle", stroke: color, strokeWidth: 1.5 }),
          Plot.ruleX(own, { x: "length", y1: "least", y2: "most", stroke: color, strokeWidth: 2 }),
          Plot.dot(own, { x: "length", y: "middle", fill: color, symbol, r: 5, stroke: "#ffffff", strokeWidth: 1 })
        ]
      }),
      ...legend(["effect-parallel", ...names.slice(1)], -46, 52),
      note("time, as a ratio to one thread (log scale)", -46, -24)
    ]
  })
}

interface BusyPoint extends Point {
  readonly workers: string
  readonly length: string
}

/** Shades of one color, from few workers to many. */
const shades = ["#6baed6", "#4292c6", "#2171b5", "#08306b"]

const busyChart = (data: ReadonlyArray<BusyPoint>): string => {
  const lengths = [...new Set(data.map(({ length }) => length))]
  const counts = [...new Set(data.map(({ workers }) => workers))]
  return svg({
    height: 380,
    marginLeft: 70,
    marginRight: 30,
    marginTop: 56,
    marginBottom: 56,
    x: { ...below, type: "point", domain: lengths, label: "length of a task", padding: 0.9 },
    y: { domain: [0, 100], label: null, ticks: 5, tickFormat: (share: number) => `${share} %` },
    marks: [
      Plot.ruleY([0, 20, 40, 60, 80, 100], { stroke: faint }),
      ...counts.flatMap((workers, n) => {
        const own = data.filter((each) => each.workers === workers)
        const color = shades[n % shades.length]!
        return [
          Plot.lineY(own, { x: "length", y: "middle", stroke: color, strokeWidth: 2 }),
          Plot.dot(own, { x: "length", y: "middle", fill: color, r: 4, stroke: "#ffffff", strokeWidth: 1 }),
          Plot.text(own.slice(0, 1), {
            x: "length",
            y: "middle",
            text: [`${workers} workers`],
            dx: -10,
            textAnchor: "end",
            ...onWhite
          })
        ]
      }),
      note("share of the time in which workers are busy", -46, -26)
    ]
  })
}

/** Draws the charts for which there are results, by path in `docs`. */
export const charts = (results: Results): Readonly<Record<string, string>> => {
  const cost = costs(results)
  const share = shares(results)
  const busyPoints = busy(results).map(({ length, readings: { values }, workers }) => ({
    length,
    workers,
    middle: median(values),
    least: Math.min(...values),
    most: Math.max(...values)
  }))
  return {
    ...cost.length === 0 ? {} : { "benchmarks/fibers.svg": costChart(cost) },
    ...share.length === 0 ? {} : { "benchmarks/threads.svg": shareChart(share) },
    ...busyPoints.length === 0 ? {} : { "benchmarks/cores.svg": busyChart(busyPoints) }
  }
}
