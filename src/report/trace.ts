/**
 * Reports in the Trace Event Format, which Perfetto and chrome://tracing open.
 */
import type { Plain, PlainAttempt, PlainOutcome, Wait } from "./plain.ts"
import { type Busy, gapsOf } from "./usage.ts"

/**
 * One event of a trace.
 *
 * **Details**
 *
 * An event with `ph: "X"` is an attempt, or what a worker waited for before it. An event with `ph: "M"` names a row.
 * Times are microseconds.
 *
 * @category models
 * @since 0.1.0
 */
export type TraceEvent =
  | {
    /** A period of time: an attempt, or a wait. */
    readonly ph: "X"
    /** The input of the attempt, or what the worker waited for. */
    readonly name: string
    /** How the attempt ended, such as `"failed"`; `"waiting"` for a wait. */
    readonly cat: string
    /** Start, in microseconds since the start of the run. */
    readonly ts: number
    /** Duration, in microseconds. */
    readonly dur: number
    /** Always 1: the run. */
    readonly pid: number
    /** Row: the number of the worker plus 1. */
    readonly tid: number
    /** Index, number and end of the attempt, its waits in milliseconds, and its message; empty for a wait. */
    readonly args: Readonly<Record<string, string | number>>
  }
  | {
    /** A name. */
    readonly ph: "M"
    /** What has the name: the run (`"process_name"`) or a worker (`"thread_name"`). */
    readonly name: "process_name" | "thread_name"
    /** Always 1: the run. */
    readonly pid: number
    /** Row: the number of the worker plus 1; 0 for the run. */
    readonly tid: number
    /** The name itself. */
    readonly args: { readonly name: string }
  }

/**
 * A trace in the JSON object format of the Trace Event Format.
 *
 * @category models
 * @since 0.1.0
 */
export interface Trace {
  /** Unit in which viewers show times. */
  readonly displayTimeUnit: "ms"
  /** Name and start of the run, and its tally. */
  readonly otherData: Readonly<Record<string, string | number>>
  /** Attempts, waits of workers, and the names of rows. */
  readonly traceEvents: ReadonlyArray<TraceEvent>
}

const pid = 1

export const make = (report: Plain): Trace => {
  const rows = new Map<number, Array<Busy>>()
  const events: Array<TraceEvent> = [{ ph: "M", name: "process_name", pid, tid: 0, args: { name: report.name } }]
  for (const outcome of report.outcomes) {
    for (const [nth, attempt] of attemptsOf(outcome).entries()) {
      const { elapsed, startedAt, waits, worker } = attempt
      const busy = { start: startedAt, end: startedAt + elapsed, waits }
      if (!rows.get(worker)?.push(busy)) rows.set(worker, [busy])
      events.push({
        ph: "X",
        name: outcome.input === "" ? `#${outcome.index}` : outcome.input,
        cat: attempt.end.toLowerCase(),
        ts: micros(attempt.startedAt),
        dur: micros(attempt.elapsed),
        pid,
        tid: attempt.worker + 1,
        args: {
          index: outcome.index,
          attempt: nth + 1,
          end: attempt.end,
          ...named(waits),
          ...(attempt.message !== undefined && { message: attempt.message })
        }
      })
    }
  }
  for (const [worker, row] of [...rows].toSorted(([a], [b]) => a - b)) {
    const tid = worker + 1
    events.push({ ph: "M", name: "thread_name", pid, tid, args: { name: workerName(report, worker) } })
    for (const { end, kind, start } of gapsOf(row.toSorted((a, b) => a.start - b.start))) {
      const ts = micros(start)
      const dur = micros(end) - ts
      if (dur > 0) events.push({ ph: "X", name: nameOf[kind], cat: "waiting", ts, dur, pid, tid, args: {} })
    }
  }
  const { startedAt, tally } = report
  return {
    displayTimeUnit: "ms",
    otherData: { name: report.name, ...(startedAt !== undefined && { startedAt }), ...tally },
    traceEvents: events
  }
}

/** Returns the name of a worker, with its machine if there are several. */
export const workerName = ({ machines }: Pick<Plain, "machines">, worker: number): string => {
  const machine = machines?.[worker]
  return machine === undefined ? `worker ${worker}` : `worker ${worker} on ${machine}`
}

const nameOf: Readonly<Record<Wait, string>> = {
  retry: "retry delay",
  limit: "limit",
  queue: "queue",
  startup: "start-up",
  transfer: "transfer"
}

/** Returns waits as arguments of an event, with their unit. */
const named = (waits: PlainAttempt["waits"]): Record<string, number> =>
  Object.fromEntries(Object.entries(waits ?? {}).map(([kind, millis]) => [`${nameOf[kind as Wait]} (ms)`, millis]))

/**
 * Returns the attempts at an input: its history, or its only attempt. Returns none if the input was settled before an
 * attempt started.
 */
export const attemptsOf = (
  { _tag, attempts, elapsed, error, history, startedAt, waits, worker }: PlainOutcome
): ReadonlyArray<PlainAttempt> => {
  if (history !== undefined) return history
  if (attempts === 0) return []
  const end = _tag === "Success" ? "Succeeded" : "Failed"
  return [{
    startedAt,
    elapsed,
    worker,
    end,
    ...(waits !== undefined && { waits }),
    ...(error !== undefined && { message: error.message })
  }]
}

const micros = (millis: number): number => Math.round(millis * 1000)
