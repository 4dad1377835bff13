/** Runs survive machines that die, freeze and leave, a cut connection of the program, and a restart of Redis. */
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Fiber, Option, type Scope, Stream } from "effect"
import { Backend, Outcome, Parallel } from "effect-parallel"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { range } from "../../helpers.ts"
import { onServer } from "../../onServer.ts"
import { kills, spins, squares } from "./fleetTasks.ts"
import { lastingRedis, nothingLeft, present, program, redis, startMachine, wayTo } from "./machines.ts"

const inputs = range(5000).map((n) => ({ n, millis: 1 + n % 3 }))

/** Observations of a run: the times of outcomes, in milliseconds, and the inputs with more than one attempt. */
interface Seen {
  readonly times: ReadonlyArray<number>
  readonly repeated: number
}

const longestStall = ({ times }: Seen, from = -Infinity): number =>
  Math.max(...times.slice(1).map((at, k) => at < from ? 0 : at - Math.max(from, times[k]!)))

/** Runs all inputs on the queue of a port, and runs an effect when a third of them are done. */
const disturbed = <E>(port: number, queue: string, disturb: Effect.Effect<unknown, E, Scope.Scope>) =>
  Effect.gen(function*() {
    const times: Array<number> = []
    const outcomes: Array<Outcome.Outcome<unknown, number, unknown>> = []
    let disturbance: Fiber.Fiber<unknown, E> | undefined
    yield* Parallel.stream(inputs, squares, { name: queue, order: "completion", concurrency: 16 }).pipe(
      Stream.runForEach((outcome) =>
        Effect.gen(function*() {
          times.push(performance.now())
          outcomes.push(outcome)
          if (outcomes.length === 1500) disturbance = yield* Effect.forkScoped(disturb)
        })
      ),
      Effect.provide(program(port, queue))
    )
    yield* Fiber.join(disturbance!)

    const sorted = outcomes.toSorted((a, b) => a.index - b.index)
    assert.deepStrictEqual(sorted.map(({ index }) => index), range(inputs.length), "each input is counted once")
    const wrong = sorted.filter((outcome) => !(Outcome.isSuccess(outcome) && outcome.value === outcome.index ** 2))
    assert.deepStrictEqual(wrong, [])
    for (const { attempts, history } of sorted) assert.strictEqual(Math.max(1, history.length), attempts)
    return { times, repeated: sorted.filter(({ attempts }) => attempts > 1).length } satisfies Seen
  })

/** Milliseconds that two machines need to start on a quiet computer. */
const quietStart = 1500

/** Starts machines, and returns how many times slower than a quiet computer this one is. */
const machinesOf = (port: number, queue: string, names = ["a", "b"]) =>
  Effect.gen(function*() {
    const began = performance.now()
    const machines = yield* Effect.forEach(
      names,
      (machine) => startMachine({ port, queue, machine, backend: "fibers" })
    )
    yield* present(port, queue, names.length)
    return { machines, slow: Math.max(1, (performance.now() - began) / quietStart) }
  })

const title = "machines on BullMQ"

