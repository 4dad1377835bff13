import { assert, describe, it } from "@effect/vitest"
import {
  Context,
  Deferred,
  Duration,
  Effect,
  Exit,
  Fiber,
  Layer,
  Logger,
  Schedule,
  Schema,
  Scope,
  Stream,
  SubscriptionRef
} from "effect"
import { Limit, Outcome, Parallel, Progress, Report } from "effect-parallel"
import { TestClock, TestConsole } from "effect/testing"
import { turn } from "./helpers.ts"

/** A run whose counts are set by the test. */
class Fake implements Progress.Run {
  readonly name: string
  readonly parent: Progress.Run | undefined
  total: number | undefined
  done = 0
  failed = 0
  retried = 0
  recalled = 0
  running = 0
  waiting = 0
  asked = 0
  constructor(name: string, total?: number, parent?: Progress.Run) {
    this.name = name
    this.total = total
    this.parent = parent
  }
  readonly counts = (): Progress.Counts => {
    this.asked++
    const { done, failed, recalled, retried, running, total, waiting } = this
    return { done, failed, recalled, retried, running, total, waiting, limited: [] }
  }
}

/** A progress, and all snapshots that it has reported. */
const recording = Effect.gen(function*() {
  const told: Array<ReadonlyArray<Progress.Snapshot>> = []
  const progress = yield* Progress.make((snapshots) => Effect.sync(() => told.push(snapshots)))
  return { told, progress }
})

const states = (told: ReadonlyArray<ReadonlyArray<Progress.Snapshot>>) =>
  told.map((snapshots) => snapshots.map(({ name, state }) => `${name} ${state}`).join(", "))

describe("Progress.make", () => {
  it.effect("reports a run ten times a second, and its end", () =>
    Effect.gen(function*() {
      const { progress, told } = yield* recording
      const run = new Fake("a", 10)
      const fiber = yield* Effect.forkChild(progress.watch(run, Effect.sleep("1050 millis")))
      for (let i = 0; i < 105; i++) {
        yield* TestClock.adjust("10 millis")
        run.done = Math.floor(i / 10)
      }
      run.done = 10
      yield* TestClock.adjust("10 millis")
      yield* Fiber.join(fiber)

      assert.strictEqual(told.length, 11)
      assert.deepStrictEqual(states(told).slice(-2), ["a running", "a done"])
      assert.strictEqual(run.asked, 11)
    }))

  it.effect("reports at most ten times a second for any number of runs, and the end of each once", () =>
    Effect.gen(function*() {
      const { progress, told } = yield* recording
      const quick = Effect.forEach(
        Array.from({ length: 5000 }),
        (_, i) => progress.watch(new Fake(`${i}`, 0), Effect.sleep("1 millis"))
      )
      const fiber = yield* Effect.forkChild(quick)
      yield* TestClock.adjust("5 seconds")
      yield* Fiber.join(fiber)
      yield* TestClock.adjust("1 seconds")

      assert.isAtMost(told.length, 52)
      assert.strictEqual(told.flat().filter(({ state }) => state === "done").length, 5000)
    }))

  it.effect("leaves no timer when all runs have ended", () =>
    Effect.gen(function*() {
      const { progress, told } = yield* recording
      const run = new Fake("a")
      const fiber = yield* Effect.forkChild(progress.watch(run, Effect.sleep("250 millis")))
      yield* TestClock.adjust("250 millis")
      yield* Fiber.join(fiber)
      const { length } = told
      yield* TestClock.adjust("1 hours")

      assert.deepStrictEqual([told.length, run.asked], [length, length])
    }))

  it.effect("shows runs that have ended and were not shown when its scope closes", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const { progress, told } = yield* Scope.provide(recording, scope)
      yield* progress.watch(new Fake("a", 0), Effect.void)
      yield* progress.watch(new Fake("b", 0), Effect.void)
      yield* progress.watch(new Fake("c", 0), Effect.void)
      const before = told.flat().length
      yield* Scope.close(scope, Exit.void)

      assert.isBelow(before, 3)
      assert.deepStrictEqual(told.flat().map(({ name }) => name), ["a", "b", "c"])
    }))

  it.effect("reports how a run ended", () =>
    Effect.gen(function*() {
      const { progress, told } = yield* recording
      const half = new Fake("half", 2)
      half.done = 1
      yield* Effect.exit(progress.watch(half, Effect.fail("no")))
      yield* progress.watch(half, Effect.void)
      const fiber = yield* Effect.forkChild(progress.watch(half, Effect.never))
      yield* TestClock.adjust("150 millis")
      yield* Fiber.interrupt(fiber)
      yield* TestClock.adjust("1 seconds")

      const ended = told.flat().filter(({ state }) => state !== "running")
      assert.deepStrictEqual(ended.map(({ state }) => state), ["stopped", "stopped", "interrupted"])
    }))

  it.effect("does not change how a run ends", () =>
    Effect.gen(function*() {
      const { progress } = yield* recording

      assert.deepStrictEqual(yield* progress.watch(new Fake("a"), Effect.succeed(1)), 1)
      assert.deepStrictEqual(
        yield* Effect.exit(progress.watch(new Fake("a"), Effect.die("bug"))),
        Exit.die("bug")
      )
    }))

  it.effect("has the rate of the last ten seconds without recalled inputs, and the time left", () =>
    Effect.gen(function*() {
      const { progress, told } = yield* recording
      const run = new Fake("a", 1000)
      run.done = run.recalled = 500
      yield* Effect.forkScoped(progress.watch(run, Effect.never))
      yield* TestClock.adjust("10 seconds")
      for (let i = 0; i < 100; i++) {
        run.done += 2
        yield* TestClock.adjust("100 millis")
      }

      const { left, rate } = told.at(-1)![0]!
      assert.closeTo(rate, 20, 0.5)
      assert.closeTo(Duration.toSeconds(left!), 15, 0.5)
    }))

  it.effect("puts runs below those that contain them", () =>
    Effect.gen(function*() {
      const { progress, told } = yield* recording
      const outer = new Fake("outer", 2)
      const other = new Fake("other")
      const inner = new Fake("inner", 5, outer)
      for (const run of [outer, other, inner]) yield* Effect.forkScoped(progress.watch(run, Effect.never))
      yield* TestClock.adjust("100 millis")

      assert.deepStrictEqual(
        told[0]!.map(({ depth, name, parent }) => [name, depth, parent]),
        [["outer", 0, undefined], ["inner", 1, 0], ["other", 0, undefined]]
      )
    }))

  it.effect("never calls its function twice at a time", () =>
    Effect.gen(function*() {
      let [now, most] = [0, 0]
      const gate = yield* Deferred.make<void>()
      const progress = yield* Progress.make(() =>
        Effect.suspend(() => {
          most = Math.max(most, ++now)
          return Effect.ensuring(Deferred.await(gate), Effect.sync(() => now--))
        })
      )
      const run = (millis: number) => progress.watch(new Fake("a"), Effect.sleep(millis))
      const fiber = yield* Effect.forkChild(Effect.all([run(150), run(300)], { concurrency: 2 }))
      yield* TestClock.adjust("1 seconds")
      yield* Deferred.succeed(gate, undefined)
      yield* TestClock.adjust("1 seconds")
      yield* Fiber.join(fiber)

      assert.strictEqual(most, 1)
    }))
})

