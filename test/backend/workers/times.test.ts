import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Option, Schedule, Schema } from "effect"
import { Limit, Outcome, Parallel, Report } from "effect-parallel"
import * as Threads from "effect-parallel/backend/Threads"
import { range } from "../../helpers.ts"
import {
  cannotBegin,
  endsWorker,
  type Late,
  type Order,
  type Reading,
  readsClock,
  readsClockLater
} from "../clockTasks.ts"
import { kinds } from "../workerKinds.ts"
import { tiny } from "../workerTasks.ts"

const millis = Duration.toMillis

const now = (): number => Number(process.hrtime.bigint()) / 1e6

/** Error of a time in a report, in milliseconds: times are rounded and come from different clocks. */
const rounding = 0.01

type Options = Parallel.Options<never, never, never, Order>

/** A run, with the times that the test has read: before it, and when each input was pulled. */
const observed = (orders: ReadonlyArray<Order>, options: Options, task: typeof readsClock = readsClock) =>
  Effect.suspend(() => {
    const pulledAt: Array<number> = []
    function* inputs() {
      for (const order of orders) {
        pulledAt.push(now())
        yield order
      }
    }
    const before = now()
    return Effect.map(
      Parallel.run(inputs(), task, { ...options, retry: { times: 3 } }),
      (report) => ({ before, pulledAt, report, after: now() })
    )
  })

type Observed = Effect.Success<ReturnType<typeof observed>>

const readingOf = (outcome: Outcome.Outcome<Order, Reading, unknown>): Reading =>
  Outcome.isSuccess(outcome) ? outcome.value : Option.getOrThrow(Outcome.error(outcome)) as Late

/** Checks the times of any run. Returns how many milliseconds each attempt began before its task read the clock. */
const check = ({ after, before, pulledAt, report }: Observed): ReadonlyArray<number> => {
  // the run began between these two times
  const [earliest, latest] = [before - rounding, pulledAt[0]! + rounding]
  const ahead: Array<number> = []
  for (const outcome of report.outcomes) {
    const last = Outcome.tries(outcome).find(({ end }) => end !== "Interrupted" && end !== "Failed") ??
      Outcome.tries(outcome).at(-1)!
    const start = millis(last.startedAt)
    const end = start + millis(last.elapsed)
    const { beganAt, loadedAt } = readingOf(outcome)
    assert.isAtMost(pulledAt[outcome.index]!, latest + start, "an attempt began before its input was dispatched")
    assert.isAtMost(loadedAt, latest + start, "an attempt began before its worker was up")
    assert.isAtMost(earliest + start, beganAt, "a task began before its attempt")
    assert.isAtMost(beganAt, latest + end, "an attempt ended before its task began")
    assert.isAtMost(earliest + end, after, "an attempt ended after its run")
    ahead.push(beganAt - latest - start)
    for (const { elapsed, startedAt, waits } of Outcome.tries(outcome)) {
      const waited = [waits.limit, waits.queue, waits.retry, waits.startup, waits.transfer].map(millis)
      assert.isTrue(waited.every((wait) => wait >= 0))
      const whole = waited.reduce((sum, wait) => sum + wait, millis(elapsed))
      assert.isAtMost(whole, millis(report.elapsed) + rounding, "an attempt took longer than its run")
      assert.isAtMost(millis(startedAt) + millis(elapsed), millis(report.elapsed) + rounding)
    }
  }
  return ahead
}

/** Checks that no worker had two attempts at the same time. */
const checkRows = ({ report }: Observed): void => {
  const rows = Map.groupBy(report.outcomes.flatMap((outcome) => Outcome.tries(outcome)), ({ worker }) => worker)
  for (const [worker, row] of rows) {
    const sorted = row.toSorted((a, b) => millis(a.startedAt) - millis(b.startedAt))
    for (const [k, { startedAt }] of sorted.entries()) {
      if (k === 0) continue
      const end = millis(sorted[k - 1]!.startedAt) + millis(sorted[k - 1]!.elapsed)
      assert.isAtMost(end, millis(startedAt) + rounding, `two attempts at once on worker ${worker}`)
    }
  }
}

