/** The whole page of a report. */
import { useCallback, useEffect, useMemo, useState } from "preact/hooks"
import { About } from "./about.tsx"
import type { Time } from "./chart.tsx"
import { Doings, Durations, Throughput } from "./charts.tsx"
import { Failures } from "./failures.tsx"
import { Inputs, ZoomChip } from "./filters.tsx"
import { Flows } from "./flows.tsx"
import { groupsOf } from "./groups.ts"
import type { Model, Zoom } from "./model.ts"
import { NestedRuns } from "./nested.tsx"
import { type Filter, Rows, type Sort } from "./rows.ts"
import { Sheet } from "./sheet.tsx"
import { Timeline } from "./timeline.tsx"
import { Head } from "./verdict.tsx"

interface ReportProps {
  readonly model: Model
  /** True if the report is part of a dashboard. */
  readonly inside?: boolean
}

export const Report = ({ inside = false, model }: ReportProps) => {
  const { report } = model
  const [zoom, setZoom] = useState<Zoom>()
  const [others, setOthers] = useState<Omit<Filter, "zoom">>({ text: "", status: "all", worker: undefined })
  const [sort, setSort] = useState<Sort>({ column: "index", descending: false })
  const [opened, open] = useOpened(model)
  const filter = useMemo(() => ({ ...others, zoom }), [others, zoom])
  const rows = useMemo(() => new Rows(report.outcomes), [model])
  useEffect(() => whenIdle(() => rows.prepare()), [rows])
  const order = useMemo(() => rows.visible(sort, filter), [rows, sort, filter])
  const groups = useMemo(() => groupsOf(report.outcomes), [model])
  const time: Time = { until: model.until, zoom, onZoom: setZoom }
  const openIndex = (index: number) => open(model.placeOf(index))
  const showAll = (text: string) => {
    setOthers({ text, status: "failed", worker: undefined })
    document.getElementById("inputs")!.scrollIntoView()
    document.getElementById("filter")!.focus({ preventScroll: true })
  }
  const ran = model.rows.length > 0
  // a dashboard has landmarks of its own
  const [Top, Body] = inside ? ["div", "div"] as const : ["header", "main"] as const
  const parts = [
    ...(ran ? [["timeline", "Workers"]] : []),
    ["failures", "Failures"],
    ...(ran ? [["time", "Time"]] : []),
    ["inputs", "Inputs"],
    ...(model.nested.length > 0 ? [["nested", "Nested runs"]] : []),
    ...(report.flows?.length ? [["flows", "Flows"]] : []),
    ["about", "About"]
  ] as const
  return (
    <>
      <Top class={inside ? "inner" : ""}>
        <Head model={model} inside={inside} />
        <nav aria-label="Sections">
          {parts.map(([id, title]) => <a key={id} href={`#${id}`}>{title}</a>)}
        </nav>
      </Top>
      <Body>
        <div class={ran ? "first" : ""}>
          {ran && (
            <section id="timeline" aria-labelledby="timeline-title">
              <h2 id="timeline-title">Workers over time</h2>
              <ZoomBar time={time} />
              <Timeline model={model} time={time} onOpen={open} />
            </section>
          )}
          <section id="failures" aria-labelledby="failures-title">
            <h2 id="failures-title">Failures</h2>
            {groups.length === 0
              ? (
                <p class="facts">
                  {report.tally.total === 0 ? "The run had no inputs." : "No input failed."}
                  {model.nested.some(({ tally }) => tally.failed > 0) && (
                    <>
                      {" "}
                      Failures of nested runs are under <a href="#nested">Nested runs</a>.
                    </>
                  )}
                </p>
              )
              : <Failures groups={groups} entries={report.outcomes} onOpen={open} onAll={showAll} />}
          </section>
        </div>
        {ran && (
          <section id="time" aria-labelledby="time-title">
            <div class="head">
              <h2 id="time-title">Where the time went</h2>
              <ZoomChip zoom={zoom} onZoom={setZoom} />
            </div>
            <div class="charts">
              <Doings model={model} time={time} />
              <Throughput model={model} time={time} />
              <Durations model={model} time={time} />
            </div>
          </section>
        )}
        <Inputs
          model={model}
          filter={filter}
          onFilter={({ zoom: _, ...others }) => setOthers(others)}
          onZoom={setZoom}
          sort={sort}
          onSort={setSort}
          order={order}
          onOpen={open}
        />
        {model.nested.length > 0 && <NestedRuns model={model} onOpenIndex={openIndex} />}
        {report.flows !== undefined && report.flows.length > 0 && <Flows flows={report.flows} />}
        <About model={model} />
      </Body>
      {opened !== undefined && <Opened model={model} place={opened} order={order} onOpen={open} />}
    </>
  )
}

/** Calls a function when the browser is idle. Returns a function that cancels this. */
const whenIdle = (act: () => void): () => void => {
  if (!("requestIdleCallback" in window)) return () => undefined
  const idle = requestIdleCallback(act)
  return () => cancelIdleCallback(idle)
}

const ZoomBar = ({ time: { onZoom, zoom } }: { readonly time: Time }) => (
  <p class="facts zoom">
    {zoom === undefined ? "drag to zoom, click a bar to open its input" : (
      <>
        <ZoomChip zoom={zoom} onZoom={onZoom} />
        <button type="button" class="plain" onClick={() => onZoom(undefined)}>show all</button>
      </>
    )}
  </p>
)

interface OpenedProps {
  readonly model: Model
  readonly place: number
  readonly order: Uint32Array
  readonly onOpen: (place: number | undefined) => void
}

const Opened = ({ model, onOpen, order, place }: OpenedProps) => {
  const outcome = model.report.outcomes[place]!
  const at = order.indexOf(place)
  const step = (to: number | undefined) => to === undefined ? undefined : () => onOpen(to)
  return (
    <Sheet
      outcome={outcome}
      machines={model.report.machines}
      logs={model.logsOf(outcome.index)}
      nested={model.nestedOf(outcome.index)}
      onPrevious={step(at > 0 ? order[at - 1] : undefined)}
      onNext={step(at === -1 ? order[0] : order[at + 1])}
      onClose={() => onOpen(undefined)}
    />
  )
}

/**
 * Returns the place of the input that is open, which is in the address of the page too, and a function that opens
 * another.
 */
const useOpened = (model: Model): readonly [number | undefined, (place: number | undefined) => void] => {
  const named = useCallback(() => {
    const index = /^#input-(\d+)$/.exec(location.hash)?.[1]
    return index === undefined ? undefined : model.placeOf(Number(index))
  }, [model])
  const [opened, setOpened] = useState(named)
  useEffect(() => {
    const changed = () => setOpened(named())
    addEventListener("hashchange", changed)
    return () => removeEventListener("hashchange", changed)
  }, [named])
  const open = (place: number | undefined) => {
    const hash = place === undefined ? "" : `#input-${model.report.outcomes[place]!.index}`
    history.replaceState(null, "", hash === "" ? location.pathname + location.search : hash)
    setOpened(place)
  }
  return [opened, open]
}
