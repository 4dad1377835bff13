/**
 * Files in which tasks record what they do, wherever they run.
 */
import * as Effect from "effect/Effect"
import { mkdtemp, readFile, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"

/** Runs a test with a file that tasks may append to, and an effect that reads its lines. */
export const withFile = <A, E, R>(
  use: (file: string, lines: Effect.Effect<ReadonlyArray<string>>) => Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Effect.acquireUseRelease(
    Effect.promise(() => mkdtemp(join(tmpdir(), "effect-parallel-suite-"))),
    (folder) => {
      const file = join(folder, "lines")
      const lines = Effect.promise(() =>
        readFile(file, "utf8").then((text) => text.split("\n").filter((line) => line !== ""), () => [])
      )
      return use(file, lines)
    },
    (folder) => Effect.promise(() => rm(folder, { recursive: true }))
  )

/** Waits until a condition holds, which another process or thread makes true. */
export const until = (condition: Effect.Effect<boolean>): Effect.Effect<void> =>
  Effect.flatMap(condition, (holds) => holds ? Effect.void : Effect.andThen(Effect.sleep(5), until(condition)))
