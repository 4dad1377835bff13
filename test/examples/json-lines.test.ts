import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { run } from "./run.ts"

it.live("the example of JSON lines stores valid lines, shows bad ones, and does not read far ahead", () =>
  Effect.gen(function*() {
    const lines = yield* run("11-json-lines.ts")
    const [, ahead] = /^reading was at most (\d+) lines ahead/.exec(lines.at(-1)!)!

    assert.deepStrictEqual(lines.slice(0, -1), [
      "line 5000: BadLine: Expected a valid JSON string",
      "line 15000: BadLine: Expected number at [\"celsius\"]",
      "20000 lines read, 19998 stored, average 9.95 °C"
    ])
    assert.isBelow(Number(ahead), 1500)
  }))
