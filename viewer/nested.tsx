/** The nested runs: those that attempts have started. */
import { useMemo, useState } from "preact/hooks"
import { kindsLine } from "./groups.ts"
import { type Branch, branchesOf } from "./inside.ts"
import type { Model } from "./model.ts"
import { count, counted, duration } from "./text.ts"

/** Greatest number of individual runs that are listed. */
const mostRuns = 100

interface NestedProps {
  readonly model: Model
  readonly onOpenIndex: (index: number) => void
}

export const NestedRuns = ({ model, onOpenIndex }: NestedProps) => {
  const branches = useMemo(() => branchesOf(model.nested), [model])
  const left = model.report.nestedLeft ?? 0
  return (
    <section id="nested" aria-labelledby="nested-title">
      <h2 id="nested-title">Nested runs</h2>
      <p class="facts">
        {counted(model.nested.length + left, "run")} started by attempts
        {left > 0 && `; the last ${count(left)} are not in the report`}
      </p>
      <div class="wide" tabIndex={0} role="region" aria-labelledby="nested-title">
        <table>
          <caption class="hidden">Nested runs, by name</caption>
          <thead>
            <tr>
              {["name", "runs", "inputs", "succeeded", "failed", "total time"].map((title) => (
                <th key={title} scope="col">{title}</th>
              ))}
            </tr>
          </thead>
          <tbody>{branches.map((branch, place) => <BranchRow key={place} branch={branch} />)}</tbody>
        </table>
      </div>
      <Singles model={model} onOpenIndex={onOpenIndex} />
    </section>
  )
}

const BranchRow = ({ branch }: { readonly branch: Branch }) => {
  const { depth, elapsed, failed, failures, inputs, name, runs, succeeded } = branch
  return (
    <tr>
      <th scope="row" style={{ paddingLeft: `${8 + 20 * depth}px` }}>
        {depth > 0 && <span class="muted" aria-hidden="true">└</span>}
        {name}
        {depth > 0 && <span class="hidden">, level {depth + 1}</span>}
      </th>
      <td>{count(runs.length)}</td>
      <td>{count(inputs)}</td>
      <td>{count(succeeded)}</td>
      <td class={failed > 0 ? "is-failed" : ""}>
        {failed > 0 ? `✗ ${count(failed)}: ${kindsLine(failures)}` : "0"}
      </td>
      <td>{duration(elapsed)}</td>
    </tr>
  )
}

const Singles = ({ model: { nested, placeOf }, onOpenIndex }: NestedProps) => {
  const [open, setOpen] = useState(false)
  return (
    <details onToggle={({ currentTarget }) => setOpen(currentTarget.open)}>
      <summary>individual runs</summary>
      {open && (
        <ul class="singles">
          {nested.slice(0, mostRuns).map(({ elapsed, name, outer, place, startedAt, state, tally }) => (
            <li key={place}>
              <span class={tally.failed > 0 ? "is-failed" : ""}>{tally.failed > 0 ? "✗" : "✓"}</span> <b>{name}</b>{" "}
              {counted(tally.total, "input")}
              {tally.failed > 0 && `, ${count(tally.failed)} failed`}
              {state !== "done" && `, ${state}`}, {duration(elapsed)}, started at {duration(startedAt)} by{" "}
              {outer === undefined
                ? "no attempt"
                : placeOf(outer) === undefined
                ? `input #${outer}`
                : <button type="button" class="link" onClick={() => onOpenIndex(outer)}>input #{outer}</button>}
            </li>
          ))}
        </ul>
      )}
      {open && nested.length > mostRuns && <p class="facts">and {count(nested.length - mostRuns)} more</p>}
    </details>
  )
}
