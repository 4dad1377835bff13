/**
 * Reports in the Trace Event Format, which Perfetto and chrome://tracing open.
 */
import type { Plain, PlainAttempt, PlainOutcome, Wait } from "./plain.ts"
import { type Busy, gapsOf } from "./usage.ts"

/**
 * One event of a trace: an attempt or what a worker waited for before it (`X`), or the name of a row (`M`). Times are
 * microseconds.
 *
 * @category models
 * @since 0.1.0
 */
export type TraceEvent =
  | {
    readonly ph: "X"
    readonly name: string
    readonly cat: string
    readonly ts: number
    readonly dur: number
    readonly pid: number
    readonly tid: number
    readonly args: Readonly<Record<string, string | number>>
  }
  | {
    readonly ph: "M"
    readonly name: "process_name" | "thread_name"
    readonly pid: number
    readonly tid: number
    readonly args: { readonly name: string }
  }

/**
 * The JSON object format of the Trace Event Format.
 *
 * @category models
 * @since 0.1.0
 */
export interface Trace {
  readonly displayTimeUnit: "ms"
  readonly otherData: Readonly<Record<string, string | number>>
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

/** Names a worker, and its machine if there are several. */
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
 * Returns the attempts at an input: its history, or the only attempt; none if the input was settled before an attempt
 * started.
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
