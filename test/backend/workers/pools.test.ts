import { assert, describe, it, layer, vi } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Logger, References, Scope } from "effect"
import { Backend, Parallel } from "effect-parallel"
import * as Processes from "effect-parallel/backend/Processes"
import * as Threads from "effect-parallel/backend/Threads"
import { execFileSync } from "node:child_process"
import { range } from "../../helpers.ts"
import { nests } from "../nestedTasks.ts"
import { kinds, timed, until, untilLike, value, watching, withFile } from "../workerKinds.ts"
import * as tasks from "../workerTasks.ts"

// hides what workers print before they crash
vi.spyOn(process.stderr, "write").mockReturnValue(true)

type Act = tasks.Act

const who = tasks.act({ do: "who" })

/** Returns how often a worker wrote something down. */
const counts = (lines: ReadonlyArray<string>, what: string): number =>
  lines.filter((line) => line.startsWith(what)).length

const childrenOf = (pid: number): number =>
  execFileSync("ps", ["-e", "-o", "ppid=,comm="], { encoding: "utf8" }).split("\n").filter((line) =>
    line.trim().startsWith(`${pid} `) && !/\bps\b/.test(line)
  ).length

for (const kind of kinds) {
  layer(kind.layer({ workers: 1 }), { excludeTestServices: true })(
    `one of ${kind.name}`,
    (it) => {
      it.effect("keeps its workers when the log level or the defaults change", () =>
        Effect.gen(function*() {
          const before = yield* who
          const after = yield* who.pipe(
            Effect.provideService(References.MinimumLogLevel, "Debug"),
            Parallel.withDefaults({ concurrency: 3 })
          )

          assert.strictEqual(after, before)
        }))

      it.effect("is the caller's: span, log level, annotations; the backend is the async one", () =>
        Effect.gen(function*() {
          const { seen, span } = yield* Effect.gen(function*() {
            const span = yield* Effect.currentSpan
            return { span, seen: yield* tasks.context(undefined) }
          }).pipe(
            Effect.withSpan("caller"),
            Effect.annotateLogs({ tenant: "a", alien: () => 1 }),
            Effect.provideService(References.MinimumLogLevel, "Warn")
          )

          assert.deepStrictEqual(seen, {
            backend: "async",
            level: "Warn",
            annotations: { tenant: "a" },
            span: { traceId: span.traceId, spanId: span.spanId }
          })
        }))

      it.effect("has the defaults of Parallel.withDefaults, otherwise those of the library", () =>
        Effect.gen(function*() {
          const own = yield* Parallel.withDefaults(nests(20), { concurrency: 3 })

          assert.strictEqual(own, 3)
          assert.strictEqual(yield* nests(20), 8)
        }))

      it.effect("that is warm answers much faster than a worker starts", () =>
        Effect.gen(function*() {
          const [, cold] = yield* timed(Effect.provide(tasks.tiny(1), kind.layer({ workers: 1 })))
          yield* tasks.tiny(1)
          const times: Array<number> = []
          for (let round = 0; round < 50; round++) times.push((yield* timed(tasks.tiny(round)))[1])
          const median = times.toSorted((a, b) => a - b)[25]!

          assert.isBelow(median, cold / 20)
        }))
    }
  )

  describe(`the layer of ${kind.name}`, () => {
    it.live("kills a worker that has begun to end but does not finish", () =>
      Effect.gen(function*() {
        const layer = kind.layer({ workers: 1, maxTasksPerWorker: 2 })
        const values = yield* Effect.provide(Parallel.forEach([1, 2], tasks.holdsOn), layer)

        assert.deepStrictEqual(values, [1, 2])
      }))
  })

  layer(kind.layer(), { excludeTestServices: true })(kind.name, (it) => {
    it.effect("serves runs with different options concurrently", () =>
      Effect.gen(function*() {
        const failing = Effect.exit(Parallel.forEach([2, 3, 4], tasks.half, { concurrency: 1, batchSize: 2 }))
        const whole = Parallel.forEach(range(300).map((n) => 2 * n), tasks.half, { concurrency: 16 })
        const single = Parallel.forEach(range(30), tasks.tiny, { concurrency: 3, batchSize: 1, timeout: "5 seconds" })
        const [failed, values, roots] = yield* Effect.all([failing, whole, single], { concurrency: "unbounded" })

        assert.isTrue(Exit.isFailure(failed))
        assert.deepStrictEqual(values, range(300))
        assert.deepStrictEqual(roots, range(30).map(Math.sqrt))
      }))

    it.effect("gets batches of the requested size", () =>
      Effect.gen(function*() {
        const sizes: Array<number> = []
        const backend = yield* watching(sizes)
        const values = yield* Parallel.forEach(range(1000), tasks.tiny, { batchSize: 100 }).pipe(
          Effect.provideService(Backend.Backend, backend)
        )

        assert.deepStrictEqual(values, range(1000).map(Math.sqrt))
        assert.deepStrictEqual(sizes, range(10).map(() => 100))
      }))

    it.effect("gets batches sized to how long the inputs take", () =>
      Effect.gen(function*() {
        const sizes: Array<number> = []
        const backend = yield* watching(sizes)
        yield* tasks.tiny(1)
        yield* Parallel.forEach(range(20_000), tasks.tiny).pipe(Effect.provideService(Backend.Backend, backend))
        const fast = Math.max(...sizes)
        sizes.length = 0
        const sleepy = range(40).map((): Act => ({ do: "sleep", millis: 20 }))
        const [, millis] = yield* timed(
          Parallel.forEach(sleepy, tasks.act, { concurrency: 8 }).pipe(Effect.provideService(Backend.Backend, backend))
        )
        const [, ten] = yield* timed(Parallel.forEach(sleepy.slice(0, 10), tasks.act, { concurrency: 1 }))

        assert.isAbove(fast, 100)
        assert.isAtMost(Math.max(...sizes), 3)
        assert.isBelow(millis, 4 * ten / 2)
      }))

    it.effect("cuts a batch when another worker is idle", () =>
      Effect.gen(function*() {
        yield* Parallel.forEach(range(2).map((): Act => ({ do: "spin", millis: 100 })), tasks.act, { batchSize: 1 })
        const spins = range(8).map((): Act => ({ do: "spin", millis: 60, value: "spun" }))
        const [, alone] = yield* timed(Parallel.forEach(spins, tasks.act, { concurrency: 1 }))
        const [values, millis] = yield* timed(
          Parallel.forEach([...range(60).map((n) => value(n)), ...spins], tasks.act)
        )

        assert.strictEqual(values.filter((each) => each === "spun").length, 8)
        assert.isBelow(millis, 1.6 * alone)
      }))

    it.effect("recalls no batch before it has begun, even if its worker reads it for long", () =>
      Effect.gen(function*() {
        const sizes: Array<number> = []
        const lists = range(400).map(() => range(5000))
        const backend = yield* watching(sizes)
        for (let round = 0; round < 5; round++) {
          yield* Effect.provideService(Parallel.forEach(lists, tasks.length), Backend.Backend, backend)
        }

        // each input once, and once more for each time that the remaining inputs of its batch were dispatched again
        assert.isBelow(sizes.reduce((sum, size) => sum + size, 0), 4 * 5 * lists.length)
      }))
  })

  describe(`a pool of ${kind.name}`, () => {
    it.live("starts only as many workers as there is work for, and keeps them for the next run", () =>
      Effect.gen(function*() {
        const alone = [yield* who, yield* who, yield* who]
        const two = yield* Parallel.forEach(range(2).map((): Act => ({ do: "spin", millis: 50 })), tasks.act, {
          concurrency: 2,
          batchSize: 1
        }).pipe(Effect.andThen(Parallel.forEach(range(20).map((): Act => ({ do: "who" })), tasks.act)))

        assert.strictEqual(new Set(alone).size, 1)
        assert.isAtMost(new Set([...alone, ...two]).size, 3)
      }).pipe(Effect.provide(kind.layer({ workers: 3 }))))

    it.live("replaces a worker after its last task, and counts tasks correctly", () =>
      withFile((file, lines) =>
        Effect.gen(function*() {
          const acts = range(18).map((): Act => ({ do: "who" }))
          const workers = yield* Effect.provide(
            Parallel.forEach(acts, tasks.uses, { batchSize: 10 }),
            kind.layer({ workers: 1, maxTasksPerWorker: 7, env: { LAYER_FILE: file } })
          )
          const each = Object.values(Object.groupBy(workers, (worker) => JSON.stringify(worker))).map((
            tasks
          ) => tasks!.length)

          assert.deepStrictEqual(each, [7, 7, 4])
          assert.strictEqual(counts(lines(), "built"), 3)
          assert.strictEqual(counts(lines(), "released"), 3)
        })
      ))

    it.live("ends a worker after its idle time, and releases its layer", () =>
      withFile((file, lines) =>
        Effect.gen(function*() {
          const before = yield* tasks.uses({ do: "who" })
          yield* until(() => counts(lines(), "released") === 1)
          const after = yield* tasks.uses({ do: "who" })

          assert.notStrictEqual(after, before)
          assert.strictEqual(counts(lines(), "built"), 2)
        }).pipe(Effect.provide(kind.layer({ workers: 1, idleTimeout: "50 millis", env: { LAYER_FILE: file } })))
      ))

    it.live("builds a task's layer once for each worker, again after a crash, and releases it with the scope", () =>
      withFile((file, lines) =>
        Effect.gen(function*() {
          yield* Effect.gen(function*() {
            const acts: ReadonlyArray<Act> = [...range(6).map((): Act => ({ do: "who" })), { do: "exit", code: 1 }, {
              do: "who"
            }]
            const [values] = yield* Parallel.partition(acts, tasks.uses, { batchSize: 4 })
            assert.strictEqual(values.length, 7)
          }).pipe(Effect.provide(kind.layer({ workers: 1, env: { LAYER_FILE: file } })))

          assert.strictEqual(counts(lines(), "built"), 2)
          assert.strictEqual(counts(lines(), "released"), 1)
        })
      ))

    it.live("releases a task's layer after an interruption to which the task responds", () =>
      withFile((file, lines) =>
        Effect.gen(function*() {
          const scope = yield* Scope.make()
          const patient = kind.layer({ workers: 1, grace: "10 seconds", env: { LAYER_FILE: file } })
          const context = yield* Layer.buildWithScope(patient, scope)
          const run = yield* Effect.forkChild(
            Effect.provideContext(Parallel.forEach([1, 2, 3], () => tasks.uses({ do: "spin", millis: 20 })), context)
          )
          yield* until(() => counts(lines(), "built") === 1)
          yield* Fiber.interrupt(run)
          yield* Scope.close(scope, Exit.void)

          assert.deepStrictEqual([counts(lines(), "built"), counts(lines(), "released")], [1, 1])
        })
      ))

    it.live("gives workers their environment and options", () =>
      Effect.gen(function*() {
        assert.strictEqual(yield* tasks.act({ do: "env", name: "GREETING" }), "hello")
        assert.strictEqual(yield* tasks.act({ do: "env", name: "PATH" }), process.env["PATH"])
        assert.include((yield* tasks.act({ do: "argv" })) as ReadonlyArray<string>, "--no-warnings")
      }).pipe(Effect.provide(kind.layer({ workers: 1, env: { GREETING: "hello" }, execArgv: ["--no-warnings"] }))))

    it.live("that has ended with its layer starts nothing for a program that kept it", () =>
      Effect.gen(function*() {
        const context = yield* Effect.scoped(Effect.gen(function*() {
          const context = yield* Layer.build(kind.layer({ workers: 1 }))
          yield* Effect.provideContext(tasks.tiny(4), context)
          return context
        }))
        const exit = yield* Effect.exit(Effect.provideContext(tasks.tiny(4), context))

        assert.match(String(exit), /the (threads|processes) backend was closed with its layer/)
      }))
  })

  describe(`the options of ${kind.name}`, () => {
    const make: (options: object) => unknown = kind.name === "threads" ? Threads.layer : Processes.layer

    it("that are invalid are refused when the layer is made", () => {
      const refused: ReadonlyArray<readonly [object, RegExp]> = [
        [{ workers: 0 }, /expected `workers` to be an integer other than 0, got 0/],
        [{ workers: 1.5 }, /`workers`/],
        [{ grace: -1 }, /`grace`/],
        [{ idleTimeout: 0 }, /`idleTimeout`/],
        [{ maxTasksPerWorker: 0 }, /`maxTasksPerWorker`/],
        [{ worker: 2 }, /backend options/],
        [{ env: 3 }, /expected `env` to be an object, got 3/],
        [{ env: { A: 1 } }, /expected `env.A` to be a string, got 1/],
        [{ execArgv: "--import" }, /expected `execArgv` to be an array of strings/],
        [
          { resourceLimits: { stackSizeMb: "4" } },
          kind.name === "threads" ? /`resourceLimits.stackSizeMb`/ : /backend options/
        ],
        kind.name === "threads" ? [{ maxBytes: -1 }, /`maxBytes`/] : [{ maxBytes: 5 }, /backend options/]
      ]
      for (const [options, message] of refused) assert.throws(() => make(options), message)
    })
  })
}

