/** Backends that break their contract: nothing waits forever, runs twice or is lost, and the backend is named. */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Duration, Effect, Exit, Fiber } from "effect"
import { Backend, type Outcome, Parallel, Progress, Task } from "effect-parallel"
import { inspect } from "node:util"
import { drive, range, turn } from "../../helpers.ts"

const module = import.meta.url
const double = Task.make("double", { module, run: (n: number) => Effect.succeed(2 * n) })

type Execute = (
  job: Backend.Job<any, any, any>,
  batch: Backend.Batch<any>,
  onExit: (...report: ReadonlyArray<any>) => void
) => any

/** A backend that may break the contract. */
const bad = (execute: Execute, parts: object = {}): Backend.Backend => ({
  name: "bad",
  workers: 2,
  batches: true,
  execute: execute as Backend.Backend["execute"],
  ...parts
})

const defectOf = (exit: Exit.Exit<unknown, unknown>): unknown =>
  Exit.isFailure(exit) && Cause.hasDies(exit.cause) ? Cause.squash(exit.cause) : assert.fail(String(exit))

const messageOf = (exit: Exit.Exit<unknown, unknown>): string => (defectOf(exit) as Error).message

/** Reports every input of a batch as its double. */
const all: Execute = (_, { inputs }, onExit) =>
  Effect.sync(() => inputs.forEach((n, position) => onExit(position, Exit.succeed(2 * n))))

