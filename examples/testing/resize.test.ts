// The tests. `TestBackend` fails, stalls or crashes on request, and starts no thread. `TestClock` skips the waits.
import { assert, it } from "@effect/vitest"
import { TestBackend } from "effect-parallel/testing"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import { resizeAll } from "./resize.ts"

it.effect("a photo is tried again 1 and 2 seconds after its worker crashed", () =>
  Effect.gen(function*() {
    const run = yield* Effect.forkChild(resizeAll(["a.jpg"]))
    yield* TestClock.adjust("2999 millis")
    assert.isUndefined(run.pollUnsafe())
    yield* TestClock.adjust("1 millis")

    const [values] = yield* Fiber.join(run)
    const started = yield* TestBackend.TestBackend.use((backend) => backend.started)
    assert.deepStrictEqual(values, ["a-small.jpg"])
    assert.deepStrictEqual(started.map(({ attempt }) => attempt), [1, 2, 3])
  }).pipe(Effect.provide(TestBackend.layer({
    when: ({ attempt }) => attempt < 3 ? TestBackend.crash() : TestBackend.run
  }))))

it.effect("a photo that stalls fails after three timeouts, the others are resized", () =>
  Effect.gen(function*() {
    const run = yield* Effect.forkChild(resizeAll(["a.jpg", "b.jpg"]))
    yield* TestClock.adjust("93 seconds")

    const [values, failures] = yield* Fiber.join(run)
    assert.deepStrictEqual(values, ["b-small.jpg"])
    assert.deepStrictEqual(failures.map(({ input }) => input), ["a.jpg"])
    assert.isTrue(Cause.isTimeoutError(Cause.squash(failures[0]!.cause)))
  }).pipe(Effect.provide(TestBackend.layer({
    when: ({ input }) => input === "a.jpg" ? TestBackend.stall : TestBackend.run
  }))))
