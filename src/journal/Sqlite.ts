/**
 * A journal in a file: the store for one program on one machine.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { resolve } from "node:path"
import { knownKeys, nonEmptyString } from "../primitives/check.ts"
import { Journal } from "./record/contract.ts"
import type { JournalError } from "./record/errors.ts"
import { make } from "./record/service.ts"
import { JournalClient } from "./sqlite/client.ts"

/**
 * Where the file is.
 *
 * **Details**
 *
 * - `path`: the file; a path that is not absolute begins at the working directory. It is made if it is not there, its folder is not.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  readonly path: string
}

/**
 * Keeps records in a file, through `node:sqlite` in a thread of its own.
 *
 * **Details**
 *
 * Shape: one file that only grows, and beside it `-journal`, which is of SQLite, and `.lock`, by which a program has it. All are
 * readable for their owner alone. Where at least half of its records are superseded or forgotten, it is
 * compacted when it is opened. Durable means that the operating system says the file is on its disk (`synchronous = EXTRA`), so a
 * crash of the program, or of the machine, loses nothing that was reported.
 *
 * Every group of records has a checksum that is chained to the one before, and all are read when the file is opened: a file that was
 * changed or cut anywhere ends in `Damaged`, and not in other values. One program at a time has the file: another gets `InUse`. After
 * a program that was killed the next one takes over, and logs a warning.
 *
 * Units: opening reads the file once, about half a second for a million small records; the keys take 23 to 46 bytes each
 * in memory. A record is at most 1 GB. Errors: `JournalError`, when the layer is built: `Damaged`, `InUse`, `NewerFormat`, `NoJournal`, `NoSpace`, `ReadOnly`.
 *
 * **Example** (A run that goes on where it was stopped)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Parallel } from "effect-parallel"
 * import * as Sqlite from "effect-parallel/journal/Sqlite"
 *
 * const length = (word: string) => Effect.succeed(word.length)
 *
 * const program = Parallel.forEach(["a", "bb", "ccc"], length, { name: "lengths", journal: true })
 *
 * const lengths = await Effect.runPromise(program.pipe(Effect.provide(Sqlite.layer({ path: "lengths.db" }))))
 * console.log(lengths) // => [1, 2, 3]
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options): Layer.Layer<Journal, JournalError> => {
  knownKeys("options", options, ["path"])
  const path = resolve(nonEmptyString("path", options.path))
  return Layer.effect(
    Journal,
    Effect.gen(function*() {
      const client = yield* Effect.acquireRelease(
        Effect.sync(() => new JournalClient(path)),
        (client) => client.close
      )
      const { compacted, leftBy } = yield* client.start
      if (leftBy !== undefined) {
        yield* Effect.logWarning(
          `journal ${path} was left open by process ${leftBy}, which has ended; it is taken over`
        )
      }
      if (compacted !== undefined) {
        yield* Effect.logInfo(`journal ${path} was compacted, from ${compacted[0]} records to ${compacted[1]}`)
      }
      return make(client)
    })
  )
}
