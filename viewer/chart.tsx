/**
 * The common part of the charts: uPlot, in the colors and the width of the page, with a zoom that charts of time share.
 */
import type { ComponentChildren } from "preact"
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks"
import uPlot from "uplot"
import type { Range, Zoom } from "./model.ts"
import { duration } from "./text.ts"

type Options = Omit<uPlot.Options, "width" | "height">

/** The time that charts show, and how to change it. */
export interface Time {
  readonly until: number
  readonly zoom: Zoom
  readonly onZoom: (zoom: Zoom) => void
}

export interface ChartProps {
  /** Description of the chart for screen readers. */
  readonly label: string
  readonly height: number
  readonly options: () => Options
  readonly data: uPlot.AlignedData
  /** State of a chart whose axis is time. */
  readonly time?: Time
  readonly onPoint?: (chart: uPlot) => void
  /** Returns the action of a click at the pointer. */
  readonly onPick?: (chart: uPlot) => (() => void) | undefined
  readonly children?: ComponentChildren
}

/** Reads a color of the style sheet, for canvases. */
export const colour = (name: string): string =>
  getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim()

/** Shows a chart that follows the width of its place, and the color scheme that the reader prefers. */
export const Chart = (props: ChartProps) => {
  const { children, data, height, label, options, time } = props
  const place = useRef<HTMLDivElement>(null)
  const chart = useRef<uPlot>(undefined)
  const latest = useRef(props)
  latest.current = props
  const scheme = useScheme()
  useLayoutEffect(() => {
    const made = new uPlot(
      { ...complete(options(), latest), width: widthOf(place.current!), height },
      data,
      place.current!
    )
    chart.current = made
    const picking = picksOf(made, latest)
    const observer = new ResizeObserver(() => {
      const width = widthOf(place.current!)
      if (made.width !== width) made.setSize({ width, height })
    })
    observer.observe(place.current!)
    return () => {
      observer.disconnect()
      picking.abort()
      made.destroy()
      chart.current = undefined
    }
  }, [options, data, height, scheme])
  useLayoutEffect(() => {
    const [min, max] = time?.zoom ?? [0, time?.until ?? 0]
    if (time !== undefined) chart.current?.setScale("x", { min, max })
  }, [time?.zoom, time?.until, options, data, height, scheme])
  const keys = (event: KeyboardEvent) => {
    const zoom = time && zoomedBy(event.key, time)
    if (zoom === undefined) return
    event.preventDefault()
    time!.onZoom(zoom === "all" ? undefined : zoom)
  }
  const hint = time === undefined ? "" : ". Plus and minus zoom, arrows move, 0 shows all."
  return (
    <div
      class="chart"
      ref={place}
      role="group"
      aria-label={label + hint}
      style={{ minHeight: `${height}px` }}
      {...(time !== undefined && { tabIndex: 0, onKeyDown: keys, onDblClick: () => time.onZoom(undefined) })}
    >
      {children}
    </div>
  )
}

const widthOf = (place: HTMLElement): number => Math.max(200, Math.floor(place.clientWidth))

type Latest = { readonly current: ChartProps }

/** Adds the options that all charts have. A range that is marked becomes the zoom. */
const complete = (options: Options, latest: Latest): Options => ({
  padding: [12, 16, 0, 0],
  legend: { show: false },
  ...options,
  cursor: {
    y: false,
    points: { show: false },
    drag: {
      x: latest.current.time !== undefined,
      y: false,
      setScale: false,
      // whether a click ends a drag is decided below
      click: () => undefined
    },
    bind: { dblclick: () => null },
    ...options.cursor
  },
  hooks: {
    ...options.hooks,
    setCursor: [(chart) => latest.current.onPoint?.(chart)],
    setSelect: [(chart) => {
      const { left, width } = chart.select
      if (width < 2) return
      latest.current.time?.onZoom([chart.posToVal(left, "x"), chart.posToVal(left + width, "x")])
      chart.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false)
    }]
  }
})

/** Time within which a second click makes a double click, in milliseconds. */
const doubleClick = 250

/**
 * Reports clicks that end where they began. Others mark a range. In a zoomed chart a double click shows all, so a click
 * counts only if no other follows.
 */
const picksOf = (chart: uPlot, latest: Latest): AbortController => {
  const picking = new AbortController()
  let from = NaN
  let timer: ReturnType<typeof setTimeout> | undefined
  chart.over.addEventListener("mousedown", ({ clientX }) => from = clientX, { signal: picking.signal })
  chart.over.addEventListener("click", ({ clientX, detail }) => {
    clearTimeout(timer)
    if (detail > 1 || Math.abs(clientX - from) >= 3) return
    const act = latest.current.onPick?.(chart)
    if (latest.current.time?.zoom === undefined) act?.()
    else if (act !== undefined) timer = setTimeout(act, doubleClick)
  }, { signal: picking.signal })
  return picking
}

/** Returns the zoom after a key. Returns undefined for keys that do not zoom. */
const zoomedBy = (key: string, { until, zoom }: Time): Range | "all" | undefined => {
  const [from, to] = zoom ?? [0, until]
  const span = to - from
  const around = (factor: number): Range | "all" => {
    const half = span * factor / 2
    const middle = (from + to) / 2
    return 2 * half >= until ? "all" : within(middle - half, middle + half, until)
  }
  switch (key) {
    case "+":
    case "=":
      return around(0.5)
    case "-":
      return around(2)
    case "ArrowLeft":
      return zoom && within(from - span / 5, to - span / 5, until)
    case "ArrowRight":
      return zoom && within(from + span / 5, to + span / 5, until)
    case "0":
      return "all"
    default:
      return undefined
  }
}

/** Moves a range so that it lies within the time of the run. */
const within = (from: number, to: number, until: number): Range => {
  const over = from < 0 ? -from : to > until ? until - to : 0
  return [Math.max(0, from + over), Math.min(until, to + over)]
}

/** Counts how often the reader's color scheme has changed. */
const useScheme = (): number => {
  const [changes, setChanges] = useState(0)
  useEffect(() => {
    const query = matchMedia("(prefers-color-scheme: dark)")
    const changed = () => setChanges((changes) => changes + 1)
    query.addEventListener("change", changed)
    return () => query.removeEventListener("change", changed)
  }, [])
  return changes
}

/** Makes an axis in the colors of the page. */
export const axis = (options: uPlot.Axis = {}): uPlot.Axis => ({
  stroke: colour("muted"),
  grid: { stroke: colour("line"), width: 1 },
  ticks: { stroke: colour("line"), width: 1 },
  font: "12px system-ui, sans-serif",
  size: (_, texts) => 20 + 7 * Math.max(1, ...(texts ?? []).map((text) => text.length)),
  ...options
})

/** Makes the axis of the time since the start of the run. */
export const timeAxis = (): uPlot.Axis =>
  axis({ values: (_, ticks) => ticks.map((millis) => duration(millis)), space: 80, size: 32 })

/** Scale of the time since the start of the run. */
export const timeScale: uPlot.Scale = { time: false, range: (_, min, max) => [min, max] }

/** Steps of an axis that counts. */
export const wholeSteps = [1, 2, 5].flatMap((n) => [0, 1, 2, 3, 4, 5, 6].map((power) => n * 10 ** power)).toSorted((
  a,
  b
) => a - b)
