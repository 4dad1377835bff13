/** The tasks for the tests of workers. Plain Node.js imports this file, so it must not import vitest. */
import * as Backend from "effect-parallel/Backend"
import * as Task from "effect-parallel/Task"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as References from "effect/References"
import * as Schema from "effect/Schema"
import * as Tracer from "effect/Tracer"
import * as Transferable from "effect/workers/Transferable"
import { spawn } from "node:child_process"
import { appendFileSync, existsSync } from "node:fs"
import { parentPort, threadId } from "node:worker_threads"

const module = import.meta.url

/** Identifies a worker: by its thread in this process, otherwise by its process. */
const me = `${process.pid}.${threadId}`

/** The things that a task can do. */
export type Act =
  | { readonly do: "value"; readonly value: unknown }
  | { readonly do: "who" }
  | { readonly do: "note"; readonly file: string; readonly line: string }
  | { readonly do: "sleep"; readonly millis: number; readonly value?: unknown }
  | { readonly do: "spin"; readonly millis: number; readonly value?: unknown; readonly noting?: string }
  | { readonly do: "spinUntil"; readonly file: string; readonly noting: string }
  | { readonly do: "hang"; readonly file?: string; readonly noting?: string }
  | { readonly do: "stubborn" }
  | { readonly do: "fail"; readonly error: unknown }
  | { readonly do: "failWith"; readonly what: "fields" | "odd" | "timeout" | "several" | "interrupt" }
  | { readonly do: "die" }
  | { readonly do: "exit"; readonly code: number }
  | { readonly do: "exitLater"; readonly code: number; readonly millis: number }
  | { readonly do: "throwLater"; readonly message: string }
  | { readonly do: "reject"; readonly message: string }
  | { readonly do: "hoard" }
  | { readonly do: "kill" }
  | { readonly do: "abort" }
  | { readonly do: "function" }
  | { readonly do: "complain"; readonly text: string; readonly code: number }
  | { readonly do: "print"; readonly lines: number; readonly exit?: number }
  | { readonly do: "env"; readonly name: string }
  | { readonly do: "argv" }
  | { readonly do: "daemon"; readonly millis: number }

/** Fails with fields and a chain of causes. */
class Fielded extends Error {
  override readonly name = "Fielded"
  readonly code = "E_FIELD"
  readonly detail = { at: [1, 2] }
}

const spin = (millis: number): void => {
  for (const end = performance.now() + millis; performance.now() < end;);
}

/** Spins until a file exists, for at most a minute. */
const spinUntil = (file: string): void => {
  for (const end = performance.now() + 60_000; !existsSync(file) && performance.now() < end;);
}

/** Runs out of memory in small steps. One large step beyond the heap limit of a thread would end the whole process. */
const hoard = (): never => {
  let hoarded: unknown
  for (let n = 0;; n++) hoarded = { hoarded, n: `${n}` }
}

const failure = (what: "fields" | "odd" | "timeout" | "several" | "interrupt"): Effect.Effect<never, unknown> => {
  switch (what) {
    case "fields":
      return Effect.fail(new Fielded("outer", { cause: new RangeError("inner", { cause: "root" }) }))
    case "odd":
      return Effect.fail({ a: () => 1, b: Symbol("b") })
    case "timeout":
      return Effect.fail(new Cause.TimeoutError("of the task's own"))
    case "several":
      return Effect.failCause(Cause.combine(Cause.fail("first"), Cause.die(new TypeError("second"))))
    case "interrupt":
      return Effect.interrupt
  }
}

/** Writes down which worker begins an act, if that is requested. */
const noteStart = ({ noting }: { readonly noting?: string }): void => {
  if (noting !== undefined) appendFileSync(noting, `${me}\n`)
}

