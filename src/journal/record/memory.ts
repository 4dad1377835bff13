/**
 * A store that lives as long as its layer, for tests, and for results that are needed only until the program ends.
 */
import * as Effect from "effect/Effect"
import type { RecordStore, RunId, RunInfo, StoredRecord, StoredRun } from "./contract.ts"
import { JournalError, SchemasDiffer } from "./errors.ts"

const storeName = "memory"

/** A run with its records, by key. */
interface Held extends RunId {
  readonly records: Map<string, StoredRecord>
}

const infoOf = ({ name, records, schemas, version }: Held): RunInfo => ({
  name,
  version,
  schemas,
  recorded: records.size,
  failed: [...records.values()].filter(({ failed }) => failed).length
})

export const make = (): RecordStore => {
  const runs = new Map<string, Held>()
  const idOf = ({ name, version }: Pick<RunId, "name" | "version">): string => JSON.stringify([name, version])
  return {
    name: storeName,
    open: (run) =>
      Effect.suspend(() => {
        const id = idOf(run)
        const held = runs.get(id) ?? { ...run, records: new Map<string, StoredRecord>() }
        const { recorded, failed } = infoOf(held)
        if (held.schemas !== run.schemas) return Effect.fail(differs(storeName, run, held.schemas))
        runs.set(id, held)
        return Effect.succeed<StoredRun>({
          recorded,
          failed,
          mayHold: (key) => held.records.has(key),
          get: (keys) => Effect.sync(() => keys.map((key) => held.records.get(key)?.text)),
          append: (records) =>
            Effect.sync(() => {
              for (const record of records) held.records.set(record.key, record)
            })
        })
      }),
    forget: (name, version) =>
      Effect.sync(() => {
        for (const [id, held] of runs) {
          if (held.name === name && (version === undefined || held.version === version)) {
            held.records.clear()
            runs.delete(id)
          }
        }
      }),
    inspect: Effect.sync(() => [...runs.values()].map(infoOf))
  }
}

/** Makes the error of a run whose records were written with other schemas. */
export const differs = (store: string, { name, schemas, version }: RunId, recorded: string): JournalError =>
  new JournalError({
    store,
    run: name,
    reason: new SchemasDiffer({ version, recorded, given: schemas }),
    report: undefined
  })
