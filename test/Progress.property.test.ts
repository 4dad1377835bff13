import { assert, describe, it } from "@effect/vitest"
import { Context, Duration, Effect, Exit, Fiber, Layer, Schedule, Schema, Stream } from "effect"
import { Limit, Outcome, Parallel, Progress, Report } from "effect-parallel"
import { TestClock } from "effect/testing"
import { turn } from "./helpers.ts"

/** How one input goes: how many attempts fail before the last, how that one ends, and how long each takes. */
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

/** A work that goes each input's way, and counts the inputs whose last attempt has ended. */
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

/** All outcomes of a program and, where it ran to its end, its report. */
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

/** Runs a program under a progress: its outcomes, where it has any, and all that was told. */
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
    "ends with the numbers of the report, whatever fails, is tried again, copied or stopped",
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
        // a run that was stopped at its last input may not know that it was the last
        if (failed < program.maxErrors) assert.strictEqual(last.state, "done")
        if (total < program.ways.length) assert.strictEqual(last.state, "stopped")
      }),
    { arbitrary: { runs: Number(process.env["PROPERTY_RUNS"] ?? 300) } }
  )

  it.effect.prop(
    "outcomes know their attempts, in order and inside the run",
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
    { arbitrary: { runs: Number(process.env["PROPERTY_RUNS"] ?? 300) } }
  )
})

const at = (duration: Duration.Duration) => Duration.toMillis(duration)
