/**
 * Snapshots as single lines: a sentence for logs, or a bar for terminals.
 */
import { displayWidth } from "effect/cli/CliOutput"
import * as Duration from "effect/Duration"
import { shortenName } from "../primitives/shorten.ts"
import type { Snapshot } from "./contract.ts"

/**
 * Formats a snapshot as a line of text without a bar. Counts that are zero are left out.
 *
 * **Example** (Writing a status line)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Parallel, Progress } from "effect-parallel"
 *
 * const lines: Array<string> = []
 * const watch = Progress.layerCallback((snapshots) => Effect.sync(() => lines.push(...snapshots.map(Progress.toText))))
 * await Effect.runPromise(Effect.provide(Parallel.forEach([1, 2, 3], Effect.succeed, { name: "pages" }), watch))
 *
 * console.log(lines.at(-1)?.split(",")[0]) // => "pages: 3 of 3 (100%) done"
 * ```
 *
 * @category converting
 * @since 0.1.0
 */
export const toText = (snapshot: Snapshot): string => {
  const { elapsed, failed, left, limited, rate, recalled, retried, running, state, waiting } = snapshot
  const parts = [`${progress(snapshot)} done`]
  if (failed > 0) parts.push(`${count(failed)} failed`)
  if (retried > 0) parts.push(`${count(retried)} retried`)
  if (recalled > 0) parts.push(`${count(recalled)} recalled`)
  if (state === "running") {
    parts.push(`${count(running)} running`)
    if (waiting > 0) parts.push(`${count(waiting)} waiting`)
    if (limited.length > 0) parts.push(waits(limited))
    parts.push(speed(rate))
    if (left !== undefined) parts.push(`${clock(left)} left`)
  } else {
    parts.push(`in ${clock(elapsed)}`)
  }
  return `${shortenName(snapshot.name)}${state === "running" || state === "done" ? "" : ` ${state}`}: ${
    parts.join(", ")
  }`
}

/** Width of a line, and whether it has color. */
export interface Style {
  /** Width of the terminal in cells. The line leaves the last cell free. */
  readonly columns: number
  readonly colour: boolean
}

/** A part of a line, its ANSI color, and its weight. If there is no room, the lightest part is left out first. */
interface LinePart {
  readonly text: string
  readonly code: number
  readonly weight: number
}

const red = 31
const green = 32
const yellow = 33
const cyan = 36
const dim = 2
const plain = 0

/** Draws a snapshot as a line that fits: name, bar, counts, rate, time left. Runs inside another run are indented. */
export const bar = (snapshot: Snapshot, { colour, columns }: Style): string => {
  const room = Math.max(1, columns - 1)
  const name = `${"  ".repeat(snapshot.depth)}${cut(shortenName(snapshot.name), 28)}`
  const parts = [{ text: name, code: plain, weight: 9 }, ...partsOf(snapshot)]
  while (parts.length > 1 && width(parts) > room) parts.splice(lightest(parts), 1)
  const bar = room - width(parts) - 2
  const paint = (text: string, code: number) => colour && code !== plain ? `\u001B[${code}m${text}\u001B[0m` : text
  const texts = parts.map(({ code, text }) => paint(parts.length === 1 ? cut(text, room) : text, code))
  if (snapshot.total !== undefined && bar >= 8) texts.splice(1, 0, drawn(snapshot, Math.min(32, bar), paint))
  return texts.join("  ")
}

