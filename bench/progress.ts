/**
 * The cost of watching a run: progress, and spans of attempts.
 *
 * Baseline: the same run without a watcher. The counts that progress and metrics read are kept in both. Progress is
 * measured in CPU time, since it costs less than what two runs on a busy machine differ by.
 */
import * as Effect from "effect/Effect"
import { Parallel, Progress } from "../src/index.ts"
import { type Case, extra, type Group, large, measure, ratio, small, type Topic } from "./measure.ts"
import { concurrency, over, promise, ready, waiting } from "./work.ts"

type Body = (input: number) => Effect.Effect<number>
type Program = (inputs: ReadonlyArray<number>, body: Body) => Effect.Effect<ReadonlyArray<unknown>>

const forEach: Program = (inputs, body) => Parallel.forEach(inputs, body, { concurrency })
const run: Program = (inputs, body) =>
  Effect.map(Parallel.run(inputs, body, { concurrency }), (report) => report.outcomes)

/** Progress that is shown ten times a second to a function that does nothing. */
const watched = Progress.layerCallback(() => Effect.void)

const on = (program: Program, body: Body): Case => over((inputs) => Effect.provide(program(inputs, body), watched))
const off = (program: Program, body: Body): Case => over((inputs) => program(inputs, body))

const group = (name: string, program: Program, body: Body): Group => ({
  name,
  metric: "cpu",
  cases: { "off": off(program, body), "on": on(program, body) },
  sizes: [large],
  checks: [ratio("on", "off", large, 1.05), extra("on", "off", large)]
})

const spans: Group = {
  name: "spans of attempts",
  metric: "time",
  cases: {
    "none": off(forEach, promise),
    "all": over((inputs) => Parallel.forEach(inputs, promise, { concurrency, spans: true })),
    "one in a hundred": over((inputs) => Parallel.forEach(inputs, promise, { concurrency, spans: 0.01 })),
    "Effect.withSpan": over((inputs) => forEach(inputs, (input) => Effect.withSpan(promise(input), "attempt")))
  },
  sizes: [small],
  checks: [
    extra("all", "none", small),
    extra("one in a hundred", "none", small),
    extra("Effect.withSpan", "none", small)
  ]
}

export const topic: Topic = {
  title: "watching",
  url: import.meta.url,
  peers: ["effect"],
  rounds: 2,
  groups: [
    group("forEach, ready bodies", forEach, ready),
    group("forEach, resolved promises", forEach, promise),
    group("forEach, bodies that wait", forEach, waiting),
    group("run, resolved promises", run, promise),
    spans
  ]
}

if (import.meta.main) await measure(topic)