const acting = (act: Act): unknown => {
  switch (act.do) {
    case "value":
      return act.value
    case "who":
      return me
    case "note":
      return appendFileSync(act.file, `${act.line}\n`)
    case "spin":
      noteStart(act)
      spin(act.millis)
      return act.value
    case "spinUntil":
      noteStart(act)
      return spinUntil(act.file)
    case "die":
      throw new RangeError("a bug", { cause: new TypeError("its cause") })
    case "exit":
      return process.exit(act.code)
    case "exitLater":
      setTimeout(() => process.exit(act.code), act.millis)
      return me
    case "hoard":
      return hoard()
    case "abort":
      return process.abort()
    case "function":
      return { deep: [{ callback: () => 1 }] }
    case "complain":
      process.stderr.write(`${act.text}\n`)
      return process.exit(act.code)
    case "print":
      for (let line = 0; line < act.lines; line++) console.log(`line ${line} ${"é".repeat(20)}`)
      return act.exit === undefined ? undefined : process.exit(act.exit)
    case "env":
      return process.env[act.name]
    case "argv":
      return process.execArgv
    case "daemon": {
      const child = spawn(process.execPath, ["-e", `setTimeout(() => {}, ${act.millis})`], { stdio: "inherit" })
      return child.pid
    }
  }
  return undefined
}

/** Performs an act. */
export const act = Task.make("act", {
  module,
  run: (act: Act): Effect.Effect<unknown, unknown> => {
    switch (act.do) {
      case "sleep":
        return Effect.as(Effect.sleep(act.millis), act.value)
      case "hang":
        return Effect.onInterrupt(
          Effect.andThen(Effect.sync(() => noteStart(act)), Effect.never),
          () => Effect.sync(() => act.file && appendFileSync(act.file, "finalized\n"))
        )
      case "stubborn":
        return Effect.uninterruptible(Effect.never)
      case "fail":
        return Effect.fail(act.error)
      case "failWith":
        return failure(act.what)
      case "throwLater":
        setTimeout(() => {
          throw new RangeError(act.message)
        }, 1)
        return Effect.never
      case "reject":
        void Promise.reject(new RangeError(act.message))
        return Effect.never
      case "kill":
        process.kill(process.pid, "SIGKILL")
        return Effect.never
      default:
        return Effect.sync(() => acting(act))
    }
  }
})

export class Odd extends Schema.TaggedError<Odd>()("Odd", { n: Schema.Int, at: Schema.Date }) {}

/** A task with schemas for payload, value and error. */
export const half = Task.make("half", {
  module,
  payload: Schema.Int,
  success: Schema.Int,
  error: Odd,
  run: (n) => n % 2 === 0 ? Effect.succeed(n / 2) : Effect.fail(new Odd({ n, at: new Date(n) }))
})

/** Returns a value that its success schema refuses, or fails with an error that its error schema refuses. */
export const liar = Task.make("liar", {
  module,
  success: Schema.Int,
  error: Schema.Int,
  run: (n: number) => n < 0 ? Effect.fail(n) : Effect.succeed(n)
})

/** A task whose schemas move the buffers of its values, both ways. */
const Moved = Schema.Struct({ bytes: Transferable.Uint8Array })

export const moves = Task.make("moves", {
  module,
  payload: Moved,
  success: Moved,
  run: ({ bytes }) =>
    bytes[0] === 255 ? Effect.sync(() => process.exit(7)) : Effect.succeed({ bytes: bytes.map((n) => n + 1) })
})

const Samples = Task.cloned(Schema.instanceOf(Float64Array))

/** Scales numbers, which cross unchanged beside a date that is encoded. */
export const scales = Task.make("scales", {
  module,
  payload: Schema.Struct({ samples: Samples, by: Schema.Finite, at: Schema.Date }),
  success: Schema.Struct({ scaled: Samples, at: Schema.Date }),
  run: ({ at, by, samples }) => Effect.succeed({ scaled: samples.map((sample) => sample * by), at })
})

