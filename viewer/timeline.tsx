/** The timeline of the workers, with a row for each worker and a bar for each attempt. */
import { useCallback, useMemo, useState } from "preact/hooks"
import type uPlot from "uplot"
import type { Wait } from "../src/report/plain.ts"
import { workerName } from "../src/report/trace.ts"
import { axis, Chart, colour, type Time, timeAxis, timeScale, wholeSteps } from "./chart.tsx"
import { explained, kinds, marks, waitedFor, waits } from "./kinds.ts"
import { type Bar, firstAfter, type Kind, type Model } from "./model.ts"
import { count, duration } from "./text.ts"

interface TimelineProps {
  readonly model: Model
  readonly time: Time
  readonly onOpen: (place: number) => void
}

export const Timeline = ({ model, onOpen, time }: TimelineProps) => {
  const [tip, setTip] = useState<{ readonly bar: Bar; readonly left: number; readonly top: number }>()
  const options = useCallback(() => optionsOf(model), [model])
  const data = useMemo<uPlot.AlignedData>(() => [[0, model.until], [null, null]], [model])
  const point = (chart: uPlot) => {
    const bar = barAt(chart, model)
    chart.over.style.cursor = bar === undefined ? "" : "pointer"
    if (bar === undefined) return setTip(undefined)
    const { left = 0, top = 0 } = chart.cursor
    const { clientWidth, offsetLeft, offsetTop } = chart.over
    setTip({ bar, top: top + offsetTop + 16, left: offsetLeft + Math.min(left + 12, Math.max(0, clientWidth - 300)) })
  }
  const pick = (chart: uPlot) => {
    const bar = barAt(chart, model)
    return bar && (() => onOpen(bar.place))
  }
  const height = Math.min(460, Math.max(150, 56 + 24 * model.rows.length))
  return (
    <>
      <Legend model={model} />
      <Chart
        label={`Attempts of ${count(model.rows.length)} workers over time`}
        height={height}
        options={options}
        data={data}
        time={time}
        onPoint={point}
        onPick={pick}
      >
        {tip && (
          <div class="tip" style={{ left: `${tip.left}px`, top: `${tip.top}px` }}>
            <Described model={model} bar={tip.bar} />
          </div>
        )}
      </Chart>
    </>
  )
}

const Legend = ({ model }: { readonly model: Model }) => {
  const present = useMemo(() => {
    const present = new Set<Kind | Wait>()
    for (const row of [...model.rows, ...model.gaps]) for (const { kind } of row) present.add(kind)
    return present
  }, [model])
  return (
    <ul class="legend">
      {kinds.filter((kind) => present.has(kind)).map((kind) => (
        <li key={kind} class={kind}>{marks[kind]} {explained[kind]}</li>
      ))}
      {waits.filter((kind) => present.has(kind)).map((kind) => <li key={kind} class={kind}>{waitedFor[kind]}</li>)}
    </ul>
  )
}

const Described = ({ bar, model: { report } }: { readonly model: Model; readonly bar: Bar }) => {
  const { kind, message, nth, outcome, worker } = bar
  const waited = waits.filter((kind) => bar.waits?.[kind] !== undefined)
    .map((kind) => `${waitedFor[kind]} ${duration(bar.waits![kind]!)}`)
  return (
    <>
      <b>#{outcome.index} {outcome.input}</b>
      <span>{marks[kind]} {explained[kind]}, {duration(bar.end - bar.start)}, started at {duration(bar.start)}</span>
      {outcome.attempts > 1 && <span>attempt {nth + 1} of {outcome.attempts}</span>}
      <span>{workerName(report, worker)}</span>
      {waited.length > 0 && <span>before it: {waited.join(", ")}</span>}
      {message !== undefined && <span>{message}</span>}
    </>
  )
}

const optionsOf = (model: Model): Omit<uPlot.Options, "width" | "height"> => ({
  scales: { x: timeScale, y: { dir: -1, range: () => [-0.5, Math.max(1, model.rows.length) - 0.5] } },
  axes: [
    timeAxis(),
    axis({
      grid: { show: false },
      incrs: wholeSteps,
      values: (_, ticks) => ticks.map((n) => Number.isInteger(n) && n < model.rows.length ? count(n) : ""),
      label: "worker",
      labelFont: "12px system-ui, sans-serif",
      labelSize: 18,
      size: 36
    })
  ],
  series: [{}, { paths: () => null, points: { show: false } }],
  hooks: { draw: [(chart) => draw(chart, model)] }
})

/** Height of a bar as a share of its row. Failures are taller, so that they can be seen without colors. */
const thickness: Readonly<Record<Kind, number>> = {
  succeeded: 0.66,
  interrupted: 0.5,
  lost: 0.8,
  retried: 0.8,
  failed: 0.94
}

/** Width of a bar, in pixels, from which its mark fits. */
const markWidth = 16

const draw = (chart: uPlot, { gaps, rows }: Model): void => {
  const { bbox, ctx } = chart
  const { max = 1, min = 0 } = chart.scales.x!
  const scale = bbox.width / (max - min)
  const rowHeight = bbox.height / Math.max(1, rows.length)
  ctx.save()
  ctx.beginPath()
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height)
  ctx.clip()
  ctx.font = `${Math.round(12 * devicePixelRatio)}px system-ui, sans-serif`
  ctx.textAlign = "center"
  ctx.textBaseline = "middle"
  const drawAll = (all: ReadonlyArray<ReadonlyArray<Drawn>>, kind: Kind | Wait, share: number, mark: string) => {
    const fill = colour(kind)
    const onFill = colour("card")
    const height = Math.max(1, Math.floor(share * rowHeight))
    for (let worker = 0; worker < all.length; worker++) {
      const middle = chart.valToPos(worker, "y", true)
      ctx.fillStyle = fill
      drawRow(all[worker]!, kind, min, max, (from, to) => {
        const x = bbox.left + (from - min) * scale
        const width = (to - from) * scale
        ctx.fillRect(x, Math.round(middle - height / 2), Math.max(1, width - (width > 4 ? 1 : 0)), height)
        if (mark === "" || width < markWidth * devicePixelRatio || height < 12) return
        ctx.fillStyle = onFill
        ctx.fillText(mark, x + width / 2, middle)
        ctx.fillStyle = fill
      }, 1 / scale)
    }
  }
  for (const kind of waits) drawAll(gaps, kind, 0.26, "")
  for (const kind of kinds) drawAll(rows, kind, thickness[kind], kind === "succeeded" ? "" : marks[kind])
  ctx.restore()
}

/** A bar or a gap, as it is drawn. */
interface Drawn {
  readonly start: number
  readonly end: number
  readonly kind: Kind | Wait
}

/** Draws the visible bars of one kind. Bars that fall on the same pixel become one. */
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

/** Finds the attempt at the pointer, or the nearest one within two pixels. */
const barAt = (chart: uPlot, { rows }: Model): Bar | undefined => {
  const { left = -1, top = -1 } = chart.cursor
  const row = left < 0 ? undefined : rows[Math.round(chart.posToVal(top, "y"))]
  if (row === undefined) return undefined
  const time = chart.posToVal(left, "x")
  const near = 2 * (chart.posToVal(left + 1, "x") - time)
  const bar = row[firstAfter(row, time)]
  if (bar !== undefined && bar.start <= time) return bar
  const found = row[firstAfter(row, time - near)]
  return found !== undefined && found.start <= time + near ? found : undefined
}
