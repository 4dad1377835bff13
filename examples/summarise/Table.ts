/**
 * A report as text: a table of the summaries, and the texts that failed.
 */
import { Outcome, type Report } from "effect-parallel"
import * as Cause from "effect/Cause"
import * as CliOutput from "effect/cli/CliOutput"
import * as Duration from "effect/Duration"
import { hasProperty } from "effect/Predicate"
import type { Summary } from "./Summary.ts"

/** How much room there is: `Infinity` where nothing is to be cut. */
export interface Room {
  /** The width of the terminal; where there is none, lines are as long as they have to be. */
  readonly columns: number
  /** The most summaries that are shown. */
  readonly rows: number
}

/**
 * The table of the summaries, then the failed texts with their reasons, then the count.
 *
 * **Details**
 *
 * Shape: everything in input order. The time of a text is that from the start of its first attempt to the end of its
 * last, and on fibers it includes what others computed meanwhile; a text that was summarised before is recalled. On a terminal a summary is cut at the edge, and a path in front, to two fifths of
 * the width. Failed texts are all shown, and never cut. Control characters are replaced, whatever a file or a model
 * said.
 */
export const make = (report: Report.Report<string, Summary, unknown>, room: Room): string =>
  [table(report.outcomes.filter(Outcome.isSuccess), room), failures(report.failures), count(report)]
    .filter((part) => part !== "")
    .join("\n\n")

type Done = Outcome.Success<string, Summary>

const table = (done: ReadonlyArray<Done>, room: Room): string => {
  if (done.length === 0) return ""
  const rows = done.slice(0, room.rows)
  const files = rows.map((row) => fromEnd(printable(row.input), Math.floor(room.columns * 2 / 5)))
  const columns = [
    column("file", files, "left"),
    column("words", rows.map((row) => row.value.words.toLocaleString("en")), "right"),
    column("time", rows.map((row) => row.recorded === undefined ? time(row.elapsed) : "recalled"), "right"),
    ["summary", ...rows.map((row) => printable(row.value.sentence))]
  ]
  const lines = columns[0]!.map((_, index) =>
    fromStart(columns.map((column) => column[index]!).join("  "), room.columns)
  )
  const hidden = done.length - rows.length
  return [...lines, ...(hidden > 0 ? [`… and ${hidden} more (--all shows them)`] : [])].join("\n")
}

const failures = (failed: ReadonlyArray<Outcome.Failure<string, unknown>>): string => {
  if (failed.length === 0) return ""
  const reasons = column("", failed.map((failure) => reason(failure)._tag), "left").slice(1)
  const lines = failed.map((failure, index) => {
    const tries = failure.attempts > 1 ? ` (${failure.attempts} attempts)` : ""
    return `${reasons[index]}  ${printable(`${failure.input}: ${reason(failure).message}${tries}`)}`
  })
  return [`failed examples: ${failed.length}`, ...lines].join("\n")
}

const count = (report: Report.Report<string, Summary, unknown>): string => {
  const recalled = report.outcomes.filter(({ recorded }) => recorded !== undefined).length
  return `${report.values.length} of ${report.outcomes.length} texts summarised${
    recalled === 0 ? "" : ` (${recalled} of them before)`
  }, ${report.failures.length} failed, in ${time(report.elapsed)}`
}

/** The typed error of a failure; a defect goes by its name. */
const reason = (failure: Outcome.Failure<string, unknown>): { readonly _tag: string; readonly message: string } => {
  const error = Cause.squash(failure.cause)
  if (!(error instanceof Error)) return { _tag: "Defect", message: String(error) }
  return { _tag: hasProperty(error, "_tag") ? String(error._tag) : error.name, message: error.message }
}

const time = (elapsed: Duration.Duration): string => {
  const millis = Duration.toMillis(elapsed)
  return millis < 1000 ? `${Math.max(1, Math.round(millis))} ms` : `${(millis / 1000).toFixed(1)} s`
}

/** A title and its cells, padded to the same width. */
const column = (title: string, cells: ReadonlyArray<string>, side: "left" | "right"): ReadonlyArray<string> => {
  const all = [title, ...cells]
  const width = Math.max(...all.map(CliOutput.displayWidth))
  return all.map((cell) => {
    const padding = " ".repeat(width - CliOutput.displayWidth(cell))
    return side === "left" ? cell + padding : padding + cell
  })
}

/** What may go to a terminal: no control characters, and none that change the direction of what follows. */
const printable = (text: string): string => text.replace(/[\p{Cc}\u2028-\u202E\u2066-\u2069]/gu, "\uFFFD")

const graphemes = (text: string): ReadonlyArray<string> => Array.from(segmenter.segment(text), ({ segment }) => segment)

const segmenter = new Intl.Segmenter("en", { granularity: "grapheme" })

/** The beginning of a text, with a mark where it was cut. */
const fromStart = (text: string, columns: number): string =>
  CliOutput.displayWidth(text) <= columns ? text : `${fitting(graphemes(text), columns - 1).join("")}…`

/** The end of a text, with a mark where it was cut. */
const fromEnd = (text: string, columns: number): string =>
  CliOutput.displayWidth(text) <= columns
    ? text
    : `…${fitting(graphemes(text).toReversed(), columns - 1).toReversed().join("")}`

/** As many graphemes as there is room for. */
const fitting = (all: ReadonlyArray<string>, columns: number): ReadonlyArray<string> => {
  let width = 0
  const end = all.findIndex((grapheme) => (width += CliOutput.displayWidth(grapheme)) > columns)
  return end === -1 ? all : all.slice(0, end)
}
