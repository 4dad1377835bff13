/**
 * Cases of the conformance suite that call `execute`: what a backend reports and when, and what it starts.
 */
import { assert } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { TestClock } from "effect/testing"
import * as Backend from "../Backend.ts"
import { until, withFile } from "./files.ts"
import * as tasks from "./tasks.ts"

/** The report of an exit; `at` is when it was made, in milliseconds of the monotonic clock. */
interface ToldExit {
  readonly position: number
  readonly exit: Exit.Exit<unknown, unknown>
  readonly worker: number | undefined
  readonly startedAt: number | undefined
  readonly endedAt: number | undefined
  readonly at: number
}

const nowMillis = Effect.map(Clock.monotonicTimeNanos, (nanos) => Number(nanos) / 1e6)

/** For how many milliseconds a backend is watched after a batch has ended. */
const aftermath = 100

/** Number of batches so far; each is a run of its own. */
let runs = 0

/** Makes the execution of a batch, and the list of its reports so far. */
const watched = <I, A, E>(
  job: Backend.Job<I, A, E>,
  inputs: ReadonlyArray<I>,
  options: Pick<Backend.Batch<I>, "timeout" | "budget" | "recall"> = {}
) =>
  Effect.map(Effect.all([Backend.Backend, Effect.clockWith(Effect.succeed)]), ([backend, clock]) => {
    const told: Array<ToldExit> = []
    const now = () => Number(clock.monotonicTimeNanosUnsafe()) / 1e6
    const run = { id: `suite-${++runs}`, name: job.name }
    const batch: Backend.Batch<I> = { inputs, index: (position) => position, concurrency: 1, run, ...options }
    const executing = Effect.scoped(backend.execute(job, batch, (position, exit, worker, startedAt, endedAt) => {
      told.push({ position, exit, worker, startedAt, endedAt, at: now() })
    }))
    return { backend, told, run: executing }
  })

/** Executes a batch, and also collects reports that are made too late. */
const executed = <I, A, E>(
  job: Backend.Job<I, A, E>,
  inputs: ReadonlyArray<I>,
  options: Pick<Backend.Batch<I>, "timeout" | "budget" | "recall"> = {}
) =>
  Effect.gen(function*() {
    const { backend, run, told } = yield* watched(job, inputs, options)
    const calledAt = yield* nowMillis
    yield* run
    const endedAt = yield* nowMillis
    const count = told.length
    yield* Effect.sleep(aftermath)
    return { backend, told: told.slice(0, count), late: told.slice(count), calledAt, endedAt }
  })

/** Starts the workers of a backend, so that a measurement does not include their start. */
const warm = executed(tasks.echo, ["warm"])

const positionsOf = (told: ReadonlyArray<ToldExit>): ReadonlyArray<number> => told.map(({ position }) => position)

/** Whether the backend takes batches. Cases about batches pass for other backends. */
const takesBatches = Effect.map(Backend.Backend, ({ batches }) => batches === true)

const forBatches = <E>(test: Effect.Effect<void, E>): Effect.Effect<void, E> =>
  Effect.flatMap(takesBatches, (takes) => takes ? test : Effect.void)

/** Makes inputs of `notes`: each sleeps, and then appends its letter to the file. */
const notesOf = (file: string, letters: string, millis: number) =>
  letters.split("").map((line) => ({ file, line, millis }))

/** Executes a batch of four inputs, or four batches of one; returns the reports and the lines of the file. */
const fourNotes = (file: string, lines: Effect.Effect<ReadonlyArray<string>>) =>
  Effect.gen(function*() {
    const inputs = notesOf(file, "abcd", 20)
    const batches = (yield* takesBatches) ? [inputs] : inputs.map((input) => [input])
    const runs = yield* Effect.forEach(batches, (batch) => executed(tasks.notes, batch))
    return { runs, noted: yield* lines }
  })

/** Makes a recall that a test can abort, and the list of positions that were given back. */
const recalling = () => {
  const controller = new AbortController()
  const from: Array<number> = []
  const recall: Backend.Recall = { signal: controller.signal, giveBack: (position) => from.push(position) }
  return { recall, from, abort: () => controller.abort() }
}

/** Executes a batch of six inputs, and recalls it after the first exit. */
const recalled = (file: string, lines: Effect.Effect<ReadonlyArray<string>>) =>
  Effect.gen(function*() {
    yield* warm
    const { abort, from, recall } = recalling()
    const { run, told } = yield* watched(tasks.notes, notesOf(file, "abcdef", 80), { recall })
    const fiber = yield* Effect.forkChild(run)
    yield* until(Effect.sync(() => told.length > 0))
    abort()
    yield* Fiber.join(fiber)
    yield* Effect.sleep(aftermath)
    return { told, from: Math.min(...from, 6), noted: yield* lines }
  })

