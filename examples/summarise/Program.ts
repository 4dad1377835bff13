/**
 * The run: summarizes many texts concurrently and prints the results.
 */
import { Backend, Parallel, Report } from "effect-parallel"
import type * as Cause from "effect/Cause"
import * as Console from "effect/Console"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Schema from "effect/Schema"
import * as Stdio from "effect/Stdio"
import * as Terminal from "effect/Terminal"
import { join } from "node:path"
import * as Patience from "./Patience.ts"
import { Summariser } from "./Summariser.ts"
import * as Summary from "./Summary.ts"
import * as Table from "./Table.ts"
import * as Texts from "./Texts.ts"

/** The texts to summarize, and the options. */
export interface Settings {
  /** The folder of installed packages; their documentation is summarized if `paths` is empty. */
  readonly packages: string
  /** Files and folders. */
  readonly paths: ReadonlyArray<string>
  /** Maximum number of texts in flight. The default is one for each worker, or 8 on fibers. */
  readonly concurrency?: number | undefined
  /** Number of failed texts that stops the run. The default is `budget` of the number of texts. */
  readonly maxErrors?: number | undefined
  /** Time limit for each attempt at a text. */
  readonly timeout: Duration.Input
  /** Delay before the second attempt at a text. The default is half a second. */
  readonly backoff?: Duration.Input | undefined
  /** If true, shows every summary and every failed text; otherwise only as many as fit on the terminal. */
  readonly all: boolean
  /** File of the report: JSON if the name ends in .json, else a page. The default is a page in a temporary folder. */
  readonly report?: string | undefined
  /** True if the run is already served to a browser; otherwise `--watch` is mentioned at the end. */
  readonly watch: boolean
  /** File of the journal that records summaries. If absent, nothing is recorded. */
  readonly journal?: string | undefined
}

/** Half of the texts, but at least 20. If that many fail, the cause is probably the folder or the model. */
export const budget = (texts: number): number => Math.max(20, Math.ceil(texts / 2))

/** The run stopped before all texts were done because too many failed. */
export class TooManyFailed
  extends Schema.TaggedError<TooManyFailed>("summarise/Program/TooManyFailed")("TooManyFailed", {
    failed: Schema.Int,
    limit: Schema.Int,
    done: Schema.Int,
    texts: Schema.Int
  })
{
  override get message(): string {
    return `stopped after ${this.failed} failed texts (--max-errors ${this.limit}): ` +
      `${this.done} of ${this.texts} texts were done`
  }
}

/** The run finished without a summary. */
export class NothingSummarised extends Schema.TaggedError<NothingSummarised>("summarise/Program/NothingSummarised")(
  "NothingSummarised",
  { texts: Schema.Int }
) {
  override get message(): string {
    return `no text was summarized (0 of ${this.texts})`
  }
}

/**
 * Summarizes the texts below the paths and prints the results.
 *
 * **Details**
 *
 * Prints a table on a terminal. Elsewhere prints the summaries as lines on stdout and everything else on stderr. The
 * last line is the path of the report. Fails with `NoSuchPath` and `NoTexts` before anything starts. Fails with
 * `TooManyFailed`, `NothingSummarised` and `JournalError` after the results so far have been printed, and last if the
 * report cannot be written. A text that fails is printed and is not an error. Interruption stops the texts in flight
 * and prints how to continue.
 */
export const run = Effect.fnUntraced(function*(settings: Settings) {
  const { packages, paths } = settings
  const texts = yield* paths.length === 0 ? Texts.pages(packages) : Texts.find(paths)
  const { isBusy, method } = yield* Summariser
  const place = isBusy ? yield* placeOf(settings) : `concurrency ${settings.concurrency ?? fibers}`
  yield* Console.error(`Summarizing ${method}, ${place}`)
  const limit = settings.maxErrors ?? budget(texts.length)
  const { isStopped, journalError, report } = yield* Effect.onInterrupt(
    summaries(texts, limit, settings),
    () => Console.error(howToGoOn(settings))
  )
  yield* show(report, settings.all)
  if (!settings.watch) yield* Console.error("npm start -- --watch shows the run in a browser")
  yield* write(settings.report, report)
  if (journalError !== undefined) return yield* journalError
  if (isStopped) {
    const [done, failed] = [report.outcomes.length, report.failures.length]
    return yield* new TooManyFailed({ failed, limit, done, texts: texts.length })
  }
  if (report.values.length === 0) return yield* new NothingSummarised({ texts: texts.length })
})

