import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Stream } from "effect"
import { Backend, BatchFlow, BatchNode, Flow, Node, Parallel, Task } from "effect-parallel"
import { drive, Probe, range } from "../helpers.ts"

describe("Parallel.sequential", () => {
  const probed = (program: (work: (n: number) => Effect.Effect<number>) => Effect.Effect<unknown, unknown>) =>
    Effect.gen(function*() {
      const probe = new Probe()
      const work = (n: number) => probe.watch(n, Effect.as(Effect.sleep(1), n))
      yield* drive(Parallel.sequential(program(work)))
      return [probe.most, probe.started.length]
    })

  const programs: Record<
    string,
    (work: (n: number) => Effect.Effect<number>) => Effect.Effect<unknown, unknown>
  > = {
    "a run": (work) => Parallel.forEach(range(5), work),
    "a run that states its concurrency": (work) => Parallel.run(range(5), work, { concurrency: 4 }),
    "a run inside defaults": (work) => Parallel.withDefaults(Parallel.forEach(range(5), work), { concurrency: 3 }),
    "a stream": (work) => Stream.runDrain(Parallel.stream(range(5), work, { concurrency: 4 })),
    "effects": (work) => Parallel.all(range(5).map(work), { concurrency: 4 }),
    "runs in a run": (work) =>
      Parallel.forEach([0], () => Parallel.forEach(range(5), work, { concurrency: 4 }), { concurrency: 4 }),
    "a batch node": (work) => Flow.run(BatchNode.make("items", { exec: work, concurrency: 4 }), range(5)),
    "a batch flow": (work) =>
      Flow.run(BatchFlow.make("items", { flow: Node.make("node", { exec: work }), concurrency: 4 }), range(5))
  }
  for (const [name, program] of Object.entries(programs)) {
    it.effect(`runs one input at a time: ${name}`, () =>
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* probed(program), [1, 5])
      }))
  }

  it.effect("runs tasks and direct calls of tasks on Backend.async, even if another backend is provided inside", () =>
    Effect.gen(function*() {
      const other: Backend.Backend = {
        name: "other",
        workers: 4,
        execute: () => Effect.die(new Error("it was not to be asked"))
      }
      const double = Task.make("double", { module: import.meta.url, run: (n: number) => Effect.succeed(2 * n) })
      const program = Effect.zip(double(1), Parallel.forEach([2, 3], double, { concurrency: 4 })).pipe(
        Effect.provide(Layer.succeed(Backend.Backend, other))
      )

      assert.deepStrictEqual(yield* Parallel.sequential(program), [2, [4, 6]])
    }))
})
