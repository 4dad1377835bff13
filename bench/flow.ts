/**
 * The cost of a step in a flow, and of an item in a batch node.
 *
 * Baselines: for steps, the same loop written by hand in `Effect.gen`; for items, `Parallel` over the same bodies, with
 * the same option.
 */
import * as Effect from "effect/Effect"
import { BatchNode, Flow, Node, Parallel } from "../src/index.ts"
import { type Case, type Check, type Group, large, measure, ratio, small, type Topic } from "./measure.ts"
import { concurrency, over, promise, ready, sync } from "./work.ts"

type Body = (input: number) => Effect.Effect<number>

/** Makes a flow that loops through one node, once for each input. */
const loop = (node: Node.Node<number, Node.Out<"again", number> | Node.Out<"done", number>>): Case => (steps) => {
  const flow = Flow.make("loop", {
    start: "step",
    nodes: { step: node },
    on: { step: { again: "step", done: Flow.end } },
    maxSteps: Infinity
  })
  return () => Effect.runPromise(Effect.map(Flow.run(flow, steps), () => steps))
}

const post = (n: number) => n > 1 ? Node.out("again", n - 1) : Node.out("done", n)

const byHand: Case = (steps) => () =>
  Effect.runPromise(Effect.gen(function*() {
    let left: Node.Out<string, number> = Node.out("again", steps)
    while (left.action === "again") left = yield* Effect.succeed(post(left.value))
    return steps
  }))

/** Bound on the cost of a step. */
const perStep = (name: string, inputs: number, target: number): Check => ({
  case: name,
  inputs,
  unit: "µs",
  of: (reading) => 1000 * reading(name, inputs) / inputs,
  target
})

const steps: Group = {
  name: "steps",
  metric: "time",
  cases: {
    "does nothing": loop(Node.make("step", { post })),
    "three effects": loop(Node.make("step", {
      prep: (n: number) => Effect.succeed(n),
      exec: (n) => Effect.sync(() => n),
      post: (n) => Effect.sync(() => post(n))
    })),
    "a retry": loop(Node.make("step", { exec: (n: number) => Effect.sync(() => n), retry: { times: 1 }, post })),
    "by hand": byHand
  },
  sizes: [small, large],
  checks: [
    ...[small, large].map((inputs) => perStep("does nothing", inputs, 5)),
    ratio("does nothing", "by hand", large),
    ratio("three effects", "does nothing", large),
    ratio("a retry", "three effects", large)
  ]
}

const batch = (body: Body, collect: "forEach" | "partition"): Case => {
  const node = BatchNode.make("batch", { exec: body, concurrency, collect })
  return over((inputs) =>
    Effect.map(Flow.run(node, inputs), ({ value }) => collect === "forEach" ? value : value[0]) as Effect.Effect<
      ReadonlyArray<number>
    >
  )
}

const items = (name: string, body: Body): Group => ({
  name,
  metric: "time",
  cases: {
    "batch node": batch(body, "forEach"),
    "Parallel.forEach": over((inputs) => Parallel.forEach(inputs, body, { concurrency })),
    "batch node, partition": batch(body, "partition"),
    "Parallel.partition": over((inputs) =>
      Effect.map(Parallel.partition(inputs, body, { concurrency }), ([all]) => all)
    )
  },
  sizes: [small],
  checks: [
    ratio("batch node", "Parallel.forEach", small, 1.2),
    ratio("batch node, partition", "Parallel.partition", small, 1.2)
  ]
})

export const topic: Topic = {
  title: "flows",
  url: import.meta.url,
  peers: ["effect"],
  rounds: 2,
  groups: [
    steps,
    items("resolved promises", promise),
    items("ready bodies", ready),
    items("synchronous bodies", sync)
  ]
}

if (import.meta.main) await measure(topic)
