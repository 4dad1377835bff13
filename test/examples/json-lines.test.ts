import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { run } from "./run.ts"

it.live("the example of JSON lines stores what is good, shows what is bad, and reads no more than it can store", () =>
  Effect.gen(function*() {
    const lines = yield* run("11-json-lines.ts")
    const [, ahead] = /^never more than (\d+) lines ahead/.exec(lines.at(-1)!)!

    assert.deepStrictEqual(lines.slice(0, -1), [
      "line 5000: BadLine: Expected a valid JSON string",
      "line 15000: BadLine: Expected number at [\"celsius\"]",
      "20000 lines read, 19998 stored, on average 9.95 °C"
    ])
    assert.isBelow(Number(ahead), 1500)
  }))
