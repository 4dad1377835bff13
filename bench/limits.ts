/**
 * The cost of a limit per input: no limit, one that all inputs share, and one for each of 1,000 keys.
 *
 * Baselines: the same run without a limit, and with one shared limit. All runs read equally far ahead.
 */
import * as Effect from "effect/Effect"
import { Limit, Parallel } from "../src/index.ts"
import { type Case, type Group, measure, ratio, type Topic } from "./measure.ts"
import { concurrency, over } from "./work.ts"

const inputs = 10_000

const under = (make: () => Limit.Limit<number> | undefined): Case => (count) => {
  const options = { concurrency, preDispatch: 256, limit: make() }
  return over((inputs) => Parallel.forEach(inputs, () => Effect.yieldNow, options))(count)
}

const shared = "Limit.concurrency(16)"

const limits: Group = {
  name: "inputs that yield once",
  metric: "time",
  cases: {
    "no limit": under(() => undefined),
    [shared]: under(() => Limit.concurrency(16)),
    "Limit.rate": under(() => Limit.rate({ limit: 1_000_000_000, window: "1 second" })),
    "1,000 keys": under(() => Limit.keyed((n: number) => n % 1000, () => Limit.concurrency(1))),
    "10 keys, which wait": under(() => Limit.keyed((n: number) => n % 10, () => Limit.concurrency(1)))
  },
  sizes: [inputs],
  checks: [
    ratio(shared, "no limit", inputs),
    ratio("Limit.rate", shared, inputs),
    ratio("1,000 keys", shared, inputs, 2),
    ratio("10 keys, which wait", shared, inputs)
  ]
}

export const topic: Topic = { title: "limits", url: import.meta.url, peers: ["effect"], rounds: 2, groups: [limits] }

if (import.meta.main) await measure(topic)
