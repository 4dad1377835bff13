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
import * as Patience from "./Patience.ts"
import { Summariser } from "./Summariser.ts"
import * as Summary from "./Summary.ts"
import * as Table from "./Table.ts"
import * as Texts from "./Texts.ts"

/** What is to be summarised, and how. */
export interface Settings {
  /** Files and folders. */
  readonly paths: ReadonlyArray<string>
  /** How many texts are worked on at once; by default one for each worker, or 8 on fibers. */
  readonly concurrency?: number | undefined
  /** The run stops when so many texts have failed; by default `budget` of the number of texts. */
  readonly maxErrors?: number | undefined
  /** How long one attempt at a text may take. */
  readonly timeout: Duration.Input
  /** The wait before the second attempt at a text; by default half a second. */
  readonly backoff?: Duration.Input | undefined
  /** Whether every summary is shown, or the first 40. */
  readonly all: boolean
  /** Where the report is written, if it is: a page, or JSON where the name ends so. */
  readonly report?: string | undefined
  /** Where summaries are recorded, if they are: the file of a journal. */
  readonly journal?: string | undefined
}

/** Half of the texts, and 20 of few: when most fail, it is the folder or the model that is wrong. */
export const budget = (texts: number): number => Math.max(20, Math.ceil(texts / 2))

/** How many summaries are shown unless all are wanted. */
export const mostRows = 40

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
 * Errors: `NoSuchPath` and `NoTexts` before anything has started; `TooManyFailed` and `NothingSummarised` after what
 * was done has been shown; a report that cannot be written, at the very end; `JournalError` after what was recorded has been
 * shown. A text that fails is shown, and is no error. Interruption stops what is under way.
 */
export const run = Effect.fnUntraced(function*(settings: Settings) {
  const texts = yield* Texts.find(settings.paths)
  const { isBusy, method } = yield* Summariser
  const place = isBusy ? yield* placeOf(settings) : `concurrency ${settings.concurrency ?? fibers}`
  yield* Console.error(`Summarising ${method}, ${place}`)
  const limit = settings.maxErrors ?? budget(texts.length)
  const { isStopped, journalError, report } = yield* summaries(texts, limit, settings)
  yield* Console.log(Table.make(report, yield* room(settings.all)))
  if (settings.report !== undefined) yield* write(settings.report, report)
  if (journalError !== undefined) return yield* journalError
  if (isStopped) {
    const [done, failed] = [report.outcomes.length, report.failures.length]
    return yield* new TooManyFailed({ failed, limit, done, texts: texts.length })
  }
  if (report.values.length === 0) return yield* new NothingSummarised({ texts: texts.length })
})

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

/** Writes the report of a run to a file, whose name says what it is to be: a page, or JSON. */
const write = Effect.fnUntraced(function*(
  file: string,
  report: TextsReport
) {
  const fs = yield* FileSystem.FileSystem
  const text = file.endsWith(".json") ? JSON.stringify(Report.toJson(report)) : Report.toHtml(report)
  yield* fs.writeFileString(file, text)
  yield* Console.error(`The report is in ${file}`)
})

/** How wide and how long the table may be. */
const room = Effect.fnUntraced(function*(all: boolean) {
  const rows = all ? Infinity : mostRows
  const isTerminal = yield* Stdio.Stdio.use((stdio) => stdio.stdoutIsTerminal)
  const columns = yield* Terminal.Terminal.use((terminal) => terminal.columns)
  return { rows, columns: isTerminal && columns > 0 ? columns : Infinity }
})
