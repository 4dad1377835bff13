/**
 * Cases of the conformance suite about `Parallel.attempt` in a task.
 */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as Journal from "../Journal.ts"
import * as Parallel from "../Parallel.ts"
import { range } from "./range.ts"
import * as tasks from "./tasks.ts"

/** Cases by name. */
export const attempts = {
  "a task is told which attempt it is": Effect.gen(function*() {
    const inputs = range(6).map((n) => ({ failsFirst: n % 2 === 1 }))
    const found = yield* Parallel.forEach(inputs, tasks.attempts, { name: "told", retry: { times: 1 }, batchSize: 3 })
    const called = yield* Parallel.forEach([0, 1], () => tasks.attempts({ failsFirst: false }), { name: "calls" })
    const told = (found: Parallel.CurrentAttempt | null) => found && [found.run, found.index, found.attempt, found.key]

    assert.deepStrictEqual(found.map(told), range(6).map((n) => ["told", n, 1 + n % 2, undefined]))
    assert.deepStrictEqual(called.map(told), [["calls", 0, 1, undefined], ["calls", 1, 1, undefined]])
    assert.isNull(yield* tasks.attempts({ failsFirst: false }))
  }),

  "a task is told the key of a journal": Effect.gen(function*() {
    const inputs = [3, 1, 2].map((n) => ({ failsFirst: n === 2, n }))
    const found = yield* Parallel.forEach(inputs, tasks.attempts, {
      retry: { times: 1 },
      journal: { key: ({ n }) => `number ${n}` }
    })

    assert.deepStrictEqual(found.map((found) => found?.key), ["number 3", "number 1", "number 2"])
    assert.deepStrictEqual(found.map((found) => found?.attempt), [1, 1, 2])
  }).pipe(Effect.provide([Journal.layerMemory, Logger.layer([])]))
}
