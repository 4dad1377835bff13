import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { hasTmux, quoted, Terminal } from "./tmux.ts"

const node = process.execPath
const program = fileURLToPath(new URL("programs/runs.ts", import.meta.url))

/** Starts the program. The runs continue beyond their first half when `go` is called. */
const start = (terminal: Terminal) => {
  const gate = join(terminal.folder, "gate")
  const command = [node, "--conditions=@effect-parallel/source", program, gate]
  // on Ctrl-C a terminal drops pending output, such as half a redraw, unless it is configured not to
  terminal.type(`stty noflsh; ${command.map(quoted).join(" ")}`)
  return () => writeFileSync(gate, "")
}

const lines = (screen: ReadonlyArray<string>, wanted: RegExp) => screen.filter((line) => wanted.test(line))

const isHalf = (screen: ReadonlyArray<string>) =>
  lines(screen, /^pages .*10 of 20/).length > 0 && lines(screen, /^ {2}parts .*10 of 20/).length > 0

/** True if each run has one line. Right after a change of width a terminal still shows the old lines, wrapped. */
const isWhole = (screen: ReadonlyArray<string>) =>
  lines(screen, /^pages /).length === 1 && lines(screen, /^ {2}parts /).length === 1

const isOver = (screen: ReadonlyArray<string>) => screen.includes("all done") && screen.at(-1) === "$"

const title = `Progress.layer in a terminal${hasTmux ? "" : " (skipped: there is no tmux)"}`

describe.skipIf(!hasTmux)(title, () => {
  it.live(
    "stacks concurrent and nested runs, keeps output above intact, and leaves the last lines",
    () =>
      Effect.gen(function*() {
        const terminal = yield* Terminal.open(110, 40)
        const go = start(terminal)
        const before = yield* terminal.until((screen) => isHalf(screen) && lines(screen, /stream 5 *<?$/).length > 0)
        const [pages, books, parts] = [/^pages {2}━/, /^books {2}╌/, /^ {2}parts {2}━/].map((line) =>
          lines(before, line)
        )
        go()
        const after = yield* terminal.until(isOver)

        assert.deepStrictEqual([pages?.length, books?.length, parts?.length], [1, 1, 1])
        assert.match(pages![0]!, /10 of 20 \(50%\) {2}1 failed .* 4 running$/)
        for (const n of [1, 2, 3, 4, 5]) {
          for (
            const line of [new RegExp(`^console ${n} <$`), new RegExp(`^plain ${n} <$`), new RegExp(`logger ${n} <$`)]
          ) {
            assert.strictEqual(lines(after, line).length, 1, `${line}`)
          }
          assert.strictEqual(lines(after, new RegExp(`^stream ${n}`)).length, 1)
        }
        assert.strictEqual(lines(after, /^pages .*20 of 20 \(100%\) {2}1 failed {2}in /).length, 1)
        assert.strictEqual(lines(after, /^books .*1 of 1 \(100%\) {2}in /).length, 1)
        assert.strictEqual(lines(after, /parts|running/).length, 0)
      }).pipe(Effect.scoped)
  )

  it.live("adapts when the terminal gets narrower and wider", () =>
    Effect.gen(function*() {
      const terminal = yield* Terminal.open(110, 30)
      const go = start(terminal)
      yield* terminal.until((screen) => isHalf(screen) && lines(screen, /stream 5/).length > 0)
      terminal.resize(40, 30)
      const narrow = yield* terminal.until((screen) =>
        isWhole(screen) && lines(screen, /^pages .*\(50%\) {2}1 failed$/).length > 0
      )
      terminal.resize(100, 30)
      const wide = yield* terminal.until((screen) =>
        isWhole(screen) && lines(screen, /^pages {2}━.*4 running$/).length > 0
      )
      go()
      const after = yield* terminal.until(isOver)

      for (const screen of [narrow, wide]) {
        assert.strictEqual(lines(screen, /^pages /).length, 1, screen.join("\n"))
        assert.strictEqual(lines(screen, /^ {2}parts /).length, 1, screen.join("\n"))
      }
      assert.strictEqual(lines(after, /^pages /).length, 1, after.join("\n"))
      assert.strictEqual(lines(after, /running/).length, 0)
    }).pipe(Effect.scoped))

  it.live("leaves screen and cursor intact after Ctrl-C, and shows how far the runs were", () =>
    Effect.gen(function*() {
      const terminal = yield* Terminal.open(110, 40)
      start(terminal)
      yield* terminal.until((screen) => isHalf(screen) && lines(screen, /stream 5/).length > 0)
      terminal.press("C-c")
      yield* terminal.until((screen) => screen.at(-1) === "$")
      terminal.type("echo and on")
      const after = yield* terminal.until((screen) => screen.includes("and on"))

      assert.strictEqual(lines(after, /^pages .*10 of 20 \(50%\) {2}1 failed {2}interrupted/).length, 1)
      assert.strictEqual(lines(after, /running|parts/).length, 0)
      assert.strictEqual(lines(after, /^\$ echo and on$/).length, 1)
      assert.isTrue(terminal.isCursorVisible)
    }).pipe(Effect.scoped))

  it.live("leaves screen and cursor intact when the program is killed", () =>
    Effect.gen(function*() {
      const terminal = yield* Terminal.open(110, 40)
      start(terminal)
      yield* terminal.until((screen) => isHalf(screen) && lines(screen, /stream 5/).length > 0)
      terminal.press("C-z")
      yield* terminal.until((screen) => lines(screen, /Stopped/).length > 0)
      terminal.type("kill -9 %1; wait; echo and on")
      const after = yield* terminal.until((screen) => screen.includes("and on"))

      assert.strictEqual(lines(after, /^and on$/).length, 1)
      assert.isTrue(terminal.isCursorVisible)
    }).pipe(Effect.scoped))

  it.live("has colors unless NO_COLOR is set, and log lines on a dumb terminal", () =>
    Effect.gen(function*() {
      const colours = yield* Terminal.open(110, 40, { NO_COLOR: "" })
      const none = yield* Terminal.open(110, 40)
      const dumb = yield* Terminal.open(110, 40, { TERM: "dumb" })
      for (const terminal of [colours, none, dumb]) start(terminal)
      const [coloured, plain, logged] = yield* Effect.all([
        colours.untilColoured(isHalf),
        none.untilColoured(isHalf),
        dumb.until((screen) => lines(screen, /pages: 10 of 20 \(50%\) done/).length > 0)
      ], { concurrency: 3 })

      assert.include(coloured, "\u001B[36m━")
      assert.notInclude(plain, "\u001B[")
      assert.notInclude(logged.join("\n"), "━")
    }).pipe(Effect.scoped))
})
