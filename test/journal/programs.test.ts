import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Option, Schema, Stream } from "effect"
import { type Journal, Outcome, Parallel } from "effect-parallel"
import { drive, Probe, turns } from "../helpers.ts"
import { layerOf, quiet, ScriptedStore } from "./stores.ts"

/**
 * The result of an input: a value, a failure, a defect, or an interruption, after a while. Inputs with one key are
 * equal.
 */
interface Input {
  readonly key: number
  readonly millis: number
  readonly end: string
}

const ends = ["value", "value", "value", "failure", "defect", "interruption"]

const inputOf = (key: number): Input => ({
  key,
  millis: [0, 0, 1, 3, 10][key * 7 % 5]!,
  end: ends[key * 11 % ends.length]!
})

const Program = Schema.Struct({
  keys: Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 30 }))).check(Schema.isMaxLength(40)),
  collect: Schema.Literals(["forEach", "validate", "partition", "run", "stream"]),
  order: Schema.Literals(["input", "completion"]),
  concurrency: Schema.Literals([1, 2, 5, "unbounded"]),
  preDispatch: Schema.Literals([0, 3, "all"]),
  retries: Schema.Literals([0, 2]),
  retryFailed: Schema.Boolean,
  maxErrors: Schema.Literals([0, 1, 3]),
  async: Schema.Boolean,
  remote: Schema.Boolean,
  appending: Schema.Literals([0, 0, 1, 20]),
  getting: Schema.Literals([0, 0, 1, 20]),
  /** Number of records after which the store fails in each life. */
  failsAt: Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 15 }))).check(Schema.isMaxLength(4)),
  /** Milliseconds after which a life is interrupted, or 0. */
  interruptedAt: Schema.Literals([0, 0, 1, 5, 25])
})
type Program = typeof Program.Type

/** One life of a program: the outcomes it reported, and the inputs that ran. */
interface LifeOutcomes {
  readonly reported: ReadonlyMap<number, Outcome.Outcome<Input, string, string>>
  readonly exit: Exit.Exit<unknown, unknown>
  readonly probe: Probe
}

const asyncOf = async function*<A>(inputs: ReadonlyArray<A>) {
  yield* inputs
}

const live = (program: Program, store: ScriptedStore) =>
  Effect.gen(function*() {
    const { async, collect, concurrency, keys, maxErrors, order, preDispatch, retries, retryFailed } = program
    const inputs = keys.map(inputOf)
    const probe = new Probe()
    const work = ({ end, key, millis }: Input) =>
      probe.watch(
        key,
        Effect.andThen(
          millis === 0 ? Effect.void : Effect.sleep(millis),
          (): Effect.Effect<string, string> =>
            end === "value"
              ? Effect.succeed(`value ${key}`)
              : end === "failure"
              ? Effect.fail(`failure ${key}`)
              : end === "defect"
              ? Effect.die(new Error(`defect ${key}`))
              : Effect.interrupt
        )
      )
    const options = {
      name: "program",
      journal: { key: ({ key }: Input) => `${key}`, retryFailed },
      concurrency,
      preDispatch,
      retry: { times: retries },
      ...(maxErrors > 0 && { maxErrors: maxErrors as number })
    }
    const reported = new Map<number, Outcome.Outcome<Input, string, string>>()
    const take = (outcomes: ReadonlyArray<Outcome.Outcome<Input, string, string>>) => {
      for (const outcome of outcomes) {
        assert.isFalse(reported.has(outcome.index), `#${outcome.index} is reported once`)
        reported.set(outcome.index, outcome)
      }
    }
    const source = () => async ? asyncOf(inputs) : inputs
    const ran = Effect.suspend((): Effect.Effect<unknown, unknown, Journal.Journal> => {
      switch (collect) {
        case "stream":
          return Stream.runForEach(
            Parallel.stream(source(), work, { ...options, order }),
            (outcome) => Effect.sync(() => take([outcome]))
          )
        case "run":
          return Effect.tap(Parallel.run(source(), work, options), ({ outcomes }) => Effect.sync(() => take(outcomes)))
        case "forEach":
          return Parallel.forEach(source(), work, { ...options, maxErrors: undefined })
        case "validate":
          return Parallel.validate(source(), work, options)
        default:
          return Parallel.partition(source(), work, options)
      }
    })
    const seen = Effect.tapError(ran, (error) => {
      const { report } = error as { readonly report?: { readonly outcomes: ReadonlyArray<any> } }
      if (report !== undefined && collect !== "stream") take(report.outcomes)
      return Effect.void
    })
    const bounded = program.interruptedAt === 0 ? seen : Effect.timeoutOption(seen, program.interruptedAt)
    const exit = yield* drive(Effect.provide(bounded, layerOf(store)), "1 millis", 3000, turns(100))
    return { exit, probe, reported } satisfies LifeOutcomes
  })

