/** The queue of BullMQ, from outside: programs that share it, entries written by hand, and missing machines. */
import { assert, describe, it } from "@effect/vitest"
import { Queue } from "bullmq"
import { Duration, Effect, Fiber, Layer, Logger, Option } from "effect"
import { Backend, Outcome, Parallel } from "effect-parallel"
import * as BullMQ from "effect-parallel/backend/BullMQ"
import { Redis } from "ioredis"
import { Random } from "../../fuzz/random.ts"
import { range } from "../../helpers.ts"
import { freePort } from "../../journal/servers.ts"
import { onServer } from "../../onServer.ts"
import { all, squares, tiny } from "./fleetTasks.ts"
import { keysLeft, nothingLeft, program, redis } from "./machines.ts"

/** A machine that runs tasks on fibers of this process. */
const machine = (port: number, queue: string, options: Partial<BullMQ.LayerWorkerOptions> = {}) =>
  BullMQ.layerWorker({
    connection: `redis://127.0.0.1:${port}`,
    queue,
    tasks: all,
    slots: 4,
    backend: Backend.layer(Backend.async),
    ...options
  })

/** Collects log entries as texts. */
const logging = () => {
  const logged: Array<string> = []
  const layer = Logger.layer([
    Logger.make<unknown, void>(({ message }) => void logged.push(String((message as Array<unknown>)[0])))
  ])
  return { layer, logged }
}

const reasonsOf = (failures: ReadonlyArray<Outcome.Failure<unknown, unknown>>) =>
  failures.map((failure) => {
    const error = Option.getOrUndefined(Outcome.error(failure))
    return error instanceof Backend.BackendError ? error.reason._tag : error
  })

const title = "a queue of BullMQ"

