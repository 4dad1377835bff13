import { assert, describe, it } from "@effect/vitest"
import { Clock, Duration, Effect, Exit, Fiber, Option } from "effect"
import { Backend } from "effect-parallel"
import { type Case, cases, suite } from "effect-parallel/testing"

/** The faults of a backend. */
interface Faults {
  readonly prefetch?: boolean
  readonly runs?: number
  readonly timeout?: (millis: number) => number | undefined
  readonly tells?: (told: Told, tell: (told: Told) => void) => void
  readonly atEnd?: (tell: (told: Told) => void) => void
  readonly ignoresBudget?: boolean
  readonly ignoresRecall?: boolean
  readonly givesBack?: (position: number) => number
  readonly around?: (execute: Effect.Effect<void>) => Effect.Effect<void>
}

interface Told {
  readonly position: number
  readonly exit: Exit.Exit<any, any>
  readonly worker?: number
  readonly startedAt?: number
  readonly endedAt?: number
}

/** Makes a backend on fibers that takes batches and is correct except for its faults. */
const make = (faults: () => Faults): Backend.Backend => ({
  name: "wrong",
  workers: 2,
  batches: true,
  prefetch: faults().prefetch,
  execute: (job, batch, onExit) =>
    Effect.gen(function*() {
      const { around, atEnd, givesBack, ignoresBudget, ignoresRecall, runs = 1, tells, timeout } = faults()
      const clock = yield* Clock.Clock
      const now = () => Number(clock.monotonicTimeNanosUnsafe()) / 1e6
      const { budget, recall } = batch
      const until = budget === undefined || ignoresBudget ? Infinity : now() + Duration.toMillis(budget)
      const given = timeout === undefined || batch.timeout === undefined
        ? batch.timeout
        : timeout(Duration.toMillis(batch.timeout))
      const options = { ...batch, timeout: given === undefined ? undefined : Duration.fromInputUnsafe(given) }
      const tell = ({ endedAt, exit, position, startedAt, worker }: Told) =>
        onExit(position, exit, worker, startedAt, endedAt)
      let position = 0
      let recalled = false
      recall?.signal.addEventListener("abort", () => {
        recalled = ignoresRecall !== true
        if (recalled) recall.giveBack(givesBack === undefined ? position + 1 : givesBack(position))
      })
      const one = Effect.gen(function*() {
        const index = batch.index(position)
        const item = {
          input: batch.inputs[position]!,
          ...(index !== undefined && { index }),
          attempts: batch.attempt?.(position),
          key: batch.key?.(position)
        }
        const startedAt = now()
        let exit = yield* Effect.exit(Backend.attempt(Backend.async, job, item, options))
        for (let run = 1; run < runs; run++) {
          exit = yield* Effect.exit(Backend.attempt(Backend.async, job, item, options))
        }
        const told = { position, exit, worker: 0, startedAt, endedAt: now() }
        if (tells === undefined) tell(told)
        else tells(told, tell)
        position++
      })
      const all = Effect.whileLoop({
        while: () => position < batch.inputs.length && (position === 0 || (!recalled && now() <= until)),
        body: () => one,
        step: () => {}
      })
      const scoped = Effect.provideContext(all, yield* Effect.context())
      yield* around === undefined ? scoped : around(scoped as Effect.Effect<void>)
      atEnd?.(tell)
    })
})

/** The faults by name, with the case that finds each. */
const wrong: Readonly<Record<string, readonly [Case, () => Faults]>> = {
  "loses an exit": ["an input that has ended is told of", () => ({
    tells: (told, tell) => told.position === 1 || tell(told)
  })],
  "tells an exit twice": ["each exit is told once", () => ({
    tells: (told, tell) => {
      tell(told)
      tell(told)
    }
  })],
  "swaps two exits": ["exits are told at their own positions", () => ({
    tells: (told, tell) => tell({ ...told, position: told.position < 2 ? 1 - told.position : told.position })
  })],
  "runs each input twice": ["an input is run once", () => ({ runs: 2 })],
  "ignores the budget": [
    "a batch that has used up its budget starts no further input",
    () => ({ ignoresBudget: true })
  ],
  "ignores a recall": ["a batch that is recalled starts no further input", () => ({ ignoresRecall: true })],
  "gives back what runs": ["what was started is not given back", () => ({ givesBack: (position) => position })],
  "has deadlines at 1.8 times": ["a deadline is kept, and measured from the start of the attempt", () => ({
    timeout: (millis) => 1.8 * millis
  })],
  "has no deadline": ["a deadline is kept, and measured from the start of the attempt", () => ({
    timeout: () => undefined
  })],
  "has deadlines a millisecond late": ["a deadline comes to the millisecond of the test clock", () => ({
    timeout: (millis) => millis + 1
  })],
  "overdraws its budget": ["a budget comes to the millisecond of the test clock", () => ({ ignoresBudget: true })],
  "begins what was sent ahead": ["no more inputs run at once than the run allows", () => ({ prefetch: true })],
  "is deaf to interruption": ["an interruption ends, when what was started has stopped", () => ({
    around: Effect.uninterruptible
  })],
  "leaves fibers behind": ["nothing goes on after an interruption", () => ({
    around: (execute) => Effect.flatMap(Effect.forkDetach(execute), Fiber.join)
  })],
  "tells all exits at the end": ["exits are told while their batch runs", () => {
    const all: Array<Told> = []
    return { tells: (told) => all.push(told), atEnd: (tell) => all.forEach(tell) }
  }],
  "tells exits after the end": ["no exit is told after the end", () => ({
    tells: (told, tell) => void setTimeout(() => tell(told), 100)
  })],
  "tells a wrong worker": ["a worker has a number below `workers`", () => ({
    tells: (told, tell) => tell({ ...told, worker: 2 })
  })],
  "tells negative times": ["an attempt has begun after the call, and ended before it was told of", () => ({
    tells: (told, tell) => tell({ ...told, endedAt: told.startedAt! - 1 })
  })]
}

suite("a backend that is right", Backend.layer(make(() => ({}))), { virtual: true, concurrent: true })

describe("a wrong backend", () => {
  it.live("fails the case that names its fault", () =>
    Effect.gen(function*() {
      const passed = yield* Effect.forEach(
        Object.entries(wrong),
        ([fault, [title, faults]]) =>
          // a case that hangs fails too, after 15 seconds
          Effect.exit(cases[title].pipe(Effect.provide(Backend.layer(make(faults))))).pipe(
            Effect.timeoutOption("5 seconds"),
            Effect.map((exit) => Option.isSome(exit) && Exit.isSuccess(exit.value) ? [fault] : [])
          ),
        { concurrency: "unbounded" }
      )

      assert.deepStrictEqual(passed.flat(), [])
    }), 60_000)
})
