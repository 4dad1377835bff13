/**
 * The cost of one input in `Parallel.forEach`.
 *
 * Baselines: p-map over the same functions; `Effect.forEach` with the same concurrency; and the floor, which is one
 * fiber that runs the same bodies one after another and keeps nothing. No library that runs them as effects can be
 * faster.
 */
import * as Effect from "effect/Effect"
import pMap from "p-map"
import { Parallel, Task } from "../src/index.ts"
import { type Case, type Check, type Group, growth, large, measure, ratio, small, type Topic } from "./measure.ts"
import { concurrency, numbers, over, promise, ready, resolved, sync, turned, waiting } from "./work.ts"

type Body = (input: number) => Effect.Effect<number>

const ours = (body: Body): Case => over((inputs) => Parallel.forEach(inputs, body, { concurrency }))

const effect = (body: Body): Case => over((inputs) => Effect.forEach(inputs, body, { concurrency }))

const floor = (body: Body): Case => (count) => {
  const inputs = numbers(count)
  return () => Effect.runPromise(Effect.as(Effect.forEach(inputs, body, { discard: true }), count))
}

const peer = (body: (input: number) => Promise<number>): Case => (count) => {
  const inputs = numbers(count)
  return () => pMap(inputs, body, { concurrency }).then((values) => values.length)
}

/** Bound on promise bodies: the cost of p-map, or 10 % above the floor if that is more. */
const allowance = (inputs: number): Check => ({
  case: "ours",
  beside: "p-map, or 1.1 times the floor if that costs more",
  inputs,
  unit: "x",
  of: (reading) => {
    const [floor, peer] = [reading("floor", inputs), reading("p-map", inputs)]
    return reading("ours", inputs) / (floor > peer ? 1.1 * floor : peer)
  },
  target: 1
})

const sizes = [small, large]

const overPromises = {
  "ours": ours(promise),
  "p-map": peer(resolved),
  "floor": floor(promise),
  "Effect.forEach": effect(promise)
}

const promises: Group = {
  name: "resolved promises",
  metric: "time",
  cases: overPromises,
  sizes,
  checks: [
    ...sizes.flatMap((inputs) => [
      allowance(inputs),
      ratio("ours", "p-map", inputs),
      ratio("ours", "floor", inputs),
      ratio("ours", "Effect.forEach", inputs)
    ]),
    growth("ours", 11.5),
    growth("p-map")
  ]
}

/** Readings in a process that has not compiled anything yet. */
const cold: Group = {
  name: "resolved promises, first run",
  metric: "first",
  cases: overPromises,
  sizes: [small],
  checks: [ratio("ours", "p-map", small), ratio("ours", "floor", small), ratio("ours", "Effect.forEach", small)]
}

/**
 * Readings with bodies that wait for the event loop. The floor has one body in flight and waits a turn for each, so it
 * is not a lower bound here.
 */
const turns: Group = {
  name: "promises of the next turn",
  metric: "time",
  cases: { "ours": ours(waiting), "p-map": peer(turned), "Effect.forEach": effect(waiting) },
  sizes: [small],
  checks: [ratio("ours", "p-map", small), ratio("ours", "Effect.forEach", small)]
}

const withoutPromises = (name: string, body: Body): Group => ({
  name,
  metric: "time",
  cases: { "ours": ours(body), "Effect.forEach": effect(body) },
  sizes,
  checks: [
    ...sizes.map((inputs) => ratio("ours", "Effect.forEach", inputs, 1.3)),
    growth("ours", 11.5),
    growth("Effect.forEach")
  ]
})

const succeeding = Task.make("succeeding", { module: import.meta.url, run: sync })

const task: Group = {
  name: "a task without schemas, on fibers",
  metric: "time",
  cases: {
    "a task": over((inputs) => Parallel.forEach(inputs, succeeding, { concurrency })),
    "its function": ours(sync)
  },
  sizes,
  checks: sizes.map((inputs) => ratio("a task", "its function", inputs, 1.3))
}

export const topic: Topic = {
  title: "forEach",
  url: import.meta.url,
  peers: ["effect", "p-map"],
  groups: [
    promises,
    cold,
    turns,
    withoutPromises("ready bodies", ready),
    withoutPromises("synchronous bodies", sync),
    task
  ]
}

if (import.meta.main) await measure(topic)
