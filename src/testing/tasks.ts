/**
 * The tasks that the conformance suite runs on a backend.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { appendFile } from "node:fs/promises"
import * as Backend from "../Backend.ts"
import * as Parallel from "../Parallel.ts"
import * as Task from "../Task.ts"

const module = import.meta.url

/** An error with a schema. */
export class Odd extends Schema.TaggedError<Odd>("effect-parallel/testing/Odd")("Odd", { n: Schema.Int }) {}

/** Returns its payload. */
export const echo = Task.make("echo", { module, run: (value: unknown) => Effect.succeed(value) })

/** A value that JSON keeps only with a schema. */
export class Parcel extends Schema.Class<Parcel>("effect-parallel/testing/Parcel")({
  at: Schema.Date,
  note: Schema.Option(Schema.String),
  counts: Schema.ReadonlyMap(Schema.String, Schema.Int),
  bytes: Schema.Uint8Array
}) {}

/** Returns its payload; both have a schema. */
export const passes = Task.make("passes", {
  module,
  payload: Parcel,
  success: Parcel,
  run: (parcel) => Effect.succeed(parcel)
})

/** Returns its payload, but ends its worker if the payload is `"end"`. */
export const endsOn = Task.make("endsOn", {
  module,
  run: (value: string | number) => Effect.sync(() => value === "end" ? process.exit(3) : value)
})

/** Halves even numbers, and fails for odd ones; payload, value and error have a schema. */
export const half = Task.make("half", {
  module,
  payload: Schema.Int,
  success: Schema.Int,
  error: Odd,
  run: (n) => n % 2 === 0 ? Effect.succeed(n / 2) : Effect.fail(new Odd({ n }))
})

/** Returns a value that its schema refuses. */
export const liar = Task.make("liar", {
  module,
  success: Schema.Int,
  run: (n: number) => Effect.succeed(n + 0.5)
})

/** Dies with an error that has a cause. */
export const dies = Task.make("dies", {
  module,
  run: (message: string): Effect.Effect<never> =>
    Effect.sync(() => {
      throw new RangeError(message, { cause: new TypeError("the cause") })
    })
})

/** Fails with an error that has no schema. */
export const fails = Task.make("fails", {
  module,
  // @effect-diagnostics-next-line globalErrorInEffectFailure:off
  run: (message: string) => Effect.fail(new TypeError(message))
})

/** Fails with its payload. */
export const failsWith = Task.make("failsWith", { module, run: (value: unknown) => Effect.fail(value) })

/** Sleeps for the given number of milliseconds, and returns it. */
export const sleeps = Task.make("sleeps", { module, run: (millis: number) => Effect.as(Effect.sleep(millis), millis) })

/** Sleeps, and then appends a line to a file, which a test can read wherever the task runs. */
export const notes = Task.make("notes", {
  module,
  run: ({ file, line, millis }: { readonly file: string; readonly line: string; readonly millis: number }) =>
    Effect.andThen(Effect.sleep(millis), Effect.promise(() => appendFile(file, `${line}\n`)))
})

/** Appends a line to a file, sleeps, and appends another line. */
export const notesBothEnds = Task.make("notesBothEnds", {
  module,
  run: ({ file, millis }: { readonly file: string; readonly millis: number }) =>
    Effect.promise(() => appendFile(file, "begins\n")).pipe(
      Effect.andThen(Effect.sleep(millis)),
      Effect.andThen(Effect.promise(() => appendFile(file, "ends\n")))
    )
})

/** Appends a line to a file when it is interrupted. */
export const notesInterruption = Task.make("notesInterruption", {
  module,
  run: (file: string): Effect.Effect<void> =>
    Effect.onInterrupt(Effect.never, () => Effect.promise(() => appendFile(file, "interrupted\n")))
})

/** Appends a line to a file when it starts, runs forever, and appends another line 50 ms after it is interrupted. */
export const notesStartAndStop = Task.make("notesStartAndStop", {
  module,
  run: (file: string): Effect.Effect<void> =>
    Effect.onInterrupt(
      Effect.andThen(Effect.promise(() => appendFile(file, "started\n")), Effect.never),
      () => Effect.andThen(Effect.sleep(50), Effect.promise(() => appendFile(file, "stopped\n")))
    )
})

class Counter extends Context.Service<Counter, { readonly next: () => number }>()("effect-parallel/testing/Counter") {}

let built = 0

/** Returns how often its layer was built in its worker, and how often it was used since. */
export const counts = Task.make("counts", {
  module,
  run: (_: unknown) => Counter.useSync((counter) => [built, counter.next()] as const),
  layer: Layer.effect(
    Counter,
    Effect.sync(() => {
      built++
      let used = 0
      return { next: () => ++used }
    })
  )
})

/** Has a layer that cannot be built. */
export const unbuildable = Task.make("unbuildable", {
  module,
  run: (_: unknown) => Effect.asVoid(Counter),
  // @effect-diagnostics-next-line globalErrorInEffectFailure:off
  layer: Layer.effect(Counter, Effect.fail(new TypeError("no counter")))
})

/** Returns the name of the backend that a task sees. */
export const ambient = Task.make("ambient", {
  module,
  run: (_: unknown) => Effect.map(Backend.Backend, (backend) => backend.name)
})

/** Returns its `Parallel.attempt`, or null; fails at the first attempt if its payload says so. */
export const attempts = Task.make("attempts", {
  module,
  run: ({ failsFirst }: { readonly failsFirst: boolean }) =>
    Effect.flatMap(
      Effect.option(Parallel.attempt),
      (found) =>
        failsFirst && Option.isSome(found) && found.value.attempt === 1
          ? Effect.fail("the first fails")
          : Effect.succeed(Option.getOrNull(found))
    )
})

/** Runs another task over some numbers, inside the worker. */
export const nests = Task.make("nests", {
  module,
  run: (numbers: ReadonlyArray<number>) => Parallel.forEach(numbers, half)
})

/** All of these tasks, for machines that run them. */
export const all: ReadonlyArray<Task.Task<any, any, any>> = [
  ambient,
  attempts,
  counts,
  dies,
  echo,
  endsOn,
  fails,
  failsWith,
  half,
  liar,
  nests,
  notes,
  notesBothEnds,
  notesInterruption,
  notesStartAndStop,
  passes,
  sleeps,
  unbuildable
]