/** Returns the line that is printed after an interruption. */
const howToGoOn = ({ journal }: Settings): string =>
  journal === undefined
    ? "Nothing was recorded. With --journal run.db, the same command continues a stopped run"
    : `The summaries are recorded in ${journal}. Run the same command to continue`

/**
 * Summarizes the files. Ranking runs as tasks on the backend that is provided. Requests to a model run on fibers, with
 * retries and a limit that adapts to the model.
 *
 * **Details**
 *
 * Returns the report of every text that was done, in input order; `isStopped` if failures stopped the run; and
 * `journalError` if the journal did. With a journal, a text that has not changed since it was recorded is not
 * summarized again. Fails only if the journal cannot be opened. Interruption stops the texts in flight.
 */
export const summaries = Effect.fnUntraced(
  function*(texts: ReadonlyArray<string>, maxErrors: number, settings: Settings) {
    const { backoff = "500 millis", concurrency, timeout } = settings
    const { isBusy } = yield* Summariser
    const options = { name: "summaries", concurrency, maxErrors, timeout }
    const journal = settings.journal === undefined ? undefined : { key: Texts.stateOf }
    if (isBusy) return done(yield* Parallel.run(texts, Summary.ranked, { ...options, journal }))
    const atOnce = concurrency ?? fibers
    const report = yield* Parallel.run(texts, Summary.make, {
      ...options,
      concurrency: atOnce,
      retry: Patience.retry(backoff),
      limit: Patience.limit(atOnce),
      journal: journal && { ...journal, success: Summary.Summary, error: Summary.Failure, version: "model" }
    })
    return done(report)
  },
  Effect.catchTags({
    TooManyErrors: ({ report }) => Effect.succeed({ ...done<TextsReport>(report), isStopped: true }),
    JournalError: (journalError) =>
      journalError.report === undefined
        ? Effect.fail(journalError)
        : Effect.succeed({ ...done<TextsReport>(journalError.report), journalError })
  })
)

type TextsReport = Report.Report<string, Summary.Summary, Summary.Failure | Backend.BackendError | Cause.TimeoutError>

/** The result of a run that was not stopped. */
const done = <R extends TextsReport>(report: R) => ({ report, isStopped: false, journalError: undefined })

/** The default concurrency on fibers. */
const fibers = 8

/** Describes the backend that tasks run on. */
const placeOf = ({ concurrency }: Settings): Effect.Effect<string> =>
  Effect.map(
    Backend.Backend,
    ({ name, workers }) => name === "async" ? `concurrency ${concurrency ?? workers}` : `on ${workers} ${name}`
  )

/** Prints the results of a run. */
const show = Effect.fnUntraced(function*(report: TextsReport, all: boolean) {
  if (yield* Stdio.Stdio.use((stdio) => stdio.stdoutIsTerminal)) {
    const { columns, rows } = yield* size
    const label = Texts.labels(report.outcomes.map(({ input }) => input))
    return yield* Console.log(Table.make(report, { columns, rows: all ? Infinity : rows, label }))
  }
  yield* Effect.forEach(Table.lines(report), (line) => Console.log(line))
  for (const line of Table.failures(report, all ? Infinity : 1)) yield* Console.error(line)
  yield* Console.error(Table.count(report))
})

/** The size of the terminal; 80 by 24 if it is unknown. */
const size = Terminal.Terminal.use((terminal) =>
  Effect.zipWith(terminal.columns, terminal.rows, (columns, rows) => ({ columns: columns || 80, rows: rows || 24 }))
)

/**
 * Writes the report of a run as JSON if the name of the file ends in .json, otherwise as a page. Without a file, writes
 * a page in a temporary folder. Then prints the path.
 */
const write = Effect.fnUntraced(function*(wanted: string | undefined, report: TextsReport) {
  const fs = yield* FileSystem.FileSystem
  const file = wanted ?? join(yield* fs.makeTempDirectory({ prefix: "summaries-" }), "report.html")
  const text = file.endsWith(".json") ? JSON.stringify(Report.toJson(report)) : Report.toHtml(report)
  yield* fs.writeFileString(file, text)
  yield* Console.error(`The report is in ${file}`)
})
