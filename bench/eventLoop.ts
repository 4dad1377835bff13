/**
 * The delay that half a million bodies cause to a timer of one millisecond.
 *
 * Baseline: `Effect.forEach` with the same concurrency.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { Parallel } from "../src/index.ts"
import { type Case, type Group, measure, plain, type Topic } from "./measure.ts"
import { concurrency, numbers, over, promise, ready, sync } from "./work.ts"

type Body = (input: number) => Effect.Effect<number>

const inputs = 500_000
const options = { concurrency }

const streamed = (body: Body): Case => (count) => {
  const inputs = numbers(count)
  return () => Effect.runPromise(Stream.runCount(Parallel.stream(inputs, body, options)))
}

const group = (name: string, body: Body): Group => ({
  name,
  metric: "gap",
  cases: {
    "forEach": over((inputs) => Parallel.forEach(inputs, body, options)),
    "partition": over((inputs) => Effect.map(Parallel.partition(inputs, body, options), ([values]) => values)),
    "stream": streamed(body),
    "Effect.forEach": over((inputs) => Effect.forEach(inputs, body, options))
  },
  sizes: [inputs],
  checks: [
    ...["forEach", "partition", "stream"].map((name) => plain(name, inputs, 25)),
    plain("Effect.forEach", inputs)
  ]
})

export const topic: Topic = {
  title: "event loop",
  url: import.meta.url,
  peers: ["effect"],
  groups: [
    group("ready bodies", ready),
    group("synchronous bodies", sync),
    group("resolved promises", promise)
  ]
}

if (import.meta.main) await measure(topic)
