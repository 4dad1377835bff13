/**
 * A report as text: the summaries and the failures.
 */
import { Outcome, type Report } from "effect-parallel"
import * as Cause from "effect/Cause"
import * as CliOutput from "effect/cli/CliOutput"
import * as Duration from "effect/Duration"
import { hasProperty } from "effect/Predicate"
import type { Summary } from "./Summary.ts"

type TextsReport = Report.Report<string, Summary, unknown>

/** The room that a terminal has for summaries. */
export interface Room {
  /** The width of the terminal in columns. */
  readonly columns: number
  /** The height of the terminal in rows. `Infinity` shows everything. */
  readonly rows: number
  /** Returns the name that is shown for a path. */
  readonly label: (path: string) => string
}

/** The number of lines below the table: an empty line, the count, the hint at `--watch`, the report and the prompt. */
const below = 6

/** The fewest summaries that are shown. */
const leastRows = 3

/**
 * Returns the summaries as a table that fits a terminal, then the failures by kind, then the count.
 *
 * **Details**
 *
 * The rows are in input order. Shows as many as fit on the terminal and counts the others. A summary that the journal
 * recalled is marked. A summary is cut at the right edge. A path is cut on the left, to a third of the width. Control
 * characters of files and models are replaced.
 */
export const make = (report: TextsReport, room: Room): string => {
  const failed = failures(report, room.rows === Infinity ? Infinity : 1, room.label)
    .map((line) => room.rows === Infinity ? line : fromStart(line, room.columns))
  const rows = Math.max(leastRows, room.rows - failed.length - below - 2)
  return [...table(report.outcomes.filter(Outcome.isSuccess), { ...room, rows }), "", ...failed, count(report)].join(
    "\n"
  )
}

/** Returns the summaries as lines for other programs: path, number of words and summary, separated by tabs. */
export const lines = (report: TextsReport): ReadonlyArray<string> =>
  report.outcomes.filter(Outcome.isSuccess).map(({ input, value }) =>
    [printable(input), value.words, printable(value.sentence)].join("\t")
  )

type Done = Outcome.Success<string, Summary>

const table = (done: ReadonlyArray<Done>, { columns: width, label, rows: most }: Room): ReadonlyArray<string> => {
  const rows = done.slice(0, most)
  const names = rows.map(({ input, recorded }) => {
    const name = printable(label(input))
    return fromEnd(recorded === undefined ? name : `${name} (recalled)`, Math.floor(width / 3))
  })
  const columns = [column("text", names, "left"), ["summary", ...rows.map(({ value }) => printable(value.sentence))]]
  const lines = rows.length === 0
    ? []
    : columns[0]!.map((_, index) => fromStart(columns.map((column) => column[index]!).join("  "), width))
  const hidden = done.length - rows.length
  return hidden > 0 ? [...lines, `… and ${hidden} more (--all shows them)`] : lines
}

/**
 * Returns a line for each kind of failure, the most frequent first, and below it the first `shown` texts with errors.
 */
export const failures = (
  report: TextsReport,
  shown = 1,
  label: Room["label"] = (path) => path
): ReadonlyArray<string> => {
  const kinds = [...Map.groupBy(report.failures, (failure) => reason(failure)._tag)]
    .toSorted(([, a], [, b]) => b.length - a.length)
  const lines: Array<string> = []
  for (const [kind, failed] of kinds) {
    lines.push(`✗ ${printable(kind)} × ${failed.length}`)
    for (const failure of failed.slice(0, shown)) {
      const tries = failure.attempts > 1 ? ` (${failure.attempts} attempts)` : ""
      lines.push(`  ${printable(`${label(failure.input)}: ${reason(failure).message}${tries}`)}`)
    }
    if (failed.length > shown) lines.push(`${lines.pop()}, and ${failed.length - shown} more`)
  }
  return lines
}

/** Returns the line that counts the texts, with the time of the run. */
export const count = (report: TextsReport): string => {
  const recalled = report.outcomes.filter(({ recorded }) => recorded !== undefined).length
  return `${report.values.length} of ${report.outcomes.length} texts summarized${
    recalled === 0 ? "" : ` (${recalled} recalled)`
  }, ${report.failures.length} failed, in ${time(report.elapsed)}`
}

/** Returns the tag and the message of a typed error, or the name and the message of a defect. */
const reason = (failure: Outcome.Failure<string, unknown>): { readonly _tag: string; readonly message: string } => {
  const error = Cause.squash(failure.cause)
  if (!(error instanceof Error)) return { _tag: "Defect", message: String(error) }
  return { _tag: hasProperty(error, "_tag") ? String(error._tag) : error.name, message: error.message }
}

const time = (elapsed: Duration.Duration): string => {
  const millis = Duration.toMillis(elapsed)
  return millis < 1000 ? `${Math.max(1, Math.round(millis))} ms` : `${(millis / 1000).toFixed(1)} s`
}

/** Pads a title and its cells to the same width. */
const column = (title: string, cells: ReadonlyArray<string>, side: "left" | "right"): ReadonlyArray<string> => {
  const all = [title, ...cells]
  const width = Math.max(...all.map(CliOutput.displayWidth))
  return all.map((cell) => {
    const padding = " ".repeat(width - CliOutput.displayWidth(cell))
    return side === "left" ? cell + padding : padding + cell
  })
}

/** Replaces control characters and characters that change the direction of text, which must not reach a terminal. */
const printable = (text: string): string => text.replace(/[\p{Cc}\u2028-\u202E\u2066-\u2069]/gu, "\uFFFD")

const graphemes = (text: string): ReadonlyArray<string> => Array.from(segmenter.segment(text), ({ segment }) => segment)

const segmenter = new Intl.Segmenter("en", { granularity: "grapheme" })

/** Cuts a text at its end, with a mark. */
const fromStart = (text: string, columns: number): string =>
  CliOutput.displayWidth(text) <= columns ? text : `${fitting(graphemes(text), columns - 1).join("")}…`

/** Cuts a text at its beginning, with a mark. */
const fromEnd = (text: string, columns: number): string =>
  CliOutput.displayWidth(text) <= columns
    ? text
    : `…${fitting(graphemes(text).toReversed(), columns - 1).toReversed().join("")}`

/** Returns as many graphemes as fit into the columns. */
const fitting = (all: ReadonlyArray<string>, columns: number): ReadonlyArray<string> => {
  let width = 0
  const end = all.findIndex((grapheme) => (width += CliOutput.displayWidth(grapheme)) > columns)
  return end === -1 ? all : all.slice(0, end)
}
