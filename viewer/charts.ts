/** The charts of durations, of throughput, and of busy workers. */
import uPlot from "uplot"
import { axis, base, mount, timeAxis } from "./chart.ts"
import { colour, count, duration, el, measured, section } from "./dom.ts"
import { latencies, type Model, quantile, utilisation } from "./model.ts"

const height = 200

/** Number of parts into which the time of a run is divided. */
const parts = 120

export const charts = (model: Model): ReadonlyArray<HTMLElement> => [latency(model), throughput(model), usage(model)]

/** Makes the histogram of durations; its steps grow with the durations. */
const latency = (model: Model): HTMLElement => {
  const sorted = latencies(model)
  const least = Math.max(0.001, quantile(sorted, 0))
  const most = Math.max(least * 1.01, quantile(sorted, 1))
  const steps = Math.min(60, Math.max(8, Math.ceil(Math.sqrt(sorted.length))))
  const ratio = Math.log(most / least) / steps
  const edges = Array.from({ length: steps + 1 }, (_, i) => least * Math.exp(i * ratio))
  const stepOf = (millis: number) =>
    Math.min(steps - 1, Math.max(0, Math.floor(Math.log(Math.max(millis, least) / least) / ratio)))
  const all = new Array<number>(steps).fill(0)
  const failed = new Array<number>(steps).fill(0)
  for (const { _tag, attempts, elapsed } of model.report.outcomes) {
    if (attempts === 0) continue
    all[stepOf(elapsed)]!++
    if (_tag === "Failure") failed[stepOf(elapsed)]!++
  }
  const options = (): Omit<uPlot.Options, "width" | "height"> => ({
    ...base,
    cursor: { drag: { x: false, y: false } },
    scales: { x: { time: false, range: [-0.5, steps - 0.5] } },
    axes: [
      axis({
        values: (_, ticks) => ticks.map((n) => duration(edges[Math.max(0, Math.round(n))] ?? most)),
        space: 70,
        size: 36
      }),
      axis({ values: (_, ticks) => ticks.map(count) })
    ],
    series: [
      { label: "took", value: (_, n) => n === null ? "" : `${duration(edges[n]!)} to ${duration(edges[n + 1]!)}` },
      bars("inputs", "succeeded"),
      bars("failed", "failed")
    ]
  })
  const shares = [0.5, 0.95, 0.99, 1].map((
    share
  ) => [share === 1 ? "longest" : `p${100 * share}`, quantile(sorted, share)])
  return chart(
    "latency",
    "How long inputs took",
    height,
    options,
    [all.map((_, i) => i), all, failed],
    shares.map(
      ([name, millis]) => `${name} ${duration(millis as number)}`
    )
  )
}

const bars = (label: string, name: string): uPlot.Series => ({
  label,
  fill: colour(name),
  stroke: colour(name),
  width: 0,
  paths: uPlot.paths.bars!({ size: [0.9, 100], align: 0 }),
  points: { show: false }
})

/** Makes the chart of inputs done in each part of the run, as a rate. */
const throughput = (model: Model): HTMLElement => {
  const { report, until } = model
  const width = until / parts
  const done = new Array<number>(parts).fill(0)
  const failed = new Array<number>(parts).fill(0)
  for (const { _tag, elapsed, startedAt } of report.outcomes) {
    const part = Math.min(parts - 1, Math.floor((startedAt + elapsed) / width))
    done[part]!++
    if (_tag === "Failure") failed[part]!++
  }
  const rate = (counts: ReadonlyArray<number>) => counts.map((n) => 1000 * n / width)
  const options = lines([["done a second", "succeeded"], ["failed a second", "failed"]], (n) => measured(n))
  const average = 1000 * report.tally.total / until
  const facts = [`${measured(average)} a second on average`]
  return chart(
    "throughput",
    "Inputs done over time",
    height,
    options,
    [middles(width), rate(done), rate(failed)],
    facts
  )
}

/** Makes the chart of workers busy with attempts in each part of the run. */
const usage = (model: Model): HTMLElement => {
  const { rows, until } = model
  const width = until / parts
  const busy = new Array<number>(parts).fill(0)
  for (const row of rows) {
    for (const { end, start } of row) {
      const last = Math.min(parts - 1, Math.floor(end / width))
      for (let part = Math.floor(start / width); part <= last; part++) {
        busy[part]! += Math.max(0, Math.min(end, (part + 1) * width) - Math.max(start, part * width)) / width
      }
    }
  }
  const options = lines([["busy workers", "retried"]], (n) => n.toFixed(1), rows.length)
  const facts = [`${rows.length} workers, busy ${(100 * utilisation(model)).toFixed(1)} % of the time`]
  return chart("usage", "Workers at work", height, options, [middles(width), busy], facts)
}

const middles = (width: number): Array<number> => Array.from({ length: parts }, (_, i) => (i + 0.5) * width)

/** Makes stepped lines over the time of the run, from 0 to `most` or their maximum. */
const lines = (
  named: ReadonlyArray<readonly [label: string, colour: string]>,
  value: (n: number) => string,
  most?: number
) =>
(): Omit<uPlot.Options, "width" | "height"> => ({
  ...base,
  cursor: { drag: { x: true, y: false } },
  scales: { x: { time: false }, y: { range: (_, __, max) => [0, Math.max(most ?? 0, max * 1.05, 1e-9)] } },
  axes: [timeAxis(), axis({ values: (_, ticks) => ticks.map(measured), size: 60 })],
  series: [
    { label: "at", value: (_, millis) => millis === null ? "" : duration(millis) },
    ...named.map(([label, name]): uPlot.Series => ({
      label,
      stroke: colour(name),
      fill: `color-mix(in srgb, ${colour(name)} 18%, transparent)`,
      width: 1.5,
      paths: uPlot.paths.stepped!({ align: 1 }),
      points: { show: false },
      value: (_, n) => n === null ? "" : value(n)
    }))
  ]
})

const chart = (
  id: string,
  title: string,
  height: number,
  options: () => Omit<uPlot.Options, "width" | "height">,
  data: uPlot.AlignedData,
  facts: ReadonlyArray<string>
): HTMLElement => {
  const place = el("div", { class: "chart" })
  queueMicrotask(() => mount(place, height, options, data))
  return section(id, title, el("p", { class: "facts" }, facts.join(" · ")), place)
}
