/**
 * The cost of one input where failures are kept: `Parallel.partition` and `Parallel.run`.
 *
 * Baselines: `Parallel.forEach` over the same bodies, which keeps only values; `Effect.partition`, which keeps errors
 * without their inputs; and, for `run`, `Effect.forEach` over `Effect.exit`. Nothing fails here: see failures.ts.
 */
import * as Effect from "effect/Effect"
import { Parallel } from "../src/index.ts"
import { type Group, growth, large, measure, ratio, small, type Topic } from "./measure.ts"
import { concurrency, over, promise, ready, sync } from "./work.ts"

type Body = (input: number) => Effect.Effect<number>

const options = { concurrency }

const group = (name: string, body: Body): Group => ({
  name,
  metric: "time",
  cases: {
    "partition": over((inputs) => Effect.map(Parallel.partition(inputs, body, options), ([values]) => values)),
    "run": over((inputs) => Effect.map(Parallel.run(inputs, body, options), (report) => report.outcomes)),
    "forEach": over((inputs) => Parallel.forEach(inputs, body, options)),
    "Effect.partition": over((inputs) => Effect.map(Effect.partition(inputs, body, options), ([values]) => values)),
    "Effect.exit": over((inputs) => Effect.forEach(inputs, (input) => Effect.exit(body(input)), options))
  },
  sizes: [small, large],
  checks: [
    ...[small, large].flatMap((inputs) => [
      ratio("partition", "forEach", inputs, 1.5),
      ratio("partition", "Effect.partition", inputs),
      ratio("run", "forEach", inputs),
      ratio("run", "Effect.exit", inputs)
    ]),
    growth("partition", 11.5),
    growth("run", 11.5),
    growth("Effect.exit")
  ]
})

export const topic: Topic = {
  title: "partition and run",
  url: import.meta.url,
  peers: ["effect"],
  groups: [
    group("resolved promises", promise),
    group("ready bodies", ready),
    group("synchronous bodies", sync)
  ]
}

if (import.meta.main) await measure(topic)