export const protocol = {
  "exits are told at their own positions": Effect.gen(function*() {
    const batch = (yield* takesBatches) ? ["a", "b", "c", "d"] : ["a"]
    const { told } = yield* executed(tasks.echo, batch)

    for (const { exit, position } of told) assert.deepStrictEqual(exit, Exit.succeed(batch[position]))
    assert.isAbove(told.length, 0)
  }),

  "each exit is told once": withFile((file, lines) =>
    Effect.gen(function*() {
      for (const { told } of (yield* fourNotes(file, lines)).runs) {
        assert.strictEqual(new Set(positionsOf(told)).size, told.length)
      }
    })
  ),

  "an input that has ended is told of": withFile((file, lines) =>
    Effect.gen(function*() {
      const { noted, runs } = yield* fourNotes(file, lines)
      const told = runs.reduce((sum, run) => sum + new Set(positionsOf(run.told)).size, 0)

      assert.isAtLeast(told, new Set(noted).size)
      assert.isAbove(told, 0)
    })
  ),

  "an input is run once": withFile((file, lines) =>
    Effect.gen(function*() {
      const { noted } = yield* fourNotes(file, lines)

      assert.strictEqual(new Set(noted).size, noted.length)
    })
  ),

  "no exit is told after the end": withFile((file, lines) =>
    Effect.gen(function*() {
      for (const { late } of (yield* fourNotes(file, lines)).runs) assert.deepStrictEqual(positionsOf(late), [])
    })
  ),

  "exits are told while their batch runs": forBatches(
    Effect.gen(function*() {
      yield* warm
      const { told } = yield* executed(tasks.sleeps, [10, 300])
      const [first, second] = told

      if (second !== undefined) assert.isAbove(second.at - first!.at, 150)
    })
  ),

  "a batch that has used up its budget starts no further input": forBatches(
    withFile((file, lines) =>
      Effect.gen(function*() {
        yield* warm
        const { told } = yield* executed(tasks.notes, notesOf(file, "abcdef", 80), { budget: Duration.millis(100) })
        yield* Effect.sleep(aftermath)

        assert.isAbove(told.length, 0)
        assert.isAtMost((yield* lines).length, 3)
      })
    )
  ),

  "a batch that is recalled starts no further input": forBatches(withFile((file, lines) =>
    Effect.gen(function*() {
      const { noted, told } = yield* recalled(file, lines)

      assert.isAbove(told.length, 0)
      assert.isAtMost(noted.length, 3)
    })
  )),

  "what was started is not given back": forBatches(withFile((file, lines) =>
    Effect.gen(function*() {
      const { from, noted, told } = yield* recalled(file, lines)

      assert.deepStrictEqual(noted.filter((line) => "abcdef".indexOf(line) >= from), [])
      assert.deepStrictEqual(positionsOf(told).filter((position) => position >= from), [])
    })
  )),

  "a deadline is kept, and measured from the start of the attempt": Effect.gen(function*() {
    yield* warm
    const batch = (yield* takesBatches) ? [20, 320, 20] : [320]
    const { told } = yield* executed(tasks.sleeps, batch, { timeout: Duration.millis(200) })

    for (const { exit, position } of told) {
      if (batch[position]! < 200) assert.deepStrictEqual(exit, Exit.succeed(batch[position]))
      else {
        assert.isTrue(
          Exit.isFailure(exit) && Cause.isTimeoutError(Cause.squash(exit.cause)),
          "320 ms with a timeout of 200 ms"
        )
      }
    }
    assert.isAbove(told.length, 0)
  }),

  "an interruption ends, when what was started has stopped": withFile((file, lines) =>
    Effect.gen(function*() {
      const { run } = yield* watched(tasks.notesStartAndStop, [file])
      const fiber = yield* Effect.forkChild(run)
      yield* until(Effect.map(lines, (lines) => lines.length > 0))
      yield* Fiber.interrupt(fiber)

      assert.deepStrictEqual(yield* lines, ["started", "stopped"])
    })
  ),

  "nothing goes on after an interruption": withFile((file, lines) =>
    Effect.gen(function*() {
      yield* warm
      const { run } = yield* watched(tasks.notes, notesOf(file, (yield* takesBatches) ? "abc" : "a", 300))
      const fiber = yield* Effect.forkChild(run)
      yield* Effect.sleep(100)
      yield* Fiber.interrupt(fiber)
      yield* Effect.sleep(500)

      assert.deepStrictEqual(yield* lines, [])
    })
  ),

  "a worker has a number below `workers`": Effect.gen(function*() {
    const { backend: { workers }, told } = yield* executed(tasks.echo, ["where"])

    for (const { worker } of told) {
      if (worker !== undefined) assert.isTrue(Number.isInteger(worker) && worker >= 0 && worker < workers, `${worker}`)
    }
  }),

  "an attempt has begun after the call, and ended before it was told of": Effect.gen(function*() {
    const { calledAt, told } = yield* executed(tasks.sleeps, [20])

    for (const { at, endedAt, startedAt } of told) {
      if (startedAt === undefined || endedAt === undefined) continue
      assert.isAtLeast(startedAt, calledAt - clockError)
      assert.isAtLeast(endedAt, startedAt)
      assert.isAtMost(endedAt, at + clockError)
    }
  })
} satisfies Record<string, Effect.Effect<void, unknown>>

/** Cases of backends that run tasks in this process, on the clock of their caller. */
export const virtual = {
  "a deadline comes to the millisecond of the test clock": Effect.gen(function*() {
    const { run, told } = yield* watched(tasks.sleeps, [1000], { timeout: Duration.millis(300) })
    yield* Effect.forkChild(run)
    yield* TestClock.adjust(299)
    assert.deepStrictEqual(told, [])
    yield* TestClock.adjust(1)
    const [late] = told

    assert.isTrue(
      late !== undefined && Exit.isFailure(late.exit) && Cause.isTimeoutError(Cause.squash(late.exit.cause))
    )
  }).pipe(Effect.provide(TestClock.layer())),

  "a budget comes to the millisecond of the test clock": forBatches(
    Effect.gen(function*() {
      const { run, told } = yield* watched(tasks.sleeps, [50, 51, 1, 1], { budget: Duration.millis(100) })
      const fiber = yield* Effect.forkChild(run)
      yield* TestClock.adjust(200)
      yield* Fiber.join(fiber)

      assert.deepStrictEqual(positionsOf(told), [0, 1])
    }).pipe(Effect.provide(TestClock.layer()))
  )
} satisfies Record<string, Effect.Effect<void, unknown>>

/** Allowed error of a reported time, in milliseconds: it may come from the clock of another thread. */
const clockError = 1
