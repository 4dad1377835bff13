/** The entry point of the viewer: shows the report that is in the page, or the dashboard of a program. */
import { h, render } from "preact"
import uPlotStyle from "uplot/dist/uPlot.min.css"
import { type Columns, fromColumns } from "../src/report/columns.ts"
import { Dashboard } from "./dashboard.tsx"
import { make } from "./model.ts"
import { Report } from "./report.tsx"
import style from "./style.css"

/** Takes the JSON from an element of the page, and removes the element. */
const take = (id: string): unknown => {
  const data = document.getElementById(id)
  data?.remove()
  return data === null ? undefined : JSON.parse(data.textContent)
}

const sheet = document.createElement("style")
sheet.textContent = uPlotStyle + style
document.head.append(sheet)
const live = take("live") as { readonly token: string } | undefined
const place = document.createElement("div")
document.body.append(place)
render(
  live === undefined
    ? h(Report, { model: make(fromColumns(take("report") as Columns)) })
    : h(Dashboard, { token: live.token }),
  place
)
