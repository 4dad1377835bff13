/**
 * Progress as lines at the bottom of a terminal, each redrawn in its row.
 *
 * The cursor stays visible, below the last line. So however the program ends, the prompt of the shell appears on a line
 * of its own.
 */
import { displayWidth } from "effect/cli/CliOutput"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { make as makeProgress } from "./board.ts"
import type { Progress, Snapshot } from "./contract.ts"
import { bar } from "./line.ts"

/**
 * A terminal to draw on.
 *
 * **Details**
 *
 * `write` writes synchronously. If it throws, nothing more is drawn. `columns` and `rows` return the current size.
 * `around` calls `other` for everything else that is written on the same screen, until the function that it returns is
 * called.
 */
export interface Screen {
  readonly write: (text: string) => void
  readonly columns: () => number
  readonly rows: () => number
  readonly colour: boolean
  readonly around: (other: (write: () => void, endsLine: boolean) => void) => () => void
}

/**
 * Makes a progress that draws all runs that have not ended. A run that is not inside another leaves its last line on
 * the screen when it ends.
 */
export const make = (screen: Screen): Effect.Effect<Progress, never, Scope.Scope> =>
  Effect.suspend(() => {
    const lines = new LiveLines(screen)
    const open = Effect.acquireRelease(
      Effect.sync(() => screen.around((write, endsLine) => lines.giveWay(write, endsLine))),
      (close) => Effect.sync(close)
    )
    return Effect.andThen(
      Effect.andThen(Effect.addFinalizer(() => Effect.sync(() => lines.draw([]))), open),
      makeProgress((snapshots) => Effect.sync(() => lines.draw(snapshots)))
    )
  })

class LiveLines {
  private readonly screen: Screen
  /** Identifiers of runs that have been drawn. Only these leave a last line. */
  private readonly seen = new Set<number>()
  private lines: ReadonlyArray<string> = []
  /** True if other output has left the cursor in the middle of a line. */
  private cursorMidLine = false
  /** True if the screen could not be written to. Then nothing more is drawn. */
  private gone = false
  /** True while these lines are written, so that `giveWay` does not handle its own output. */
  private drawing = false

  constructor(screen: Screen) {
    this.screen = screen
  }

  draw(snapshots: ReadonlyArray<Snapshot>): void {
    const style = { columns: this.screen.columns(), colour: this.screen.colour }
    const running = snapshots.filter(({ state }) => state === "running")
    const left = snapshots.filter(({ depth, id, state }) => state !== "running" && depth === 0 && this.seen.has(id))
    for (const { id, state } of snapshots) {
      if (state === "running") this.seen.add(id)
      else this.seen.delete(id)
    }
    this.put(
      left.map((snapshot) => bar(snapshot, style)),
      this.fitting(running.map((snapshot) => bar(snapshot, style)))
    )
  }

  /**
   * Runs a write of other code. Erases the lines before it and draws them again after it, or at the next drawing if the
   * output does not end its line.
   */
  giveWay(write: () => void, endsLine: boolean): void {
    if (this.drawing || this.lines.length === 0) {
      if (!this.drawing) this.cursorMidLine = !endsLine
      return write()
    }
    const { lines } = this
    this.write(this.erasing)
    this.lines = []
    write()
    this.cursorMidLine = !endsLine
    if (endsLine) this.put([], lines)
  }

  /** Replaces the lines: writes `left`, which stay on the screen, and `lines` below them. */
  private put(left: ReadonlyArray<string>, lines: ReadonlyArray<string>): void {
    if (left.length + lines.length + this.lines.length === 0) return
    const start = this.cursorMidLine ? "\n" : ""
    this.cursorMidLine = false
    this.write(`${this.erasing}${start}${[...left, ...lines].map((line) => `${line}\n`).join("")}`)
    this.lines = lines
  }

  /**
   * Escape sequence that goes up to the first line and clears everything below. Counts the rows of lines that were
   * wrapped when the terminal became narrower.
   */
  private get erasing(): string {
    if (this.lines.length === 0) return ""
    const columns = Math.max(1, this.screen.columns())
    const rows = this.lines.reduce((sum, line) => sum + Math.max(1, Math.ceil(displayWidth(line) / columns)), 0)
    return `\r\u001B[${rows}A\u001B[J`
  }

  /**
   * Keeps as many lines as the terminal has rows, less the row of the cursor. A last line counts those that are left
   * out.
   */
  private fitting(lines: ReadonlyArray<string>): ReadonlyArray<string> {
    const room = Math.max(1, this.screen.rows() - 1)
    if (lines.length <= room) return lines
    return [...lines.slice(0, room - 1), `and ${lines.length - room + 1} more`]
  }

  private write(text: string): void {
    if (this.gone) return
    this.drawing = true
    try {
      this.screen.write(text)
    } catch {
      this.gone = true
    } finally {
      this.drawing = false
    }
  }
}

/** The part of the `process` of Node.js that this module uses. Other platforms have none, or a similar one. */
interface Process {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly stdout?: Output
  readonly stderr?: Output
}

interface Output {
  readonly isTTY?: boolean
  readonly columns?: number
  readonly rows?: number
  /** Asks the terminal for its size. Node.js calls it when a signal reports a change. It is not a public method. */
  readonly _refreshSize?: () => void
  write: (chunk: string | Uint8Array, ...rest: ReadonlyArray<unknown>) => boolean
  readonly once: (event: "error", listener: () => void) => unknown
}

/** Returns the terminal behind stderr. Returns undefined if stderr is not a terminal, or cannot move its cursor. */
export const stderr = (): Screen | undefined => {
  const { process } = globalThis as { readonly process?: Process }
  const output = process?.stderr
  if (process === undefined || output?.isTTY !== true || process.env["TERM"] === "dumb") return undefined
  let gone = false
  return {
    write: (text) => {
      if (gone) return
      output.write(text, (error: unknown) => {
        if (error === undefined || error === null) return
        gone = true
        // the event that follows would end the program without a listener
        output.once("error", noop)
      })
    },
    columns: () => {
      refresh(output)
      // a terminal without a size has 0 columns
      return output.columns || 80
    },
    rows: () => output.rows || 24,
    colour: (process.env["NO_COLOR"] ?? "") === "",
    around: (other) => {
      const restore = [process.stdout, process.stderr].map((output) =>
        output?.isTTY === true ? guard(output, other) : noop
      )
      return () => restore.forEach((each) => each())
    }
  }
}

/**
 * Makes an output read its size now. The signal of a change arrives when the event loop turns. What a busy program
 * draws until then would be wrapped, and its rows miscounted.
 */
const refresh = (output: Output): void => {
  try {
    output._refreshSize?.()
  } catch {
    // the output is closed
  }
}

/**
 * Passes everything that is written to an output through `other`, including the output of loggers, the console and all
 * other code. Returns a function that undoes this.
 */
const guard = (output: Output, other: Parameters<Screen["around"]>[0]): () => void => {
  const { write } = output
  const guarded: Output["write"] = (chunk, ...rest) => {
    let accepted = true
    other(() => {
      accepted = write.call(output, chunk, ...rest)
    }, chunk.length === 0 || (typeof chunk === "string" ? chunk.endsWith("\n") : chunk.at(-1) === 10))
    return accepted
  }
  output.write = guarded
  return () => {
    if (output.write === guarded) output.write = write
  }
}

const noop = () => {}
