/** The sheet of one input: everything that the report knows about it. */
import type { ComponentChildren } from "preact"
import { useLayoutEffect, useRef, useState } from "preact/hooks"
import { fold } from "../src/report/frames.ts"
import type { PlainAttempt, PlainLog, Wait } from "../src/report/plain.ts"
import { attemptsOf, workerName } from "../src/report/trace.ts"
import { waitedFor, waits } from "./kinds.ts"
import type { Nested, Outcome } from "./model.ts"
import { StatusText } from "./table.tsx"
import { count, counted, date, duration } from "./text.ts"

interface SheetProps {
  readonly outcome: Outcome
  readonly machines?: Readonly<Record<string, string>> | undefined
  readonly logs?: ReadonlyArray<PlainLog>
  readonly nested?: ReadonlyArray<Nested>
  /** Opens the previous or the next input, in the order of the table. */
  readonly onPrevious: (() => void) | undefined
  readonly onNext: (() => void) | undefined
  readonly onClose: () => void
}

export const Sheet = ({ logs = [], machines, nested = [], onClose, onNext, onPrevious, outcome }: SheetProps) => {
  const dialog = useRef<HTMLDialogElement>(null)
  useLayoutEffect(() => {
    if (dialog.current!.open) return
    dialog.current!.showModal()
    dialog.current!.querySelector<HTMLElement>("h2")!.focus()
  }, [])
  useLayoutEffect(() => {
    dialog.current!.querySelector(".sheet-body")!.scrollTop = 0
  }, [outcome])
  const { error, index, input, recorded, value } = outcome
  return (
    <dialog
      ref={dialog}
      aria-labelledby="sheet-title"
      onClose={onClose}
      onClick={({ currentTarget, target }) => target === currentTarget && currentTarget.close()}
    >
      <div class="sheet-head">
        <h2 id="sheet-title" tabIndex={-1}>Input #{index}</h2>
        <button type="button" disabled={onPrevious === undefined} onClick={onPrevious}>previous</button>
        <button type="button" disabled={onNext === undefined} onClick={onNext}>next</button>
        <button type="button" class="close" onClick={() => dialog.current!.close()}>close</button>
      </div>
      <div class="sheet-body" tabIndex={0} role="region" aria-label={`About input #${index}`}>
        <dl class="pairs">
          <dt>status</dt>
          <dd>
            <StatusText entry={outcome} />
          </dd>
          <dt>input</dt>
          <dd class="code">{input}</dd>
          {value !== undefined && (
            <>
              <dt>value</dt>
              <dd class="code">{value}</dd>
            </>
          )}
          {error !== undefined && (
            <>
              <dt>message</dt>
              <dd class="is-failed">{error.message}</dd>
            </>
          )}
          {recorded === undefined && (
            <>
              <dt>took</dt>
              <dd>{duration(outcome.elapsed)}, started at {duration(outcome.startedAt)}</dd>
            </>
          )}
          {recorded !== undefined && (
            <>
              <dt>recalled</dt>
              <dd>
                recorded on {date(recorded.at)}, after {counted(recorded.attempts, "attempt")} and{" "}
                {duration(recorded.elapsed)}
              </dd>
            </>
          )}
        </dl>
        <Attempts outcome={outcome} machines={machines} />
        {error !== undefined && <Cause key={index} error={error} />}
        <Logs logs={logs} />
        <Inside nested={nested} />
      </div>
    </dialog>
  )
}

const Part = ({ children, title }: { readonly title: string; readonly children: ComponentChildren }) => (
  <>
    <h3>{title}</h3>
    {children}
  </>
)

const Attempts = ({ machines, outcome }: Pick<SheetProps, "outcome" | "machines">) => {
  const attempts = attemptsOf(outcome)
  if (attempts.length === 0) return null
  if (outcome.history === undefined && outcome.attempts > 1) {
    return (
      <Part title="Attempts">
        <p>{count(outcome.attempts)} attempts</p>
      </Part>
    )
  }
  return (
    <Part title={attempts.length === 1 ? "Attempt" : "Attempts"}>
      <ol class="attempts">
        {attempts.map((attempt, nth) => (
          <li key={nth}>
            <Attempt attempt={attempt} before={attempts[nth - 1]} machines={machines} />
          </li>
        ))}
      </ol>
    </Part>
  )
}

