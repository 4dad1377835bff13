/**
 * Reports of runs: as counts, text, JSON, a trace, and a page.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type * as Outcome from "./Outcome.ts"
import { spansOf } from "./outcome/settled.ts"
import { showCause } from "./primitives/causes.ts"
import { shortenInput, shortenMessage, shortenName } from "./primitives/shorten.ts"
import { fold } from "./report/frames.ts"
import * as ReportJson from "./report/json.ts"
import * as Page from "./report/page.ts"
import { plain } from "./report/plain.ts"
import * as ReportTrace from "./report/trace.ts"
import { type Busy, type Sums, sumsOf, waitedFor } from "./report/usage.ts"

/** @since 0.1.0 */
export type { FlowCounts, LogLine, NestedRun, Report, RunInside, RunSettings } from "./Outcome.ts"

/** @since 0.1.0 */
export { make } from "./report/report.ts"

/** @since 0.1.0 */
export { Json, type Options } from "./report/json.ts"

/** @since 0.1.0 */
export type { Trace, TraceEvent } from "./report/trace.ts"

/**
 * A run in numbers.
 *
 * @category models
 * @since 0.1.0
 */
export interface Tally {
  /** Number of inputs that were settled. */
  readonly total: number
  /** Number of inputs that succeeded. */
  readonly succeeded: number
  /** Number of inputs that failed. */
  readonly failed: number
  /** Number of inputs that took more than one attempt. */
  readonly retried: number
  /** Number of inputs whose outcome was known without an attempt, from a journal. */
  readonly recalled: number
  /** Number of attempts that were started, over all inputs. */
  readonly attempts: number
}

/**
 * Counts the outcomes of a report.
 *
 * **Example** (Counting failures)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Parallel, Report } from "effect-parallel"
 *
 * const half = (n: number) => n % 2 === 0 ? Effect.succeed(n / 2) : Effect.fail("odd")
 * const report = await Effect.runPromise(Parallel.run([2, 3, 4], half, { retry: { times: 1 } }))
 * const { attempts, failed, total } = Report.tally(report)
 *
 * console.log(`${failed} of ${total} failed, ${attempts} attempts`) // => "1 of 3 failed, 4 attempts"
 * ```
 *
 * @category converting
 * @since 0.1.0
 */
export const tally = (self: Outcome.Report<unknown, unknown, unknown>): Tally => {
  let attempts = 0
  let retried = 0
  let recalled = 0
  for (const outcome of self.outcomes) {
    attempts += outcome.attempts
    if (outcome.attempts > 1) retried++
    else if (outcome.recorded !== undefined || (outcome.attempts === 0 && outcome._tag === "Success")) recalled++
  }
  const total = self.outcomes.length
  const failed = self.failures.length
  return { total, succeeded: total - failed, failed, retried, recalled, attempts }
}

/**
 * What the workers of a run did with their time; on fibers, its `concurrency` lanes.
 *
 * **Details**
 *
 * Each time is a sum over all workers, and all times together are `workers` times the duration of the run. Only workers
 * that have run an input are counted. The time between two attempts counts as what the later one waited for
 * (`Outcome.Waits`); the time that this does not explain is `idle`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Usage {
  /** Number of workers that have run an input. */
  readonly workers: number
  /** Time spent on attempts. If a worker had several attempts at the same time, that time counts once. */
  readonly working: Duration.Duration
  /** Time spent waiting for the delay before a retry. */
  readonly retry: Duration.Duration
  /** Time spent waiting for limits. */
  readonly limit: Duration.Duration
  /** Time spent waiting behind other inputs. */
  readonly queue: Duration.Duration
  /** Time until workers had started, imported the task and built its layer. */
  readonly startup: Duration.Duration
  /** Time that inputs and results spent on their way to workers and back. */
  readonly transfer: Duration.Duration
  /** Time that nothing else explains. */
  readonly idle: Duration.Duration
}

