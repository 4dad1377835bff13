import { assert, describe, it } from "@effect/vitest"
import { Cause, Context, Effect, Exit, Fiber, Latch, Option, Ref, References, Request, RequestResolver } from "effect"
import { Parallel } from "effect-parallel"
import { TestClock } from "effect/testing"
import { drive, Probe, range } from "../helpers.ts"

describe("Parallel", () => {
  describe("withDefaults", () => {
    it.effect("sets options for everything inside, the nearest first, but not over a run's own", () =>
      Effect.gen(function*() {
        const most = (options: Parallel.Options) =>
          Effect.suspend(() => {
            const probe = new Probe()
            return Effect.as(Parallel.forEach(range(9), (n) => probe.watch(n, Effect.sleep(1)), options), probe)
          }).pipe(Effect.map((probe) => probe.most))
        const program = Effect.all([
          most({}),
          most({ concurrency: 3 }),
          Parallel.withDefaults(most({}), { concurrency: 4 }),
          Parallel.withDefaults(most({}), { preDispatch: 1 }),
          most({ concurrency: undefined })
        ]).pipe(Parallel.withDefaults({ concurrency: 2 }))

        const exit = yield* drive(program)

        assert.deepStrictEqual(Exit.isSuccess(exit) && exit.value, [2, 3, 4, 2, 2])
      }))

    it("refuses options that would change a type", () => {
      assert.throws(
        () => Parallel.withDefaults(Effect.void, { timeout: 1 } as Parallel.DefaultOptions),
        /expected `default options` to have only .*, got `timeout`/
      )
    })
  })

  describe("the caller's context", () => {
    class Greeting extends Context.Service<Greeting, string>()("test/Greeting") {}

    it.effect("reaches the work: services, references, span and log annotations", () =>
      Effect.gen(function*() {
        const Level = Context.Reference<number>("test/Level", { defaultValue: () => 0 })
        const seen = Effect.gen(function*() {
          const span = yield* Effect.currentSpan
          const parent = Option.getOrUndefined(span.parent)
          return [
            yield* Greeting,
            yield* Level,
            span.name,
            parent?._tag === "Span" ? parent.name : undefined,
            (yield* References.CurrentLogAnnotations)["run"]
          ]
        })
        for (const options of [{}, { timeout: "1 second" }, { stragglers: { after: "1 second" } }] as const) {
          const values = yield* Parallel.forEach([1], () => seen, { name: "works", ...options }).pipe(
            Effect.provideService(Greeting, "hello"),
            Effect.provideService(Level, 3),
            Effect.annotateLogs("run", "r1"),
            Effect.withSpan("outer")
          )

          assert.deepStrictEqual(values, [["hello", 3, "works", "outer", "r1"]])
        }
      }))
  })

  describe("batched requests", () => {
    it.effect("100 requests at concurrency 20 make 5 calls", () =>
      Effect.gen(function*() {
        class Load extends Request.TaggedClass("Load")<{ readonly id: number }, string> {}
        const calls: Array<number> = []
        const resolver = RequestResolver.make<Load>((entries) =>
          Effect.sync(() => {
            calls.push(entries.length)
            for (const entry of entries) entry.completeUnsafe(Exit.succeed(`row ${entry.request.id}`))
          })
        )
        const load = (id: number) => Effect.request(new Load({ id }), resolver)
        const rows = yield* Parallel.forEach(range(100), load, { concurrency: 20 })

        assert.deepStrictEqual(rows, range(100).map((id) => `row ${id}`))
        assert.deepStrictEqual(calls, [20, 20, 20, 20, 20])
      }))
  })

  describe("interruption", () => {
    it.effect("of 1000 inputs with 50 in flight runs all finalizers before it returns", () =>
      Effect.gen(function*() {
        const probe = new Probe()
        const gate = yield* Latch.make()
        const finalized = yield* Ref.make(0)
        const work = (n: number) =>
          probe.watch(
            n,
            Effect.ensuring(gate.await, Effect.andThen(Effect.sleep(5), Ref.update(finalized, (n) => n + 1)))
          )
        const run = yield* Effect.forkChild(Parallel.run(range(1000), work, { concurrency: 50, timeout: "1 minute" }))
        yield* TestClock.adjust(1)
        const interrupter = yield* Effect.forkChild(Fiber.interrupt(run))
        yield* TestClock.adjust(4)
        const before = interrupter.pollUnsafe()
        yield* TestClock.adjust(1)

        assert.strictEqual(before, undefined)
        assert.deepStrictEqual(interrupter.pollUnsafe(), Exit.void)
        assert.strictEqual(yield* Ref.get(finalized), 50)
        assert.strictEqual(probe.running, 0)
        assert.strictEqual(probe.started.length, 50)
      }))

    it.effect("is not a failure and is not reported", () =>
      Effect.gen(function*() {
        const fiber = yield* Effect.forkChild(Parallel.run([1, 2], () => Effect.never))
        yield* TestClock.adjust(1)
        yield* Fiber.interrupt(fiber)
        const exit = yield* Fiber.await(fiber)

        assert.isTrue(Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause))
      }))
  })
})
