import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Scope } from "effect"
import { Task } from "effect-parallel"
import type { Platform } from "../../src/worker/near/platform.ts"
import { Pool } from "../../src/worker/near/pool.ts"
import type { ToFar } from "../../src/worker/wire/messages.ts"
import { ports } from "../../src/worker/wire/ports.ts"
import { lengthOf } from "../../src/worker/wire/times.ts"
import { range } from "../helpers.ts"

const task = Task.make("task", { module: import.meta.url, run: (n: number) => Effect.succeed(n) })

/** A worker that the test controls. It begins nothing by itself. */
class Fake {
  readonly sent: Array<ToFar> = []
  readonly begun = new Set<number>()
  readonly withdrawn = new Set<number>()
  tell: (message: unknown) => void = () => {}
  exit: () => void = () => {}
  exits = 0

  /** Batches that were sent and not taken back, with their inputs. */
  get batches(): ReadonlyArray<unknown> {
    const left = new Set(this.sent.flatMap((message) => message._tag === "Withdraw" ? [message.id] : []))
    return this.sent.flatMap((message) =>
      message._tag === "Run" && !left.has(message.id) ? [Array.from(message.payloads)] : []
    )
  }

  private run(input: unknown) {
    const found = this.sent.find((message) => message._tag === "Run" && message.payloads[0] === input)
    return found as Extract<ToFar, { readonly _tag: "Run" }>
  }

  begin(input: unknown): void {
    this.begun.add(this.run(input).slot)
  }

  /** Ends a batch with a success of each input. */
  end(input: unknown): void {
    const { id, payloads: values } = this.run(input)
    const times = new Float64Array(lengthOf(1))
    this.tell({ _tag: "Exits", id, from: 0, values, places: [], failures: [], outOfBand: undefined, times, over: true })
  }

  /** Answers the request to return a batch. */
  answer(): void {
    for (const message of this.sent) if (message._tag === "Withdraw") this.tell({ _tag: "Done", id: message.id })
  }
}

const fakes = (workers: number, canWithdraw = true, startTimeout = 30_000) => {
  const all = range(workers).map(() => new Fake())
  const platform: Platform = {
    name: "fake",
    crossing: ports,
    canWithdraw,
    spawn: (number, { onExit, onMessage }) => {
      const fake = all[number]!
      fake.tell = onMessage
      fake.exit = () => {
        fake.exits++
        onExit({ exitCode: 1, signal: undefined, stderr: "" })
      }
      queueMicrotask(() => onMessage({ _tag: "Ready" }))
      return {
        post: (message) => void fake.sent.push(message),
        position: (slot) => ({ position: fake.begun.has(slot) ? 0 : -1, since: 0 }),
        clear: (slot) => void fake.begun.delete(slot),
        cut: undefined,
        withdraw: canWithdraw ? (slot) => !fake.begun.has(slot) : undefined,
        kill: () => fake.exit(),
        hold: () => {}
      }
    }
  }
  const pool = new Pool(platform, {
    workers,
    grace: 1000,
    startTimeout,
    idleTimeout: Infinity,
    maxTasksPerWorker: Infinity,
    maxBytes: undefined
  })
  return { all, pool }
}

/** A run that sends batches of one input, and the inputs that have ended. */
const runOf = (pool: Pool, concurrency: number) => {
  const scope = Scope.makeUnsafe()
  const ended: Array<unknown> = []
  const send = (input: number) =>
    Effect.runFork(Effect.provideService(
      pool.execute(
        task,
        { inputs: [input], index: () => input, concurrency, run: { id: `${input}`, name: "run" } },
        (_, exit) => void ended.push(Exit.isSuccess(exit) ? exit.value : exit)
      ),
      Scope.Scope,
      scope
    ))
  return { ended, send }
}

/** Two workers run inputs 1 and 2 of two runs. Inputs 31 and 32 of a third, sequential run wait at the first worker. */
const threeRuns = () => {
  const { all, pool } = fakes(2)
  const [first, second] = [all[0]!, all[1]!]
  const [one, two, three] = [runOf(pool, 1), runOf(pool, 1), runOf(pool, 1)]
  one.send(1)
  two.send(2)
  three.send(31)
  three.send(32)
  first.begin(1)
  second.begin(2)
  return { first, second, one, two, three }
}

/** Waits until workers have been busy for long enough that waiting batches are taken back. */
const later = Effect.sleep(20)