onServer("Redis", title, () => {
  describe(title, () => {
    it.live(
      "shows a run under its name, and keeps nothing of it afterwards",
      () =>
        Effect.scoped(Effect.gen(function*() {
          const { port } = yield* redis
          const queue = new Queue("names", { connection: { port } })
          const run = Parallel.forEach(range(8).map((n) => ({ n, millis: 300 })), squares, {
            name: "nightly",
            batchSize: 1
          })
          const fiber = yield* Effect.forkChild(
            Effect.provide(run, Layer.provideMerge(program(port, "names"), machine(port, "names")))
          )
          yield* Effect.sleep("900 millis")
          const active = yield* Effect.promise(() => queue.getActive())
          yield* Fiber.join(fiber)
          yield* Effect.promise(() => queue.close())

          assert.isAbove(active.length, 0)
          for (const { name } of active) assert.strictEqual(name, "nightly (squares)")
          assert.deepStrictEqual(yield* keysLeft(port, "names"), [])
        })),
      30_000
    )

    it.live(
      "is shared by programs in turn: a short run does not wait for a long one",
      () =>
        Effect.scoped(Effect.gen(function*() {
          const { port } = yield* redis
          const tasks = (count: number) => range(count).map((n) => ({ n, millis: 10 }))
          const long = Parallel.run(tasks(2000), squares, { concurrency: 500, batchSize: 4 })
          const short = Parallel.run(tasks(40), squares, { concurrency: 8, batchSize: 4 })
          const both = Effect.gen(function*() {
            const fiber = yield* Effect.forkChild(Effect.provide(long, program(port, "shared")))
            yield* Effect.sleep("1 second")
            const { elapsed } = yield* Effect.provide(short, Layer.fresh(program(port, "shared")))
            return [Duration.toMillis(elapsed), Duration.toMillis((yield* Fiber.join(fiber)).elapsed)] as const
          })
          const [shortMillis, longMillis] = yield* Effect.provide(both, machine(port, "shared"))

          assert.isBelow(shortMillis, longMillis / 4)
        })),
      60_000
    )

    it.live(
      "survives entries written by hand: they run nothing, and each kind is logged once",
      () =>
        Effect.scoped(Effect.gen(function*() {
          const { port } = yield* redis
          const { layer, logged } = logging()
          const random = new Random(1)
          const texts = [
            "",
            "{}",
            "[]",
            "null",
            "7",
            "\"text\"",
            "{\"id\":1}",
            "[\"m\",\"{}\"]",
            "[\"m\",\"{\\\"_tag\\\":\\\"Beat\\\"}\"]"
          ]
          const wrong = () => {
            const text = texts[random.below(texts.length)]!
            return random.chance(0.3) ? text.slice(0, random.below(text.length + 1)) : text
          }
          const queue = new Queue("hand", { connection: { port } })
          const client = new Redis(port)
          const write = Effect.promise(async () => {
            for (const n of range(500)) {
              await queue.add(n % 2 === 0 ? "eval" : "squares", n % 3 === 0 ? { task: "process.exit" } : wrong(), {
                jobId: `hand-${n}`
              })
              await client.publish(n % 2 === 0 ? "bull:hand:programs" : "bull:hand:machines", wrong())
            }
          })
          const values = yield* Effect.gen(function*() {
            yield* Effect.forkChild(write)
            return yield* Parallel.forEach(range(200).map((n) => ({ n, millis: 5 })), squares, { batchSize: 1 })
          }).pipe(
            Effect.provide(Layer.provideMerge(Layer.provideMerge(program(port, "hand"), machine(port, "hand")), layer))
          )
          yield* Effect.promise(() => queue.close())
          client.disconnect()

          assert.deepStrictEqual(values, range(200).map((n) => n * n))
          const kinds = new Set(logged.map((line) => line.replace(/the machine .* has/, "a machine has")))
          assert.strictEqual(kinds.size, logged.length, logged.join("\n"))
          assert.isAtMost(logged.length, 4)
        })),
      60_000
    )

    it.live(
      "keeps no batch for a machine that drains: others take it immediately, and it runs once",
      () =>
        Effect.scoped(Effect.gen(function*() {
          const { port } = yield* redis
          const drains = yield* Effect.forkScoped(
            Layer.launch(machine(port, "drains", { machine: "a", slots: 2, drain: "10 seconds" }))
          )
          const report = yield* Effect.gen(function*() {
            yield* Effect.forkScoped(Parallel.run([{ n: 1, millis: 5000 }], squares))
            yield* Effect.sleep("1 second")
            yield* Effect.forkScoped(Fiber.interrupt(drains))
            yield* Effect.sleep("1500 millis")
            yield* Effect.forkScoped(Layer.launch(machine(port, "drains", { machine: "b" })))
            return yield* Parallel.run([{ n: 2, millis: 1 }], squares)
          }).pipe(Effect.provide(program(port, "drains")))

          assert.deepStrictEqual(report.outcomes.map(({ attempts }) => attempts), [1])
          assert.deepStrictEqual([...report.machines.values()], ["b"])
          assert.isBelow(Duration.toMillis(report.elapsed), 2500)
        })),
      60_000
    )

    it.live("drops the batches of a program that is gone", () =>
      Effect.scoped(Effect.gen(function*() {
        const { port } = yield* redis
        const queue = new Queue("gone", { connection: { port } })
        yield* Effect.promise(async () => {
          for (const n of range(20)) await queue.add("left", "text", { jobId: `00000000-dead-${n}` })
          await queue.close()
        })
        assert.isAbove((yield* keysLeft(port, "gone")).length, 19)
        yield* Effect.provide(Effect.sleep("1 second"), program(port, "gone"))

        assert.deepStrictEqual(yield* keysLeft(port, "gone"), [])
      })), 30_000)

    it.live(
      "is not blocked by a machine that cannot find out whether the program of a job is alive",
      () =>
        Effect.scoped(Effect.gen(function*() {
          const { port } = yield* redis
          const client = yield* Effect.acquireRelease(
            Effect.sync(() => new Redis(port)),
            (client) => Effect.sync(() => client.disconnect())
          )
          // no one may ask for the listeners of a channel
          yield* Effect.promise(() => client.acl("SETUSER", "default", "-pubsub"))
          yield* Effect.forkScoped(Layer.launch(machine(port, "refused", { lease: "60 seconds" })))
          yield* Effect.promise(async () => {
            const queue = new Queue("refused", { connection: { port } })
            await queue.add("old", "text", { jobId: "dead-1", timestamp: Date.now() - 60_000 })
            while (((await queue.getJob("dead-1"))?.attemptsStarted ?? 0) === 0) {
              await new Promise((resolve) => setTimeout(resolve, 10))
            }
            await queue.close()
          })
          yield* Effect.promise(() => client.acl("SETUSER", "default", "+pubsub"))

          yield* nothingLeft(port, "refused")
        })),
      30_000
    )

    it.live(
      "that cannot be reached is waited for, which is logged once and without the password",
      () =>
        Effect.gen(function*() {
          const port = yield* Effect.promise(freePort)
          const { layer, logged } = logging()
          const run = Parallel.partition([1, 2], tiny)
          const [values, failures] = yield* run.pipe(
            Effect.provide(Layer.provideMerge(
              BullMQ.layer({
                connection: { port, password: "secret", username: "me" },
                queue: "none",
                patience: "1 second",
                lease: "500 millis"
              }),
              layer
            ))
          )

          assert.deepStrictEqual(values, [])
          assert.includeMembers(["Unreachable", "NoWorkers"], reasonsOf(failures))
          assert.strictEqual(logged.filter((line) => line.includes("in Redis cannot be reached")).length, 1)
          assert.notInclude(logged.join("\n"), "secret")
        }),
      30_000
    )

    it.live(
      "without machines is waited for, which is logged, and inputs fail after a while",
      () =>
        Effect.scoped(Effect.gen(function*() {
          const { port } = yield* redis
          const { layer, logged } = logging()
          const [values, failures] = yield* Parallel.partition([1, 2], tiny).pipe(
            Effect.provide(Layer.provideMerge(program(port, "empty", { patience: "2 seconds" }), layer))
          )

          assert.deepStrictEqual([values, reasonsOf(failures)], [[], ["NoWorkers", "NoWorkers"]])
          assert.deepStrictEqual(logged, ["bullmq: there is no machine; tasks wait for one"])
          assert.deepStrictEqual(yield* keysLeft(port, "empty"), [])
        })),
      30_000
    )

    it.live("is done in half the time with two machines instead of one", () =>
      Effect.scoped(Effect.gen(function*() {
        const { port } = yield* redis
        // long enough that the load of the computer does not matter
        const tasks = range(600).map((n) => ({ n, millis: 40 }))
        const run = (queue: string, machines: number) => {
          const all = range(machines).map((k) => machine(port, queue, { machine: `m${k}` }))
          const layer = Layer.provideMerge(program(port, queue), Layer.mergeAll(Layer.empty, ...all))
          const warm = Parallel.forEach(tasks.slice(0, 100), squares)
          return Effect.provide(Effect.andThen(warm, Parallel.run(tasks, squares)), layer)
        }
        const one = Duration.toMillis((yield* run("one", 1)).elapsed)
        const two = Duration.toMillis((yield* run("two", 2)).elapsed)

        assert.isAtMost(two, 1.1 * one / 2)
      })), 60_000)

    it("refuses invalid options by name", () => {
      const connection = "redis://127.0.0.1"
      const wrong: ReadonlyArray<[object, RegExp]> = [
        [{ connection, queue: "a:b" }, /queue.*without ":"/],
        [{ connection, queue: "" }, /queue/],
        [{ connection: 7, queue: "q" }, /connection.*URL/],
        [{ connection, queue: "q", maxBytes: 10 }, /maxBytes/],
        [{ connection, queue: "q", leese: 7 }, /leese/]
      ]
      for (const [options, message] of wrong) assert.throws(() => BullMQ.layer(options as never), message)
      assert.throws(() => BullMQ.layerWorker({ connection, queue: "q", tasks: [squares, squares] }), /different names/)
    })
  })
})
