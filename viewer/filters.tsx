/** The table of all inputs with its filters. */
import { useMemo } from "preact/hooks"
import { workerName } from "../src/report/trace.ts"
import type { Model, Outcome, Zoom } from "./model.ts"
import type { Filter, Sort, Status } from "./rows.ts"
import { columnsOf, Table } from "./table.tsx"
import { count, duration } from "./text.ts"

interface ChipProps {
  readonly zoom: Zoom
  readonly onZoom: (zoom: Zoom) => void
}

/** Shows the selected range of time. A click shows all of the time again. */
export const ZoomChip = ({ onZoom, zoom }: ChipProps) =>
  zoom === undefined ? null : (
    <button type="button" class="chip" onClick={() => onZoom(undefined)}>
      from {duration(zoom[0])} to {duration(zoom[1])} <span aria-hidden="true">×</span>
      <span class="hidden">, show all</span>
    </button>
  )

interface FilterBarProps {
  readonly filter: Filter
  readonly onFilter: (filter: Filter) => void
  readonly statuses: ReadonlyArray<Status>
  readonly workers: ReadonlyArray<readonly [worker: number, name: string]>
}

const statusNames: Readonly<Record<Status, string>> = {
  succeeded: "✓ succeeded",
  failed: "✗ failed",
  retried: "↻ retried",
  recalled: "⟲ recalled"
}

export const FilterBar = ({ filter, onFilter, statuses, workers }: FilterBarProps) => (
  <div class="filters" role="search" aria-label="Filters for inputs">
    <label>
      <span class="hidden">Filter by input or message</span>
      <input
        type="search"
        id="filter"
        placeholder="filter by input or message"
        value={filter.text}
        onInput={({ currentTarget }) =>
          onFilter({ ...filter, text: currentTarget.value })}
      />
    </label>
    <label>
      <span class="hidden">Status</span>
      <select
        id="filter-status"
        value={filter.status}
        onChange={({ currentTarget }) =>
          onFilter({ ...filter, status: currentTarget.value as Status | "all" })}
      >
        <option value="all">all statuses</option>
        {statuses.map((status) => <option key={status} value={status}>{statusNames[status]}</option>)}
      </select>
    </label>
    {workers.length > 1 && (
      <label>
        <span class="hidden">Worker</span>
        <select
          id="filter-worker"
          value={filter.worker ?? ""}
          onChange={({ currentTarget: { value } }) =>
            onFilter({ ...filter, worker: value === "" ? undefined : Number(value) })}
        >
          <option value="">all workers</option>
          {workers.map(([worker, name]) => <option key={worker} value={worker}>{name}</option>)}
        </select>
      </label>
    )}
  </div>
)

interface InputsProps {
  readonly model: Model
  readonly filter: Filter
  readonly onFilter: (filter: Filter) => void
  readonly onZoom: (zoom: Zoom) => void
  readonly sort: Sort
  readonly onSort: (sort: Sort) => void
  readonly order: Uint32Array
  readonly onOpen: (place: number) => void
}

export const Inputs = ({ filter, model, onFilter, onOpen, onSort, onZoom, order, sort }: InputsProps) => {
  const { report, rows } = model
  const columns = useMemo(
    () =>
      columnsOf<Outcome>(({ worker }) =>
        report.machines?.[worker] === undefined ? count(worker) : `${worker} on ${report.machines[worker]}`
      ),
    [model]
  )
  const workers = useMemo(() => rows.map((_, worker) => [worker, workerName(report, worker)] as const), [model])
  const statuses: ReadonlyArray<Status> = report.tally.recalled > 0
    ? ["succeeded", "failed", "retried", "recalled"]
    : ["succeeded", "failed", "retried"]
  const all = report.outcomes.length
  const isFiltered = filter.text !== "" || filter.status !== "all" || filter.worker !== undefined ||
    filter.zoom !== undefined
  return (
    <section id="inputs" aria-labelledby="inputs-title">
      <h2 id="inputs-title">Inputs</h2>
      <FilterBar filter={filter} onFilter={onFilter} statuses={statuses} workers={workers} />
      <p class="facts" id="inputs-shown">
        {count(order.length)} of {count(all)} inputs <ZoomChip zoom={filter.zoom} onZoom={onZoom} />
        {isFiltered && (
          <button
            type="button"
            class="plain"
            onClick={() => {
              onFilter({ ...filter, text: "", status: "all", worker: undefined })
              onZoom(undefined)
            }}
          >
            show all
          </button>
        )}
      </p>
      <Table
        caption="Inputs of the run. Press Enter to open a row."
        columns={columns}
        entries={report.outcomes}
        order={order}
        sort={sort}
        onSort={onSort}
        onOpen={onOpen}
      />
    </section>
  )
}
