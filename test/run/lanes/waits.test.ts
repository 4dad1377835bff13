import { assert, describe, it } from "@effect/vitest"
import { Clock, Duration, Effect, Exit, Schedule } from "effect"
import { Backend, Limit, Outcome, Parallel, Report } from "effect-parallel"
import { drive } from "../../helpers.ts"
import { half as tasksHalf } from "../../Node.tasks.ts"

const millis = Duration.toMillis

/** Returns the waits in milliseconds, without those that are zero. */
const waitsOf = ({ waits }: { readonly waits: Outcome.Waits }): Readonly<Record<string, number>> =>
  Object.fromEntries(
    Object.entries(waits).map(([kind, wait]) => [kind, millis(wait)] as const).filter(([, n]) => n > 0)
  )

const reportOf = <I, A, E>(run: Effect.Effect<Outcome.Report<I, A, E>>) =>
  Effect.map(drive(run), (exit) => Exit.isSuccess(exit) ? exit.value : assert.fail("the run has failed"))

describe("waits on fibers", () => {
  it.effect("are zero for an input that was neither delayed nor retried", () =>
    Effect.gen(function*() {
      const report = yield* reportOf(Parallel.run([10, 20, 30, 40], Effect.sleep, { concurrency: 2 }))

      for (const outcome of report.outcomes) assert.strictEqual(outcome.waits, Outcome.noWaits)
      assert.isFalse(JSON.stringify(Report.toJson(report)).includes("waits"))
      assert.strictEqual(Report.toText(report).split("\n").length, 1)
    }))

  it.effect("show how long limits delayed an attempt", () =>
    Effect.gen(function*() {
      const limit = Limit.concurrency(1)
      const report = yield* reportOf(Parallel.run([10, 10, 10], Effect.sleep, { concurrency: 3, limit }))

      assert.deepStrictEqual(report.outcomes.map(waitsOf), [{}, { limit: 10 }, { limit: 20 }])
      assert.deepStrictEqual(report.outcomes.map(({ startedAt }) => millis(startedAt)), [0, 10, 20])
      assert.strictEqual(
        Report.toText(report).split("\n")[1],
        "  3 lanes: 33 % working, 33 % waiting for limits, 33 % idle"
      )
      assert.deepStrictEqual(Report.usage(report), {
        workers: 3,
        working: Duration.millis(30),
        limit: Duration.millis(30),
        idle: Duration.millis(30),
        retry: Duration.zero,
        queue: Duration.zero,
        startup: Duration.zero,
        transfer: Duration.zero
      })
    }))

  it.effect("distinguish the delay before a retry from the wait for a lane after it", () =>
    Effect.gen(function*() {
      const tried = new Set<number>()
      const work = (n: number) =>
        Effect.suspend(() =>
          n === 0 && !tried.has(n) ? (tried.add(n), Effect.fail("once")) : Effect.sleep(n === 0 ? 1 : 100)
        )
      const report = yield* reportOf(
        Parallel.run([0, 1], work, { concurrency: 1, retry: { times: 1, schedule: Schedule.spaced(30) } })
      )
      const [first] = report.outcomes

      assert.deepStrictEqual(first!.history.map(waitsOf), [{}, { retry: 30, queue: 70 }])
      assert.deepStrictEqual(waitsOf(first!), { retry: 30, queue: 70 })
      assert.deepStrictEqual(Report.toJson(report).outcomes[0]!.history![1]!.waits, { retry: 30, queue: 70 })
    }))

  it.effect("are counted for each attempt separately", () =>
    Effect.gen(function*() {
      const limit = Limit.concurrency(1)
      let calls = 0
      const work = () =>
        Effect.suspend(() => ++calls === 2 ? Effect.delay(Effect.fail("second"), 10) : Effect.sleep(10))
      const report = yield* reportOf(
        Parallel.run([0, 1], work, { concurrency: 2, limit, retry: { times: 1 } })
      )

      assert.deepStrictEqual(report.outcomes.map((outcome) => Outcome.tries(outcome).map(waitsOf)), [
        [{}],
        [{ limit: 10 }, {}]
      ])
    }))
})