/**
 * Sums up what the workers of a run did with their time, which says why a run was slow.
 *
 * **Example** (Finding out that a limit was the bottleneck)
 *
 * ```ts
 * import { Duration, Effect } from "effect"
 * import { Limit, Parallel, Report } from "effect-parallel"
 *
 * const work = () => Effect.sleep("100 millis")
 * const report = await Effect.runPromise(Parallel.run([1, 2, 3], work, { limit: Limit.concurrency(1) }))
 * const { limit, working, workers } = Report.usage(report)
 *
 * console.log(workers) // => 3
 * console.log(Duration.toMillis(limit) >= 250) // => true
 * console.log(Duration.toMillis(working) >= 250) // => true
 * ```
 *
 * @category converting
 * @since 0.1.0
 */
export const usage = (self: Outcome.Report<unknown, unknown, unknown>): Usage => {
  const { idle, limit, queue, retry, startup, transfer, workers, working } = sums(self)
  return {
    workers,
    working: Duration.millis(working),
    retry: Duration.millis(retry),
    limit: Duration.millis(limit),
    queue: Duration.millis(queue),
    startup: Duration.millis(startup),
    transfer: Duration.millis(transfer),
    idle: Duration.millis(idle)
  }
}

const sums = (self: Outcome.Report<unknown, unknown, unknown>): Sums =>
  sumsOf(rowsOf(self).values(), Duration.toMillis(self.elapsed))

/** Groups the attempts of a report by worker. */
const rowsOf = (self: Outcome.Report<unknown, unknown, unknown>): Map<number, Array<Busy>> => {
  const rows = new Map<number, Array<Busy>>()
  for (const outcome of self.outcomes) {
    for (const { endedAt, startedAt, waits, worker } of spansOf(outcome)) {
      const busy = {
        start: startedAt / 1e6,
        end: endedAt / 1e6,
        waits: waits && {
          retry: waits.retry / 1e6,
          limit: waits.limit / 1e6,
          queue: waits.queue / 1e6,
          startup: waits.startup / 1e6,
          transfer: waits.transfer / 1e6
        }
      }
      const row = rows.get(worker)
      if (row === undefined) rows.set(worker, [busy])
      else row.push(busy)
    }
  }
  return rows
}

/**
 * Formats a report as lines to print: one with counts, then one for each failed input.
 *
 * **Details**
 *
 * Inputs and errors are shortened to one line. Inputs are shown by the option `show` of the run. Failed inputs beyond
 * the first 20, or the option `failures`, are only counted.
 *
 * Further lines follow if there is something to say: how many inputs failed in runs that attempts have started; what
 * the workers did with their time (`usage`), if at least 5 % of it was waiting; and which limits inputs waited for, if
 * that took at least 5 %.
 *
 * Errors and inputs may be any values: what cannot be read is left out, and control characters and direction marks are
 * shown as escapes.
 *
 * **Example** (Printing a run with a failure)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Parallel, Report } from "effect-parallel"
 *
 * const half = (n: number) => n % 2 === 0 ? Effect.succeed(n / 2) : Effect.fail("odd")
 * const report = await Effect.runPromise(Parallel.run([2, 3, 4], half, { name: "halves" }))
 *
 * console.log(report.values) // => [1, 2]
 * console.log(Report.toText(report).split("\n")[1]) // => "  #1 3: odd"
 * ```
 *
 * @category converting
 * @since 0.1.0
 */
export const toText = (
  self: Outcome.Report<unknown, unknown, unknown>,
  options?: {
    /**
     * Whether the cause of each failed input follows below it, with its stack; frames of libraries are counted, not
     * shown. Default: `false`.
     */
    readonly causes?: boolean | undefined
    /** Maximum number of failed inputs to list; the others are counted. Default: 20. */
    readonly failures?: number | undefined
  }
): string => {
  const shown = self.failures.slice(0, options?.failures ?? 20)
  const lines = [summary(self)]
  for (const failure of shown) {
    const reason = shortenMessage(Cause.squash(failure.cause))
    lines.push(`  #${failure.index} ${shortenInput(failure.input, self.show)}: ${reason}${attempts(failure)}`)
    if (options?.causes) lines.push(indent(fold(showCause(failure.cause))))
  }
  const more = self.failures.length - shown.length
  if (more > 0) lines.push(`  and ${more} more`)
  return [...lines, ...insideLine(self.inside), ...usageLine(self)].join("\n")
}