describe("Progress.layerRef", () => {
  it.effect("is a stream of the runs in progress", () =>
    Effect.gen(function*() {
      const ref = yield* SubscriptionRef.make<ReadonlyArray<Progress.Snapshot>>([])
      const context = yield* Layer.build(Progress.layerRef(ref))
      const seen = yield* Effect.forkChild(
        SubscriptionRef.changes(ref).pipe(Stream.drop(1), Stream.take(2), Stream.runCollect)
      )
      const progress = Context.get(context, Progress.Progress)
      const run = yield* Effect.forkChild(progress.watch(new Fake("a", 0), Effect.sleep("150 millis")))
      yield* TestClock.adjust("1 seconds")
      yield* Fiber.join(run)

      assert.deepStrictEqual(states(yield* Fiber.join(seen)), ["a running", "a done"])
    }))
})

describe("Progress.layer", () => {
  it.effect("logs to stderr if that is not a terminal, and reports an interrupted run even if it was short", () =>
    Effect.gen(function*() {
      const progress = Context.get(yield* Layer.build(Progress.layer), Progress.Progress)
      const fiber = yield* Effect.forkChild(progress.watch(new Fake("job", 4), Effect.never))
      yield* TestClock.adjust("10 millis")
      yield* Fiber.interrupt(fiber)
      yield* progress.watch(new Fake("quick", 0), Effect.void)

      assert.deepStrictEqual(yield* TestConsole.logLines, [])
      const lines = (yield* TestConsole.errorLines).join("\n")
      assert.match(lines, /INFO[^]*job interrupted: 0 of 4 \(0%\) done, in 0\.0s/)
      assert.notInclude(lines, "quick")
    }).pipe(Effect.provide(Logger.layer([Logger.defaultLogger]))))
})