describe("a report of a run that took no time", () => {
  it.effect("has a text without percentages of zero", () =>
    Effect.gen(function*() {
      let calls = 0
      const work = () => Effect.suspend(() => ++calls % 2 === 1 ? Effect.fail("once") : Effect.void)
      const report = yield* reportOf(Parallel.run([1, 2], work, { retry: { times: 1 }, concurrency: 1 }))

      assert.strictEqual(Report.toText(report), "parallel: 2 of 2 succeeded, 2 retried in 0")
    }))
})

/** Returns a function that reads the clock in the unit of backends. */
const clockOfRun = Effect.clockWith((clock) => Effect.succeed(() => Number(clock.monotonicTimeNanosUnsafe()) / 1e6))

/** Runs an input of a task like a backend, without schemas. */
const ran = <I, A, E>(job: Backend.Job<I, A, E>, input: I): Effect.Effect<Exit.Exit<A, E>> =>
  Effect.exit(job.run(input) as Effect.Effect<A, E>)

describe("stragglers on a backend that reports when inputs begin", () => {
  /** A backend of two workers. The second begins nothing. */
  const half: Backend.Backend = {
    name: "half",
    workers: 2,
    batches: true,
    execute: (job, batch, onExit) =>
      Effect.gen(function*() {
        const now = yield* clockOfRun
        batch.delivered?.({ queue: 0, startup: 0, transfer: 0 })
        if (begun) return yield* Effect.never as Effect.Effect<void>
        begun = true
        const startedAt = now() + 5
        yield* Effect.sleep(105)
        const endedAt = now()
        // the report takes long to arrive
        yield* Effect.sleep(50)
        onExit(0, yield* ran(job, batch.inputs[0]!), 1, startedAt, endedAt)
      })
  }
  let begun = false

  it.effect("do not count an attempt that never began, and keep the times of the winner", () =>
    Effect.gen(function*() {
      begun = false
      const report = yield* reportOf(
        Parallel.run([2], tasksHalf, { stragglers: { after: 20 }, concurrency: 2 }).pipe(
          Effect.provide(Backend.layer(half))
        ) as never
      )
      const [outcome] = report.outcomes

      assert.deepStrictEqual(
        [outcome!.attempts, outcome!.worker, millis(outcome!.startedAt), millis(outcome!.elapsed)],
        [1, 1, 5, 100]
      )
      assert.deepStrictEqual(outcome!.history, [])
      assert.deepStrictEqual(waitsOf(outcome!), { queue: 5, transfer: 50 })
    }))
})

describe("lost starts of a backend", () => {
  it.effect("count as attempts and are in the history; inputs that did not begin do not", () =>
    Effect.gen(function*() {
      for (const batchSize of [1, 4]) {
        let round = 0
        const backend: Backend.Backend = {
          name: "loses",
          workers: 1,
          batches: true,
          execute: (job, batch, onExit) =>
            Effect.gen(function*() {
              const now = yield* clockOfRun
              const startedAt = now()
              yield* Effect.sleep(10)
              if (round++ < 2) return batch.lost?.(0, 0, startedAt)
              for (const [position, input] of batch.inputs.entries()) {
                onExit(position, yield* ran(job, input), 0, startedAt, now())
              }
            })
        }
        const report = yield* reportOf(
          Parallel.run([2, 3, 4, 6], tasksHalf, { batchSize, concurrency: 1 }).pipe(
            Effect.provide(Backend.layer(backend))
          ) as never
        )
        const lost = report.outcomes.map(({ history }) => history.map(({ end }) => end))

        assert.deepStrictEqual(report.outcomes.map(({ attempts, index }) => [index, attempts]), [
          [0, 3],
          [1, 1],
          [2, 1],
          [3, 1]
        ])
        assert.deepStrictEqual(lost, [["Lost", "Lost", "Succeeded"], [], [], []])
      }
    }))

  it.effect("count as attempts if each input is sent alone", () =>
    Effect.gen(function*() {
      let round = 0
      const backend: Backend.Backend = {
        name: "loses",
        workers: 1,
        batches: true,
        execute: (job, batch, onExit) =>
          Effect.gen(function*() {
            yield* Effect.sleep(10)
            if (round++ === 0) return batch.lost?.(0, 0, 0)
            onExit(0, yield* ran(job, batch.inputs[0]!), 0, 10, 20)
          })
      }
      const report = yield* reportOf(
        Parallel.run([2, 4], tasksHalf, { spans: true, concurrency: 1 }).pipe(
          Effect.provide(Backend.layer(backend))
        ) as never
      )

      assert.deepStrictEqual(report.outcomes.map(({ attempts }) => attempts), [2, 1])
      assert.deepStrictEqual(report.outcomes.map(({ history }) => history.map(({ end }) => end)), [
        ["Lost", "Succeeded"],
        []
      ])
    }))
})