/** True if an outcome is the result of its input. */
const isRight = ({ end, key }: Input, outcome: Outcome.Outcome<Input, string, string>): boolean => {
  if (Outcome.isSuccess(outcome)) return end === "value" && outcome.value === `value ${key}`
  if (end === "interruption") return Cause.hasInterruptsOnly(outcome.cause)
  if (end === "defect") return (Cause.squash(outcome.cause) as Error).message === `defect ${key}`
  return Option.getOrUndefined(Outcome.error(outcome)) === `failure ${key}`
}

describe("random programs with a journal", () => {
  it.effect.prop(
    "report the results of their inputs, keep them through failures of the store, and end as without a journal",
    [Program],
    ([program]) =>
      quiet(Effect.gen(function*() {
        const store = new ScriptedStore()
        store.remote = program.remote
        if (program.appending > 0) store.appending = () => Effect.sleep(program.appending)
        if (program.getting > 0) store.getting = () => Effect.sleep(program.getting)
        const known = new Map<number, Outcome.Outcome<Input, string, string>>()
        const lives = [...program.failsAt, Infinity, Infinity]
        for (const [life, failsAt] of lives.entries()) {
          const isLast = life === lives.length - 1
          store.failsAt = store.appended + failsAt
          const { exit, probe, reported } = yield* live(
            isLast ? { ...program, interruptedAt: 0 } : program,
            store
          )

          assert.strictEqual(probe.running, 0, "nothing goes on")
          assert.isAtMost(probe.most, program.concurrency === "unbounded" ? Infinity : program.concurrency)
          for (const [index, outcome] of reported) {
            const input = inputOf(program.keys[index]!)
            assert.deepStrictEqual(outcome.input, input)
            assert.isTrue(isRight(input, outcome), `${JSON.stringify(input)}: ${outcome._tag}`)
            assert.strictEqual(outcome.attempts === 0, outcome.recorded !== undefined)
          }
          for (const key of new Set(probe.started)) {
            const { end } = inputOf(key)
            const before = known.get(key)
            const runsAgain = end === "interruption" || (end !== "value" && program.retryFailed)
            assert.isTrue(before === undefined || runsAgain, `${key} runs again`)
            const attempts = probe.started.filter((started) => started === key).length
            const times = runsAgain ? program.keys.filter((each) => each === key).length : 1
            assert.isAtMost(attempts, times * (end === "failure" ? program.retries + 1 : 1), `attempts at ${key}`)
          }
          for (const [index, outcome] of reported) known.set(program.keys[index]!, outcome)
          if (isLast) {
            const failures = program.keys.filter((key) => inputOf(key).end !== "value").length
            const budget = program.collect === "forEach" ? 1 : program.maxErrors || Infinity
            if (failures === 0 || (failures < budget && ["partition", "run", "stream"].includes(program.collect))) {
              assert.isTrue(Exit.isSuccess(exit), String(exit))
              if (program.collect === "run" || program.collect === "stream") {
                assert.strictEqual(reported.size, program.keys.length)
              }
            } else assert.isTrue(Exit.isFailure(exit), "it fails")
          } else if (Exit.isFailure(exit)) {
            const tags = ["JournalError", "TooManyErrors", "FailedExamples"]
            const error = Cause.squash(exit.cause)
            const tag = (error as { readonly _tag?: string })._tag
            assert.isTrue(tag !== undefined ? tags.includes(tag) : program.collect === "forEach", String(exit.cause))
          }
        }
      })),
    { arbitrary: { runs: Number(process.env["PROPERTY_RUNS"] ?? 200) }, timeout: 3_600_000 }
  )
})
