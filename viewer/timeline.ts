/** The timeline of the workers: a row for each, a bar for each attempt. */
import type uPlot from "uplot"
import type { Wait } from "../src/report/plain.ts"
import { workerName } from "../src/report/trace.ts"
import { waitedFor } from "../src/report/usage.ts"
import { axis, base, mount, timeAxis } from "./chart.ts"
import { colour, count, duration, el, section } from "./dom.ts"
import { type Bar, firstAfter, type Kind, type Model } from "./model.ts"

/** Kinds in drawing order: failures are drawn last and cover the others. */
const kinds: ReadonlyArray<Kind> = ["succeeded", "interrupted", "lost", "retried", "failed"]

const explained: Readonly<Record<Kind, string>> = {
  succeeded: "succeeded",
  interrupted: "interrupted: another attempt was first",
  lost: "lost with its worker",
  retried: "failed and was tried again",
  failed: "failed"
}

/** What workers waited for, in drawing order. */
const waits = Object.keys(waitedFor) as ReadonlyArray<Wait>

export const timeline = (model: Model): HTMLElement => {
  const tip = el("div", { class: "tip", hidden: "" })
  const place = el("div", { class: "chart", id: "timeline-chart" }, tip)
  const present = new Set<Kind | Wait>()
  for (const row of [...model.rows, ...model.gaps]) for (const { kind } of row) present.add(kind)
  const legend = [
    ...kinds.filter((kind) => present.has(kind)).map((kind) => el("span", { class: kind }, explained[kind])),
    ...waits.filter((kind) => present.has(kind)).map((kind) => el("span", { class: kind }, waitedFor[kind]))
  ]
  const height = Math.min(560, Math.max(120, 60 + 22 * model.rows.length))
  queueMicrotask(() => mount(place, height, () => options(model, tip), [[0, model.until], [null, null]]))
  return section(
    "timeline",
    "Workers over time",
    el("p", { class: "legend" }, ...legend, el("small", {}, "drag to zoom, double-click to see all, point at a bar")),
    place
  )
}

const options = (model: Model, tip: HTMLElement): Omit<uPlot.Options, "width" | "height"> => ({
  ...base,
  legend: { show: false },
  cursor: { y: false, points: { show: false }, drag: { x: true, y: false } },
  scales: {
    x: { time: false, range: (_, min, max) => [min, max] },
    y: { dir: -1, range: () => [-0.5, model.rows.length - 0.5] }
  },
  axes: [
    timeAxis(),
    axis({
      grid: { show: false },
      incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000],
      values: (_, ticks) => ticks.map((n) => Number.isInteger(n) ? count(n) : "")
    })
  ],
  series: [{}, { paths: () => null, points: { show: false } }],
  hooks: {
    draw: [(chart) => draw(chart, model)],
    setCursor: [(chart) => point(chart, model, tip)]
  }
})

/** Height of a bar as a share of its row. */
const thickness = 0.78

const draw = (chart: uPlot, { gaps, rows }: Model): void => {
  const { bbox, ctx } = chart
  const { max = 1, min = 0 } = chart.scales.x!
  const scale = bbox.width / (max - min)
  const height = Math.max(1, Math.floor(thickness * bbox.height / rows.length))
  ctx.save()
  ctx.beginPath()
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height)
  ctx.clip()
  const drawAll = (all: ReadonlyArray<ReadonlyArray<Drawn>>, kind: Kind | Wait, height: number) => {
    ctx.fillStyle = colour(kind)
    for (let worker = 0; worker < all.length; worker++) {
      const y = Math.round(chart.valToPos(worker, "y", true) - height / 2)
      drawRow(all[worker]!, kind, min, max, (from, to) => {
        const x = bbox.left + (from - min) * scale
        ctx.fillRect(x, y, Math.max(1, (to - from) * scale - (((to - from) * scale > 4) ? 1 : 0)), height)
      }, 1 / scale)
    }
  }
  for (const kind of waits) drawAll(gaps, kind, Math.max(1, Math.floor(height / 3)))
  for (const kind of kinds) drawAll(rows, kind, height)
  ctx.restore()
}

/** A bar or a gap, as far as it is drawn. */
interface Drawn {
  readonly start: number
  readonly end: number
  readonly kind: Kind | Wait
}

/** Draws the visible bars of one kind; bars that fall on one pixel become one. */
const drawRow = (
  row: ReadonlyArray<Drawn>,
  kind: Kind | Wait,
  min: number,
  max: number,
  rect: (from: number, to: number) => void,
  pixel: number
): void => {
  let from = NaN
  let to = NaN
  for (let i = firstAfter(row, min); i < row.length && row[i]!.start <= max; i++) {
    const bar = row[i]!
    if (bar.kind !== kind) continue
    const start = Math.max(bar.start, min - pixel)
    const end = Math.min(bar.end, max + pixel)
    if (start - to < pixel && end - start < 2 * pixel && to - from < 2 * pixel) {
      to = Math.max(to, end)
      continue
    }
    if (!Number.isNaN(from)) rect(from, to)
    from = start
    to = end
  }
  if (!Number.isNaN(from)) rect(from, to)
}

/** Shows the attempt below the pointer in the tip. */
const point = (chart: uPlot, { report, rows }: Model, tip: HTMLElement): void => {
  const { left = -1, top = -1 } = chart.cursor
  const row = left < 0 ? undefined : rows[Math.round(chart.posToVal(top, "y"))]
  const time = chart.posToVal(left, "x")
  const near = 2 * (chart.posToVal(left + 1, "x") - time)
  const bar = row && nearest(row, time, near)
  tip.hidden = bar === undefined
  if (bar === undefined) return
  tip.replaceChildren(...described(report, bar))
  const width = chart.over.clientWidth
  tip.style.top = `${top + chart.over.offsetTop + 16}px`
  tip.style.left = `${chart.over.offsetLeft + Math.min(left + 12, Math.max(0, width - 320))}px`
}

const nearest = (row: ReadonlyArray<Bar>, time: number, near: number): Bar | undefined => {
  const bar = row[firstAfter(row, time)]
  if (bar !== undefined && bar.start <= time) return bar
  const found = row[firstAfter(row, time - near)]
  return found !== undefined && found.start <= time + near ? found : undefined
}

const described = (report: Model["report"], bar: Bar): ReadonlyArray<HTMLElement> => {
  const { outcome } = bar
  const lines = [
    el("b", {}, `#${outcome.index} ${outcome.input}`),
    el("span", {}, `${explained[bar.kind]}, ${duration(bar.end - bar.start)} from ${duration(bar.start)}`)
  ]
  if (outcome.attempts > 1) lines.push(el("span", {}, `attempt ${bar.nth + 1} of ${outcome.attempts}`))
  if (report.machines?.[bar.worker] !== undefined) lines.push(el("span", {}, workerName(report, bar.worker)))
  const waited = waits.filter((kind) => bar.waits?.[kind] !== undefined)
    .map((kind) => `${waitedFor[kind]} ${duration(bar.waits![kind]!)}`)
  if (waited.length > 0) lines.push(el("span", {}, `before and after: ${waited.join(", ")}`))
  if (bar.message !== undefined) lines.push(el("span", {}, bar.message))
  return lines
}