describe("Progress.layerLog", () => {
  /** Returns the log lines of a run that takes this long. */
  const logged = (length: Duration.Input, options?: Progress.LogOptions) =>
    Effect.gen(function*() {
      const lines: Array<string> = []
      const logger = Logger.make(({ logLevel, message }) => void lines.push(`${logLevel} ${String(message)}`))
      const layer = Layer.provide(Progress.layerLog(options), Logger.layer([logger]))
      const progress = Context.get(yield* Layer.build(layer), Progress.Progress)
      const run = new Fake("job", 4)
      run.done = 2
      const fiber = yield* Effect.forkChild(progress.watch(run, Effect.sleep(length)))
      yield* TestClock.adjust(length)
      yield* Fiber.join(fiber)
      return lines
    })

  it.effect("logs nothing for a short run", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* logged("900 millis"), [])
    }))

  it.effect("logs less often the longer a run takes, and its end", () =>
    Effect.gen(function*() {
      const minute = yield* logged("1 minutes")
      const hour = yield* logged("1 hours")

      assert.strictEqual(minute[0], "Info job: 2 of 4 (50%) done, 0 running, 2.0/s, 1.0s left")
      assert.strictEqual(minute.at(-1), "Info job stopped: 2 of 4 (50%) done, in 1m 00s")
      assert.strictEqual(minute.length, 11)
      assert.strictEqual(hour.length, 22)
    }), 60_000)

  it.effect("begins after the delay that is set", () =>
    Effect.gen(function*() {
      assert.strictEqual((yield* logged("1 minutes", { after: "40 seconds" })).length, 2)
      assert.throws(() => Progress.layerLog({ after: 0 }), /`after`/)
    }))
})

/** The course of an input: how many attempts fail before the last, how the last ends, and how long each takes. */
const Way = Schema.Struct({
  failures: Schema.Literals([0, 0, 0, 1, 2, 3]),
  end: Schema.Literals(["succeed", "succeed", "fail", "die"]),
  takes: Schema.Literals(["ready", "sync", 2, 10, 40, 400]),
  copyTakes: Schema.Literals([4, 1000])
})

const Program = Schema.Struct({
  ways: Schema.Array(Way).check(Schema.isMaxLength(16)),
  inputs: Schema.Literals(["array", "iterable", "stream"]),
  concurrency: Schema.Literals([1, 2, 5, 20]),
  retries: Schema.Literals([0, 1, 3]),
  delay: Schema.Literals([0, 7]),
  stragglers: Schema.Literals([0, 30]),
  maxErrors: Schema.Literals([1, 3, 100]),
  limited: Schema.Boolean,
  mode: Schema.Literals(["run", "stream"]),
  interruptAt: Schema.Literals([-1, -1, 5, 45])
})
type Program = typeof Program.Type

/** A work that follows the course of each input, and counts the inputs whose last attempt has ended. */
const works = (program: Program, ended: { settled: number }) => {
  const starts = new Map<number, number>()
  return (index: number): Effect.Effect<number, string> => {
    const start = (starts.get(index) ?? 0) + 1
    starts.set(index, start)
    const { copyTakes, end, failures, takes } = program.ways[index]!
    const fails = start <= failures || end === "fail"
    const last = !fails || start > program.retries
    const note = Effect.sync(() => void (last && ended.settled++))
    const result = fails
      ? Effect.fail("no")
      : end === "die"
      ? Effect.die(new Error("bug"))
      : Effect.succeed(index)
    if (takes === "ready") {
      if (last) ended.settled++
      return result
    }
    const time = takes === "sync" ? Effect.void : Effect.sleep(start === 1 ? takes : copyTakes)
    return Effect.andThen(time, Effect.andThen(note, result))
  }
}

const inputsOf = ({ inputs, ways }: Program) => {
  const all = ways.map((_, index) => index)
  return inputs === "array" ? all : inputs === "iterable" ? all.values() : Stream.fromIterable(all)
}

const optionsOf = ({ concurrency, delay, limited, maxErrors, retries, stragglers }: Program) => ({
  name: "ways",
  concurrency,
  maxErrors,
  retry: { times: retries, ...(delay > 0 && { schedule: Schedule.spaced(delay) }) },
  ...(stragglers > 0 && { stragglers: { after: stragglers } }),
  ...(limited && { limit: Limit.concurrency(3) })
})