/**
 * Converts a report to plain JSON, in the versioned format of the schema `Report.Json`.
 *
 * **Details**
 *
 * Returns the tally and every outcome in input order, with its times in milliseconds, its worker and its error, and
 * with each attempt if there was more than one. An input is one line of text. Values are left out unless the option
 * `value` shows them. A long message or cause is written once, in `texts`, and its number is used wherever it occurs.
 *
 * When it is written, an outcome takes about 150 bytes. `toJsonStream` does not need the whole in memory.
 *
 * **Example** (Writing a report and reading it again)
 *
 * ```ts
 * import { Effect, Schema } from "effect"
 * import { Parallel, Report } from "effect-parallel"
 *
 * const half = (n: number) => n % 2 === 0 ? Effect.succeed(n / 2) : Effect.fail("odd")
 * const report = await Effect.runPromise(Parallel.run([2, 3, 4], half, { name: "halves" }))
 *
 * const text = JSON.stringify(Report.toJson(report))
 * const json = Schema.decodeUnknownSync(Schema.fromJsonString(Report.Json))(text)
 *
 * console.log(json.tally.failed) // => 1
 * console.log(json.outcomes[1]?.error?.message) // => "odd"
 * ```
 *
 * @category converting
 * @since 0.1.0
 */
export const toJson = <I, A>(
  self: Outcome.Report<I, A, unknown>,
  options?: ReportJson.Options<I, A>
): ReportJson.Json => ReportJson.make(self, tally(self), options)

/**
 * Converts a report to a stream of JSON text, for a report too large to hold its JSON in memory.
 *
 * **Details**
 *
 * Emits one JSON document, that of `toJson`, in pieces of 256 outcomes each. A piece is made when it is pulled. The
 * stream never fails.
 *
 * **Example** (Joining the pieces)
 *
 * ```ts
 * import { Effect, Stream } from "effect"
 * import { Parallel, Report } from "effect-parallel"
 *
 * const report = await Effect.runPromise(Parallel.run([2, 3, 4], Effect.succeed))
 * const text = await Effect.runPromise(Stream.mkString(Report.toJsonStream(report)))
 *
 * console.log(text === JSON.stringify(Report.toJson(report))) // => true
 * ```
 *
 * @category converting
 * @since 0.1.0
 */
export const toJsonStream = <I, A>(
  self: Outcome.Report<I, A, unknown>,
  options?: ReportJson.Options<I, A>
): Stream.Stream<string> =>
  Stream.suspend(() =>
    Stream.fromIterable(ReportJson.write(self, tally(self), options), { chunkSize: 1 }).pipe(
      // a turn of the event loop between two pieces, for consumers that do not yield themselves
      Stream.tap(() => Effect.yieldNow)
    )
  )

/**
 * Converts a report to a trace that Perfetto (ui.perfetto.dev) and chrome://tracing open: a row for each worker, a bar
 * for each attempt.
 *
 * **Details**
 *
 * Returns the JSON object format of the Trace Event Format; write it with `JSON.stringify`. Times are microseconds
 * since the start of the run. The category of a bar says how the attempt ended; its arguments say that too, with index
 * and message.
 *
 * **Example** (Making a trace)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Parallel, Report } from "effect-parallel"
 *
 * const half = (n: number) => n % 2 === 0 ? Effect.succeed(n / 2) : Effect.fail("odd")
 * const report = await Effect.runPromise(Parallel.run([2, 3, 4], half))
 * const { traceEvents } = Report.toTrace(report)
 *
 * console.log(traceEvents.filter((event) => event.ph === "X" && event.cat === "failed").length) // => 1
 * ```
 *
 * @category converting
 * @since 0.1.0
 */
export const toTrace = <I, A>(
  self: Outcome.Report<I, A, unknown>,
  options?: ReportJson.Options<I, A>
): ReportTrace.Trace => ReportTrace.make(plain(toJson(self, { ...options, causes: 0 })))

