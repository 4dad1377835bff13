/** The runs of a program as a tree, with their progress, and the inputs that are running. */
import { Fragment } from "preact"
import type { LiveInput, LiveRun } from "../src/dashboard/messages.ts"
import { count, counted, duration, measured, percent } from "./text.ts"

/** Greatest number of runs, and of running inputs, that are shown. */
const mostRuns = 100
const mostInputs = 20

interface RunsProps {
  readonly runs: ReadonlyArray<LiveRun>
  /** Number of ended runs that the program no longer sends. */
  readonly left: number
  readonly selected: number | undefined
  readonly onSelect: (run: number | undefined) => void
  readonly onReport: ((run: number) => void) | undefined
}

export const Runs = ({ left, onReport, onSelect, runs, selected }: RunsProps) => {
  const more = left + Math.max(0, runs.length - mostRuns)
  return (
    <section id="runs" aria-labelledby="runs-title">
      <h2 id="runs-title">Runs</h2>
      <ul class="runs">
        {runs.slice(0, mostRuns).map((run) => (
          <RunOf key={run.id} run={run} selected={selected} onSelect={onSelect} onReport={onReport} />
        ))}
      </ul>
      {more > 0 && <p class="facts">and {counted(more, "more run")}</p>}
    </section>
  )
}

const states: Readonly<Record<LiveRun["state"], string>> = {
  running: "▸ running",
  done: "✓ done",
  stopped: "■ stopped",
  interrupted: "‖ interrupted"
}

const RunOf = ({ onReport, onSelect, run, selected }: Pick<RunsProps, "selected" | "onSelect" | "onReport"> & {
  readonly run: LiveRun
}) => (
  <li>
    <button
      type="button"
      style={{ marginLeft: `${Math.min(5, run.depth) * 20}px` }}
      aria-pressed={selected === run.id}
      onClick={() => onSelect(selected === run.id ? undefined : run.id)}
    >
      {run.name}
    </button>
    <Bar run={run} />
    <span class="counts">
      <b>{count(run.done)}</b>
      {run.total !== undefined && ` of ${count(run.total)}`} {run.total === 1 ? "input" : "inputs"}
      {run.failed > 0 && <span class="is-failed">, ✗ {count(run.failed)} failed</span>}{" "}
      {detailsOf(run).map((detail, place) => (
        <Fragment key={detail}>
          <small>{place > 0 && "· "}{detail}</small>
          {" "}
        </Fragment>
      ))}
    </span>
    <span class="end">
      <small>{states[run.state]}</small>
      {run.hasReport && onReport !== undefined && (
        <>
          <button type="button" onClick={() => onReport(run.id)}>Open the full report</button>
        </>
      )}
    </span>
  </li>
)

const detailsOf = (
  { elapsed, left, limited, rate, recalled, retried, running, state, waiting }: LiveRun
): ReadonlyArray<string> => [
  ...(retried > 0 ? [`${count(retried)} retried`] : []),
  ...(recalled > 0 ? [`${count(recalled)} recalled`] : []),
  ...(state === "running" ? [`${count(running)} running`] : []),
  ...(state === "running" && waiting > 0 ? [`${count(waiting)} waiting`] : []),
  ...(state === "running" ? limited.map(({ name, waiting }) => `${count(waiting)} waiting for limit ${name}`) : []),
  ...(state === "running" && rate > 0 ? [`${measured(rate)}/s`] : []),
  ...(state === "running" && left !== undefined ? [`${duration(left)} left`] : []),
  `${duration(elapsed)} so far`.replace(state === "running" ? "" : " so far", "")
]

const Bar = ({ run: { done, failed, name, total } }: { readonly run: LiveRun }) => {
  const share = (n: number) => `${total === undefined || total === 0 ? 0 : 100 * n / total}%`
  return (
    <div
      class={total === undefined ? "bar unknown" : "bar"}
      role="progressbar"
      aria-label={`Progress of ${name}`}
      aria-valuetext={total === undefined ? `${count(done)} inputs` : percent(total === 0 ? 1 : done / total)}
      {...(total !== undefined && { "aria-valuemin": 0, "aria-valuemax": total, "aria-valuenow": done })}
    >
      <span style={{ width: share(done - failed) }} />
      <span class="bad" style={{ width: share(failed) }} />
    </div>
  )
}

interface UnderWayProps {
  readonly inputs: ReadonlyArray<LiveInput>
  readonly names: ReadonlyMap<number, string>
}

export const UnderWay = ({ inputs, names }: UnderWayProps) => (
  <section id="under-way" aria-labelledby="under-way-title">
    <h2 id="under-way-title">Running inputs</h2>
    {inputs.length === 0 ?
      <p class="facts">No input is running.</p> :
      (
        <div class="tall" tabIndex={0} role="region" aria-labelledby="under-way-title">
          <table>
            <caption class="hidden">Running inputs, the longest-running first</caption>
            <thead>
              <tr>{["input", "since", "worker"].map((title) => <th key={title} scope="col">{title}</th>)}</tr>
            </thead>
            <tbody>
              {inputs.slice(0, mostInputs).map(({ index, input, run, since, worker }) => (
                <tr key={`${run} ${index}`}>
                  <td class="breaks">#{index} {input} {names.size > 1 && <small>{names.get(run)}</small>}</td>
                  <td>{duration(since)}</td>
                  <td>{count(worker)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    {inputs.length > mostInputs && <p class="facts">and {count(inputs.length - mostInputs)} more</p>}
  </section>
)