for (const kind of kinds) {
  describe(`the context of ${kind.name}`, () => {
    it.live("sends logs through the caller's loggers, with worker and index", () =>
      Effect.gen(function*() {
        const logged: Array<
          { readonly level: string; readonly message: unknown; readonly notes: unknown; readonly cause: string }
        > = []
        const logger = Logger.make<unknown, void>(({ cause, fiber, logLevel, message }) => {
          logged.push({
            level: logLevel,
            message,
            notes: fiber.getRef(References.CurrentLogAnnotations),
            cause: cause.reasons.map(({ _tag }) => _tag).join()
          })
        })
        yield* Parallel.forEach(["a", "b"], tasks.logs, { concurrency: 1 }).pipe(
          Effect.annotateLogs("run", 7),
          Effect.provide([kind.layer({ workers: 1 }), Logger.layer([logger])])
        )

        assert.deepStrictEqual(logged.map(({ level }) => level), ["Info", "Error", "Info", "Error"])
        assert.deepStrictEqual(logged[2]!.message, ["info b", { text: "b" }])
        assert.deepStrictEqual(logged[2]!.notes, { run: 7, mine: "b", worker: 0, index: 1 })
        assert.strictEqual(logged[1]!.cause, "Fail")
      }))
  })
}

for (const kind of kinds) {
  describe(`a pool of ${kind.name}, with no other tests beside it,`, () => {
    it.live("leaves no worker, handle or listener behind, even if tasks are in progress", () =>
      withFile((noting, lines) =>
        Effect.gen(function*() {
          const state = () => ({
            resources: process.getActiveResourcesInfo().filter((name) => !/^(FSReq|Timeout|Immediate|TTY)/.test(name))
              .toSorted(),
            listeners: [process, process.stdout, process.stderr].map((emitter) =>
              emitter.eventNames().map((name) => emitter.listenerCount(name))
            ),
            children: childrenOf(process.pid)
          })
          const children = childrenOf(process.pid)
          const pools = Effect.scoped(Effect.gen(function*() {
            const noted = lines().length
            const context = yield* Layer.build(kind.layer())
            yield* Effect.provideContext(Parallel.forEach(range(4), tasks.tiny), context)
            yield* Effect.forkDetach(
              Effect.exit(Effect.provideContext(tasks.act({ do: "spin", millis: 60_000, noting }), context))
            )
            yield* Effect.forkDetach(Effect.exit(Effect.provideContext(tasks.act({ do: "hang", noting }), context)))
            yield* until(() => lines().length === noted + 2)
          }))
          yield* pools
          yield* untilLike(() => childrenOf(process.pid), children)
          yield* Effect.sleep(50)
          const before = state()
          const [, millis] = yield* timed(pools)
          yield* untilLike(state, before)

          assert.deepStrictEqual(state(), before)
          // the spinning task would continue for a minute
          assert.isBelow(millis, 30_000)
        })
      ))
  })
}