/** Moves its result after a while. */
export const movesLate = Task.make("movesLate", {
  module,
  success: Moved,
  run: (millis: number) => Effect.as(Effect.sleep(millis), { bytes: Uint8Array.of(millis) })
})

/** The properties of binary data in the worker. */
const seen = (value: unknown): unknown => {
  if (value instanceof Float64Array || value instanceof Uint8Array) {
    return {
      type: value.constructor.name,
      shared: value.buffer instanceof SharedArrayBuffer,
      first: value[0],
      length: value.length,
      underneath: value.buffer.byteLength
    }
  }
  return typeof value
}

export const sees = Task.make("sees", {
  module,
  run: (values: Readonly<Record<string, unknown>>) =>
    Effect.succeed(Object.fromEntries(Object.entries(values).map(([key, value]) => [key, seen(value)])))
})

/** Writes into shared memory. */
export const stores = Task.make("stores", {
  module,
  run: ({ at, memory }: { readonly at: number; readonly memory: SharedArrayBuffer }) =>
    Effect.sync(() => {
      Atomics.store(new Int32Array(memory), at, at + 1)
    })
})

/** Returns this many bytes. */
export const bytes = Task.make("bytes", { module, run: (size: number) => Effect.succeed(new Uint8Array(size).fill(7)) })

const notesOf = (env: string, line: string) =>
  Effect.sync(() => {
    const file = process.env[env]
    if (file !== undefined) appendFileSync(file, `${line} ${me}\n`)
  })

class Resource extends Context.Service<Resource, { readonly uses: () => number }>()("test/Resource") {}

/** A task whose layer writes down when it is built and released. */
export const uses = Task.make("uses", {
  module,
  run: (act: Act) => Effect.map(Resource.useSync((resource) => resource.uses()), () => acting(act) ?? me),
  layer: Layer.effect(
    Resource,
    Effect.acquireRelease(
      Effect.andThen(notesOf("LAYER_FILE", "built"), () =>
        Effect.sync(() => {
          let used = 0
          return { uses: () => ++used }
        })),
      () => notesOf("LAYER_FILE", "released")
    )
  )
})

/** A task whose layer never builds, or fails at first. */
export const waitsForLayer = Task.make("waitsForLayer", {
  module,
  run: (_: unknown) => Effect.asVoid(Resource),
  layer: Layer.effect(Resource, Effect.onInterrupt(Effect.never, () => notesOf("LAYER_FILE", "interrupted")))
})

export const holdsOn = Task.make("holdsOn", {
  module,
  run: (n: number) => Effect.as(Resource, n),
  layer: Layer.effect(Resource, Effect.acquireRelease(Effect.succeed({ uses: () => 0 }), () => Effect.never))
})

let tries = 0

export const failsAtFirst = Task.make("failsAtFirst", {
  module,
  run: (_: unknown) => Resource.useSync((resource) => resource.uses()),
  layer: Layer.effect(
    Resource,
    Effect.suspend(() => ++tries === 1 ? Effect.fail(new Fielded("down")) : Effect.succeed({ uses: () => tries }))
  )
})

/** Returns what it gets of its caller's context. */
export const context = Task.make("context", {
  module,
  run: (_: unknown) =>
    Effect.gen(function*() {
      const span = yield* Effect.serviceOption(Tracer.ParentSpan)
      return {
        backend: (yield* Backend.Backend).name,
        level: yield* References.MinimumLogLevel,
        annotations: yield* References.CurrentLogAnnotations,
        span: span._tag === "Some" ? { traceId: span.value.traceId, spanId: span.value.spanId } : undefined
      }
    })
})

/** Logs at several levels. */
export const logs = Task.make("logs", {
  module,
  run: (text: string) =>
    Effect.logDebug(`debug ${text}`).pipe(
      Effect.andThen(Effect.log(`info ${text}`, { text }).pipe(Effect.annotateLogs("mine", text))),
      Effect.andThen(Effect.logError("broken", Cause.fail(new RangeError(text))))
    )
})

