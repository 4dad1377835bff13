import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { fileURLToPath } from "node:url"
import { hasTmux, quoted, Terminal } from "../../observability/tmux.ts"

const main = fileURLToPath(new URL("../../../examples/summarise/main.ts", import.meta.url))

const title = `npm start in a terminal of 80 × 24${hasTmux ? "" : " (skipped: there is no tmux)"}`

describe.skipIf(!hasTmux)(title, () => {
  it.live("leaves summaries, failures by kind, the count and the path of the report on the screen", () =>
    Effect.gen(function*() {
      const terminal = yield* Terminal.open(80, 24)
      terminal.type([process.execPath, "--conditions=@effect-parallel/source", main].map(quoted).join(" "))
      const screen = yield* terminal.until((screen) =>
        screen.some((line) => line.startsWith("The report is in ")) && screen.at(-1) === "$"
      )

      assert.isAbove(screen.filter((line) => /^[\w@/.-]+ {2,}\S.{20,}/.test(line)).length, 5)
      assert.isTrue(screen.some((line) => /^text +summary$/.test(line)))
      assert.isTrue(screen.some((line) => /^… and \d+ more \(--all shows them\)$/.test(line)))
      assert.isTrue(screen.some((line) => /^✗ \w+ × \d+$/.test(line)))
      assert.isTrue(screen.some((line) => /^\d+ of \d+ texts summarized, \d+ failed, in \S+ m?s$/.test(line)))
      assert.isTrue(screen.every((line) => line.length <= 80))
    }).pipe(Effect.scoped))
})
