import { assert, describe, layer, vi } from "@effect/vitest"
import { Duration, Effect, Exit, Fiber } from "effect"
import { Backend, Parallel } from "effect-parallel"
import { writeFileSync } from "node:fs"
import { range } from "../../helpers.ts"
import { crashOf, kinds, until, value, withFile } from "../workerKinds.ts"
import * as tasks from "../workerTasks.ts"

// hides what workers print before they crash
vi.spyOn(process.stderr, "write").mockReturnValue(true)

/** Keeps one worker busy for so long that batches sent to it in the meantime wait there. */
const spins = (file: string, millis: number) => tasks.act({ do: "spin", millis, noting: file })

/** Records how many batches of a run are in progress at the same time. */
const counting = (most: { count: number }): Effect.Effect<Backend.Backend> =>
  Effect.map(Backend.Backend, (backend): Backend.Backend => {
    let count = 0
    return {
      name: backend.name,
      workers: backend.workers,
      batches: backend.batches,
      prefetch: backend.prefetch,
      execute: (job, batch, onExit) =>
        Effect.suspend(() => {
          most.count = Math.max(most.count, ++count)
          return Effect.ensuring(backend.execute(job, batch, onExit), Effect.sync(() => count--))
        })
    }
  })

/** Runs inputs until two workers have taken some. While only one is up, no other can take the batches behind it. */
const bothAreUp = Parallel.run([{ do: "spin", millis: 20 }, { do: "spin", millis: 20 }] as const, tasks.act).pipe(
  Effect.repeat({ until: ({ outcomes }) => new Set(outcomes.map(({ worker }) => worker)).size === 2 })
)