const partsOf = (snapshot: Snapshot): ReadonlyArray<LinePart> => {
  const { elapsed, failed, left, limited, rate, recalled, retried, running, state, waiting } = snapshot
  const under = state === "running"
  const parts: ReadonlyArray<LinePart | false> = [
    { text: progress(snapshot), code: plain, weight: 8 },
    failed > 0 && { text: `${count(failed)} failed`, code: red, weight: 7 },
    state === "interrupted" && { text: "interrupted", code: yellow, weight: 7 },
    state === "stopped" && { text: "stopped", code: yellow, weight: 7 },
    !under && { text: `in ${clock(elapsed)}`, code: dim, weight: 6 },
    under && left !== undefined && { text: `${clock(left)} left`, code: cyan, weight: 6 },
    under && left === undefined && { text: clock(elapsed), code: dim, weight: 4 },
    { text: speed(rate), code: dim, weight: 5 },
    retried > 0 && { text: `${count(retried)} retried`, code: yellow, weight: 3 },
    recalled > 0 && { text: `${count(recalled)} recalled`, code: dim, weight: 2 },
    under && waiting > 0 && { text: `${count(waiting)} waiting`, code: yellow, weight: 2 },
    under && limited.length > 0 && { text: waits(limited), code: yellow, weight: 3 },
    under && { text: `${count(running)} running`, code: dim, weight: 1 }
  ]
  return parts.filter((part) => part !== false)
}

/**
 * Says how many inputs wait for which limit. If there are more than three limits, names those with the most waiting.
 */
const waits = (limited: Snapshot["limited"]): string => {
  const shown = limited.toSorted((a, b) => b.waiting - a.waiting)
  const parts = shown.slice(0, 3).map(({ name, waiting }) =>
    `${count(waiting)} waiting for ${cut(shortenName(name), 28)}`
  )
  const more = shown.slice(3).reduce((sum, { waiting }) => sum + waiting, 0)
  return [...parts, ...(more > 0 ? [`${count(more)} for other limits`] : [])].join(", ")
}

const width = (parts: ReadonlyArray<LinePart>): number =>
  parts.reduce((sum, { text }) => sum + displayWidth(text), 2 * (parts.length - 1))

const lightest = (parts: ReadonlyArray<LinePart>): number =>
  parts.reduce((least, { weight }, i) => weight < parts[least]!.weight ? i : least, 0)

const drawn = (
  { done, failed, state, total }: Snapshot,
  cells: number,
  paint: (text: string, code: number) => string
): string => {
  const full = total === 0 ? cells : Math.min(cells, Math.floor(cells * done / total!))
  const code = state === "running" ? cyan : failed > 0 || state !== "done" ? yellow : green
  return `${paint("━".repeat(full), code)}${paint("╌".repeat(cells - full), dim)}`
}

const progress = ({ done, total }: Snapshot): string =>
  total === undefined
    ? count(done)
    : `${count(done)} of ${count(total)}${total > 0 ? ` (${Math.floor(100 * done / total)}%)` : ""}`

const formatted = new Intl.NumberFormat("en")
const count = (n: number): string => formatted.format(n)

/** Formats a rate per second, or per minute below one per second. */
const speed = (rate: number): string => {
  if (rate >= 10 || rate === 0) return `${count(Math.round(rate))}/s`
  return rate >= 1 ? `${rate.toFixed(1)}/s` : `${(60 * rate).toFixed(1)}/min`
}

/** Formats a duration, for example 0.4s, 12s, 3m 05s, 2h 07m. */
const clock = (duration: Duration.Duration): string => {
  const seconds = Duration.toSeconds(duration)
  if (seconds < 9.95) return `${seconds.toFixed(1)}s`
  const whole = Math.round(seconds)
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60]
  if (hours > 0) return `${count(hours)}h ${padded(minutes)}m`
  return minutes > 0 ? `${minutes}m ${padded(whole % 60)}s` : `${whole}s`
}

const padded = (n: number): string => String(n).padStart(2, "0")

const graphemes = new Intl.Segmenter("en", { granularity: "grapheme" })

/** Cuts a text to at most `cells` cells. */
const cut = (text: string, cells: number): string => {
  if (displayWidth(text) <= cells) return text
  let kept = ""
  let taken = 0
  for (const { segment } of graphemes.segment(text)) {
    taken += displayWidth(segment)
    if (taken > cells - 1) break
    kept += segment
  }
  return `${kept}…`
}
