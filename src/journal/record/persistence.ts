/**
 * A store on Effect's `BackingPersistence`: PostgreSQL, MySQL, Redis, and key-value stores.
 *
 * Each run has a backing store of its own. A record is stored under the digest of its key, together with the key
 * itself, so that two keys that a database takes for the same are still told apart.
 */
import { isArrayNonEmpty } from "effect/Array"
import * as Effect from "effect/Effect"
import type { BackingPersistence, BackingPersistenceStore, PersistenceError } from "effect/persistence/Persistence"
import type { RecordStore, RunId, RunInfo, StoredRecord, StoredRun } from "./contract.ts"
import { digest } from "./digest.ts"
import { Damaged, JournalError, type JournalReason, NewerFormat, StoreFailed } from "./errors.ts"
import { differs } from "./memory.ts"

/** Version of the stored format. */
const format = 1

/** The stored entries about one run, and about all runs. */
interface Row extends RunId {
  readonly format: number
}
interface Index {
  readonly runs: ReadonlyArray<RunId>
}

/** The entry that is stored under the digest of a key. */
interface Entry {
  readonly key: string
  readonly record: string
}

const rowKey = "run"
const indexKey = "runs"

/** Makes a store. `name` is the name that errors give it. */
export const make = (backing: BackingPersistence["Service"], name: string): RecordStore => {
  const failed = (run: string | undefined, reason: JournalReason): JournalError =>
    new JournalError({ store: name, run, reason, report: undefined })
  const stored = <A>(
    run: string | undefined,
    effect: Effect.Effect<A, PersistenceError>
  ): Effect.Effect<A, JournalError> => Effect.mapError(effect, (cause) => failed(run, new StoreFailed({ cause })))
  const storeOf = ({ name, version }: Pick<RunId, "name" | "version">) =>
    backing.make(`journal_${digest(JSON.stringify([name, version]))}`)
  const index = backing.make("journal_index")

  /** Reads the list of the runs. */
  const listed = (store: BackingPersistenceStore, run: string | undefined): Effect.Effect<
    ReadonlyArray<RunId>,
    JournalError
  > => Effect.map(stored(run, store.get(indexKey)), (found) => (found as Index | undefined)?.runs ?? [])

  /**
   * Changes the list of the runs. If two programs change it concurrently, one change may be lost, so this checks again
   * afterward.
   */
  const list = (change: (runs: ReadonlyArray<RunId>) => ReadonlyArray<RunId>) =>
    Effect.scoped(Effect.flatMap(index, (store) => {
      const attempt = (left: number): Effect.Effect<void, JournalError> =>
        Effect.flatMap(listed(store, undefined), (before) => {
          const after = change(before)
          if (after === before || left === 0) return Effect.void
          return Effect.andThen(stored(undefined, store.set(indexKey, { runs: after }, undefined)), attempt(left - 1))
        })
      return attempt(5)
    }))

  const runOf = (run: RunId, store: BackingPersistenceStore): StoredRun => ({
    recorded: undefined,
    failed: undefined,
    get: (keys) => {
      const ids = keys.map(digest)
      if (!isArrayNonEmpty(ids)) return Effect.succeed([])
      return Effect.flatMap(stored(run.name, store.getMany(ids)), (found) => {
        const texts: Array<string | undefined> = []
        for (let i = 0; i < keys.length; i++) {
          const entry: Partial<Entry> | undefined = found[i]
          if (entry !== undefined && typeof entry.record !== "string") {
            const record = `the record of key ${keys[i]}`
            return Effect.fail(failed(run.name, new Damaged({ record, issue: "it has no text" })))
          }
          texts.push(entry?.key === keys[i] ? entry?.record : undefined)
        }
        return Effect.succeed(texts)
      })
    },
    append: (records) => {
      const entries = [...latest(records)].map(([id, { key, text }]) =>
        [id, { key, record: text } satisfies Entry, undefined] as const
      )
      return isArrayNonEmpty(entries) ? stored(run.name, store.setMany(entries)) : Effect.void
    }
  })

  return {
    name,
    open: (run) =>
      Effect.flatMap(storeOf(run), (store) =>
        Effect.flatMap(stored(run.name, store.get(rowKey)), (found) => {
          const row = found as Row | undefined
          if (row !== undefined && row.format > format) {
            return Effect.fail(failed(run.name, new NewerFormat({ format: row.format, known: format })))
          }
          if (row !== undefined && row.schemas !== run.schemas) return Effect.fail(differs(name, run, row.schemas))
          const known = row === undefined
            ? stored(run.name, store.set(rowKey, { ...run, format } satisfies Row, undefined))
            : Effect.void
          return known.pipe(
            Effect.andThen(list((runs) => runs.some((each) => isSame(each, run)) ? runs : [...runs, run])),
            Effect.as(runOf(run, store))
          )
        })),
    forget: (runName, version) =>
      Effect.scoped(Effect.gen(function*() {
        const runs = yield* listed(yield* index, runName)
        const versions = version === undefined
          ? ["", ...runs.filter((run) => run.name === runName).map((run) => run.version)]
          : [version]
        for (const each of new Set(versions)) {
          yield* stored(runName, (yield* storeOf({ name: runName, version: each })).clear)
        }
        yield* list((runs) => {
          const kept = runs.filter((run) => run.name !== runName || !versions.includes(run.version))
          return kept.length === runs.length ? runs : kept
        })
      })),
    inspect: Effect.scoped(
      Effect.flatMap(
        index,
        (store) =>
          Effect.map(
            listed(store, undefined),
            (runs) =>
              runs.map(({ name, schemas, version }): RunInfo => ({
                name,
                version,
                schemas,
                recorded: undefined,
                failed: undefined
              }))
          )
      )
    )
  }
}

const isSame = (a: RunId, b: RunId): boolean => a.name === b.name && a.version === b.version

/**
 * Returns the last record of each key, by the digest of the key. A database rejects two records of one key in a group.
 */
const latest = (records: ReadonlyArray<StoredRecord>): ReadonlyMap<string, StoredRecord> =>
  new Map(records.map((record) => [digest(record.key), record]))