onServer("Redis", title, () => {
  describe(title, () => {
    it.live("one is killed: its inputs run elsewhere within two seconds", () =>
      Effect.scoped(Effect.gen(function*() {
        const { port } = yield* redis
        const { machines: [a], slow } = yield* machinesOf(port, "kill")
        const seen = yield* disturbed(port, "kill", Effect.sync(() => a!.signal("SIGKILL")))

        assert.isAtMost(longestStall(seen), 2000 * slow)
        assert.isAbove(seen.repeated, 0)
      })), 60_000)

    it.live(
      "one is frozen: its inputs run elsewhere within its lease plus two seconds",
      () =>
        Effect.scoped(Effect.gen(function*() {
          const { port } = yield* redis
          const { machines: [a], slow } = yield* machinesOf(port, "freeze")
          const thaws = Effect.andThen(
            Effect.sync(() => a!.signal("SIGSTOP")),
            Effect.delay(Effect.sync(() => a!.signal("SIGCONT")), "8 seconds")
          )
          const seen = yield* disturbed(port, "freeze", thaws)

          assert.isAtMost(longestStall(seen), 3000 + 2000 * slow)
          yield* nothingLeft(port, "freeze")
        })),
      60_000
    )

    it.live(
      "one is told to end: it gives back unfinished inputs, and nothing is lost",
      () =>
        Effect.scoped(Effect.gen(function*() {
          const { port } = yield* redis
          const { machines: [a], slow } = yield* machinesOf(port, "leave")
          const seen = yield* disturbed(port, "leave", Effect.sync(() => a!.signal("SIGTERM")))

          assert.isAtMost(longestStall(seen), 2000 * slow)
          yield* Effect.promise(() => a!.ended)
          yield* nothingLeft(port, "leave")
        })),
      60_000
    )

    it.live("each is replaced in turn: nothing is lost", () =>
      Effect.scoped(Effect.gen(function*() {
        const { port } = yield* redis
        const { machines, slow } = yield* machinesOf(port, "roll")
        const roll = Effect.forEach(machines, (machine, k) =>
          Effect.gen(function*() {
            yield* startMachine({ port, queue: "roll", machine: `next ${k}`, backend: "fibers" })
            yield* present(port, "roll", 3)
            machine.signal("SIGTERM")
            yield* Effect.promise(() => machine.ended)
          }))
        const seen = yield* disturbed(port, "roll", roll)

        assert.isAtMost(longestStall(seen), 2000 * slow)
      })), 60_000)

    it.live(
      "the connection of the program is cut for five seconds: the run continues at most two seconds later",
      () =>
        Effect.scoped(Effect.gen(function*() {
          const { port } = yield* redis
          const way = yield* wayTo(port)
          const { slow } = yield* machinesOf(port, "cut")
          let mendedAt = 0
          const cut = Effect.gen(function*() {
            yield* way.cut
            yield* Effect.sleep("5 seconds")
            yield* way.mend
            mendedAt = performance.now()
          })
          const seen = yield* disturbed(way.port, "cut", cut)

          assert.isAtMost(longestStall(seen, mendedAt), 2000 * slow)
          yield* nothingLeft(port, "cut")
        })),
      60_000
    )

    it.live("Redis is killed and restarted: the run continues", () =>
      Effect.scoped(Effect.gen(function*() {
        const { kill, port, start } = yield* lastingRedis
        const { slow } = yield* machinesOf(port, "restart")
        let startedAt = 0
        const restart = Effect.gen(function*() {
          yield* kill
          yield* Effect.sleep("1 second")
          yield* start
          startedAt = performance.now()
        })
        const seen = yield* disturbed(port, "restart", restart)

        assert.isAtMost(longestStall(seen, startedAt), 2000 * slow)
      })), 60_000)

    for (const backend of ["fibers", "threads"] as const) {
      it.live(
        `an input that kills its machine is found within six deaths and eight seconds, on ${backend}`,
        () =>
          Effect.scoped(Effect.gen(function*() {
            const { port } = yield* redis
            const queue = `guilty-${backend}`
            let deaths = 0
            const kept = (machine: string): Effect.Effect<never, never, Scope.Scope> =>
              Effect.gen(function*() {
                for (let k = 0;; k++) {
                  const { ended } = yield* startMachine({ port, queue, machine: `${machine}${k}`, backend })
                  yield* Effect.promise(() => ended)
                  deaths++
                }
              })
            const startedAt = performance.now()
            yield* Effect.forkScoped(kept("a"))
            yield* Effect.forkScoped(kept("b"))
            yield* present(port, queue, 2)
            const began = performance.now()
            const slow = Math.max(1, (began - startedAt) / quietStart)
            const [values, failures] = yield* Parallel.partition([...range(60), 666, ...range(60)], kills, {
              concurrency: 8,
              batchSize: 8
            }).pipe(Effect.provide(program(port, queue)))
            const took = performance.now() - began

            assert.deepStrictEqual(values, [...range(60), ...range(60)])
            const errors = failures.map((failure) => Option.getOrUndefined(Outcome.error(failure)))
            assert.isTrue(errors.length === 1 && errors[0] instanceof Backend.BackendError)
            assert.include(["MachineLost", "WorkerCrashed"], (errors[0] as Backend.BackendError).reason._tag)
            assert.isAtMost(deaths, 6)
            assert.isAtMost(took, 8000 * slow)
          })),
        60_000
      )
    }

    it.live(
      "a task blocks the event loop of its machine for ten seconds: it runs once",
      () =>
        Effect.scoped(Effect.gen(function*() {
          const { port } = yield* redis
          const folder = yield* Effect.acquireRelease(
            Effect.sync(() => mkdtempSync(join(tmpdir(), "effect-parallel-spins-"))),
            (folder) => Effect.sync(() => rmSync(folder, { recursive: true }))
          )
          const file = join(folder, "notes")
          yield* machinesOf(port, "spin")
          const report = yield* Parallel.run([{ file, millis: 10_000 }], spins).pipe(
            Effect.provide(program(port, "spin"))
          )

          assert.deepStrictEqual(report.outcomes.map(({ attempts }) => attempts), [1])
          assert.deepStrictEqual(report.values, [10_000])
          assert.strictEqual(readFileSync(file, "utf8"), "spins\n")
          assert.isAtLeast(Duration.toMillis(report.elapsed), 10_000)
        })),
      60_000
    )
  })
})
