/**
 * Many texts, summarised at once.
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

/** What is to be summarised, and how. */
export interface Settings {
  /** Files and folders; where there are none, the documentation pages of the packages in `packages`. */
  readonly packages: string
  readonly paths: ReadonlyArray<string>
  /** How many texts are worked on at once; by default one for each worker, or 8 on fibers. */
  readonly concurrency?: number | undefined
  /** The run stops when so many texts have failed; by default `budget` of the number of texts. */
  readonly maxErrors?: number | undefined
  /** How long one attempt at a text may take. */
  readonly timeout: Duration.Input
  /** The wait before the second attempt at a text; by default half a second. */
  readonly backoff?: Duration.Input | undefined
  /** Whether every summary and every failed text is shown, or as many as the terminal has room for. */
  readonly all: boolean
  /** Where the report is written: a page, or JSON where the name ends so; by default a page in a temporary folder. */
  readonly report?: string | undefined
  /** Whether somebody may be watching already. */
  readonly watch: boolean
  /** Where summaries are recorded, if they are: the file of a journal. */
  readonly journal?: string | undefined
}

/** Half of the texts, and 20 of few: when most fail, it is the folder or the model that is wrong. */
export const budget = (texts: number): number => Math.max(20, Math.ceil(texts / 2))

/** The run stopped before all texts were done, because too many had failed. */
export class TooManyFailed
  extends Schema.TaggedError<TooManyFailed>("summarise/Program/TooManyFailed")("TooManyFailed", {
    failed: Schema.Int,
    limit: Schema.Int,
    done: Schema.Int,
    texts: Schema.Int
  })
{
  override get message(): string {
    return `stopped when ${this.failed} texts had failed (--max-errors ${this.limit}): ` +
      `${this.done} of ${this.texts} were done`
  }
}

/** The run came to its end, and not one text was summarised. */
export class NothingSummarised extends Schema.TaggedError<NothingSummarised>("summarise/Program/NothingSummarised")(
  "NothingSummarised",
  { texts: Schema.Int }
) {
  override get message(): string {
    return `no text was summarised, 0 of ${this.texts}`
  }
}

/**
 * Summarises the texts below the paths, and shows what came of it.
 *
 * **Details**
 *
 * Shape: on a terminal a table; elsewhere the summaries as lines on stdout, and everything else on stderr. The path of the report is the last
 * line. Errors: `NoSuchPath` and `NoTexts` before anything has started; `TooManyFailed` and `NothingSummarised` after what
 * was done has been shown; a report that cannot be written, at the very end; `JournalError` after what was recorded has been
 * shown. A text that fails is shown, and is no error. Interruption stops what is under way, and says how to go on.
 */
export const run = Effect.fnUntraced(function*(settings: Settings) {
  const { packages, paths } = settings
  const texts = yield* paths.length === 0 ? Texts.pages(packages) : Texts.find(paths)
  const { isBusy, method } = yield* Summariser
  const place = isBusy ? yield* placeOf(settings) : `concurrency ${settings.concurrency ?? fibers}`
  yield* Console.error(`Summarising ${method}, ${place}`)
  const limit = settings.maxErrors ?? budget(texts.length)
  const { isStopped, journalError, report } = yield* Effect.onInterrupt(
    summaries(texts, limit, settings),
    () => Console.error(howToGoOn(settings))
  )
  yield* show(report, settings.all)
  if (!settings.watch) yield* Console.error("npm start -- --watch shows a run while it goes on")
  yield* write(settings.report, report)
  if (journalError !== undefined) return yield* journalError
  if (isStopped) {
    const [done, failed] = [report.outcomes.length, report.failures.length]
    return yield* new TooManyFailed({ failed, limit, done, texts: texts.length })
  }
  if (report.values.length === 0) return yield* new NothingSummarised({ texts: texts.length })
})

/** Says what an interruption has left. */
const howToGoOn = ({ journal }: Settings): string =>
  journal === undefined
    ? "Nothing of it is kept: with --journal run.db, the same command goes on where it was stopped"
    : `What was done is recorded in ${journal}: the same command goes on from there`

/**
 * Summarises the files: where it keeps processors busy as tasks, on the backend that is provided; where it waits for a
 * model on fibers, with retries and a limit that adapts to what the model can take.
 *
 * **Details**
 *
 * Shape: the report of every text that was done, in input order; whether the run was stopped by its failures; and the error of
 * the journal, if it was stopped by that. With a journal, a text that has not changed since is not summarised again. Errors: a
 * journal that cannot be begun. Interruption stops what is under way.
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

/** What came of a run that nothing has stopped. */
const done = <R extends TextsReport>(report: R) => ({ report, isStopped: false, journalError: undefined })

/** How many texts are worked on at once where nobody says. */
const fibers = 8

/** Where tasks run, for a reader. */
const placeOf = ({ concurrency }: Settings): Effect.Effect<string> =>
  Effect.map(
    Backend.Backend,
    ({ name, workers }) => name === "async" ? `concurrency ${concurrency ?? workers}` : `on ${workers} ${name}`
  )

/** Shows what came of a run. */
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

/** The size of the terminal. One that does not know is taken for a small one. */
const size = Terminal.Terminal.use((terminal) =>
  Effect.zipWith(terminal.columns, terminal.rows, (columns, rows) => ({ columns: columns || 80, rows: rows || 24 }))
)

/**
 * Writes the report of a run to a file, whose name says what it is to be: a page, or JSON. Without one it is a page in a temporary
 * folder. Then says where it is.
 */
const write = Effect.fnUntraced(function*(wanted: string | undefined, report: TextsReport) {
  const fs = yield* FileSystem.FileSystem
  const file = wanted ?? join(yield* fs.makeTempDirectory({ prefix: "summaries-" }), "report.html")
  const text = file.endsWith(".json") ? JSON.stringify(Report.toJson(report)) : Report.toHtml(report)
  yield* fs.writeFileString(file, text)
  yield* Console.error(`The report is in ${file}`)
})
