import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { run } from "./run.ts"

it.live("the example of an HTTP server answers other requests while its threads compute", () =>
  Effect.gen(function*() {
    const lines = yield* run("12-http-server.ts")

    assert.deepStrictEqual(lines.slice(0, -1), [
      "/primes/30000: 200 3245",
      "/primes/40000: 200 4203",
      "/primes/50000: 200 5133",
      "/primes/many: 400 Expected a finite number",
      "  at [\"below\"]"
    ])
    assert.match(lines.at(-1)!, /^\/health: answered [1-9]\d* times meanwhile$/)
  }))