for (const kind of kinds) {
  describe(`a batch that is sent ahead to ${kind.name}`, () => {
    layer(kind.layer({ workers: 2 }), { excludeTestServices: true })((it) => {
      it.effect("goes to another worker when that worker is idle", () =>
        withFile((file, lines) =>
          Effect.gen(function*() {
            const end = `${file}.end`
            const long = yield* Effect.forkChild(tasks.act({ do: "spinUntil", file: end, noting: file }))
            yield* until(() => lines().length === 1)
            const values = yield* Effect.forEach(range(12), (n) => tasks.act(value(n)), { concurrency: "unbounded" })

            assert.deepStrictEqual(values, range(12))
            assert.isUndefined(long.pollUnsafe())
            writeFileSync(end, "")
            yield* Fiber.join(long)
          })
        ))

      it.effect("is interrupted without waiting for the batches before it", () =>
        withFile((file, lines) =>
          Effect.gen(function*() {
            const long = yield* Effect.forkChild(Effect.all([spins(file, 2000), spins(file, 2000)], { concurrency: 2 }))
            yield* until(() => lines().length === 2)
            const calls = yield* Effect.forEach(range(4), () => Effect.forkChild(spins(file, 1)))
            yield* Effect.yieldNow
            yield* Fiber.interruptAll(calls)

            assert.isUndefined(long.pollUnsafe())
            yield* Fiber.join(long)
            assert.strictEqual(yield* tasks.act(value("and goes on")), "and goes on")
            assert.strictEqual(lines().length, 2)
          })
        ))

      it.effect("begins only when the concurrency of its run allows it", () =>
        Effect.gen(function*() {
          const most = { count: 0 }
          const report = yield* Parallel.run(range(3000), tasks.tiny, { concurrency: 1, batchSize: 20 }).pipe(
            Effect.provideServiceEffect(Backend.Backend, counting(most))
          )
          const ended = report.outcomes.map((outcome) => {
            const start = Duration.toMillis(outcome.startedAt)
            return [start, start + Duration.toMillis(outcome.elapsed)] as const
          }).toSorted(([a], [b]) => a - b)

          assert.strictEqual(most.count, 2)
          // times are fractions of milliseconds whose last digit is rounded
          assert.deepStrictEqual(ended.filter(([start], k) => k > 0 && start < ended[k - 1]![1] - 1e-5), [])
        }))

      it.effect("does not delay its run, whatever is before it", () =>
        Effect.gen(function*() {
          const run = yield* Effect.forkChild(
            Parallel.forEach(range(4000), tasks.tiny, { concurrency: 1, batchSize: 10 })
          )
          const calls = yield* Effect.forEach(
            range(40),
            (n) => tasks.act({ do: "spin", millis: n % 3 === 0 ? 12 : 1, value: n }),
            { concurrency: 6 }
          )

          assert.deepStrictEqual(calls, range(40))
          assert.strictEqual((yield* Fiber.join(run)).length, 4000)
        }))

      it.effect("is not sent behind batches that take long", () =>
        Effect.gen(function*() {
          const most = { count: 0 }
          const acts = range(5).map(() => ({ do: "sleep", millis: 100 } as const))
          yield* Parallel.forEach(acts, tasks.act, { concurrency: 2, batchSize: 1 }).pipe(
            Effect.provideServiceEffect(Backend.Backend, counting(most))
          )

          assert.strictEqual(most.count, 2)
        }))
    })

    layer(kind.layer({ workers: 1 }), { excludeTestServices: true })((it) => {
      it.effect("runs elsewhere when its worker ends, and does not count as started", () =>
        Effect.gen(function*() {
          yield* tasks.act(value("up"))
          const acts = [{ do: "exit", code: 3 } as const, ...range(6).map(value)]
          const exits = yield* Effect.forEach(acts, (act) => Effect.exit(tasks.act(act)), { concurrency: "unbounded" })

          assert.deepStrictEqual(exits.slice(1), range(6).map((n) => Exit.succeed(n)))
          assert.isTrue(Exit.isFailure(exits[0]!))
        }))

      it.effect("of a run, too", () =>
        Effect.gen(function*() {
          const acts = [...range(40).map(value), { do: "exit", code: 3 } as const, ...range(40).map(value)]
          const [values, failures] = yield* Parallel.partition(acts, tasks.act, { concurrency: 1, batchSize: 1 })

          assert.deepStrictEqual(values, [...range(40), ...range(40)])
          assert.deepStrictEqual(failures.map((failure) => [failure.index, crashOf(failure).exitCode]), [[40, 3]])
        }))

      it.effect("leaves nothing at its worker after any number of interruptions", () =>
        withFile((file) =>
          Effect.gen(function*() {
            for (let k = 0; k < 40; k++) {
              const long = yield* Effect.forkChild(tasks.act({ do: "spin", millis: 5 }))
              const calls = yield* Effect.forEach(range(3), () => Effect.forkChild(spins(file, 1)))
              yield* Effect.yieldNow
              yield* Fiber.interruptAll(calls)
              yield* Fiber.join(long)
            }
            assert.strictEqual(yield* tasks.act(value("and goes on")), "and goes on")
          })
        ))
    })
  })
}

layer(kinds[0]!.layer({ workers: 2 }), { excludeTestServices: true })(
  "batches that are sent ahead to threads",
  (it) => {
    it.effect("do not wait for an input that takes long", () =>
      Effect.gen(function*() {
        yield* bothAreUp
        const inputs = [...range(400).map(value), { do: "spin", millis: 1000 } as const, ...range(400).map(value)]
        const report = yield* Parallel.run(inputs, tasks.act)
        const ends = report.outcomes.map(({ elapsed, startedAt }) =>
          Duration.toMillis(startedAt) + Duration.toMillis(elapsed)
        )

        assert.strictEqual(report.outcomes.length, 801)
        assert.strictEqual(ends.indexOf(Math.max(...ends)), 400)
      }))

    it.effect("move their buffers only when they begin", () =>
      withFile((file, lines) =>
        Effect.gen(function*() {
          const long = yield* Effect.forkChild(Effect.all([spins(file, 300), spins(file, 600)], { concurrency: 2 }))
          yield* until(() => lines().length === 2)
          const sizes = yield* Effect.forEach(range(4), () => tasks.moves({ bytes: new Uint8Array(8) }), {
            concurrency: "unbounded"
          })

          assert.strictEqual(sizes.length, 4)
          yield* Fiber.join(long)
        })
      ))
  }
)
