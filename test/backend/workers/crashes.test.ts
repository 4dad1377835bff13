import { assert, describe, it, layer, vi } from "@effect/vitest"
import { Cause, Effect, Fiber, Stream } from "effect"
import { Limit, Parallel } from "effect-parallel"
import { range } from "../../helpers.ts"
import { crashOf, errorOf, kinds, timed, until, value, withFile } from "../workerKinds.ts"
import * as tasks from "../workerTasks.ts"

// hides what workers print before they crash
vi.spyOn(process.stderr, "write").mockReturnValue(true)

type Act = tasks.Act

/** A batch of one worker, with an act among values. */
const among = (act: Act, at = 2, length = 5): ReadonlyArray<Act> => range(length).map((n) => n === at ? act : value(n))

const batch = { batchSize: 5, concurrency: 1 } as const

for (const kind of kinds) {
  layer(kind.layer({ workers: 1 }), { excludeTestServices: true })(
    `one of ${kind.name}`,
    (it) => {
      it.effect("fail only the guilty inputs, and report how they ended and their last output", () =>
        Effect.gen(function*() {
          const fatal: ReadonlyArray<readonly [Act, string | number, RegExp]> = [
            [{ do: "complain", text: "the disk is full", code: 42 }, 42, /the disk is full/],
            [{ do: "throwLater", message: "in a timer" }, 1, /RangeError: in a timer/],
            [{ do: "reject", message: "nobody cares" }, 1, /RangeError: nobody cares/],
            ...kind.name === "threads" ? [] : [
              [{ do: "kill" }, "SIGKILL", /^$/] as const,
              [{ do: "abort" }, "SIGABRT", /abort|Native stack trace/i] as const
            ]
          ]
          const acts = fatal.flatMap(([act], n) => [value(n), act, value(n)])
          const [values, failures] = yield* Parallel.partition(acts, tasks.act, { batchSize: 6, concurrency: 1 })
          const crashes = failures.map(crashOf)

          assert.deepStrictEqual(values, fatal.flatMap((_, n) => [n, n]))
          assert.deepStrictEqual(failures.map((failure) => failure.index), fatal.map((_, n) => 3 * n + 1))
          assert.deepStrictEqual(crashes.map((crash) => crash.signal ?? crash.exitCode), fatal.map(([, how]) => how))
          for (const [n, [, , words]] of fatal.entries()) assert.match(crashes[n]!.stderr, words)
          assert.match(crashes[0]!.message, /exited with code 42: the disk is full/)
        }))

      it.effect("between two batches fail no input", () =>
        Effect.gen(function*() {
          const values: Array<unknown> = []
          for (let round = 0; round < 3; round++) {
            values.push(yield* tasks.act({ do: "exitLater", code: 3, millis: 1 }))
            yield* Effect.sync(() => {
              for (const end = performance.now() + 20; performance.now() < end;);
            })
            values.push(yield* tasks.act(value(round)))
          }

          assert.deepStrictEqual(values.filter((_, k) => k % 2 === 1), range(3))
        }))

      it.effect("that only waited for another batch of their worker are not late", () =>
        Effect.gen(function*() {
          const acts: ReadonlyArray<Act> = [
            { do: "sleep", millis: 30, value: "innocent" },
            { do: "sleep", millis: 40, value: "innocent" },
            { do: "spin", millis: 60_000 }
          ]
          const [values, failures] = yield* Parallel.partition(acts, tasks.act, {
            timeout: 500,
            concurrency: 3,
            batchSize: 1
          })

          assert.deepStrictEqual(values, ["innocent", "innocent"])
          assert.deepStrictEqual(failures.map((failure) => failure.index), [2])
          assert.isTrue(Cause.isTimeoutError(errorOf(failures[0])))
        }))

      it.effect("that look late only to a busy program are not late", () =>
        Effect.gen(function*() {
          const before = yield* tasks.act({ do: "who" })
          const run = yield* Effect.forkChild(
            Parallel.forEach([{ do: "sleep", millis: 30, value: 1 }] as const, tasks.act, {
              timeout: 500
            })
          )
          yield* Effect.sleep(10)
          yield* Effect.sync(() => {
            for (const end = performance.now() + 1500; performance.now() < end;);
          })

          assert.deepStrictEqual(yield* Fiber.join(run), [1])
          assert.strictEqual(yield* tasks.act({ do: "who" }), before)
        }))

      it.effect("that ignore their deadline are ended after the grace period and replaced; only that input fails", () =>
        Effect.gen(function*() {
          const before = yield* tasks.act({ do: "who" })
          const inputs: ReadonlyArray<Act> = [
            value(0),
            { do: "spin", millis: 60_000 },
            value(2),
            { do: "stubborn" },
            value(4)
          ]
          const [[values, failures], millis] = yield* timed(
            Parallel.partition(inputs, tasks.act, { ...batch, timeout: 300 })
          )
          const after = yield* tasks.act({ do: "who" })

          assert.deepStrictEqual(values, [0, 2, 4])
          assert.isTrue(failures.every((failure) => Cause.isTimeoutError(errorOf(failure))))
          assert.deepStrictEqual(failures.map((failure) => failure.index), [1, 3])
          assert.notStrictEqual(after, before)
          // far less than the spinning task would have taken
          assert.isBelow(millis, 30_000)
        }))
    }
  )

  layer(kind.layer(), { excludeTestServices: true })(kind.name, (it) => {
    it.effect("that are interrupted return within the grace period, and use no processor afterwards", () =>
      withFile((noting, lines) =>
        Effect.gen(function*() {
          const spin: Act = { do: "spin", millis: 60_000, noting }
          const run = yield* Effect.forkChild(Parallel.forEach([spin, spin], tasks.act, { batchSize: 1 }))
          yield* until(() => new Set(lines()).size === 2)
          const [, millis] = yield* timed(Fiber.interrupt(run))
          const used = process.cpuUsage()
          yield* Effect.sleep(300)
          const { system, user } = process.cpuUsage(used)

          // the grace period is 200 ms, and the spinning task would continue for a minute
          assert.isBelow(millis, 20 * 200)
          assert.isBelow((user + system) / 1000, 150)
        })
      ))

    describe("that crash", () => {
      it.effect("by running out of memory fail only the guilty input", () =>
        Effect.gen(function*() {
          const [values, failures] = yield* Parallel.partition(among({ do: "hoard" }), tasks.act, batch)

          assert.deepStrictEqual(values, [0, 1, 3, 4])
          assert.match(crashOf(failures[0]).stderr, /memory/i)
        }).pipe(Effect.provide(kind.small)))

      if (kind.name === "processes") {
        it.effect("are gone when they have ended, even if another process holds their standard error", () =>
          Effect.gen(function*() {
            const inputs: ReadonlyArray<Act> = [{ do: "daemon", millis: 60_000 }, { do: "kill" }]
            const [[pids, failures], millis] = yield* timed(
              Effect.provide(Parallel.partition(inputs, tasks.act, { concurrency: 1 }), kind.layer({ workers: 1 }))
            )
            yield* Effect.sync(() => process.kill(pids[0] as number))

            assert.strictEqual(crashOf(failures[0]).signal, "SIGKILL")
            // the daemon would have held it open for a minute
            assert.isBelow(millis, 30_000)
          }))
      }

      it.effect("keep finished inputs, which do not run again", () =>
        withFile((file, lines) =>
          Effect.gen(function*() {
            const acts = range(6).map((n): Act =>
              n === 3 ? { do: "exit", code: 1 } : { do: "note", file, line: `${n}` }
            )
            yield* Parallel.partition(acts, tasks.act, { batchSize: 6, concurrency: 1 })

            assert.deepStrictEqual(lines(), ["0", "1", "2", "4", "5"])
          })
        ))

      it.effect("are retried as often as the retry says", () =>
        Effect.gen(function*() {
          const report = yield* Parallel.run(among({ do: "exit", code: 1 }), tasks.act, {
            ...batch,
            retry: { times: 2 }
          })

          assert.deepStrictEqual(report.outcomes.map((outcome) => outcome.attempts), [1, 1, 3, 1, 1])
          assert.strictEqual(crashOf(report.failures[0]).exitCode, 1)
        }))

      it.effect("with several batches in progress find the guilty one", () =>
        Effect.gen(function*() {
          const guilty = range(12).map((n): Act =>
            n === 7 ? { do: "throwLater", message: "guilty" } : { do: "sleep", millis: 100, value: n }
          )
          const [values, failures] = yield* Parallel.partition(guilty, tasks.act, { concurrency: 6, batchSize: 1 })

          assert.deepStrictEqual(failures.map((failure) => failure.index), [7])
          assert.match(crashOf(failures[0]).stderr, /guilty/)
          assert.deepStrictEqual(values, range(12).filter((n) => n !== 7))
        }))

      it.effect("before they are ready fail the whole batch, and are not restarted forever", () =>
        Effect.gen(function*() {
          const [values, failures] = yield* Effect.provide(
            Parallel.partition(among(value(2)), tasks.act, batch),
            kind.layer({ execArgv: ["--import=data:text/javascript,process.exit(5)"], workers: 1 })
          )

          assert.deepStrictEqual(values, [])
          assert.deepStrictEqual(failures.map((failure) => crashOf(failure).exitCode), [5, 5, 5, 5, 5])
        }))

      it.effect("repeatedly let all other inputs succeed", () =>
        Effect.gen(function*() {
          const inputs = range(30).map((n): Act => n % 10 === 5 ? { do: "exit", code: n } : value(n))
          const [values, failures] = yield* Parallel.partition(inputs, tasks.act)

          assert.deepStrictEqual(values, range(30).filter((n) => n % 10 !== 5))
          assert.deepStrictEqual(failures.map((failure) => crashOf(failure).exitCode), range(3).map((n) => n * 10 + 5))
        }))

      it.effect("under a limit let all other inputs succeed, one by one", () =>
        Effect.gen(function*() {
          const inputs = range(12).map((n): Act => n % 6 === 5 ? { do: "exit", code: n } : value(n))
          const options = { limit: Limit.concurrency(6), concurrency: 6 }
          const [values, failures] = yield* Parallel.partition(inputs, tasks.act, options)

          assert.strictEqual(values.length, 10)
          assert.strictEqual(failures.length, 2)
        }))
    })

    describe("that are late", () => {
      it.effect("are first interrupted: finalizers run, and the worker stays", () =>
        withFile((file, lines) =>
          Effect.gen(function*() {
            const before = yield* tasks.act({ do: "who" })
            const [, failures] = yield* Parallel.partition([{ do: "hang", file }] as const, tasks.act, { timeout: 50 })
            const after = yield* tasks.act({ do: "who" })

            assert.isTrue(Cause.isTimeoutError(errorOf(failures[0])))
            assert.deepStrictEqual(lines(), ["finalized"])
            assert.strictEqual(after, before)
          }).pipe(Effect.provide(kind.layer({ workers: 1, grace: "10 seconds" })))
        ))

      it.effect("do not affect other inputs", () =>
        Effect.gen(function*() {
          const inputs: ReadonlyArray<Act> = [{ do: "spin", millis: 60_000 }, {
            do: "sleep",
            millis: 700,
            value: "slept"
          }]
          const fast = Parallel.partition([inputs[0]!], tasks.act, { timeout: 100 })
          const slow = Parallel.run([inputs[1]!], tasks.act)
          const [[, late], report] = yield* Effect.all([fast, slow], { concurrency: 2 })

          assert.strictEqual(late.length, 1)
          assert.deepStrictEqual(report.values, ["slept"])
          assert.deepStrictEqual(report.outcomes.map((outcome) => outcome.attempts), [1])
        }))
    })

    describe("that are interrupted", () => {
      it.effect("start nothing more", () =>
        withFile((file, lines) =>
          Effect.gen(function*() {
            yield* Parallel.forEach(range(2), tasks.tiny)
            const acts = range(2000).flatMap((n): ReadonlyArray<Act> => [{ do: "spin", millis: 5 }, {
              do: "note",
              file,
              line: `${n}`
            }])
            const run = yield* Effect.forkChild(Parallel.forEach(acts, tasks.act))
            yield* until(() => lines().length > 3)
            yield* Fiber.interrupt(run)
            const soFar = lines().length
            yield* Effect.sleep(200)

            assert.strictEqual(lines().length, soFar)
            assert.isBelow(soFar, 2000)
          })
        ))

      it.effect("because their stream is dropped stop only their own work", () =>
        Effect.gen(function*() {
          const other = yield* Effect.forkChild(
            Parallel.forEach([{ do: "sleep", millis: 400, value: 1 }] as const, tasks.act)
          )
          const inputs = [value(0), ...range(5).map((): Act => ({ do: "spin", millis: 60_000 }))]
          const taken = yield* Parallel.stream(inputs, tasks.act, { order: "completion", concurrency: 2 }).pipe(
            Stream.take(1),
            Stream.runCollect
          )

          assert.deepStrictEqual(taken.map((outcome) => outcome.index), [0])
          assert.deepStrictEqual(yield* Fiber.join(other), [1])
        }).pipe(Effect.provide(kind.layer({ workers: 3 }))))
    })
  })
}

for (const kind of kinds) {
  describe(`${kind.name}, with no other tests beside them,`, () => {
    it.live("that cannot be started fail their inputs", () =>
      Effect.gen(function*() {
        const tmp = process.env["TMPDIR"]
        process.env["TMPDIR"] = "/nowhere/at/all"
        const restore = Effect.sync(() => {
          if (tmp === undefined) delete process.env["TMPDIR"]
          else process.env["TMPDIR"] = tmp
        })
        const execArgv = kind.name === "threads" ? ["--no-such-option"] : []
        const [, failures] = yield* Parallel.partition(among(value(2)), tasks.act).pipe(
          Effect.provide(kind.layer({ execArgv })),
          Effect.ensuring(restore)
        )

        assert.strictEqual(failures.length, 5)
        assert.match(String(errorOf(failures[0])), /its worker could not be started: .*(invalid execArgv|nowhere)/)
      }))
  })
}