const Work = Schema.Struct({
  wait: Schema.Literals([0, 0, 0, 1, 4]),
  spin: Schema.Literals([0, 0.1, 2]),
  fails: Schema.Literals([0, 0, 0, 1, 2])
})

const Run = Schema.Struct({
  works: Schema.Array(Work).check(Schema.isMinLength(1), Schema.isMaxLength(60)),
  concurrency: Schema.Literals([1, 2, 5]),
  batchSize: Schema.Literals(["auto", 1, 7]),
  special: Schema.Literals(["none", "spans", "stragglers", "limit"])
})

const optionsOf = ({ batchSize, concurrency, special }: typeof Run.Type): Options => ({
  concurrency,
  batchSize,
  spans: special === "spans",
  ...(special === "stragglers" && { stragglers: { after: "5 millis" } }),
  ...(special === "limit" && { limit: Limit.concurrency(2) })
})

let ids = 0
const numbered = (orders: ReadonlyArray<Omit<Order, "id">>): ReadonlyArray<Order> =>
  orders.map((order) => ({ ...order, id: ids++ }))

describe.each(kinds)("times of a report from $name", ({ layer }) => {
  it.live("count the wait of a batch for a limit once, also if inputs may be retried", () =>
    Effect.gen(function*() {
      const orders = numbered([1, 2, 3, 4].map(() => ({ wait: 30, spin: 0, fails: 0 })))
      const run = yield* observed(orders, { limit: Limit.concurrency(1), batchSize: 1, concurrency: 2 })
      check(run)
      assert.isTrue(run.report.outcomes.some(({ waits }) => millis(waits.limit) > 20))
    }).pipe(Effect.provide(layer())))

  it.live.prop(
    "are the times that the worker measured, in any run",
    [Schema.Array(Run).check(Schema.isMinLength(2), Schema.isMaxLength(4))],
    ([runs]) =>
      Effect.gen(function*() {
        for (const each of runs) {
          const run = yield* observed(numbered(each.works), optionsOf(each))
          check(run)
          if (each.concurrency <= 2) checkRows(run)
        }
      }).pipe(Effect.provide(layer())),
    { arbitrary: { runs: Number(process.env["TIMES_RUNS"] ?? 2) }, timeout: 600_000 }
  )

  // on a busy computer a worker may lose its core between the two
  const [often, share] = process.env["QUIET"] === undefined ? ["every second attempt", 0.5] : ["95 of 100", 0.05]

  it.live(`lie within 2 ms before the task begins, in ${often}`, () =>
    Effect.gen(function*() {
      const ahead: Array<number> = []
      for (let k = 0; k < 2; k++) {
        const run = yield* Effect.provide(observed(numbered(range(50).map(() => ({ spin: 0.2 }))), {}), layer())
        ahead.push(...check(run))
        checkRows(run)
      }
      assert.isAtMost(ahead.filter((by) => by > 2).length, share * ahead.length)
    }))

  it.live("distinguish the start of a worker, a layer, a limit, a queue and a retry", () =>
    Effect.gen(function*() {
      const cold = yield* observed(numbered([{ spin: 1 }, { spin: 1 }]), {}, readsClockLater)
      const [first, second] = [cold.report.outcomes[0]!.waits, cold.report.outcomes[1]!.waits]
      assert.isAbove(millis(first.startup), 50)
      assert.isAbove(millis(second.startup), 50)
      assert.match(Report.toText(cold.report), /\n {2}2 workers: .*% working, \d+ % starting up/)

      const warm = yield* observed(numbered(range(8).map(() => ({ wait: 10 }))), { batchSize: 4 }, readsClockLater)
      for (const { index, waits } of warm.report.outcomes) {
        assert.isBelow(millis(waits.startup), 5)
        assert.isAtLeast(millis(waits.queue), 10 * (index % 4) - 1)
      }

      const limited = yield* observed(
        numbered(range(4).map(() => ({ wait: 10 }))),
        { limit: Limit.concurrency(1), concurrency: 4 },
        readsClockLater
      )
      const waited = limited.report.outcomes.map(({ waits }) => millis(waits.limit)).toSorted((a, b) => a - b)
      // on a busy computer not all inputs are taken immediately
      const taken = limited.report.outcomes.map(({ startedAt, waits }) =>
        millis(startedAt) - millis(waits.limit) - millis(waits.queue) - millis(waits.startup) - millis(waits.transfer)
      )
      const spread = Math.max(...taken) - Math.min(...taken)
      for (const [k, limit] of waited.entries()) assert.isAtLeast(limit, 10 * k - 1 - spread)

      const again = yield* Parallel.run(numbered([{ fails: 1 }]), readsClockLater, {
        concurrency: 1,
        retry: { times: 3, schedule: Schedule.spaced("30 millis") }
      })
      const [failed, succeeded] = again.outcomes[0]!.history
      assert.deepStrictEqual([failed?.end, succeeded?.end], ["Failed", "Succeeded"])
      assert.strictEqual(millis(failed!.waits.retry), 0)
      assert.isAtLeast(millis(succeeded!.waits.retry), 29)
      assert.isBelow(millis(succeeded!.waits.queue), 20)
      assert.deepStrictEqual(again.outcomes[0]!.waits.retry, succeeded!.waits.retry)
    }).pipe(Effect.provide(layer())))

  it.live("show how long an input took that ended its worker, was late, or never began", () =>
    Effect.gen(function*() {
      const report = yield* Parallel.run([0], cannotBegin)
      const [never] = report.outcomes
      assert.isAtLeast(millis(never!.startedAt), 50)
      assert.isBelow(millis(never!.elapsed), 0.1)
      assert.isAtLeast(millis(never!.waits.startup), 49)

      const crashed = (yield* Parallel.run([30], endsWorker)).outcomes[0]!
      assert.isAtLeast(millis(crashed.elapsed), 30)
      assert.isBelow(millis(crashed.elapsed), 1000)

      const late = (yield* Parallel.run([60_000], endsWorker, { timeout: "50 millis" })).outcomes[0]!
      assert.isAtLeast(millis(late.elapsed), 50)
      assert.isBelow(millis(late.startedAt) + millis(late.elapsed), millis(late.startedAt) + 5000)
    }).pipe(Effect.provide(layer({ workers: 1 }))))

  it.live("show where and since when the loser of a race of stragglers ran", () =>
    Effect.gen(function*() {
      yield* observed(numbered([{ wait: 20 }, { wait: 20 }]), { concurrency: 2 })
      const run = yield* observed(numbered([{ wait: 1 }, { wait: 400 }]), {
        concurrency: 2,
        stragglers: { after: "50 millis" }
      })
      const [, slow] = run.report.outcomes
      const loser = slow!.history.find(({ end }) => end === "Interrupted")!
      const winner = slow!.history.find(({ end }) => end === "Succeeded")!

      checkRows(run)
      assert.isAtLeast(millis(winner.elapsed), 399)
      assert.notStrictEqual(loser.worker, winner.worker)
      assert.isAbove(millis(loser.elapsed), 0)
      const endOf = ({ elapsed, startedAt }: Outcome.Attempt) => millis(startedAt) + millis(elapsed)
      assert.isAtMost(Math.abs(endOf(loser) - endOf(winner)), rounding)
    }).pipe(Effect.provide(layer())))
})

describe("the waits of a run without limits", () => {
  it.live("count no limit, even if its batches take long to begin", () =>
    Effect.gen(function*() {
      const { outcomes } = yield* Parallel.run(range(200), tiny, { name: "unlimited" })

      assert.deepStrictEqual(outcomes.filter(({ waits }) => !Duration.isZero(waits.limit)), [])
      assert.isAbove(outcomes.filter(({ waits }) => !Duration.isZero(waits.startup)).length, 0)
    }).pipe(Effect.provide(Threads.layer({ workers: 2 }))))
})