/**
 * Converts a report to a page: one HTML file that needs no network.
 *
 * **Details**
 *
 * The page shows:
 *
 * - the verdict in a sentence
 * - what every worker did over time, with failures and retries, to zoom and point at
 * - what went wrong, by kind
 * - what the workers did with their time, how many inputs were done at a time, and how long they took
 * - a table of all inputs, to sort and filter, each of which opens with its attempts, waits, logs and cause
 * - runs and flows inside
 * - options, backend and versions
 *
 * Inputs and messages are shortened, and shown as text whatever they hold. Values are shown only with the option
 * `value`. The page holds the data of `toJson` and can save it, and the trace too. A report of 100,000 outcomes takes
 * about 6 MB (more with long inputs) and opens in less than two seconds.
 *
 * **Example** (Making a page)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Parallel, Report } from "effect-parallel"
 *
 * const report = await Effect.runPromise(Parallel.run([2, 3, 4], Effect.succeed, { name: "<numbers>" }))
 *
 * console.log(Report.toHtml(report).includes("<title>&lt;numbers&gt;</title>")) // => true
 * ```
 *
 * @category converting
 * @since 0.1.0
 */
export const toHtml = <I, A>(self: Outcome.Report<I, A, unknown>, options?: ReportJson.Options<I, A>): string =>
  Page.make(toJson(self, options))

const summary = (self: Outcome.Report<unknown, unknown, unknown>): string => {
  const { failed, recalled, retried, succeeded, total } = tally(self)
  const parts = [`${succeeded} of ${total} succeeded`]
  if (failed > 0) parts.push(`${failed} failed`)
  if (retried > 0) parts.push(`${retried} retried`)
  if (recalled > 0) parts.push(`${recalled} recalled`)
  return `${shortenName(self.name)}: ${parts.join(", ")} in ${rounded(self.elapsed)}`
}

/** Returns a line about nested runs with failures; nothing if there are none. */
const insideLine = ({ runs, runsLeft }: Outcome.RunInside): ReadonlyArray<string> => {
  const failed = runs.reduce((sum, run) => sum + run.failed, 0)
  if (failed === 0) return []
  const total = runs.reduce((sum, run) => sum + run.succeeded + run.failed, 0)
  const many = runsLeft > 0 ? `the first ${runs.length} runs` : runs.length === 1 ? "the run" : `${runs.length} runs`
  return [`  ${failed} of ${total} inputs failed in ${many} inside`]
}

/** Smallest share of the time of workers at which waits are worth a line. */
const leastWaits = 0.05

/** Returns a line about the time of workers; nothing if they waited little. */
const usageLine = (self: Outcome.Report<unknown, unknown, unknown>): ReadonlyArray<string> => {
  if (!self.outcomes.some((outcome) => spansOf(outcome).some(({ waits }) => waits !== undefined))) return []
  const { idle, workers, working, ...times } = sums(self)
  const waited = Object.entries(waitedFor).map(([kind, what]) => [what, times[kind as keyof typeof times]] as const)
  const waits = waited.reduce((sum, [, time]) => sum + time, 0)
  const all = working + waits + idle
  if (all === 0 || waits < leastWaits * all) return []
  const shares = [["working", working], ...waited, ["idle", idle]] as const
  const parts = shares.map(([what, time]) => [what, Math.round(100 * time / all)] as const)
    .filter(([what, percent]) => percent > 0 || what === "working")
    .map(([what, percent]) => `${percent} % ${what}`)
  // a function runs in lanes of its own thread
  const place = self.settings.backend === undefined ? "lane" : "worker"
  const line = `  ${workers} ${place}${workers === 1 ? "" : "s"}: ${parts.join(", ")}`
  return times.limit < leastWaits * all || self.limits.length === 0 ? [line] : [line, limitsLine(self.limits)]
}

/** Maximum number of limits to name. */
const mostLimits = 5

const limitsLine = (limits: ReadonlyArray<Outcome.LimitWait>): string => {
  const named = limits.slice(0, mostLimits).map(({ name, waited, waits }) =>
    `${shortenName(name)} ${rounded(waited)} in ${waits} ${waits === 1 ? "wait" : "waits"}`
  )
  const more = limits.length - named.length
  return `  limits: ${named.join(", ")}${more > 0 ? ` and ${more} more` : ""}`
}

const rounded = (duration: Duration.Duration): string =>
  Duration.format(Duration.millis(Math.round(Duration.toMillis(duration))))

const attempts = (failure: Outcome.Failure<unknown, unknown>): string =>
  failure.recorded !== undefined ? " (recalled)" : failure.attempts === 1 ? "" : ` (${failure.attempts} attempts)`

const indent = (text: string): string => text.replace(/^/gm, "    ")
