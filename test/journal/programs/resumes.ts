/** Runs many inputs with a journal, and prints the reported ones, so that the test knows which must not run again. */
import { NodeRuntime } from "@effect/platform-node"
import { Effect, Layer, Logger, Option, Stream } from "effect"
import { Outcome, Parallel } from "effect-parallel"
import * as Threads from "effect-parallel/backend/Threads"
import * as Sqlite from "effect-parallel/journal/Sqlite"
import { say } from "./say.ts"
import { Odd, work } from "./work.ts"

const [path, inputs, backend] = process.argv.slice(2)

Parallel.stream(Array.from({ length: Number(inputs) }, (_, i) => i), work, {
  journal: { retryFailed: false },
  concurrency: backend === "threads" ? 2 : 8,
  order: "completion"
}).pipe(
  Stream.runForEach((outcome) =>
    Effect.sync(() => {
      const error = Outcome.isFailure(outcome) ? Option.getOrUndefined(Outcome.error(outcome)) : undefined
      const came = Outcome.isSuccess(outcome)
        ? `${outcome.value.n} ${outcome.value.at.getTime()}`
        : error instanceof Odd
        ? `odd ${error.n}`
        : String(outcome.cause)
      say(`reported ${outcome.index} ${came}`)
    })
  ),
  Effect.andThen(Effect.sync(() => say("done"))),
  Effect.provide([
    backend === "threads" ? Threads.layer({ workers: 2 }) : Layer.empty,
    Sqlite.layer({ path: path! }).pipe(
      Layer.provideMerge(Logger.layer([Logger.make<unknown, void>(({ message }) => say(`log ${String(message)}`))]))
    )
  ]),
  NodeRuntime.runMain
)
