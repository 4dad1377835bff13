/** The charts of how workers used their time, of throughput, and of durations. */
import type { ComponentChildren } from "preact"
import { useCallback, useMemo, useState } from "preact/hooks"
import uPlot from "uplot"
import { axis, Chart, type ChartProps, colour, type Time, timeAxis, timeScale, wholeSteps } from "./chart.tsx"
import { waitedFor } from "./kinds.ts"
import { isWithin, latencies, type Model } from "./model.ts"
import { type Doing, doings, doingsOf, histogramOf, ratesOf, roundDurations } from "./series.ts"
import { count, duration, measured, percent } from "./text.ts"

interface ChartsProps {
  readonly model: Model
  readonly time: Time
}

const height = 200

const words: Readonly<Record<Doing, string>> = { computing: "computing", ...waitedFor, idle: "idle" }

interface FigureProps extends Omit<ChartProps, "height" | "onPoint" | "children"> {
  readonly title: string
  readonly legend: ComponentChildren
  readonly legendId?: string
  /** Called with the index of the value at the pointer. */
  readonly onPlace: (place: number | undefined) => void
}

/** A chart with its title and its legend. */
const Figure = ({ legend, legendId, onPlace, title, ...chart }: FigureProps) => (
  <figure>
    <figcaption>
      <h3>{title}</h3>
      <ul class="legend" id={legendId}>{legend}</ul>
    </figcaption>
    <Chart height={height} onPoint={(chart) => onPlace(pointed(chart))} {...chart} />
  </figure>
)

/** Returns the index of the value at the pointer. */
const pointed = (chart: uPlot): number | undefined => chart.cursor.idx ?? undefined

/** Shows how workers used their time, as stacked areas. */
export const Doings = ({ model, time }: ChartsProps) => {
  const [at, setAt] = useState<number>()
  const found = useMemo(() => doingsOf(model, time.zoom ?? [0, time.until]), [model, time.zoom])
  const present = useMemo(() => doings.filter((doing) => found.shares[doing] > 0), [found])
  const data = useMemo<uPlot.AlignedData>(() => {
    let below: ReadonlyArray<number> = found.times.map(() => 0)
    const areas = present.map((doing) => below = below.map((n, i) => n + found.workers[doing][i]!))
    // the highest area comes first, and the areas after it cover it
    return [[...found.times], ...areas.toReversed()] as uPlot.AlignedData
  }, [found])
  const options = useCallback((): Omit<uPlot.Options, "width" | "height"> => ({
    scales: { x: timeScale, y: { range: () => [0, Math.max(1, model.rows.length)] } },
    axes: [timeAxis(), axis({ incrs: wholeSteps, values: (_, ticks) => ticks.map(count) })],
    series: [
      {},
      ...present.toReversed().map((doing): uPlot.Series => ({
        fill: colour(doing),
        width: 0,
        points: { show: false }
      }))
    ]
  }), [model, present])
  return (
    <Figure
      title={model.rows.length === 1 ? "What the worker did" : `What ${count(model.rows.length)} workers did`}
      legend={
        <>
          {present.map((doing) => (
            <li key={doing} class={doing}>
              {words[doing]} <b>{percent(found.shares[doing])}</b>
              {at !== undefined && found.workers[doing][at] !== undefined &&
                <small>{` ${found.workers[doing][at].toFixed(1)}`}</small>}
            </li>
          ))}
          {at !== undefined && found.times[at] !== undefined && (
            <li class="at">workers at {duration(found.times[at])}</li>
          )}
        </>
      }
      label={`What workers did over time: ${
        present.map((doing) => `${words[doing]} ${percent(found.shares[doing])}`).join(", ")
      }`}
      options={options}
      data={data}
      time={time}
      onPlace={setAt}
    />
  )
}

/** Shows how many inputs were done per second, over time. */
export const Throughput = ({ model, time }: ChartsProps) => {
  const [at, setAt] = useState<number>()
  const { outcomes, tally } = model.report
  const rates = useMemo(() => ratesOf(outcomes, time.until, time.zoom ?? [0, time.until]), [model, time.zoom])
  const anyFailed = tally.failed > 0
  const data = useMemo<uPlot.AlignedData>(
    () => [[...rates.times], [...rates.done], ...(anyFailed ? [[...rates.failed]] : [])],
    [rates]
  )
  const options = useCallback((): Omit<uPlot.Options, "width" | "height"> => ({
    scales: { x: timeScale, y: { range: (_, __, max) => [0, Math.max(max * 1.05, 1e-9)] } },
    axes: [timeAxis(), axis({ values: (_, ticks) => ticks.map(measured) })],
    series: [
      {},
      {
        stroke: colour("succeeded"),
        fill: `color-mix(in srgb, ${colour("succeeded")} 16%, transparent)`,
        width: 1.5,
        points: { show: false }
      },
      ...(anyFailed ? [{ stroke: colour("failed"), width: 1.5, dash: [5, 3], points: { show: false } }] : [])
    ]
  }), [anyFailed])
  const [from, to] = time.zoom ?? [0, time.until]
  const average = useMemo(() => {
    const done = outcomes.filter(({ attempts, elapsed, startedAt }) =>
      attempts > 0 && startedAt + elapsed >= from && startedAt + elapsed <= to
    )
    return measured(1000 * done.length / (to - from))
  }, [model, from, to])
  return (
    <Figure
      title="Inputs done per second"
      legend={
        <>
          <li class="succeeded">
            done <b>{average}</b> on average
            {at !== undefined && rates.done[at] !== undefined && <small>{` ${measured(rates.done[at])}`}</small>}
          </li>
          {anyFailed && (
            <li class="failed dashed">
              failed{at !== undefined && rates.failed[at] !== undefined &&
                <small>{` ${measured(rates.failed[at])}`}</small>}
            </li>
          )}
          {at !== undefined && rates.times[at] !== undefined && <li class="at">at {duration(rates.times[at])}</li>}
        </>
      }
      label={`Inputs done per second over time, ${average} on average`}
      options={options}
      data={data}
      time={time}
      onPlace={setAt}
    />
  )
}

