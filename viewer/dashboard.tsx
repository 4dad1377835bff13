/** The dashboard of a program: the current state of its runs, and their reports once they have ended. */
import { useEffect, useMemo, useState } from "preact/hooks"
import type { LiveOutcome, LiveRun } from "../src/dashboard/messages.ts"
import { type Columns, fromColumns } from "../src/report/columns.ts"
import type { Json } from "../src/report/json.ts"
import { useLive } from "./connection.ts"
import { Failures } from "./failures.tsx"
import { FilterBar } from "./filters.tsx"
import { Flows } from "./flows.tsx"
import { grouped } from "./groups.ts"
import { Runs, UnderWay } from "./liveRuns.tsx"
import { type Connection, treeOf, verdictOf } from "./liveState.ts"
import { make, type Model } from "./model.ts"
import { Report } from "./report.tsx"
import { type Filter, Rows, type Sort } from "./rows.ts"
import { Sheet } from "./sheet.tsx"
import { columnsOf, Table, type TableColumn } from "./table.tsx"
import { count } from "./text.ts"

const states: Readonly<Record<Connection, string>> = {
  connecting: "○ connecting",
  live: "● live",
  lost: "○ connection lost, reconnecting",
  over: "■ the program has ended"
}

/** A report that has come from the program, or the reason why it has not. */
interface Fetched {
  readonly run: number
  readonly model?: Model
  readonly problem?: string
}

export const Dashboard = ({ token }: { readonly token: string }) => {
  const { connection, outcomes, update } = useLive(token)
  const [selected, setSelected] = useState<number>()
  const [fetched, setFetched] = useState<Fetched>()
  const [whole, setWhole] = useState(false)
  const runs = useMemo(() => treeOf(update?.runs ?? []), [update])
  const fetchReport = async (run: number) => {
    if (fetched?.run === run && fetched.model !== undefined) return
    setFetched(undefined)
    setFetched(await load(run, token))
  }
  const only = onlyEnded(runs, update?.runsLeft ?? 0)
  useEffect(() => {
    if (only !== undefined) void fetchReport(only)
  }, [only])
  if (whole && fetched?.model !== undefined) {
    return (
      <>
        <p>
          <button type="button" id="back" onClick={() => setWhole(false)}>Back to the dashboard</button>
        </p>
        <Report model={fetched.model} />
      </>
    )
  }
  const onReport = (run: number) => {
    setWhole(true)
    void fetchReport(run)
  }
  const below = only !== undefined && fetched?.run === only ? fetched.model : undefined
  const verdict = update === undefined ? "" : verdictOf(runs)
  return (
    <>
      <header>
        <div class="title">
          <h1>{document.title}</h1>
          <span id="connection">{states[connection]}</span>
        </div>
        <p id="live-verdict" class={verdict.startsWith("✗") ? "verdict is-failed" : "verdict"} aria-live="polite">
          {verdict}
        </p>
      </header>
      <main id="main">
        {fetched?.problem !== undefined && <p class="is-failed" role="alert">✗ {fetched.problem}</p>}
        <Runs
          runs={runs}
          left={update?.runsLeft ?? 0}
          selected={selected}
          onSelect={setSelected}
          onReport={below === undefined ? onReport : undefined}
        />
        {below === undefined && update !== undefined && (
          <>
            <div class="pair">
              <FailedNow runs={runs} selected={selected} />
              <UnderWay
                inputs={update.inputs.filter(({ run }) => selected === undefined || run === selected)}
                names={namesOf(runs)}
              />
            </div>
            <LastOutcomes outcomes={outcomes} runs={runs} selected={selected} settled={update.settled} />
            {update.flows.length > 0 && <Flows flows={update.flows} />}
          </>
        )}
      </main>
      {below !== undefined && <Report key={only} model={below} inside />}
    </>
  )
}

const namesOf = (runs: ReadonlyArray<LiveRun>): ReadonlyMap<number, string> =>
  new Map(runs.map(({ id, name }) => [id, name]))

