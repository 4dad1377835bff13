import { assert, layer } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber } from "effect"
import { Limit, Parallel } from "effect-parallel"
import { Counted, range } from "../../helpers.ts"
import { errorOf, kinds, timed, until, value, withFile } from "../workerKinds.ts"
import * as tasks from "../workerTasks.ts"

type Act = tasks.Act

/** Runs for this long, and writes that down. */
const noting = (file: string, line: string, millis: number) => tasks.notes({ file, line, millis })

for (const kind of kinds) {
  layer(kind.layer(), { excludeTestServices: true })(`runs on ${kind.name}`, (it) => {
    it.effect("pull no more than concurrency and look-ahead", () =>
      Effect.gen(function*() {
        const inputs = new Counted(500)
        const none = yield* Parallel.forEach(range(20), tasks.tiny, { preDispatch: 0 })
        const run = yield* Effect.forkChild(
          Parallel.forEach(inputs, () => tasks.act({ do: "hang" }), { concurrency: 2, preDispatch: 3 })
        )
        const batches = new Counted(500)
        const batched = yield* Effect.forkChild(
          Parallel.forEach(batches, tasks.naps, { concurrency: 2, preDispatch: 3 })
        )
        yield* until(() => inputs.pulled > 0 && batches.pulled > 0)
        yield* Effect.sleep(200)
        const pulled = [inputs.pulled, batches.pulled]
        yield* Fiber.interruptAll([run, batched])

        assert.strictEqual(none.length, 20)
        assert.isTrue(pulled.every((count) => count > 0 && count <= 5), pulled.join())
      }))

    it.effect("that end early have the finished inputs, the failures and their causes", () =>
      Effect.gen(function*() {
        const inputs: ReadonlyArray<Act> = range(100).map((n) => n % 10 === 9 ? { do: "fail", error: n } : value(n))
        const error = yield* Effect.flip(Parallel.run(inputs, tasks.act, { maxErrors: 3, concurrency: 1 }))

        assert.strictEqual(error._tag, "TooManyErrors")
        assert.deepStrictEqual(error.failures.map(errorOf), [9, 19, 29])
        assert.deepStrictEqual(error.report.values.slice(0, 27), range(29).filter((n) => n % 10 !== 9))
      }))

    it.effect("copy a straggler once; a failure elsewhere does not delay the winner", () =>
      withFile((file, lines) =>
        Effect.gen(function*() {
          const inputs = [{ line: "slow", millis: 600 }, { line: "odd", millis: -1 }]
          const [report, millis] = yield* timed(
            Parallel.run(inputs, ({ line, millis }) => noting(file, line, millis), {
              stragglers: { after: 100 },
              concurrency: 3
            })
          )
          const starts = lines().filter((line) => line === "slow starts").length

          assert.strictEqual(starts, 2)
          assert.deepStrictEqual(report.outcomes.map((outcome) => [outcome._tag, outcome.attempts]), [
            ["Success", 2],
            ["Failure", 1]
          ])
          assert.isBelow(millis, 20 * 600)
        })
      ))

    it.effect("stop the loser of a race", () =>
      withFile((file, lines) =>
        Effect.gen(function*() {
          yield* Parallel.run([{ file, line: "slow", millis: 600 }], tasks.notes, {
            stragglers: { after: 300 },
            concurrency: 2
          })
          yield* until(() => lines().includes("slow stops"))

          assert.strictEqual(lines().filter((line) => line === "slow ends").length, 1)
        })
      ))

    it.effect("count inputs, not attempts, in their budget of failures, and nothing from an earlier run", () =>
      Effect.gen(function*() {
        const inputs: ReadonlyArray<Act> = [{ do: "fail", error: 1 }, value(2), { do: "fail", error: 3 }, value(4)]
        const run = Parallel.run(inputs, tasks.act, { maxErrors: 3, retry: { times: 4 } })
        for (let round = 0; round < 3; round++) {
          assert.deepStrictEqual((yield* run).outcomes.map((outcome) => outcome.attempts), [5, 1, 5, 1])
        }
      }))

    it.effect("keep to their concurrency in repeated cancellations", () =>
      withFile((file, lines) =>
        Effect.gen(function*() {
          for (let wave = 0; wave < 4; wave++) {
            const acts = range(6).map((n) => ({ file, line: `${wave}.${n}`, millis: 10_000 }))
            const run = yield* Effect.forkChild(Parallel.forEach(acts, tasks.notes, { concurrency: 2 }))
            yield* until(() => lines().filter((line) => line.startsWith(`${wave}.`)).length >= 2)
            yield* Fiber.interrupt(run)
          }
          const running = new Set<string>()
          let most = 0
          for (const line of lines()) {
            const [name, what] = line.split(" ")
            if (what === "starts") running.add(name!)
            else running.delete(name!)
            most = Math.max(most, running.size)
          }

          assert.strictEqual(most, 2)
          assert.strictEqual(running.size, 0)
        })
      ))

    it.effect("take ten times as long for ten times the inputs", () =>
      Effect.gen(function*() {
        const cost = (count: number) =>
          Effect.map(timed(Parallel.forEach(range(count), tasks.tiny)), ([, millis]) => millis)
        const least = (count: number) =>
          Effect.map(Effect.forEach(range(4), () => cost(count)), (times) => Math.min(...times))
        yield* cost(20_000)
        const few = yield* least(10_000)
        const many = yield* least(100_000)

        // a quadratic cost would be a hundred times; a busy computer may take the core from one of the two
        assert.isBelow(many, 50 * few)
      }))

    it.effect("nested under one limit never exceed it, and do not deadlock", () =>
      Effect.gen(function*() {
        const limit = Limit.concurrency(4)
        const nested = Parallel.forEach(range(4), (n) =>
          Parallel.forEach(range(4), (m) => tasks.act(value(4 * n + m)), { limit, concurrency: 4 }), {
          limit,
          concurrency: 4
        })

        assert.deepStrictEqual((yield* nested).flat(), range(16))
      }))

    it.effect("distinguish inputs that fail in every way at the same time", () =>
      Effect.gen(function*() {
        const acts: ReadonlyArray<Act> = [
          value(0),
          { do: "fail", error: "no" },
          { do: "die" },
          { do: "exit", code: 2 },
          { do: "hang" },
          value({ fn: () => 0 }),
          { do: "function" },
          value(7)
        ]
        const exit = yield* Effect.exit(Parallel.run(acts, tasks.act, { timeout: 300 }))
        const outcomes = Exit.isSuccess(exit) ? exit.value.outcomes : []
        const causes = outcomes.map((outcome) =>
          outcome._tag === "Success" ? "value" : String(Cause.squash(outcome.cause)).replaceAll("\n", " ")
        )

        const expected = [
          /value/,
          /no/,
          /RangeError: a bug/,
          /exited with code 2/,
          /longer than 300ms/,
          /payload cannot/,
          /success cannot/,
          /value/
        ]
        for (const [n, pattern] of expected.entries()) assert.match(causes[n]!, pattern)
      }))
  })
}
