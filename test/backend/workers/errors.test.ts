import { assert, describe, it, layer, vi } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Schema } from "effect"
import { Limit, Parallel, Task } from "effect-parallel"
import * as exits from "../modules/exits.ts"
import * as starts from "../modules/starts.ts"
import * as throws from "../modules/throws.ts"
import * as waits from "../modules/waits.ts"
import { errorOf, kinds, reasonOf, reasonsOf, timed, value, withFile } from "../workerKinds.ts"
import * as tasks from "../workerTasks.ts"

// hides what workers print before they crash
vi.spyOn(process.stderr, "write").mockReturnValue(true)

const run = (n: number) => Effect.succeed(n)

for (const kind of kinds) {
  layer(kind.layer(), { excludeTestServices: true })(kind.name, (it) => {
    describe("a task that cannot run", () => {
      it.effect("a missing module is named", () =>
        Effect.gen(function*() {
          const module = new URL("../modules/nowhere.ts", import.meta.url).href
          const [values, failures] = yield* Parallel.partition([1, 2], Task.make("task", { module, run }))

          assert.deepStrictEqual(values, [])
          assert.deepStrictEqual(failures.map((failure) => reasonOf(failure)._tag), ["ModuleMissing", "ModuleMissing"])
          assert.include(reasonOf(failures[0]).message, module)
        }))

      it.effect("a module that imports a missing module has failed, and is not itself missing", () =>
        Effect.gen(function*() {
          const module = new URL("../modules/lacks.js", import.meta.url).href
          const [, failures] = yield* Parallel.partition([1], Task.make("task", { module, run }))

          assert.strictEqual(reasonOf(failures[0])._tag, "ModuleFailed")
          assert.match(reasonOf(failures[0]).message, /nowhere\.js/)
        }))

      it.effect("a task that its module does not export is named, with the tasks that it exports", () =>
        Effect.gen(function*() {
          const [, failures] = yield* Parallel.partition([1], tasks.hidden.task)
          const reason = reasonOf(failures[0])

          assert.strictEqual(reason._tag, "TaskMissing")
          assert.match(reason.message, /workerTasks\.ts exports no task unexported; it exports .*half/)
        }))

      it.effect("a module that throws when it is imported fails with the thrown value", () =>
        Effect.gen(function*() {
          const [, failures] = yield* Parallel.partition([1, 2, 3], throws.task, { batchSize: 3 })
          const reason = reasonOf(failures[0])

          assert.strictEqual(failures.length, 3)
          assert.strictEqual(reason._tag, "ModuleFailed")
          assert.match(reason.message, /throws\.ts: RangeError: not today/)
          assert.strictEqual(reason._tag === "ModuleFailed" && (reason.cause as Error).cause, "the reason")
        }))

      it.effect("a module that exits when it is imported fails all waiting inputs together", () =>
        Effect.gen(function*() {
          const [, three] = yield* timed(Effect.repeat(Parallel.partition([0], exits.task), { times: 3 }))
          const [[, failures], millis] = yield* timed(
            Parallel.partition(Array.from({ length: 40 }, (_, i) => i), exits.task, { batchSize: 20 })
          )

          assert.strictEqual(failures.length, 40)
          assert.deepStrictEqual([...new Set(failures.map((failure) => reasonOf(failure)._tag))], ["ModuleFailed"])
          assert.match(reasonOf(failures[0]).message, /exits\.ts: .*exit.* 4/)
          assert.isBelow(millis, 4 * three)
        }))

      it.effect("a module that starts its program when it is imported fails with ProgramStarted", () =>
        Effect.gen(function*() {
          const [, failures] = yield* Parallel.partition([1, 2], starts.task)

          assert.deepStrictEqual(failures.map((failure) => reasonOf(failure)._tag), [
            "ProgramStarted",
            "ProgramStarted"
          ])
          assert.match(reasonOf(failures[0]).message, /starts\.ts starts its program.*import\.meta\.main/)
        }))

      it.effect("a module that never finishes its import can be interrupted, and others run", () =>
        Effect.gen(function*() {
          const fiber = yield* Effect.forkChild(Parallel.forEach([1, 2], waits.task))
          yield* Effect.sleep(300)
          const [, millis] = yield* timed(Fiber.interrupt(fiber))

          assert.isBelow(millis, 20_000)
          assert.deepStrictEqual(yield* Parallel.forEach([2, 4], tasks.half), [1, 2])
        }))

      it.effect("a layer that never builds can be interrupted", () =>
        Effect.gen(function*() {
          const fiber = yield* Effect.forkChild(Parallel.forEach([1, 2], tasks.waitsForLayer))
          yield* Effect.sleep(300)
          const [, millis] = yield* timed(Fiber.interrupt(fiber))

          assert.isBelow(millis, 20_000)
          assert.deepStrictEqual(yield* Parallel.forEach([2, 4], tasks.half), [1, 2])
        }))

      it.effect("a layer that fails at first is built by the retry", () =>
        Effect.gen(function*() {
          const values = yield* Parallel.forEach([1, 2, 3, 4], tasks.failsAtFirst, { retry: { times: 2 } })
          assert.strictEqual(values.length, 4)
        }))

      it.effect("a plain function runs on fibers", () =>
        Effect.gen(function*() {
          let here = 0
          yield* Parallel.forEach([1, 2], () => Effect.sync(() => here++))

          assert.strictEqual(here, 2)
        }))
    })

    describe("values that cannot cross", () => {
      it.effect("a payload that ends its run while it is sent stops its batch: nothing of it starts", () =>
        withFile((file, lines) =>
          Effect.gen(function*() {
            const payloads = [value(() => 1), { do: "note", file, line: "started" } as const]
            const exit = yield* Effect.exit(Parallel.forEach(payloads, tasks.act, { batchSize: 2, concurrency: 1 }))
            yield* Parallel.forEach([2, 4, 6, 8], tasks.half, { batchSize: 1 })

            assert.isTrue(Exit.isFailure(exit))
            assert.deepStrictEqual(lines(), [])
          })
        ))

      it.effect("a payload that cannot be cloned fails with index and path, and affects no other input", () =>
        Effect.gen(function*() {
          const payloads = [value(1), value({ jobs: [{}, { callback: () => 1 }] }), value(3)]
          const [values, failures] = yield* Parallel.partition(payloads, tasks.act, { batchSize: 3, concurrency: 1 })

          assert.deepStrictEqual(values, [1, 3])
          assert.strictEqual(reasonOf(failures[0])._tag, "NotCloneable")
          assert.match(
            String(errorOf(failures[0])),
            /act, input #1,.* payload cannot be cloned at \.value\.jobs\[1\]\.callback/
          )
        }))

      it.effect("a result that cannot be cloned fails with index and path, and affects no other input", () =>
        Effect.gen(function*() {
          const inputs = [value(1), { do: "function" } as const, value(3)]
          const [values, failures] = yield* Parallel.partition(inputs, tasks.act, { batchSize: 3, concurrency: 1 })

          assert.deepStrictEqual(values, [1, 3])
          assert.match(
            String(errorOf(failures[0])),
            /act, input #1,.* success cannot be cloned at \.deep\[0\]\.callback/
          )
        }))

      it.effect("an error that its schema accepts but that cannot be cloned fails only its input", () =>
        Effect.gen(function*() {
          const [values, failures] = yield* Parallel.partition([0, 1, 2], tasks.failsOddly, {
            batchSize: 3,
            concurrency: 1
          })

          assert.deepStrictEqual(values, [0, 2])
          assert.match(String(errorOf(failures[0])), /input #1,.* error cannot be cloned at \.deep\.callback/)
        }))

      it.effect("messages that a task sends itself are ignored", () =>
        Effect.gen(function*() {
          assert.deepStrictEqual(yield* Parallel.forEach([1, 2, 3], tasks.chatters), [1, 2, 3])
        }))

      it.effect("memory that processes cannot share is refused only there", () =>
        Effect.gen(function*() {
          const memory = new SharedArrayBuffer(8)
          const inputs = [value(1), value({ memory }), value(3)]
          const [values, failures] = yield* Parallel.partition(inputs, tasks.act, { batchSize: 3, concurrency: 1 })

          if (kind.name === "threads") return assert.strictEqual(values.length, 3)
          assert.deepStrictEqual(values, [1, 3])
          assert.match(String(errorOf(failures[0])), /input #1,.* payload cannot be cloned at \.value\.memory/)
        }))

      it.effect("an error that cannot be cloned arrives as a text", () =>
        Effect.gen(function*() {
          const inputs = [value(1), { do: "failWith", what: "odd" } as const, value(3)]
          const [values, failures] = yield* Parallel.partition(inputs, tasks.act, { batchSize: 3, concurrency: 1 })

          assert.deepStrictEqual(values, [1, 3])
          assert.isTrue(Cause.hasFails(failures[0]!.cause))
          assert.match(String(errorOf(failures[0])), /b: Symbol\(b\)|b/)
        }))

      it.effect("values that schemas refuse fail only their input, on both sides", () =>
        Effect.gen(function*() {
          const [halves, refused] = yield* Parallel.partition([2, 1.5, 4], tasks.half, { batchSize: 3, concurrency: 1 })
          const [, lies] = yield* Parallel.partition([1, 2.5, -1, -2.5], tasks.liar, { batchSize: 4, concurrency: 1 })

          assert.deepStrictEqual(halves, [1, 2])
          assert.match(String(errorOf(refused[0])), /input #1,.* payload schema refuses 1\.5/)
          for (const batchSize of [1, 4]) {
            const show = (n: number) => `half of ${2 * n}`
            const [, shown] = yield* Parallel.partition([2, 1.5], tasks.half, { show, batchSize })
            assert.match(String(errorOf(shown[0])), /input #1,.* payload schema refuses half of 3:/)
          }
          const limit = Limit.concurrency(1)
          const [, alone] = yield* Parallel.partition([1.5], tasks.half, { show: () => "an input", limit })
          assert.match(String(errorOf(alone[0])), /payload schema refuses an input:/)
          assert.match(String(errorOf(lies[0])), /input #1,.* success schema refuses 2\.5/)
          assert.strictEqual(errorOf(lies[1]), -1)
          assert.match(String(errorOf(lies[2])), /input #3,.* error schema refuses -2\.5/)
        }))

      it.effect("a thousand payloads that are refused one by one are a thousand failures", () =>
        Effect.gen(function*() {
          const inputs = Array.from({ length: 3000 }, () => 1.5)
          const [, failures] = yield* Parallel.partition(inputs, tasks.half, { batchSize: 1, concurrency: "unbounded" })

          assert.strictEqual(failures.length, 3000)
        }))
    })

    describe("errors of tasks", () => {
      it.effect("with a schema arrive as their class", () =>
        Effect.gen(function*() {
          const error = yield* Effect.flip(tasks.half(7))

          assert.deepStrictEqual(error, new tasks.Odd({ n: 7, at: new Date(7) }))
        }))

      it.effect("without a schema arrive as data: name, message, stack, causes and own fields", () =>
        Effect.gen(function*() {
          const error = (yield* Effect.flip(tasks.act({ do: "failWith", what: "fields" }))) as Error & {
            readonly code: string
            readonly detail: unknown
          }

          assert.instanceOf(error, Error)
          assert.strictEqual(error.name, "Fielded")
          assert.strictEqual(error.message, "outer")
          assert.match(error.stack ?? "", /workerTasks\.ts/)
          assert.strictEqual(error.code, "E_FIELD")
          assert.deepStrictEqual(error.detail, { at: [1, 2] })
          assert.instanceOf(error.cause, RangeError)
          assert.strictEqual(error.cause.cause, "root")
        }))

      it.effect("that are not instances of Error arrive unchanged", () =>
        Effect.gen(function*() {
          for (const odd of [undefined, null, "text", 0, { a: 1 }]) {
            assert.deepStrictEqual(yield* Effect.flip(tasks.act({ do: "fail", error: odd })), odd)
          }
        }))

      it.effect("with several reasons keep all of them", () =>
        Effect.gen(function*() {
          const [, failures] = yield* Parallel.partition([{ do: "failWith", what: "several" }] as const, tasks.act)

          assert.deepStrictEqual(reasonsOf(failures[0]!.cause), ["Fail", "Die"])
        }))

      it.effect("that interrupt themselves fail", () =>
        Effect.gen(function*() {
          const inputs = [{ do: "failWith", what: "interrupt" }, value(1)] as const
          const [values, failures] = yield* Parallel.partition(inputs, tasks.act)

          assert.deepStrictEqual(values, [1])
          assert.deepStrictEqual(reasonsOf(failures[0]!.cause), ["Interrupt"])
        }))

      it.effect("that are timeouts of the task are distinguished from the deadline of the attempt", () =>
        Effect.gen(function*() {
          const inputs = [{ do: "failWith", what: "timeout" }, { do: "hang" }] as const
          const [, failures] = yield* Parallel.partition(inputs, tasks.act, { timeout: 100 })
          const [own, late] = failures.map(errorOf)

          assert.strictEqual((own as Error).message, "of the task's own")
          assert.isTrue(Cause.isTimeoutError(late))
          assert.match((late as Error).message, /took longer than 100ms/)
        }))

      it.effect("show their input shortened, never completely", () =>
        Effect.gen(function*() {
          const long = { text: "x".repeat(100_000) }
          const task = Task.make("half", { module: tasks.half.module, payload: Schema.Int, run: () => Effect.void })
          const [, failures] = yield* Parallel.partition([long as never], task)

          assert.isBelow(String(errorOf(failures[0])).length, 2000)
        }))
    })
  })
}

describe("tasks", () => {
  it("a closure where a worker needs a module is refused", () => {
    assert.throws(() => Task.make("closure", { module: "here", run }), /expected `module` to be a URL/)
  })
})
