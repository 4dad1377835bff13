/** A real terminal: bash in tmux, if it is installed. */
import { Effect } from "effect"
import { execFileSync, spawnSync } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { stripVTControlCharacters } from "node:util"

export const hasTmux = spawnSync("tmux", ["-V"]).status === 0

/** Quotes any text as a word of a command. */
export const quoted = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`

/** Time limit for a screen to satisfy a condition. */
const patience = 40_000

const linesOf = (coloured: string): ReadonlyArray<string> =>
  stripVTControlCharacters(coloured).split("\n").map((line) => line.trimEnd()).join("\n").trimEnd().split("\n")

export class Terminal {
  readonly folder = mkdtempSync(join(tmpdir(), "effect-parallel-terminal-"))

  static readonly open = (columns: number, rows: number, environment: Readonly<Record<string, string>> = {}) =>
    Effect.acquireRelease(
      Effect.sync(() => new Terminal(columns, rows, environment)),
      (terminal) => Effect.sync(() => terminal.close())
    )

  private constructor(columns: number, rows: number, environment: Readonly<Record<string, string>>) {
    const variables = Object.entries({ PS1: "$ ", NO_COLOR: "1", ...environment }).map(([name, text]) =>
      `${name}=${text}`
    )
    this.tmux(
      "new-session",
      "-d",
      "-x",
      `${columns}`,
      "-y",
      `${rows}`,
      "env",
      ...variables,
      "bash",
      "--norc",
      "--noprofile"
    )
  }

  type(text: string): void {
    this.tmux("send-keys", "-l", text)
    this.tmux("send-keys", "Enter")
  }

  press(key: string): void {
    this.tmux("send-keys", key)
  }

  resize(columns: number, rows: number): void {
    this.tmux("resize-window", "-x", `${columns}`, "-y", `${rows}`)
  }

  get isCursorVisible(): boolean {
    return this.tmux("display-message", "-p", "#{cursor_flag}").trim() === "1"
  }

  /** Returns the lines of the screen, including those scrolled away above, once they satisfy a condition. */
  readonly until = (looksRight: (screen: ReadonlyArray<string>) => boolean): Effect.Effect<ReadonlyArray<string>> =>
    Effect.map(this.untilColoured(looksRight), linesOf)

  /** The same, with colors. */
  readonly untilColoured = (looksRight: (screen: ReadonlyArray<string>) => boolean): Effect.Effect<string> =>
    Effect.callback((resume) => {
      const from = performance.now()
      const look = () => {
        const coloured = this.tmux("capture-pane", "-p", "-e", "-S", "-200")
        const screen = linesOf(coloured)
        if (looksRight(screen)) return resume(Effect.succeed(coloured))
        if (performance.now() - from > patience) {
          return resume(Effect.die(new Error(`this is what is to be seen:\n${screen.join("\n")}`)))
        }
        timer = setTimeout(look, 20)
      }
      let timer = setTimeout(look, 0)
      return Effect.sync(() => clearTimeout(timer))
    })

  private tmux(...args: ReadonlyArray<string>): string {
    const socket = join(this.folder, "socket")
    // any text may be typed; tmux and its shell read it by the locale
    const env = { ...process.env, LC_ALL: "C.UTF-8" }
    return execFileSync("tmux", ["-u", "-f", "/dev/null", "-S", socket, ...args], { encoding: "utf8", env })
  }

  private close(): void {
    this.tmux("kill-server")
    rmSync(this.folder, { recursive: true, force: true })
  }
}
