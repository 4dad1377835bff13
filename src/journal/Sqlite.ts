/**
 * A journal in a file, for one program on one machine.
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
 * The options of a journal in a file.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /**
   * The path of the file, relative to the working directory, or absolute. If the file does not exist, it is created;
   * its folder has to exist.
   */
  readonly path: string
}

/**
 * Keeps records in a file, through `node:sqlite` in a thread of its own.
 *
 * **Details**
 *
 * Next to the file there are two others: `-journal`, which belongs to SQLite, and `.lock`, which names the program that
 * uses the file. Only their owner can read the three files. The file grows until it is opened with at least half of its
 * records superseded or forgotten: then it is compacted.
 *
 * A record is durable when the operating system says that it is on the disk (`synchronous = EXTRA`). So a crash of the
 * program, or of the machine, loses nothing that was reported. Every group of records has a checksum, which includes
 * the one before, and all are read when the file is opened. So a file that was changed or cut fails with `Damaged`, and
 * never returns wrong values.
 *
 * Only one program at a time can use the file; another one fails with `InUse`. After a program was killed, the next one
 * takes over, and logs a warning.
 *
 * Opening reads the file once, which takes about half a second for a million small records. The keys take 23 to 46
 * bytes each in memory. A record has at most 1 GB. Building the layer fails with `JournalError`; its reasons are
 * `Damaged`, `InUse`, `NewerFormat`, `NoJournal`, `NoSpace` and `ReadOnly`.
 *
 * **Example** (Continuing a run)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Parallel } from "effect-parallel"
 * import * as Sqlite from "effect-parallel/journal/Sqlite"
 *
 * let calls = 0
 * const length = (word: string) => Effect.sync(() => (calls++, word.length))
 * const program = Parallel.forEach(["a", "bb", "ccc"], length, { name: "lengths", journal: true }).pipe(
 *   Effect.provide(Sqlite.layer({ path: "lengths.db" }))
 * )
 *
 * console.log(await Effect.runPromise(program)) // => [1, 2, 3]
 * console.log(await Effect.runPromise(program)) // => [1, 2, 3]
 * console.log(calls) // => 3
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
