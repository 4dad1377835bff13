/** Tasks for machines in memory, which run in fibers of the test or on threads. */
import * as Parallel from "effect-parallel/Parallel"
import * as Task from "effect-parallel/Task"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as SchemaTransformation from "effect/SchemaTransformation"

const module = import.meta.url

export class Odd extends Schema.TaggedError<Odd>()("Odd", { n: Schema.Int }) {}

/** Sleeps, then halves an even number. */
export const half = Task.make("half", {
  module,
  payload: Schema.Int,
  success: Schema.Finite,
  error: Odd,
  run: (n) => Effect.andThen(Effect.sleep(100), n % 2 === 0 ? Effect.succeed(n / 2) : Effect.fail(new Odd({ n })))
})

/** Sleeps for some milliseconds, and returns them. */
export const sleeps = Task.make("sleeps", { module, run: (millis: number) => Effect.as(Effect.sleep(millis), millis) })

/** Never stops, even when interrupted. */
export const deaf = Task.make("deaf", { module, run: (_: number) => Effect.uninterruptible(Effect.sleep("1 hour")) })

export const echo = Task.make("echo", { module, run: (value: unknown) => Effect.succeed(value) })

/** Logs twice, and returns what it gets of its caller's context. */
export const talks = Task.make("talks", {
  module,
  run: (word: string) =>
    Effect.gen(function*() {
      yield* Effect.logDebug("too quiet")
      yield* Effect.logInfo(`said ${word}`, { word }).pipe(Effect.annotateLogs("own", 1))
      const span = yield* Effect.option(Effect.currentParentSpan)
      const inner = yield* Parallel.run([1, 2, 3, 4], (n) => Effect.as(Effect.yieldNow, n))
      const workers = new Set(inner.outcomes.map(({ worker }) => worker)).size
      return { traceId: span._tag === "Some" ? span.value.traceId : "", workers }
    })
})

/** How many times this process has decoded and encoded a payload and a value. */
export const crossings = { payload: { decoded: 0, encoded: 0 }, success: { decoded: 0, encoded: 0 } }

const counted = (counts: { decoded: number; encoded: number }) =>
  Schema.Int.pipe(Schema.decodeTo(
    Schema.Int,
    SchemaTransformation.transform({
      decode: (n) => {
        counts.decoded++
        return n
      },
      encode: (n) => {
        counts.encoded++
        return n
      }
    })
  ))

export const crosses = Task.make("crosses", {
  module,
  payload: counted(crossings.payload),
  success: counted(crossings.success),
  run: (n) => Effect.succeed(n + 1)
})

/** Makes another version of a task. */
export const halfOf = (payload: Schema.Codec<any, any>) =>
  Task.make("half", { module, payload, success: Schema.Finite, error: Odd, run: (n: number) => Effect.succeed(n / 2) })

/** Makes a task from a function. */
export const echoOf = <I, A>(f: (input: I) => A) =>
  Task.make("grows", { module, run: (input: I) => Effect.succeed(f(input)) })

/** Logs with an annotation that has no JSON form. */
export const annotates = Task.make("annotates", {
  module,
  run: (n: number) =>
    Effect.as(Effect.logInfo("hi"), n).pipe(Effect.annotateLogs("odd", [1n, NaN, Symbol("odd"), () => 1][n]))
})

/** Logs a text of this many characters. */
export const babbles = Task.make("babbles", { module, run: (n: number) => Effect.as(Effect.logInfo("x".repeat(n)), n) })

/** Fails with a text of this many characters. */
export const shouts = Task.make("shouts", { module, run: (n: number) => Effect.fail({ text: "x".repeat(n) }) })
