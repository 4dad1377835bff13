import { assert, layer } from "@effect/vitest"
import { Cause, Effect, Option } from "effect"
import { BatchNode, Flow, Node } from "effect-parallel"
import * as Threads from "effect-parallel/backend/Threads"
import { range, Refused } from "../../helpers.ts"
import { evens, half } from "../../Node.tasks.ts"

layer(Threads.layer({ workers: 2 }), { excludeTestServices: true })("nodes whose exec is a task, on threads", (it) => {
  const failing = {
    prep: (n: number) => range(n),
    exec: evens,
    concurrency: 2
  } as const

  it.effect("give the same results as on fibers, alone and in a batch", () =>
    Effect.gen(function*() {
      const one = Node.make("one", { exec: half })
      const many = BatchNode.make("many", { prep: (n: number) => range(n), exec: half, concurrency: 2 })

      assert.deepStrictEqual(yield* Flow.run(one, 9), Node.out("default", 4.5))
      assert.deepStrictEqual((yield* Flow.run(many, 100)).value, range(100).map((n) => n / 2))
    }))

  it.effect("a fallback replaces each failed item, after its retries", () =>
    Effect.gen(function*() {
      const batch = (times?: number) =>
        BatchNode.make("batch", {
          ...failing,
          retry: times === undefined ? undefined : { times },
          fallback: (n, cause) => `${n}: ${Option.getOrThrow(Node.location(cause)).attempt} attempts`
        })
      const expected = (attempts: number) => range(40).map((n) => n % 2 === 0 ? n : `${n}: ${attempts} attempts`)

      assert.deepStrictEqual((yield* Flow.run(batch(), 40)).value, expected(1))
      assert.deepStrictEqual((yield* Flow.run(batch(2), 40)).value, expected(3))
    }))

  it.effect("values and failures of a batch keep their inputs, and failures have their location", () =>
    Effect.gen(function*() {
      const [values, failures] =
        (yield* Flow.run(BatchNode.make("batch", { ...failing, collect: "partition" }), 40)).value
      const odd = range(40).filter((n) => n % 2 === 1)

      assert.deepStrictEqual(values, range(40).filter((n) => n % 2 === 0))
      assert.deepStrictEqual(failures.map(({ input }) => input), odd)
      assert.deepStrictEqual(
        failures.map(({ cause }) => Option.getOrThrow(Node.location(cause)).path),
        odd.map((n) => `batch[${n}]`)
      )
    }))

  it.effect("the first failure ends the batch", () =>
    Effect.gen(function*() {
      const cause = yield* Effect.flip(Effect.sandbox(Flow.run(BatchNode.make("batch", failing), 1000)))

      assert.instanceOf(Cause.squash(cause), Refused)
      assert.isTrue(Option.isSome(Node.location(cause)))
    }))
})
