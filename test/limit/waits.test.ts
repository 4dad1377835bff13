import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Fiber, Metric } from "effect"
import { Limit, Parallel, Progress, Report, Task } from "effect-parallel"
import { TestBackend } from "effect-parallel/testing"
import { TestClock } from "effect/testing"
import { LimitWaits } from "../../src/limit/waits.ts"
import { range } from "../helpers.ts"

/** Runs an effect under a progress. Returns the last snapshot while it was running. */
const watched = <A, E, R>(run: Effect.Effect<A, E, R>, millis: number) =>
  Effect.gen(function*() {
    const told: Array<ReadonlyArray<Progress.Snapshot>> = []
    const progress = yield* Progress.make((snapshots) => Effect.sync(() => told.push(snapshots)))
    const fiber = yield* Effect.forkChild(Effect.provideService(run, Progress.Progress, progress))
    yield* TestClock.adjust(millis)
    const [{ limited, running, waiting }] = told.at(-1) as unknown as [Progress.Snapshot]
    return { fiber, seen: { limited, running, waiting }, text: Progress.toText(told.at(-1)![0]!) }
  })

const limitedMetrics = Effect.map(
  Metric.snapshot,
  (series) =>
    series.filter(({ id }) => id === "effect_parallel_limited").map(({ attributes, state }) => ({ attributes, state }))
)

const isolated = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.suspend(() => Effect.provideService(effect, Metric.MetricRegistry, new Map()))

describe("waiting for limits", () => {
  it.effect("is shown in progress, metrics and reports, by the names of limits", () =>
    Effect.gen(function*() {
      const gate = Limit.gate({ open: false, name: "gate" })
      const tokens = Limit.rate({ limit: 1, window: "1 second", burst: 1, name: "tokens" })
      const run = Parallel.run(range(3), () => Effect.void, { name: "run", limit: [tokens, gate], concurrency: 3 })
      const { fiber, seen, text } = yield* watched(run, 1000)

      assert.deepStrictEqual(seen, { limited: [{ name: "gate", waiting: 3 }], running: 0, waiting: 0 })
      assert.match(text, /0 running, 3 waiting for gate/)
      assert.deepStrictEqual(yield* limitedMetrics, [
        { attributes: { run: "run", limit: "gate" }, state: { value: 3 } }
      ])

      yield* gate.resume
      yield* TestClock.adjust("5 seconds")
      const report = yield* Fiber.join(fiber)
      const limits = report.limits.map(({ name, waited, waits }) => [name, waits, Duration.toMillis(waited)])
      assert.deepStrictEqual(limits, [["gate", 3, 3000], ["tokens", 2, 3000]])
      assert.match(Report.toText(report), /limits: gate 3s in 3 waits, tokens 3s in 2 waits/)
      assert.deepStrictEqual(Report.toJson(report).limits, [
        { name: "gate", waits: 3, waited: 3000 },
        { name: "tokens", waits: 2, waited: 3000 }
      ])
      assert.deepStrictEqual((yield* limitedMetrics).map(({ state }) => state), [{ value: 0 }, { value: 0 }])
    }).pipe(isolated))

  it.effect("includes inputs that are put aside without a slot", () =>
    Effect.gen(function*() {
      const limit = Limit.keyed((n: number) => n % 2, () => Limit.concurrency(1, { name: "one by one" }))
      const run = Parallel.run(range(6), () => Effect.sleep("1 second"), { limit, concurrency: 4, preDispatch: "all" })
      const { fiber, seen } = yield* watched(run, 500)

      assert.deepStrictEqual(seen, { limited: [{ name: "one by one", waiting: 4 }], running: 2, waiting: 0 })
      yield* TestClock.adjust("5 seconds")
      const { limits } = yield* Fiber.join(fiber)
      assert.deepStrictEqual(limits.map(({ waited, waits }) => [waits, Duration.toMillis(waited)]), [[4, 6000]])
    }))

  it.effect("includes the inputs of batches", () =>
    Effect.gen(function*() {
      const sleeps = Task.make("sleeps", { module: import.meta.url, run: (n: number) => Effect.sleep(n) })
      const limit = Limit.concurrency(1, { name: "one" })
      const run = Parallel.run(range(8).map(() => 250), sleeps, { limit, concurrency: 2, batchSize: 4 })
      const { fiber, seen } = yield* watched(run, 500)

      assert.deepStrictEqual(seen, { limited: [{ name: "one", waiting: 4 }], running: 1, waiting: 0 })
      yield* TestClock.adjust("5 seconds")
      assert.deepStrictEqual((yield* Fiber.join(fiber)).limits.map(({ waits }) => waits), [4])
    }).pipe(Effect.provide(TestBackend.layer({ batches: true }))))

  it.effect("ends with the run that is interrupted", () =>
    Effect.gen(function*() {
      const gate = Limit.gate({ open: false })
      const keyed = Limit.keyed((n: number) => n, () => gate)
      for (const limit of [gate, keyed]) {
        const { fiber, seen } = yield* watched(
          Parallel.forEach(range(3), Effect.succeed, { limit, concurrency: 3 }),
          500
        )
        assert.deepStrictEqual(seen.limited, [{ name: "gate", waiting: 3 }])
        yield* Fiber.interrupt(fiber)
        assert.strictEqual((yield* gate.state).waiting, 0)
      }
    }))

  it("is counted under one name beyond the hundredth", () => {
    const names: Array<string> = []
    const waits = new LimitWaits()
    waits.onName = (name) => names.push(name)
    for (const n of range(200)) waits.change(`limit ${n}`, "slot", 1, 0)

    assert.strictEqual(names.length, 101)
    assert.deepStrictEqual(waits.limited.at(-1), { name: "other limits", waiting: 100 })
    for (const n of range(200)) waits.change(`limit ${n}`, "slot", -1, 10)
    assert.deepStrictEqual(waits.limited, [])
    assert.strictEqual(Duration.toMillis(waits.over(50)[0]!.waited), 1000)
    assert.strictEqual(waits.at("slot"), 0)
  })
})
