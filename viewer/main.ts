/** The entry point of the viewer: shows the report that is in the page. */
import uPlotStyle from "uplot/dist/uPlot.min.css"
import { type Columns, fromColumns } from "../src/report/columns.ts"
import { type Plain, plain } from "../src/report/plain.ts"
import { charts } from "./charts.ts"
import { count, duration, el, measured } from "./dom.ts"
import { latencies, make, type Model, quantile, utilisation } from "./model.ts"
import style from "./style.css"
import { failures, slowestInputs } from "./tables.ts"
import { timeline } from "./timeline.ts"

const tiles = (model: Model): HTMLElement => {
  const { elapsed, tally } = model.report
  const sorted = latencies(model)
  const facts: ReadonlyArray<readonly [id: string, label: string, text: string]> = [
    ["total", "inputs", count(tally.total)],
    ["succeeded", "succeeded", count(tally.succeeded)],
    ["failed", "failed", count(tally.failed)],
    ["retried", "tried again", count(tally.retried)],
    ...(tally.recalled > 0 ? [["recalled", "recalled", count(tally.recalled)] as const] : []),
    ["attempts", "attempts", count(tally.attempts)],
    ["elapsed", "in all", duration(elapsed)],
    ["rate", "inputs a second", elapsed > 0 ? measured(1000 * tally.total / elapsed) : "–"],
    ["median", "median", duration(quantile(sorted, 0.5))],
    ["busy", "workers busy", `${(100 * utilisation(model)).toFixed(0)} %`]
  ]
  const tile = ([id, label, text]: typeof facts[number]) =>
    el("div", { class: `tile ${id}` }, el("b", { id: `tally-${id}` }, text), el("span", {}, label))
  return el("div", { class: "tiles" }, ...facts.map(tile))
}

const show = (report: Plain): void => {
  const model = make(report)
  const date = report.startedAt === undefined
    ? []
    : [el("time", { datetime: report.startedAt }, dateOf(report.startedAt))]
  document.head.append(el("style", {}, uPlotStyle, style))
  document.body.append(
    el("header", {}, el("h1", {}, report.name), ...date),
    tiles(model),
    timeline(model),
    el("div", { class: "row" }, ...charts(model)),
    failures(model),
    slowestInputs(model)
  )
}

const dateOf = (iso: string): string =>
  new Date(iso).toLocaleString("en-GB", { dateStyle: "long", timeStyle: "medium" })

const data = document.getElementById("report")!
show(plain(fromColumns(JSON.parse(data.textContent) as Columns)))
data.remove()
