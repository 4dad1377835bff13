import { type Cause, type Duration, Effect, type Layer, Option } from "effect"
import { Backend, Outcome } from "effect-parallel"
import * as Processes from "effect-parallel/backend/Processes"
import * as Threads from "effect-parallel/backend/Threads"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { isDeepStrictEqual } from "node:util"
import type { Act } from "./workerTasks.ts"

/** A kind of worker, with the differences that tests need. */
export interface Kind {
  readonly name: "threads" | "processes"
  readonly layer: (options?: Processes.Options) => Layer.Layer<never>
  /** Limits the memory of a worker. */
  readonly small: Layer.Layer<never>
}

const grace: Duration.Input = "200 millis"
const env = { IN_WORKER: "yes" }

export const kinds: ReadonlyArray<Kind> = [
  {
    name: "threads",
    layer: (options) => Threads.layer({ workers: 2, grace, ...options, env: { ...env, ...options?.env } }),
    small: Threads.layer({ workers: 2, grace, resourceLimits: { maxOldGenerationSizeMb: 48 } })
  },
  {
    name: "processes",
    layer: (options) => Processes.layer({ workers: 2, grace, ...options, env: { ...env, ...options?.env } }),
    small: Processes.layer({ workers: 2, grace, execArgv: ["--max-old-space-size=48"] })
  }
]

/** The act of returning a value. */
export const value = (value: unknown): Act => ({ do: "value", value })

/** The reason of a failure that is a `BackendError`. */
export const reasonOf = (failure: Outcome.Failure<unknown, unknown> | undefined): Backend.BackendError["reason"] => {
  const error = errorOf(failure)
  if (!(error instanceof Backend.BackendError)) throw new Error(`not the backend's: ${String(error)}`)
  return error.reason
}

export const errorOf = (failure: Outcome.Failure<unknown, unknown> | undefined): unknown =>
  failure && Option.getOrUndefined(Outcome.error(failure))

export const reasonsOf = (cause: Cause.Cause<unknown>): ReadonlyArray<string> => cause.reasons.map(({ _tag }) => _tag)

/** The crash that an input failed with. */
export const crashOf = (failure: Outcome.Failure<unknown, unknown> | undefined): Backend.WorkerCrashed => {
  const reason = reasonOf(failure)
  if (reason._tag !== "WorkerCrashed") throw new Error(`not a crash: ${reason.message}`)
  return reason
}

/** A file that exists during an effect, and its lines so far. */
export const withFile = <A, E, R>(
  use: (file: string, lines: () => ReadonlyArray<string>) => Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Effect.acquireUseRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "effect-parallel-test-"))),
    (folder) => {
      const file = join(folder, "lines")
      return use(file, () => {
        try {
          return readFileSync(file, "utf8").trim().split("\n")
        } catch {
          return []
        }
      })
    },
    (folder) => Effect.sync(() => rmSync(folder, { recursive: true }))
  )

/** Waits for another thread or process to do something. */
export const until = (condition: () => boolean): Effect.Effect<void> =>
  Effect.suspend(() => condition() ? Effect.void : Effect.andThen(Effect.sleep(5), until(condition)))

/** Waits until a value equals `wanted`. Gives up after a while, so that the test can show the difference. */
export const untilLike = <A>(found: () => A, wanted: A): Effect.Effect<void> =>
  Effect.ignore(Effect.timeout(until(() => isDeepStrictEqual(found(), wanted)), "20 seconds"))

/** Measures how long an effect takes, in milliseconds. */
export const timed = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<readonly [A, number], E, R> =>
  Effect.suspend(() => {
    const from = performance.now()
    return Effect.map(effect, (result) => [result, performance.now() - from] as const)
  })

/** Records the batches that a backend gets. */
export const watching = (sizes: Array<number>): Effect.Effect<Backend.Backend> =>
  Effect.map(Backend.Backend, (backend): Backend.Backend => ({
    name: backend.name,
    workers: backend.workers,
    batches: backend.batches,
    execute: (job, batch, onExit) => {
      sizes.push(batch.inputs.length)
      return backend.execute(job, batch, onExit)
    }
  }))