interface AttemptProps {
  readonly attempt: PlainAttempt
  readonly before: PlainAttempt | undefined
  readonly machines: SheetProps["machines"]
}

const ends: Readonly<Record<PlainAttempt["end"], string>> = {
  Succeeded: "✓ succeeded",
  Failed: "✗ failed",
  Interrupted: "‖ interrupted: another attempt finished first",
  Lost: "? lost with its worker"
}

const Attempt = ({ attempt, before, machines }: AttemptProps) => {
  const { elapsed, end, message, startedAt, waits: waited, worker } = attempt
  const reasons = waits.filter((kind) => waited?.[kind] !== undefined)
  const delay = before === undefined ? 0 : startedAt - before.startedAt - before.elapsed
  const machine = machines === undefined ? {} : { machines }
  return (
    <>
      <p>
        <b class={end === "Failed" ? "is-failed" : ""}>{ends[end]}</b> after {duration(elapsed)}, started at{" "}
        {duration(startedAt)}, on {workerName(machine, worker)}
      </p>
      {delay > 0 && <p class="facts">started {duration(delay)} after the previous attempt</p>}
      {reasons.length > 0 && <p class="facts">{reasons.map((kind) => reasonOf(kind, waited![kind]!)).join(", ")}</p>}
      {message !== undefined && <p>{message}</p>}
    </>
  )
}

const reasonOf = (kind: Wait, millis: number): string => `${waitedFor[kind]} ${duration(millis)}`

/** Shows a cause without the frames of libraries, and a button that shows them if there are any. */
const Cause = ({ error }: { readonly error: NonNullable<Outcome["error"]> }) => {
  const [whole, setWhole] = useState(false)
  if (error.cause === undefined) {
    return (
      <Part title="Cause">
        <p class="facts">The report has no cause for this failure.</p>
      </Part>
    )
  }
  const short = fold(error.cause)
  return (
    <Part title="Cause">
      <pre tabIndex={0} role="region" aria-label="Cause">{whole ? error.cause : short}</pre>
      {short !== error.cause && (
        <button type="button" onClick={() => setWhole(!whole)}>{whole ? "fold frames" : "show all frames"}</button>
      )}
    </Part>
  )
}

const Logs = ({ logs }: { readonly logs: ReadonlyArray<PlainLog> }) =>
  logs.length === 0 ? null : (
    <Part title="Log">
      <ol class="logs">
        {logs.map(({ at, attempt, level, message, within }, place) => (
          <li key={place}>
            <small>{duration(at)} · attempt {attempt}{within !== undefined && ` · ${within}`}</small>{" "}
            <b class={`level ${level.toLowerCase()}`}>{level.toUpperCase()}</b> {message}
          </li>
        ))}
      </ol>
    </Part>
  )

const Inside = ({ nested }: { readonly nested: ReadonlyArray<Nested> }) =>
  nested.length === 0 ? null : (
    <Part title="Nested runs">
      <ul class="inside">
        {nested.map((run) => {
          const { elapsed, name, place, startedAt, state, tally: { failed, total } } = run
          return (
            <li key={place}>
              <b>{name}</b>: {failed > 0
                ? <span class="is-failed">✗ {count(failed)} of {counted(total, "input")} failed</span>
                : `✓ ${counted(total, "input")} succeeded`} in {duration(elapsed)}, started at {duration(startedAt)}
              {state !== "done" && `, ${state}`}
              {run.failures?.map(({ count: n, input, message }) => (
                <p key={message}>
                  {message} <span class="times">× {count(n)}, for example {input}</span>
                </p>
              ))}
            </li>
          )
        })}
      </ul>
    </Part>
  )
