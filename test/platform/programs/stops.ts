/** A run that says what becomes of it when its program is stopped. */
import { NodeRuntime } from "@effect/platform-node"
import { Effect, Layer, Logger } from "effect"
import { Journal, Parallel } from "effect-parallel"
import * as Threads from "effect-parallel/backend/Threads"
import * as Sqlite from "effect-parallel/journal/Sqlite"
import * as Shutdown from "effect-parallel/platform/Shutdown"
import { say } from "../../journal/programs/say.ts"
import { waits } from "./waits.ts"

const [path, how, drain] = process.argv.slice(2)

const inputs = Array.from({ length: 1000 }, (_, n) => n)
const run: Effect.Effect<unknown, unknown, Journal.Journal> = how === "threads"
  ? Parallel.forEach(inputs, waits, { name: "run", journal: true })
  : how === "nested"
  ? Parallel.forEach(
    [1, 2],
    (outer) =>
      Parallel.forEach(inputs, (n) => waits(outer * 10_000 + n), {
        name: `inner ${outer}`,
        journal: true,
        concurrency: 2
      }),
    {
      name: "outer",
      journal: { success: undefined }
    }
  )
  : Parallel.forEach(inputs, waits, {
    name: "run",
    concurrency: 4,
    retry: { times: 3 },
    ...(how !== "plain" && { journal: true })
  } as { readonly name: string; readonly journal: true })

const program = run.pipe(
  Effect.andThen(Effect.sync(() => say("all"))),
  Effect.onExit((exit) => Effect.sync(() => say(`main ${exit._tag}`))),
  Effect.ensuring(Effect.sync(() => say("finalizer"))),
  Effect.provide(how === "threads" ? Threads.layer({ workers: 2 }) : Layer.empty),
  Effect.provide(how === "plain" ? Journal.layerMemory : Sqlite.layer({ path: path! })),
  Effect.provide(Shutdown.layer({ drain: `${Number(drain)} millis` })),
  Effect.provide(Logger.layer([Logger.make<unknown, void>(({ message }) => say(`log ${String(message)}`))]))
)

if (how === "promise") Effect.runPromise(program).catch(() => say("rejected"))
else NodeRuntime.runMain(program)