/** Returns the only outermost run, if it has ended and has a report. */
const onlyEnded = (runs: ReadonlyArray<LiveRun>, left: number): number | undefined => {
  const outermost = runs.filter(({ depth }) => depth === 0)
  const [run] = outermost
  return outermost.length === 1 && left === 0 && run!.hasReport && run!.state !== "running" ? run!.id : undefined
}

/** Fetches the report of a run, as it is or as columns. */
const load = async (run: number, token: string): Promise<Fetched> => {
  try {
    const response = await fetch(`reports/${run}?token=${encodeURIComponent(token)}`)
    if (!response.ok) return { run, problem: `The program has no report for this run (${response.status}).` }
    const report = await response.json() as Columns | Json
    return { run, model: make("columns" in report ? fromColumns(report) : report) }
  } catch {
    return { run, problem: "The report did not arrive completely." }
  }
}

interface PartProps {
  readonly runs: ReadonlyArray<LiveRun>
  readonly selected: number | undefined
}

/** Shows failures of the selected run, or of all runs. */
const FailedNow = ({ runs, selected }: PartProps) => {
  const shown = runs.filter(({ id }) => selected === undefined || id === selected)
  const groups = grouped(shown.flatMap(({ failures }) => failures.map((failure) => ({ ...failure, places: [] }))))
  const left = shown.reduce((sum, { failuresLeft }) => sum + failuresLeft, 0)
  return (
    <section id="failures" aria-labelledby="failures-title">
      <h2 id="failures-title">Failures</h2>
      {groups.length === 0 && left === 0 && <p class="facts">No input has failed.</p>}
      <Failures groups={groups} entries={[]} />
      {left > 0 && <p class="facts">and {count(left)} other failures</p>}
    </section>
  )
}

interface LastProps extends PartProps {
  readonly outcomes: ReadonlyArray<LiveOutcome>
  /** Number of outcomes of all runs. */
  readonly settled: number
}

const newestFirst: Sort = { column: "place", descending: true }

const LastOutcomes = ({ outcomes, runs, selected, settled }: LastProps) => {
  const [sort, setSort] = useState(newestFirst)
  const [filter, setFilter] = useState<Filter>({ text: "", status: "all", worker: undefined, zoom: undefined })
  const [opened, open] = useState<LiveOutcome>()
  const names = namesOf(runs)
  const rows = useMemo(
    () => new Rows(selected === undefined ? outcomes : outcomes.filter(({ run }) => run === selected)),
    [outcomes, selected]
  )
  const order = useMemo(() => rows.visible(sort, filter), [rows, sort, filter])
  const columns: ReadonlyArray<TableColumn<LiveOutcome>> = columnsOf(({ run, worker }) =>
    names.size > 1 ? `${worker} · ${names.get(run) ?? ""}` : count(worker)
  )
  const { entries } = rows
  const at = opened === undefined ? -1 : order.findIndex((place) => entries[place] === opened)
  const step = (to: number) => at === -1 || to < 0 || to >= order.length ? undefined : () => open(entries[order[to]!])
  return (
    <section id="inputs" aria-labelledby="inputs-title">
      <h2 id="inputs-title">Latest outcomes</h2>
      <FilterBar filter={filter} onFilter={setFilter} statuses={["succeeded", "failed", "retried"]} workers={[]} />
      <p class="facts shown" id="inputs-shown">
        {count(order.length)} of {count(settled)} outcomes
        {sort.column !== "place" && (
          <button type="button" class="plain" onClick={() => setSort(newestFirst)}>newest first</button>
        )}
      </p>
      <Table
        caption="Latest outcomes. Press Enter to open a row."
        columns={columns}
        entries={entries}
        order={order}
        sort={sort}
        onSort={setSort}
        onOpen={(place) => open(entries[place])}
      />
      {opened !== undefined && (
        <Sheet
          outcome={opened}
          onPrevious={step(at - 1)}
          onNext={step(at + 1)}
          onClose={() => open(undefined)}
        />
      )}
    </section>
  )
}
