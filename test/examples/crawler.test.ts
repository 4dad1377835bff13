import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { run } from "./run.ts"

it.live("the example of a crawler visits every page with two requests at a time for a host, and shows dead links", () =>
  Effect.gen(function*() {
    const lines = yield* run("10-crawler.ts")

    assert.deepStrictEqual(
      lines.map((line) => line.replace(/at most [12] requests/, "at most 2 requests")),
      ["alder", "birch", "cedar"].flatMap((site) => [
        `${site}: 12 pages, at most 2 requests at a time`,
        "  /missing/4: DeadLink: status 404",
        "  /missing/9: DeadLink: status 404"
      ])
    )
  }))
