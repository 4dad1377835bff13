import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Layer, Stream } from "effect"
import { Backend, BatchFlow, BatchNode, Flow, Limit, Node, Parallel, Task } from "effect-parallel"
import { TestBackend } from "effect-parallel/testing"
import { drive, Probe, range } from "../helpers.ts"

/** A work that always fails and counts its starts. */
const failing = () => {
  const counted = { starts: 0, work: (_?: unknown): Effect.Effect<never, string> => Effect.void as never }
  counted.work = () =>
    Effect.suspend(() => {
      counted.starts++
      return Effect.fail("down")
    })
  return counted
}

const twice = { retry: { times: 2 } } as const

const module = import.meta.url

/** A node of a flow that always fails, with the counter of its starts. */
const failingNode = (name: string, options: { readonly retry?: Parallel.RetryOption<string> } = {}) => {
  const counted = failing()
  return { counted, node: Node.make(name, { exec: counted.work, ...options }) }
}

describe("Parallel.withDefaults", () => {
  describe("a default retry applies only to the innermost:", () => {
    const nested: Record<string, (work: () => Effect.Effect<unknown, unknown>) => Effect.Effect<unknown, unknown>> = {
      "a run in a run": (work) => Parallel.forEach([1], () => Parallel.forEach([1], work)),
      "a run in a run in a run": (work) =>
        Parallel.run([1], () => Parallel.forEach([1], () => Parallel.forEach([1], work))),
      "a run in all": (work) => Parallel.all([Parallel.forEach([1], work)]),
      "pairs in pairs": (work) => Parallel.pairs([[(n: number) => Parallel.pairs([[(_: number) => work(), n]]), 1]]),
      "a stream in a stream": (work) =>
        Stream.runDrain(
          Parallel.stream([1], () => Effect.flatMap(Stream.runCollect(Parallel.stream([1], work)), failed))
        ),
      "a run in an attempt with a timeout": (work) =>
        Parallel.forEach([1], () => Parallel.forEach([1], work), { timeout: "1 second" }),
      "a run in an attempt that may be copied": (work) =>
        Parallel.forEach([1], () => Parallel.forEach([1], work), { stragglers: { after: "1 second" } }),
      "a run in an attempt with a limit": (work) =>
        Parallel.forEach([1], () => Parallel.forEach([1], work), { limit: Limit.concurrency(1) }),
      "a run in a task": (work) =>
        Parallel.forEach([1], Task.make("task", { module, run: () => Parallel.forEach([1], work) })),
      "a run in a task with a layer": (work) =>
        Parallel.forEach(
          [1],
          Task.make("task", { module, run: () => Parallel.forEach([1], work), layer: Layer.empty })
        ),
      "a run in a node": (work) => Flow.run(Node.make("node", { exec: () => Parallel.forEach([1], work) }), undefined),
      "a node": (work) => Flow.run(Node.make("node", { exec: work }), undefined),
      "a flow in a run": (work) => Parallel.forEach([1], (n) => Flow.run(Node.make("node", { exec: work }), n)),
      "a flow in a node": (work) =>
        Flow.run(Node.make("outer", { exec: (n: number) => Flow.run(Node.make("inner", { exec: work }), n) }), 1),
      "a node of a chain": (work) =>
        Flow.run(
          Flow.chain("chain", Node.make("first", { exec: (n: number) => n }), Node.make("second", { exec: work })),
          1
        ),
      "the items of a batch node": (work) =>
        Flow.run(BatchNode.make("batch", { exec: (_: number) => work(), concurrency: 1 }), [1]),
      "a node in a batch flow": (work) =>
        Flow.run(BatchFlow.make("batch", { flow: Node.make("node", { exec: work }), concurrency: 1 }), [1]),
      "nodes side by side": (work) => Flow.run(Flow.fanOut("fan", { node: Node.make("node", { exec: work }) }), 1)
    }
    const failed = (outcomes: ReadonlyArray<unknown>) =>
      outcomes.some((outcome) => (outcome as { _tag: string })._tag === "Failure") ? Effect.fail("down") : Effect.void
    for (const [what, program] of Object.entries(nested)) {
      it.effect(`${what}, that always fails, has 3 attempts with a default of 2 retries`, () =>
        Effect.gen(function*() {
          const { starts } = yield* Effect.suspend(() => {
            const counted = failing()
            return Effect.as(Effect.exit(program(counted.work)), counted)
          }).pipe(Parallel.withDefaults(twice))

          assert.strictEqual(starts, 3)
        }))
    }

    it.effect("a run's own retry always applies, outside and inside", () =>
      Effect.gen(function*() {
        const [outside, inside, middle] = [failing(), failing(), failing()]
        yield* Effect.exit(Parallel.forEach([1], () => Parallel.forEach([1], outside.work), { retry: { times: 1 } }))
          .pipe(
            Effect.andThen(
              Effect.exit(Parallel.forEach([1], () => Parallel.forEach([1], inside.work, { retry: { times: 1 } })))
            ),
            Effect.andThen(Effect.exit(
              Parallel.forEach(
                [1],
                () => Parallel.forEach([1], () => Parallel.forEach([1], middle.work), { retry: { times: 1 } })
              )
            )),
            Parallel.withDefaults(twice)
          )

        assert.deepStrictEqual([outside.starts, inside.starts, middle.starts], [2 * 3, 3 * 2, 2 * 3])
      }))

    it.effect("a node's own retry always applies", () =>
      Effect.gen(function*() {
        const { counted, node } = failingNode("node", { retry: { times: 1 } })
        const never = failingNode("never", { retry: { times: 0 } })
        yield* Effect.exit(Flow.run(node, undefined)).pipe(
          Effect.andThen(Effect.exit(Flow.run(never.node, undefined))),
          Effect.andThen(Effect.exit(Flow.run(BatchFlow.make("batch", { flow: node, concurrency: 1 }), [1]))),
          Parallel.withDefaults(twice)
        )

        assert.strictEqual(counted.starts, 2 + 3 * 2)
        assert.strictEqual(never.counted.starts, 1)
      }))

    it.effect("an attempt that fails before anything inside begins is retried", () =>
      Effect.gen(function*() {
        const inner = failing()
        let attempts = 0
        const exit = yield* Effect.exit(
          Parallel.forEach([1], () =>
            Effect.suspend(() => ++attempts === 1 ? Effect.fail("early") : Parallel.forEach([1], inner.work)))
        ).pipe(Parallel.withDefaults(twice))

        assert.isTrue(Exit.isFailure(exit))
        assert.deepStrictEqual([attempts, inner.starts], [2, 3])
      }))

    it.effect("an input that runs nothing inside keeps its retries beside one that does", () =>
      Effect.gen(function*() {
        const [plain, inner] = [failing(), failing()]
        const report = yield* Parallel.run(
          [false, true],
          (nests) => nests ? Parallel.forEach([1], inner.work) : plain.work(),
          { concurrency: 1 }
        ).pipe(Parallel.withDefaults(twice))

        assert.deepStrictEqual([plain.starts, inner.starts], [3, 3])
        assert.deepStrictEqual(report.outcomes.map((outcome) => outcome.attempts), [3, 1])
      }))

    it.effect("an inner withDefaults replaces the outer default", () =>
      Effect.gen(function*() {
        const inner = failing()
        yield* Effect.exit(
          Parallel.forEach([1], () => Parallel.withDefaults(Parallel.forEach([1], inner.work), { retry: { times: 4 } }))
        ).pipe(
          Parallel.withDefaults(twice)
        )

        assert.strictEqual(inner.starts, 5)
      }))

    it.effect("a fallback of a node follows the last of its default retries", () =>
      Effect.gen(function*() {
        const counted = failing()
        const node = Node.make("node", { exec: counted.work, fallback: (_, cause) => cause.reasons.length })
        const out = yield* Parallel.withDefaults(Flow.run(node, undefined), twice)

        assert.strictEqual(out.value, 1)
        assert.strictEqual(counted.starts, 3)
      }))
  })

  describe("a default limit", () => {
    const most = <E>(program: (work: (n: number) => Effect.Effect<void>) => Effect.Effect<unknown, E>) =>
      Effect.suspend(() => {
        const probe = new Probe()
        return Effect.as(program((n) => probe.watch(n, Effect.sleep(1))), probe)
      }).pipe(
        (watched) => Effect.suspend(() => Parallel.withDefaults(watched, { limit: Limit.concurrency(2) })),
        drive,
        Effect.map((exit) => Exit.isSuccess(exit) ? [exit.value.most, exit.value.ended.length] : exit)
      )
    const unbounded = { concurrency: "unbounded" } as const
    const nodeOf = (work: (n: number) => Effect.Effect<void>) => Node.make("node", { exec: work })
    const cases: Record<string, (work: (n: number) => Effect.Effect<void>) => Effect.Effect<unknown, unknown>> = {
      "a run": (work) => Parallel.forEach(range(20), work, unbounded),
      "a run in a run": (work) =>
        Parallel.forEach(range(4), () => Parallel.forEach(range(5), work, unbounded), unbounded),
      "the exec of a node": (work) =>
        Effect.forEach(range(20), (n) => Flow.run(nodeOf(work), n), { concurrency: "unbounded" }),
      "the exec of a node in a run": (work) => Parallel.forEach(range(20), (n) => Flow.run(nodeOf(work), n), unbounded),
      "the items of a batch node": (work) => Flow.run(BatchNode.make("batch", { exec: work, ...unbounded }), range(20)),
      "the nodes of a batch flow": (work) =>
        Flow.run(
          BatchFlow.make("batch", {
            flow: Flow.chain("chain", Node.make("first", { exec: (n: number) => n }), nodeOf(work)),
            ...unbounded
          }),
          range(20)
        ),
      "nodes of a batch flow that run others": (work) =>
        Flow.run(
          BatchFlow.make("batch", {
            flow: Node.make("outer", { exec: (n: number) => Parallel.forEach([n], (n) => Flow.run(nodeOf(work), n)) }),
            ...unbounded
          }),
          range(20)
        ),
      "nodes side by side": (work) =>
        Flow.run(Flow.fanOut("fan", Object.fromEntries(range(20).map((n) => [`node${n}`, nodeOf(work)]))), 1),
      "a task that is inline": (work) =>
        Parallel.forEach(range(20), Task.make("task", { module, run: work }), unbounded)
    }
    for (const [what, program] of Object.entries(cases)) {
      it.effect(`of 2 lets 2 run at once, and all end: ${what}`, () =>
        Effect.gen(function*() {
          assert.deepStrictEqual(yield* most(program), [2, 20])
        }))
    }

    it.effect("does not apply to a node with its own limit", () =>
      Effect.gen(function*() {
        const found = yield* most((work) => {
          const node = Node.make("node", { exec: work, limit: Limit.concurrency(5) })
          return Effect.forEach(range(20), (n) => Flow.run(node, n), { concurrency: "unbounded" })
        })

        assert.deepStrictEqual(found, [5, 20])
      }))
  })

  it.effect("a default retry of inputs in batches is not applied again inside", () =>
    Effect.gen(function*() {
      const inner = failing()
      const task = Task.make("task", { module, run: () => Parallel.forEach([1], inner.work) })
      const exit = yield* Effect.exit(Parallel.run([1], task)).pipe(
        Parallel.withDefaults(twice),
        Effect.provide(TestBackend.layer({ batches: true }))
      )

      assert.strictEqual(inner.starts, 3)
      assert.deepStrictEqual(Exit.isSuccess(exit) && exit.value.outcomes.map((outcome) => outcome.attempts), [3])
    }))

  it.effect("a default retry of a run counts for its tasks on another backend", () =>
    Effect.gen(function*() {
      const inner = failing()
      const backend: Backend.Backend = {
        name: "elsewhere",
        workers: 1,
        execute: (job, batch, onExit) =>
          // as in a worker, to which no default retry is sent
          Effect.exit(Parallel.withDefaults(job.run(batch.inputs[0]!), { retry: { times: 0 } })).pipe(
            Effect.map((exit) => onExit(0, exit as never))
          )
      }
      const task = Task.make("task", { module, run: () => inner.work() })
      yield* Effect.exit(Parallel.forEach([1], task)).pipe(
        Parallel.withDefaults(twice),
        Effect.provide(Backend.layer(backend))
      )

      assert.strictEqual(inner.starts, 3)
    }))
})