/** Shows the durations of inputs, as a histogram on a logarithmic axis. */
export const Durations = ({ model, time }: ChartsProps) => {
  const [at, setAt] = useState<number>()
  const { counts, edges, quantiles } = useMemo(() => {
    const { outcomes } = model.report
    return histogramOf(
      latencies(time.zoom === undefined ? outcomes : outcomes.filter((one) => isWithin(one, time.zoom!)))
    )
  }, [model, time.zoom])
  const data = useMemo<uPlot.AlignedData>(
    () => [counts.map((_, i) => (edges[i]! + edges[i + 1]!) / 2), [...counts]],
    [counts]
  )
  const options = useCallback((): Omit<uPlot.Options, "width" | "height"> => ({
    scales: {
      x: { time: false, range: [edges[0]!, edges.at(-1)!] },
      y: { range: (_, __, max) => [0, Math.max(1, max * 1.05)] }
    },
    axes: [
      axis({
        splits: (chart) => roundDurations(edges[0]!, edges.at(-1)!, Math.max(2, Math.floor(chart.width / 70))),
        values: (_, ticks) => ticks.map((log) => duration(10 ** log)),
        size: 32
      }),
      axis({ incrs: wholeSteps, values: (_, ticks) => ticks.map(count) })
    ],
    series: [{}, {
      fill: colour("succeeded"),
      width: 0,
      paths: uPlot.paths.bars!({ size: [0.92, 100], align: 0 }),
      points: { show: false }
    }],
    hooks: { draw: [(chart) => markQuantiles(chart, quantiles)] }
  }), [edges, quantiles])
  const facts = quantiles.map(([name, millis]) => `${name} ${duration(millis)}`)
  return (
    <Figure
      title="How long inputs took"
      legendId="quantiles"
      legend={
        <>
          {quantiles.map(([name, millis]) => (
            <li key={name} class="at">
              {name} <b>{duration(millis)}</b>
            </li>
          ))}
          {at !== undefined && counts[at] !== undefined && (
            <li class="at">
              {count(counts[at])} inputs from {duration(10 ** edges[at]!)} to {duration(10 ** edges[at + 1]!)}
            </li>
          )}
        </>
      }
      label={`Durations of inputs: ${facts.join(", ")}`}
      options={options}
      data={data}
      onPlace={setAt}
    />
  )
}

/** Draws a line with a name at the quantiles. A name that would cover another is left out. */
const markQuantiles = (chart: uPlot, quantiles: ReadonlyArray<readonly [name: string, millis: number]>): void => {
  const { bbox: { height, left, top, width }, ctx } = chart
  const dot = devicePixelRatio
  const room = 32 * dot
  ctx.save()
  ctx.fillStyle = colour("text")
  ctx.font = `${Math.round(11 * dot)}px system-ui, sans-serif`
  ctx.textBaseline = "middle"
  let free = -Infinity
  for (const [name, millis] of quantiles.slice(0, 3)) {
    const x = Math.round(chart.valToPos(Math.log10(Math.max(0.001, millis)), "x", true))
    ctx.strokeStyle = colour("text")
    ctx.lineWidth = dot
    ctx.setLineDash([3 * dot, 3 * dot])
    ctx.beginPath()
    ctx.moveTo(x, top)
    ctx.lineTo(x, top + height)
    ctx.stroke()
    const isLast = x > left + width - room
    if ((isLast ? x - room : x) < free) continue
    free = isLast ? x : x + room
    ctx.textAlign = isLast ? "right" : "left"
    ctx.strokeStyle = colour("card")
    ctx.lineWidth = 4 * dot
    ctx.setLineDash([])
    for (const draw of ["strokeText", "fillText"] as const) ctx[draw](name, x + (isLast ? -5 : 5) * dot, top + 8 * dot)
  }
  ctx.restore()
}
