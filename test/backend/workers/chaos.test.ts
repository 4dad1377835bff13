import { assert, describe, it, vi } from "@effect/vitest"
import { Effect } from "effect"
import { Parallel } from "effect-parallel"
import * as Threads from "effect-parallel/backend/Threads"
import { range } from "../../helpers.ts"
import * as Chaos from "../chaos.ts"
import { kinds } from "../workerKinds.ts"
import * as tasks from "../workerTasks.ts"

// hides what workers print before they crash
vi.spyOn(process.stderr, "write").mockReturnValue(true)

describe("chaos", () => {
  for (const kind of kinds) {
    for (const concurrency of kind.name === "threads" ? [2, 6] : [6]) {
      it.live(`on ${kind.name}, ${concurrency} batches at a time: exactly the bad inputs fail`, () =>
        Effect.gen(function*() {
          const works = Chaos.draw(60, 3, true)
          const { failures, outcomes, wrong } = yield* Effect.provide(
            Chaos.run(works, concurrency, "3 seconds"),
            kind.small
          )

          assert.deepStrictEqual(wrong, [])
          assert.strictEqual(outcomes, 60)
          assert.strictEqual(failures, works.filter(({ fate }) => fate !== "pass").length)
          assert.isAtLeast(failures, 3)
        }))
    }
  }
})

describe("a pool that is used for long", () => {
  it.live("keeps nothing in memory", () =>
    Effect.gen(function*() {
      const round = Parallel.forEach(range(20_000), tasks.tiny)
      const heap = Effect.sync(() => process.memoryUsage().heapUsed / 1e6)
      for (let warm = 0; warm < 3; warm++) yield* round
      let least = Infinity
      const before = yield* heap
      for (let run = 0; run < 8; run++) {
        yield* round
        yield* Effect.sleep(10)
        least = Math.min(least, yield* heap)
      }

      assert.isBelow(least, before + 20)
    }).pipe(Effect.provide(Threads.layer({ workers: 2 }))))
})
