/**
 * The cost of one input when inputs fail.
 *
 * Baselines: `Effect.partition` and `Effect.forEach` over `Effect.exit`, with bodies that fail in the same way. In
 * `forEach` only the last input fails, since the first failure ends it.
 */
import * as Effect from "effect/Effect"
import { Parallel } from "../src/index.ts"
import { type Case, type Group, growth, large, measure, ratio, small, type Topic } from "./measure.ts"
import { concurrency, failing, failingLate, numbers, over, promise, ready } from "./work.ts"

type Body = (input: number) => Effect.Effect<number, string>

const options = { concurrency }

/** Makes a case in which only the last input fails. */
const untilTheLast = (
  succeeding: Body,
  failing: Body,
  forEach: (inputs: ReadonlyArray<number>, body: Body) => Effect.Effect<unknown, string>
): Case =>
(count) => {
  const inputs = numbers(count)
  const body: Body = (input) => input === count - 1 ? failing(input) : succeeding(input)
  return () => Effect.runPromise(Effect.match(forEach(inputs, body), { onFailure: () => count, onSuccess: () => 0 }))
}

const group = (name: string, succeeding: Body, failing: Body): Group => ({
  name,
  metric: "time",
  cases: {
    "partition": over((inputs) => Effect.map(Parallel.partition(inputs, failing, options), ([, failures]) => failures)),
    "run": over((inputs) => Effect.map(Parallel.run(inputs, failing, options), (report) => report.failures)),
    "forEach": untilTheLast(succeeding, failing, (inputs, body) => Parallel.forEach(inputs, body, options)),
    "Effect.partition": over((inputs) =>
      Effect.map(Effect.partition(inputs, failing, options), ([, errors]) => errors)
    ),
    "Effect.exit": over((inputs) => Effect.forEach(inputs, (input) => Effect.exit(failing(input)), options)),
    "Effect.forEach": untilTheLast(succeeding, failing, (inputs, body) => Effect.forEach(inputs, body, options))
  },
  sizes: [small, large],
  checks: [
    ...[small, large].flatMap((inputs) => [
      ratio("partition", "Effect.partition", inputs),
      ratio("run", "Effect.exit", inputs),
      ratio("forEach", "Effect.forEach", inputs)
    ]),
    growth("partition", 11.5),
    growth("run", 11.5),
    growth("forEach", 11.5),
    growth("Effect.partition"),
    growth("Effect.exit")
  ]
})

export const topic: Topic = {
  title: "failures",
  url: import.meta.url,
  peers: ["effect"],
  rounds: 1,
  groups: [
    group("ready failures", ready, failing),
    group("failures after a promise", promise, failingLate)
  ]
}

if (import.meta.main) await measure(topic)
