/** A run that prints how it ends when its program is stopped. */
import { NodeRuntime } from "@effect/platform-node"
import { Effect, Layer, Logger, Stream } from "effect"
import { Journal, Limit, Parallel } from "effect-parallel"
import * as Threads from "effect-parallel/backend/Threads"
import * as Sqlite from "effect-parallel/journal/Sqlite"
import * as Shutdown from "effect-parallel/platform/Shutdown"
import { say } from "../../journal/programs/say.ts"
import { waits } from "./waits.ts"

const [path, how, drain] = process.argv.slice(2)

const inputs = Array.from({ length: 1000 }, (_, n) => n)

const nested = (outer: number) =>
  Parallel.forEach(inputs, (n) => waits(outer * 10_000 + n), { name: `inner ${outer}`, journal: true, concurrency: 2 })

/** A journal whose store accepts records but never reports them as durable. */
const hanging = Layer.succeed(
  Journal.Journal,
  Journal.make({
    name: "hanging",
    open: () =>
      Effect.succeed({
        recorded: 0,
        failed: 0,
        get: (keys) => Effect.succeed(keys.map(() => undefined)),
        append: () => Effect.never
      }),
    forget: () => Effect.void,
    inspect: Effect.succeed([])
  })
)

const runs: Readonly<Record<string, Effect.Effect<unknown, unknown, Journal.Journal>>> = {
  fibers: Parallel.forEach(inputs, waits, { name: "run", journal: true, concurrency: 4, retry: { times: 3 } }),
  promise: Parallel.forEach(inputs, waits, { name: "run", journal: true, concurrency: 4 }),
  hangs: Parallel.forEach(inputs, waits, { name: "run", journal: true, concurrency: 4 }),
  threads: Parallel.forEach(inputs, waits, { name: "run", journal: true }),
  plain: Parallel.forEach(inputs, waits, { name: "run", concurrency: 4 }),
  nested: Parallel.forEach([1, 2], nested, { name: "outer", journal: true }),
  partition: Parallel.partition([1, 2], nested, { name: "outer", journal: true }),
  limited: Parallel.forEach(inputs, (n) => waits(n), { concurrency: 8, limit: Limit.concurrency(1) }),
  waiting: Parallel.forEach(Stream.concat(Stream.make(1, 2), Stream.never), (n) => waits(n), { name: "run" })
}

const program = runs[how!]!.pipe(
  Effect.andThen(Effect.sync(() => say("all"))),
  Effect.onExit((exit) => Effect.sync(() => say(`main ${exit._tag}`))),
  Effect.ensuring(Effect.sync(() => say("finalizer"))),
  Effect.provide([
    how === "threads" ? Threads.layer({ workers: 2 }) : Layer.empty,
    how === "hangs" ? hanging : how === "plain" ? Journal.layerMemory : Sqlite.layer({ path: path! }),
    Shutdown.layer({ drain: `${Number(drain)} millis` }).pipe(
      Layer.provideMerge(Logger.layer([Logger.make<unknown, void>(({ message }) => say(`log ${String(message)}`))]))
    )
  ])
)

if (how === "promise") Effect.runPromise(program).catch(() => say("rejected"))
else NodeRuntime.runMain(program)