describe("times that a backend reports", () => {
  type Told = readonly [worker?: number, startedAt?: number, endedAt?: number]

  /** A run of one input on a backend that takes 100 ms and reports the given times, which count from its call. */
  const runOn = (batches: boolean, told: Told, delivery?: Backend.Delivery) => {
    const backend: Backend.Backend = {
      name: "told",
      workers: 1,
      batches,
      execute: (_, { delivered }, onExit) =>
        Effect.gen(function*() {
          const from = Number(yield* Clock.monotonicTimeNanos) / 1e6
          yield* Effect.sleep(100)
          if (delivery !== undefined) delivered?.(delivery)
          const [worker, start, end] = told
          onExit(0, Exit.succeed(1 as never), worker, start && from + start, end && from + end)
        })
    }
    return Effect.map(
      reportOf(Parallel.run([2], tasksHalf).pipe(Effect.provide(Backend.layer(backend))) as never),
      ({ outcomes: [outcome] }) => ({
        worker: outcome!.worker,
        start: millis(outcome!.startedAt),
        took: millis(outcome!.elapsed),
        waits: waitsOf(outcome!)
      })
    )
  }

  for (const batches of [true, false]) {
    const runs = `(${batches ? "batches" : "one at a time"})`

    it.effect(`are reported, with separate waits before and after the attempt ${runs}`, () =>
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* runOn(batches, [3, 60, 90], { queue: 5, startup: 40, transfer: 1 }), {
          worker: 3,
          start: 60,
          took: 30,
          waits: { queue: 19, startup: 40, transfer: 11 }
        })
        assert.deepStrictEqual(yield* runOn(batches, [3, 60, 90]), {
          worker: 3,
          start: 60,
          took: 30,
          waits: batches ? {} : { queue: 60, transfer: 10 }
        })
        assert.deepStrictEqual(yield* runOn(batches, []), { worker: 0, start: 0, took: 100, waits: {} })
      }))

    it.effect(`are corrected if they are impossible ${runs}`, () =>
      Effect.gen(function*() {
        const odd: ReadonlyArray<readonly [Told, start: number, took: number]> = [
          [[0, -50, 20], 0, 20],
          [[0, 70, 500], 70, 30],
          [[0, 400, 500], 100, 0],
          [[0, 70, 30], 70, 0],
          [[-1, NaN, NaN], 0, 100],
          [[0.5, -Infinity, Infinity], 0, 100],
          [["worker" as never, "now" as never, {} as never], 0, 100]
        ]
        for (const [told, start, took] of odd) {
          const run = yield* runOn(batches, told)
          assert.deepStrictEqual([run.worker, run.start, run.took], [0, start, took], JSON.stringify(told))
        }
        const tooLong = yield* runOn(batches, [0, 60, 100], { queue: 50, startup: 50, transfer: 50 })
        assert.deepStrictEqual(tooLong.waits, { startup: 10, transfer: 50 })
        const most = Number.MAX_VALUE
        assert.deepStrictEqual(
          (yield* runOn(batches, [0, 60, 100], { queue: most, startup: most, transfer: -most })).waits,
          { startup: 60 }
        )
        const nonsense = { queue: NaN, startup: -5, transfer: "long" as never }
        assert.deepStrictEqual((yield* runOn(batches, [0, 60, 100], nonsense)).waits, { queue: 60 })
      }))
  }
})
