/**
 * The cost of one input in `Parallel.stream`, and the memory of a million inputs.
 *
 * Baselines: `pMapIterable` of p-map over the same functions, which may be as far ahead of its consumer as our stream;
 * and Effect's `Stream.mapEffect`. Every consumer adds up the values.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { pMapIterable } from "p-map"
import { type Outcome, Parallel } from "../src/index.ts"
import { added, type Case, type Group, growth, large, measure, ratio, small, type Topic } from "./measure.ts"
import { concurrency, generated, numbers, promise, resolved } from "./work.ts"

type Inputs = Iterable<number> | AsyncIterable<number>
type Order = "input" | "completion"

/** Number of inputs that `Parallel.stream` reads ahead of its consumer by default. */
const backpressure = 3 * concurrency

/** Computes the number of inputs from the sum of their values. A wrong sum gives another number. */
const countOf = (sum: number): number => sum === 0 ? 0 : (1 + Math.sqrt(1 + 8 * sum)) / 2

const array = (count: number): Inputs => numbers(count)

const ours = (inputs: (count: number) => Inputs, order: Order): Case => (count) => {
  const make = from(inputs, count)
  const add = (sum: number, outcome: Outcome.Outcome<number, number>) =>
    outcome._tag === "Success" ? sum + outcome.value : sum
  return () =>
    Parallel.stream(make(), promise, { concurrency, order }).pipe(
      Stream.runFold(() => 0, add),
      Effect.map(countOf),
      Effect.runPromise
    )
}

const peer = (inputs: (count: number) => Inputs, order: Order): Case => (count) => {
  const make = from(inputs, count)
  return async () => {
    let sum = 0
    const preserveOrder = order === "input"
    for await (const value of pMapIterable(make(), resolved, { concurrency, backpressure, preserveOrder })) sum += value
    return countOf(sum)
  }
}

const effect = (order: Order): Case => (count) => () =>
  Stream.fromAsyncIterable(generated(count), (error) => error).pipe(
    Stream.mapEffect(promise, { concurrency, unordered: order === "completion" }),
    Stream.runFold(() => 0, (sum, value) => sum + value),
    Effect.map(countOf),
    Effect.runPromise
  )

/**
 * Makes the inputs: an array only once, outside of the measured time; a generator for each run, since it can be used up
 * only once.
 */
const from = (inputs: (count: number) => Inputs, count: number): () => Inputs => {
  if (inputs === generated) return () => generated(count)
  const made = inputs(count)
  return () => made
}

const fromGenerator = {
  "ours": ours(generated, "input"),
  "pMapIterable": peer(generated, "input"),
  "ours, unordered": ours(generated, "completion"),
  "pMapIterable, unordered": peer(generated, "completion")
}

const fromArray = { "ours": ours(array, "input"), "pMapIterable": peer(array, "input") }

const sizes = [small, large]

const times: Group = {
  name: "from an async generator",
  metric: "time",
  cases: fromGenerator,
  sizes,
  checks: [
    ...sizes.flatMap((inputs) => [
      ratio("ours", "pMapIterable", inputs, 1.5),
      ratio("ours, unordered", "pMapIterable, unordered", inputs, 1.5)
    ]),
    growth("ours", 11.5)
  ]
}

const arrays: Group = {
  name: "from an array",
  metric: "time",
  cases: fromArray,
  sizes,
  checks: [...sizes.map((inputs) => ratio("ours", "pMapIterable", inputs, 1.5)), growth("ours", 11.5)]
}

const effects: Group = {
  name: "compared with Stream.mapEffect",
  metric: "time",
  cases: {
    "ours": ours(generated, "input"),
    "mapEffect": effect("input"),
    "ours, unordered": ours(generated, "completion"),
    "mapEffect, unordered": effect("completion")
  },
  sizes: [small],
  checks: [ratio("ours", "mapEffect", small), ratio("ours, unordered", "mapEffect, unordered", small)]
}

/** Makes a group that measures memory. The array itself is included. */
const memory = (name: string, cases: Group["cases"]): Group => ({
  name,
  metric: "memory",
  cases,
  sizes: [0, large],
  checks: Object.keys(cases).map((name) => added(name, name.startsWith("ours") ? 60 : undefined))
})

export const topic: Topic = {
  title: "stream",
  url: import.meta.url,
  peers: ["effect", "p-map"],
  groups: [
    times,
    arrays,
    effects,
    memory("memory, from an async generator", fromGenerator),
    memory("memory, from an array", fromArray)
  ]
}

if (import.meta.main) await measure(topic)
