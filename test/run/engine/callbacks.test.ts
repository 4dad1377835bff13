/** User functions that throw, die, end their fiber or return invalid values. Each fails only its input. */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Duration, Effect, Exit, Fiber, Schedule } from "effect"
import { Flow, Limit, Node, Parallel, type Report, Task } from "effect-parallel"
import { TestBackend } from "effect-parallel/testing"
import { drive, range, turn } from "../../helpers.ts"

const fail = (): never => {
  throw new Error("callback")
}
const interruptOwn = Effect.withFiber<never>((fiber) => {
  fiber.interruptUnsafe()
  return Effect.never
})
const invalid: Effect.Effect<never> = Effect.flatMap(Effect.void, () => undefined as never)

/** A schedule whose step may return anything. */
const scheduled = (step: () => unknown) => Schedule.fromStep(Effect.succeed(step as never))

const policies: Readonly<Record<string, unknown>> = {
  "a predicate that throws": { while: fail },
  "a predicate that dies": { while: () => Effect.die("died") },
  "a predicate that fails": { while: () => Effect.fail("failed") },
  "a predicate that returns nothing": { while: () => undefined },
  "a predicate that returns a promise": { while: () => Promise.resolve(true) },
  "a predicate that interrupts its fiber": { while: () => interruptOwn },
  "a predicate that gives no effect": { while: () => invalid },
  "a schedule that throws": { schedule: scheduled(fail) },
  "a schedule that dies": scheduled(() => Effect.die("died")),
  "a schedule that interrupts its fiber": scheduled(() => interruptOwn),
  "a schedule that returns nothing": scheduled(() => undefined),
  "a schedule whose delay is a word": scheduled(() => Effect.succeed([0, "soon"])),
  "a schedule whose delay is no number": scheduled(() => Effect.succeed([0, NaN])),
  "a schedule whose delay is missing": scheduled(() => Effect.succeed([])),
  "a schedule that maps its delay to nonsense": Schedule.modifyDelay(
    Schedule.forever,
    () => Effect.succeed("soon" as never)
  )
}

const odd = (n: number) => n % 2 === 0 ? Effect.succeed(n) : Effect.fail("odd")
const task = Task.make("odd", { module: import.meta.url, run: odd })

describe("a callback", () => {
  for (const [name, policy] of Object.entries(policies)) {
    const options = { retry: policy as Schedule.Schedule<unknown> }
    const runs: Readonly<Record<string, Effect.Effect<Report.Report<number, number, unknown>>>> = {
      "on fibers": Parallel.run(range(8), odd, options),
      "with stragglers": Parallel.run(range(8), odd, { ...options, stragglers: { after: 5 } }),
      "on a backend": Effect.provide(Parallel.run(range(8), task, options), TestBackend.layer()),
      "in batches": Effect.provide(Parallel.run(range(8), task, options), TestBackend.layer({ batches: true }))
    }
    for (const [where, run] of Object.entries(runs)) {
      it.effect(`fails only the inputs it is called for: ${name}, ${where}`, () =>
        Effect.gen(function*() {
          const exit = yield* drive(run, "1 millis", 50)

          const report = Exit.isSuccess(exit) ? exit.value : assert.fail(Cause.pretty(exit.cause))
          assert.deepStrictEqual(report.values, [0, 2, 4, 6])
          assert.deepStrictEqual(report.failures.map(({ index }) => index), [1, 3, 5, 7])
          for (const { attempts, cause } of report.failures) {
            const [first, second] = cause.reasons
            assert.strictEqual(attempts, 1)
            assert.isTrue(first !== undefined && Cause.isFailReason(first) && first.error === "odd")
            assert.isTrue(second !== undefined)
          }
        }))
    }

    it.effect(`fails the step of a flow: ${name}`, () =>
      Effect.gen(function*() {
        const step = Node.make("step", {
          exec: (_: number): Effect.Effect<number, string> => Effect.fail("odd"),
          ...options
        })
        const exit = yield* drive(Flow.run(step, 1), "1 millis", 50)

        assert.isTrue(Exit.isFailure(exit) && exit.cause.reasons.length > 0)
      }))
  }

  const arounds: Readonly<Record<string, Limit.Limit["around"]>> = {
    "throws": fail,
    "dies": () => Effect.die("died"),
    "returns nothing": () => undefined as never,
    "returns a promise": () => Promise.resolve() as never,
    "interrupts its fiber": () => interruptOwn,
    "gives no effect": () => invalid
  }
  for (const [name, around] of Object.entries(arounds)) {
    it.effect(`fails only the inputs it wraps: a limit that ${name}`, () =>
      Effect.gen(function*() {
        let calls = 0
        const limit = Limit.make({
          name,
          around: (attempt) => calls++ % 2 === 0 ? attempt : around(attempt, undefined)
        })
        const run = Parallel.run(range(8), (n) => Effect.succeed(n), { concurrency: 1, limit, timeout: 100 })
        const exit = yield* drive(run, "1 millis", 50)

        const report = Exit.isSuccess(exit) ? exit.value : assert.fail(Cause.pretty(exit.cause))
        assert.deepStrictEqual(report.values, [0, 2, 4, 6])
        assert.deepStrictEqual(report.failures.map(({ index }) => index), [1, 3, 5, 7])
      }))
  }

  it.effect("that never answers blocks only its lane, and ends with its run", () =>
    Effect.gen(function*() {
      const run = Parallel.run(range(8), odd, { concurrency: 5, retry: { while: () => Effect.never } })
      const fiber = yield* Effect.forkChild(run)
      yield* turn
      assert.isUndefined(fiber.pollUnsafe())
      yield* Fiber.interrupt(fiber)
    }))

  it.effect("is not affected by options that change later", () =>
    Effect.gen(function*() {
      let attempts = 0
      const retry = { times: 1 }
      const run = Parallel.run([1], () => Effect.suspend(() => Effect.fail(++attempts)), { retry })
      Object.defineProperty(retry, "times", { get: fail })
      const report = yield* run

      assert.deepStrictEqual(report.failures.map(({ attempts }) => attempts), [2])
    }))

  it.effect("that returns a delay of months waits for months", () =>
    Effect.gen(function*() {
      let attempts = 0
      const retry = { times: 1, schedule: Schedule.spaced(Duration.days(60)) }
      const work = () => Effect.suspend(() => ++attempts < 2 ? Effect.fail("no") : Effect.succeed(attempts))
      const exit = yield* drive(Parallel.run([1], work, { retry, timeout: "90 days" }), "24 hours", 70)

      assert.isTrue(Exit.isSuccess(exit))
      if (Exit.isSuccess(exit)) assert.strictEqual(Duration.toDays(exit.value.outcomes[0]!.elapsed), 60)
    }))
})
