/** The common part of the charts: uPlot, in the colours and the width of the page. */
import uPlot from "uplot"
import { colour, duration } from "./dom.ts"

/** Shows a chart in an element. It follows the width of the element, and the colour scheme that the reader prefers. */
export const mount = (
  place: HTMLElement,
  height: number,
  options: () => Omit<uPlot.Options, "width" | "height">,
  data: uPlot.AlignedData
): void => {
  let chart: uPlot | undefined
  const draw = () => {
    chart?.destroy()
    chart = new uPlot({ ...options(), width: widthOf(place), height }, data, place)
  }
  draw()
  new ResizeObserver(() => {
    const width = widthOf(place)
    if (chart !== undefined && chart.width !== width) chart.setSize({ width, height })
  }).observe(place)
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw)
}

const widthOf = (place: HTMLElement): number => Math.max(200, Math.floor(place.clientWidth))

/** Makes an axis in the colours of the page. */
export const axis = (options: uPlot.Axis = {}): uPlot.Axis => ({
  stroke: colour("muted"),
  grid: { stroke: colour("line"), width: 1 },
  ticks: { stroke: colour("line"), width: 1 },
  font: "12px system-ui, sans-serif",
  ...options
})

/** Makes the axis of the time since the start of the run. */
export const timeAxis = (): uPlot.Axis =>
  axis({ values: (_, ticks) => ticks.map((millis) => duration(millis)), space: 80, size: 36 })

/** Options of all charts. */
export const base = { padding: [12, 16, 0, 0] as uPlot.Padding }
