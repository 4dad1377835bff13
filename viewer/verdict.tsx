/** The head of the page: what the run was, and how it ended. */
import { useMemo } from "preact/hooks"
import { latencies, type Model, quantile, utilisation } from "./model.ts"
import { count, date, duration, measured, percent } from "./text.ts"

/** Describes in one sentence, with a mark, how a run ended. */
const verdictOf = (model: Model): readonly [mark: "✓" | "✗" | "–", sentence: string] => {
  const { nested, report: { elapsed, tally: { failed, total } } } = model
  const inside = nested.reduce(
    (sum, { tally }) => ({ total: sum.total + tally.total, failed: sum.failed + tally.failed }),
    {
      total: 0,
      failed: 0
    }
  )
  const nestedFailed = inside.failed === 0
    ? ""
    : `; ${count(inside.failed)} of ${count(inside.total)} inputs of nested runs failed`
  if (total === 0) return ["–", `The run had no inputs${nestedFailed}`]
  const inputs = total === 1 ? "input" : "inputs"
  if (failed > 0) {
    return ["✗", `${count(failed)} of ${count(total)} ${inputs} failed in ${duration(elapsed)}${nestedFailed}`]
  }
  const all = total === 1 ? "The only input" : `All ${count(total)} inputs`
  return ["✓", `${all} succeeded in ${duration(elapsed)}${nestedFailed}`]
}

interface HeadProps {
  readonly model: Model
  /** True if the report is part of a dashboard, which has a title of its own. */
  readonly inside: boolean
}

export const Head = ({ inside, model }: HeadProps) => {
  const { name, startedAt } = model.report
  const [mark, sentence] = verdictOf(model)
  return (
    <>
      <div class="title">
        {inside ? <h2>{name}</h2> : <h1>{name}</h1>}
        {startedAt !== undefined && <time dateTime={startedAt}>{date(startedAt)}</time>}
      </div>
      <p id="verdict" class={mark === "✗" ? "verdict is-failed" : "verdict"}>
        <span class="mark">{mark}</span> {sentence}
      </p>
      <Facts model={model} />
    </>
  )
}

const Facts = ({ model }: { readonly model: Model }) => {
  const { elapsed, outcomes, tally } = model.report
  const facts = useMemo<ReadonlyArray<readonly [id: string, label: string, text: string]>>(() => [
    ["total", "inputs", count(tally.total)],
    ["succeeded", "succeeded", count(tally.succeeded)],
    ["failed", "failed", count(tally.failed)],
    ["retried", "retried", count(tally.retried)],
    ...(tally.recalled > 0 ? [["recalled", "recalled", count(tally.recalled)] as const] : []),
    ["attempts", "attempts", count(tally.attempts)],
    ["elapsed", "total time", duration(elapsed)],
    ["rate", "inputs/s", elapsed > 0 ? measured(1000 * tally.total / elapsed) : "–"],
    ["median", "median time", duration(quantile(latencies(outcomes), 0.5))],
    ["busy", "workers busy", percent(utilisation(model))]
  ], [model])
  return (
    <dl class="tally">
      {facts.map(([id, label, text]) => (
        <div key={id} class={id === "failed" && tally.failed > 0 ? "is-failed" : ""}>
          <dt>{label}</dt>
          <dd id={`tally-${id}`}>{text}</dd>
        </div>
      ))}
    </dl>
  )
}