/** All outcomes of a program and, if it completed, its report. */
const outcomesOf = (program: Program, ended: { settled: number }) => {
  const options = optionsOf(program)
  if (program.mode === "run") {
    return Parallel.run(inputsOf(program), works(program, ended), options).pipe(
      Effect.catchTag("TooManyErrors", ({ report }) => Effect.succeed(report)),
      Effect.map(({ outcomes }) => outcomes)
    )
  }
  return Effect.suspend(() => {
    const outcomes: Array<Outcome.Outcome<number, number, string>> = []
    return Parallel.stream(inputsOf(program), works(program, ended), { ...options, order: "completion" }).pipe(
      Stream.runForEach((outcome) => Effect.sync(() => outcomes.push(outcome))),
      Effect.catchTag("TooManyErrors", () => Effect.void),
      Effect.as(outcomes)
    )
  })
}

/** Runs a program under a progress. Returns its outcomes, if any, and all snapshots. */
const watched = Effect.fnUntraced(function*(program: Program, ended: { settled: number }) {
  const told: Array<Progress.Snapshot> = []
  const context = yield* Layer.build(
    Progress.layerCallback((snapshots) => Effect.sync(() => void told.push(...snapshots)))
  )
  const run = Effect.provideService(
    outcomesOf(program, ended),
    Progress.Progress,
    Context.get(context, Progress.Progress)
  )
  const fiber = yield* Effect.forkChild(run)
  for (let at = 0; at < 400 && fiber.pollUnsafe() === undefined; at++) {
    yield* turn
    if (at === program.interruptAt) {
      yield* Fiber.interrupt(fiber)
      break
    }
    yield* TestClock.adjust(at < 100 ? 1 : 500)
  }
  yield* TestClock.adjust("1 second")
  return { exit: fiber.pollUnsafe()!, told }
}, Effect.scoped)

const consistent = ({ done, failed, recalled, retried, running, total, waiting }: Progress.Snapshot): boolean =>
  failed <= done && retried <= done && recalled === 0 && running >= 0 && waiting >= 0 &&
  done + running + waiting <= (total ?? Infinity)

describe("Progress over a run", () => {
  it.effect.prop(
    "ends with the numbers of the report, with any failures, retries, copies and stops",
    [Program],
    ([program]) =>
      Effect.gen(function*() {
        const ended = { settled: 0 }
        const { exit, told } = yield* watched(program, ended)
        const last = told.at(-1)!

        assert.isTrue(told.every(consistent))
        assert.strictEqual(told.filter(({ state }) => state !== "running").length, 1)
        assert.deepStrictEqual([last.running, last.waiting], [0, 0])
        if (Exit.isFailure(exit)) {
          assert.strictEqual(last.state, "interrupted")
          if (program.stragglers === 0) assert.isAtMost(last.done, ended.settled)
          return
        }
        const report = Report.make({ name: "ways", outcomes: exit.value, elapsed: Duration.zero })
        const { failed, retried, total } = Report.tally(report)
        assert.deepStrictEqual([last.done, last.failed, last.retried], [total, failed, retried])
        // a run that is stopped at its last input may not know that it is the last
        if (failed < program.maxErrors) assert.strictEqual(last.state, "done")
        if (total < program.ways.length) assert.strictEqual(last.state, "stopped")
      }),
    { arbitrary: { runs: Number(process.env["PROPERTY_RUNS"] ?? 300) }, timeout: 600_000 }
  )

  it.effect.prop(
    "outcomes have their attempts, in order and within the run",
    [Program],
    ([program]) =>
      Effect.gen(function*() {
        const { exit } = yield* watched({ ...program, mode: "run", interruptAt: -1 }, { settled: 0 })

        assert.isTrue(Exit.isSuccess(exit))
        for (const outcome of Exit.isSuccess(exit) ? exit.value : []) {
          const tries = Outcome.tries(outcome)
          const [first, last] = [tries.toSorted((a, b) => at(a.startedAt) - at(b.startedAt))[0]!, tries.at(-1)!]

          assert.strictEqual(tries.length, outcome.attempts)
          assert.strictEqual(outcome.history.length, outcome.attempts > 1 ? outcome.attempts : 0)
          assert.strictEqual(last.end === "Succeeded", Outcome.isSuccess(outcome))
          assert.strictEqual(last.worker, outcome.worker)
          assert.closeTo(at(first.startedAt), at(outcome.startedAt), 0.001)
          assert.closeTo(at(last.startedAt) + at(last.elapsed), at(outcome.startedAt) + at(outcome.elapsed), 0.001)
          for (const { end, message } of tries) assert.strictEqual(end === "Failed", message !== undefined)
        }
      }),
    { arbitrary: { runs: Number(process.env["PROPERTY_RUNS"] ?? 300) }, timeout: 600_000 }
  )
})

const at = (duration: Duration.Duration) => Duration.toMillis(duration)