/** A task with fates that the caller draws. */
export const chaos = Task.make("chaos", {
  module,
  run: ({ fate, micros, n }: { readonly n: number; readonly micros: number; readonly fate: string }) =>
    Effect.suspend((): Effect.Effect<number, unknown> => {
      spin(micros / 1000)
      switch (fate) {
        case "exit":
          return Effect.sync(() => process.exit(3))
        case "throw":
          // @effect-diagnostics-next-line globalErrorInEffectFailure:off
          return Effect.fail(new RangeError(`no ${n}`))
        case "hang":
          return Effect.sync(() => {
            for (;;);
          })
        case "hoard":
          return Effect.sync(hoard)
        default:
          return Effect.succeed(n * 2)
      }
    })
})

/** Waits, and writes down when it starts and ends in any way. Fails if the time to wait is negative. */
export const notes = Task.make("notes", {
  module,
  run: ({ file, line, millis }: { readonly file: string; readonly line: string; readonly millis: number }) => {
    const note = (what: string) => Effect.sync(() => appendFileSync(file, `${line} ${what}\n`))
    const wait = millis < 0 ? Effect.fail("odd") : Effect.sleep(millis)
    return Effect.andThen(note("starts"), wait).pipe(
      Effect.andThen(note("ends")),
      Effect.onInterrupt(() => note("stops"))
    )
  }
})

/** Waits for a very long time. */
export const naps = Task.make("naps", { module, run: (_: number) => Effect.never })

/** An error that its schema accepts but that cannot be cloned. */
export const failsOddly = Task.make("failsOddly", {
  module,
  error: Schema.Any,
  run: (n: number) => n === 1 ? Effect.fail({ deep: { callback: () => 1 } }) : Effect.succeed(n)
})

/** Sends messages through its own `parentPort` or `process.send`. */
export const chatters = Task.make("chatters", {
  module,
  run: (n: number) =>
    Effect.sync(() => {
      for (const message of [null, 1, "text", {}, { _tag: "Nobody", id: 1 }]) {
        parentPort?.postMessage(message)
        process.send?.(message)
      }
      return n
    })
})

/** Does almost nothing. */
export const tiny = Task.make("tiny", { module, run: (n: number) => Effect.succeed(Math.sqrt(n)) })

export const length = Task.make("length", { module, run: (list: ReadonlyArray<number>) => Effect.succeed(list.length) })

/** A task that no module exports. */
const unexported = Task.make("unexported", { module, run: (n: number) => Effect.succeed(n) })
export const hidden = { task: unexported }

/** An array of 2 MiB that the worker keeps. */
const kept = new Float64Array(2 ** 18).fill(1)
const Numbers = Schema.instanceOf(Float64Array)

/** Returns the array that it keeps. */
export const keeps = Task.make("keeps", { module, run: (_: number) => Effect.sync(() => kept) })

/** Moves its payload and its result, which are nested values. */
export const movesNested = Task.make("movesNested", {
  module,
  payload: Task.moved(Schema.Struct({ rows: Schema.Array(Numbers) })),
  success: Task.moved(Schema.Struct({ rows: Schema.Array(Numbers) })),
  run: ({ rows }) => Effect.succeed({ rows: rows.map((row) => row.map((n) => n + 1)) })
})

/** Fails after its payload has been moved. */
export const movesInVain = Task.make("movesInVain", {
  module,
  payload: Task.moved(Numbers),
  error: Schema.String,
  run: (_) => Effect.fail("no")
})

/** Returns its payload. */
export const same = Task.make("same", { module, run: (value: unknown) => Effect.succeed(value) })

/** Moves its payload, and describes it. */
export const movesAny = Task.make("movesAny", {
  module,
  payload: Task.moved(Schema.Any),
  run: (value) => Effect.succeed(`got ${Object.prototype.toString.call(value)}`)
})