describe("a pool", () => {
  it.live("moves a run that waits for another to an idle worker, in order, one batch at a time", () =>
    Effect.gen(function*() {
      const { first, one, second, three, two } = threeRuns()
      assert.deepStrictEqual([first.batches, second.batches], [[[1], [31], [32]], [[2]]])

      second.end(2)
      yield* later
      assert.deepStrictEqual([first.batches, second.batches], [[[1]], [[2], [31], [32]]])

      assert.strictEqual(first.sent.filter(({ _tag }) => _tag === "Withdraw").length, 2)

      first.answer()
      second.end(31)
      second.end(32)
      first.end(1)
      yield* later
      assert.deepStrictEqual([one.ended, two.ended, three.ended], [[1], [2], [31, 32]])
    }))

  it.live("frees the slot of a batch it has taken back only after any answer of its worker", () =>
    Effect.gen(function*() {
      const { all: [only], pool } = fakes(1)
      const first = runOf(pool, 1)
      first.send(1)
      only!.begin(1)
      for (let k = 0; k < 100; k++) {
        const call = runOf(pool, 1).send(1000 + k)
        yield* Effect.yieldNow
        yield* Fiber.interrupt(call)
        const sent = only!.sent.findLast((message) => message._tag === "Run")!
        const nothing = {
          from: 0,
          places: [],
          failures: [],
          outOfBand: undefined,
          times: new Float64Array(lengthOf(1))
        }
        if (k % 3 === 0) only!.tell({ _tag: "Done", id: sent.id })
        else if (k % 3 === 1) only!.tell({ _tag: "Refused", id: sent.id, fault: { _tag: "NoWorkers" } })
        else only!.tell({ _tag: "Exits", id: sent.id, ...nothing, values: [0], over: true })
      }
      only!.end(1)
      first.send(2)
      yield* later
      only!.end(2)
      yield* later
      assert.deepStrictEqual(first.ended, [1, 2])
    }))

  it.live("leaves a batch where it has begun, even if that is not reported yet", () =>
    Effect.gen(function*() {
      const { first, one, second, three, two } = threeRuns()
      first.begin(31)
      second.end(2)
      yield* later
      assert.deepStrictEqual([first.batches, second.batches], [[[1], [31], [32]], [[2]]])

      first.end(1)
      first.end(31)
      first.end(32)
      yield* later
      assert.deepStrictEqual([one.ended, two.ended, three.ended], [[1], [2], [31, 32]])
    }))

  it.live("gives a batch that waits behind a slow start its own time to begin", () =>
    Effect.gen(function*() {
      const { all: [only], pool } = fakes(1, true, 60)
      const [slow, quick] = [runOf(pool, 1), runOf(pool, 1)]
      slow.send(1)
      only!.begin(1)
      quick.send(2)
      yield* Effect.sleep(100)
      only!.end(1)
      yield* Effect.sleep(30)
      // it has been the first for half of its time, and has waited longer than all of it
      assert.strictEqual(only!.exits, 0)
      only!.end(2)
      yield* later
      assert.deepStrictEqual([slow.ended, quick.ended], [[1], [2]])
    }))

  it.live("that is closed ends the batches that wait at a killed worker", () =>
    Effect.gen(function*() {
      const { all: [only], pool } = fakes(1)
      const run = runOf(pool, 1)
      run.send(1)
      only!.begin(1)
      const waiting = run.send(2)
      yield* Effect.yieldNow
      const closed = yield* Effect.forkChild(pool.close)
      yield* Effect.yieldNow
      only!.exit()
      yield* Fiber.await(waiting)
      yield* Fiber.join(closed)
    }))

  it.live("asks a process for a waiting batch, and leaves it there if it has begun", () =>
    Effect.gen(function*() {
      const { all, pool } = fakes(2, false)
      const [first, second] = [all[0]!, all[1]!]
      const [run, other] = [runOf(pool, 2), runOf(pool, 1)]
      run.send(1)
      other.send(2)
      run.send(3)
      run.send(4)
      first.begin(1)
      second.begin(2)
      yield* later
      assert.deepStrictEqual([first.batches, second.batches], [[[1], [3], [4]], [[2]]])

      second.end(2)
      yield* later
      // one of the waiting batches may begin, because the run has a concurrency of two
      assert.deepStrictEqual([first.batches, second.batches], [[[1], [4]], [[2]]])
      first.answer()
      yield* later
      assert.deepStrictEqual(second.batches, [[2], [3]])
      first.end(1)
      first.end(4)
      second.end(3)
      yield* later
      assert.deepStrictEqual(run.ended, [1, 4, 3])
    }))
})