describe("a backend", () => {
  const malformed: ReadonlyArray<readonly [field: string, change: object, error: "RangeError" | "TypeError"]> = [
    ...[0, -1, NaN, 1.5, -Infinity].map((workers) => ["workers", { workers }, "RangeError"] as const),
    ...[undefined, null, "4", {}, 2n].map((workers) => ["workers", { workers }, "TypeError"] as const),
    ["name", { name: "" }, "RangeError"],
    ["name", { name: undefined }, "TypeError"],
    ["execute", { execute: undefined }, "TypeError"],
    ["execute", { execute: Effect.void }, "TypeError"],
    ["batches", { batches: "yes" }, "TypeError"],
    ["onResize", { onResize: 1 }, "TypeError"],
    ["machineOf", { machineOf: {} }, "TypeError"],
    ["messageMillis", { messageMillis: -1 }, "RangeError"]
  ]
  for (const [field, change, error] of malformed) {
    it.effect(`that is malformed is refused by name, with a ${error}: ${inspect(change)}`, () =>
      Effect.gen(function*() {
        const backend = bad(all, change)
        const named = new RegExp(`expected \`backend.${field}\``)
        const run = Effect.provideService(Parallel.forEach([1, 2], double), Backend.Backend, backend)
        const call = Effect.provideService(double(1), Backend.Backend, backend)

        assert.throws(() => Backend.layer(backend), named)
        for (const exit of [yield* Effect.exit(run), yield* Effect.exit(call)]) {
          assert.strictEqual((defectOf(exit) as Error).name, error)
          assert.match(messageOf(exit), named)
        }
      }))
  }

  it("that is not an object is refused", () => {
    for (const backend of [undefined, null, "threads"] as ReadonlyArray<any>) {
      assert.throws(() => Backend.layer(backend), /expected `backend` to be a Backend/)
    }
  })

  it.effect("may have infinitely many workers", () =>
    Effect.gen(function*() {
      const layer = Backend.layer(bad(all, { workers: Infinity }))

      assert.deepStrictEqual(
        yield* Effect.provide(Parallel.forEach(range(20), double), layer),
        range(20).map((n) => 2 * n)
      )
    }))

  it.effect("whose number of workers changes after the check loses no input silently", () =>
    Effect.gen(function*() {
      let asked = 0
      const backend = Object.defineProperty(bad(all, { batches: false }), "workers", {
        get: () => asked++ === 0 ? 1 : 0
      })
      const exit = yield* Effect.exit(
        Effect.provideService(Parallel.forEach([1, 2], double), Backend.Backend, backend)
      )

      assert.match(messageOf(exit), /ended with inputs left: 0 of the 0 inputs taken are done/)
    }))

  for (const batchSize of [1, 4] as const) {
    it.effect(`that does nothing with batches of ${batchSize} gets each for 30 s, and no input affects another`, () =>
      Effect.gen(function*() {
        const dispatched: Array<number> = []
        const silent = bad((_, batch, onExit) =>
          Effect.sync(() => {
            for (const [position, input] of batch.inputs.entries()) {
              if (input % 2 === 1) onExit(position, Exit.succeed(2 * input))
              else dispatched.push(batch.index(position)!)
            }
          })
        )
        const run = Parallel.run(range(8), double, { batchSize, concurrency: 1 })
        const report = yield* Effect.flatten(drive(Effect.provide(run, Backend.layer(silent)), "1 seconds"))

        assert.deepStrictEqual(report.values, [2, 6, 10, 14])
        for (const { cause } of report.failures) {
          const { reason } = Cause.squash(cause) as Backend.BackendError
          assert.isTrue(reason._tag === "NoWorkers" && reason.millis >= 30_000 && reason.millis < 60_000, reason._tag)
        }
        for (const index of [0, 2, 4, 6]) assert.isAtMost(dispatched.filter((each) => each === index).length, 200)
        assert.isBelow(Duration.toMillis(report.elapsed), 120_000)
      }))
  }

  it.effect("that runs one input of each batch gets the others as often as necessary", () =>
    Effect.gen(function*() {
      let batches = 0
      const slow = bad((_, { inputs }, onExit) => {
        batches++
        const last = inputs.length - 1
        return Effect.sync(() => onExit(last, Exit.succeed(2 * inputs[last])))
      })
      const run = Parallel.forEach(range(40), double, { batchSize: 40, concurrency: 1 })
      const exit = yield* drive(Effect.provide(run, Backend.layer(slow)))

      assert.deepStrictEqual(exit, Exit.succeed(range(40).map((n) => 2 * n)))
      assert.strictEqual(batches, 40)
    }))

  it.effect("that gives a batch back because of a recall is never at fault", () =>
    Effect.gen(function*() {
      let recalls = 0
      let waits = false
      // one batch at a time waits for its recall, so the other lane is idle and recalls it
      const backend = bad((job, batch, onExit) =>
        batch.recall === undefined || waits || recalls === 30
          ? all(job, batch, onExit)
          : Effect.callback<void>((resume) => {
            waits = true
            batch.recall!.signal.addEventListener("abort", () => {
              recalls++
              waits = false
              resume(Effect.void)
            })
          })
      )
      const run = Parallel.forEach(range(60).values(), double, { concurrency: 2 })
      const exit = yield* drive(Effect.provide(run, Backend.layer(backend)), "10 millis", 2000)

      assert.deepStrictEqual(exit, Exit.succeed(range(60).map((n) => 2 * n)))
      assert.strictEqual(recalls, 30)
    }))

  const mistakes: Readonly<Record<string, [execute: Execute, message: RegExp]>> = {
    "throws": [() => {
      throw new Error("thrown")
    }, /^thrown$/],
    "dies": [() => Effect.die(new Error("died")), /^died$/],
    "fails": [() => Effect.fail("no"), /input #0, backend bad: its `execute` failed; it has to report/],
    "returns nothing": [() => undefined, /backend bad: its `execute` did not return an Effect/],
    "returns a promise": [() => Promise.resolve(), /backend bad: its `execute` did not return an Effect/],
    "reports a position beyond the batch": [
      (_, { inputs }, onExit) => Effect.sync(() => onExit(inputs.length, Exit.succeed(1))),
      /backend bad: it reported position \d+ of a batch of \d+/
    ],
    "reports a position below 0": [
      (_, __, onExit) => Effect.sync(() => onExit(-1, Exit.succeed(1))),
      /backend bad: it reported position -1 of a batch/
    ],
    "reports half a position": [
      (_, __, onExit) => Effect.sync(() => onExit(0.5, Exit.succeed(1))),
      /backend bad: it reported position 0\.5 of a batch/
    ],
    "reports a word as the position": [
      (_, __, onExit) => Effect.sync(() => onExit("0", Exit.succeed(1))),
      /backend bad: it reported position "0" of a batch/
    ],
    "reports a value as an exit": [
      (_, __, onExit) => Effect.sync(() => onExit(0, 5)),
      /backend bad: it reported 5, which is not an Exit/
    ],
    "reports no exit": [
      (_, __, onExit) => Effect.sync(() => onExit(0)),
      /backend bad: it reported undefined, which is not an Exit/
    ],
    "reports half an exit": [
      (_, __, onExit) => Effect.sync(() => onExit(0, { "~effect/Exit": "~effect/Exit", _tag: "Failure" })),
      /backend bad: it reported .*, which is not an Exit/
    ]
  }
  for (const [name, [execute, message]] of Object.entries(mistakes)) {
    for (const batches of [true, false]) {
      it.effect(`that ${name} fails the run with a defect${batches ? ", in batches" : ""}`, () =>
        Effect.gen(function*() {
          const layer = Backend.layer(bad(execute, { batches }))
          const exit = yield* drive(Effect.provide(Parallel.forEach(range(6), double), layer))
          const call = yield* drive(Effect.provide(double(1), layer))

          assert.match(messageOf(exit), message)
          if (!/input #0/.test(message.source)) assert.match(messageOf(call), message)
        }))
    }
  }

  it.effect("that interrupts itself does not look like an interrupted run", () =>
    Effect.gen(function*() {
      const layer = Backend.layer(bad(() => Effect.interrupt))
      const exit = yield* drive(Effect.provide(Parallel.run(range(6), double), layer))

      assert.match(messageOf(exit), /backend bad: its `execute` interrupted itself/)
    }))

  for (const from of [-1, NaN, 0.5, -Infinity, "0"] as ReadonlyArray<any>) {
    it.effect(`that gives back from ${from} fails the run with a defect`, () =>
      Effect.gen(function*() {
        const backend = bad((_, { recall }) => Effect.andThen(Effect.sync(() => recall?.giveBack(from)), Effect.never))
        const run = Parallel.run(range(6), double, { batchSize: 3 })
        const exit = yield* drive(Effect.provide(run, Backend.layer(backend)))

        assert.match(messageOf(exit), /backend bad: it gave back inputs from position/)
      }))
  }

  for (const batches of [true, false]) {
    it.effect(`that reports an input again, or late, changes nothing${batches ? ", in batches" : ""}`, () =>
      Effect.gen(function*() {
        const late: Array<() => void> = []
        const backend = bad(
          (_, { inputs }, onExit) =>
            Effect.sync(() => {
              for (const report of late) report()
              inputs.forEach((n, position) => {
                onExit(position, Exit.succeed(2 * n))
                onExit(position, Exit.fail("again"))
                onExit(position, Exit.succeed(-1))
                late.push(() => onExit(position, Exit.succeed(-2)), () => onExit(99, Exit.succeed(-3)))
              })
            }),
          { batches }
        )
        const outcomes: Array<Outcome.Outcome<number, number, unknown>> = []
        const run = Effect.provide(Parallel.run(range(20), double, { batchSize: 3 }), Backend.layer(backend))
        const exit = yield* drive(run)
        if (Exit.isSuccess(exit)) outcomes.push(...exit.value.outcomes)
        for (const report of late) report()

        assert.deepStrictEqual(outcomes.map(({ index }) => index), range(20))
        assert.deepStrictEqual(
          outcomes.map((outcome) => outcome._tag === "Success" ? outcome.value : outcome),
          range(20).map((n) => 2 * n)
        )
      }))
  }

  it.effect("that reports after its run was interrupted changes nothing", () =>
    Effect.gen(function*() {
      const late: Array<() => void> = []
      const backend = bad((_, { inputs }, onExit) => {
        inputs.forEach((n, position) => late.push(() => onExit(position, Exit.succeed(n))))
        return Effect.never
      })
      const watched: Array<Progress.Run> = []
      const progress: Progress.Progress = {
        watch: (run, self) => {
          watched.push(run)
          return self
        }
      }
      const run = Effect.provide(Parallel.run(range(6), double, { batchSize: 3 }), Backend.layer(backend))
      const fiber = yield* Effect.forkChild(Effect.provideService(run, Progress.Progress, progress))
      yield* turn
      yield* Fiber.interrupt(fiber)
      for (const report of late) report()

      assert.strictEqual(late.length, 6)
      assert.deepStrictEqual(watched.map((run) => run.counts().done), [0])
    }))

  for (const [worker, millis] of [[NaN, NaN], [-1, -1], ["a", "b"], [1.5, Infinity], [{}, {}]] as const) {
    it.effect(`that reports worker ${inspect(worker)} and time ${inspect(millis)} does not break outcomes`, () =>
      Effect.gen(function*() {
        const backend = bad((_, { inputs }, onExit) =>
          Effect.sync(() => inputs.forEach((n, position) => onExit(position, Exit.succeed(n), worker, millis)))
        )
        const report = yield* Effect.provide(Parallel.run(range(6), double), Backend.layer(backend))

        for (const { elapsed, startedAt, worker } of report.outcomes) {
          assert.isTrue(Number.isSafeInteger(worker) && worker >= 0)
          assert.isDefined([elapsed, startedAt])
        }
      }))
  }
})
