/** Stores that tests control. */
import { Deferred, Effect, Layer, References } from "effect"
import { Journal } from "effect-parallel"

/** Silences the log entries of runs about their journal. */
export const quiet = Effect.provideService(References.MinimumLogLevel, "Warn")

/** A layer of a journal over a store. */
export const layerOf = (store: Journal.RecordStore): Layer.Layer<Journal.Journal> =>
  Layer.succeed(Journal.Journal, Journal.make(store))

const failed = (cause: unknown): Journal.JournalError =>
  new Journal.JournalError({
    store: "scripted",
    run: undefined,
    reason: new Journal.StoreFailed({ cause }),
    report: undefined
  })

/**
 * A store in memory that waits, fails and counts under control of a test. `appending` and `getting` run before a group
 * is written or read. With `failsAt`, a group that would exceed this number of records fails, and none of it is stored.
 */
export class ScriptedStore implements Journal.RecordStore {
  readonly name = "scripted"
  readonly records = new Map<string, Map<string, Journal.StoredRecord>>()
  readonly groups: Array<number> = []
  appending: (records: ReadonlyArray<Journal.StoredRecord>) => Effect.Effect<void> = () => Effect.void
  getting: (keys: ReadonlyArray<string>) => Effect.Effect<void> = () => Effect.void
  failsAt = Infinity
  /** True if only the store knows what it holds. */
  remote = false
  appended = 0
  looked = 0

  open(run: Journal.RunId): Effect.Effect<Journal.StoredRun> {
    return Effect.sync(() => {
      const id = JSON.stringify([run.name, run.version])
      const held = this.records.get(id) ?? new Map<string, Journal.StoredRecord>()
      this.records.set(id, held)
      return {
        recorded: held.size,
        failed: [...held.values()].filter(({ failed }) => failed).length,
        mayHold: this.remote ? undefined : (key) => held.has(key),
        get: (keys) =>
          Effect.andThen(
            Effect.suspend(() => this.getting(keys)),
            Effect.sync(() => {
              this.looked += keys.length
              return keys.map((key) => held.get(key)?.text)
            })
          ),
        append: (records) =>
          Effect.andThen(
            Effect.suspend(() => this.appending(records)),
            Effect.suspend(() => {
              if (this.appended + records.length > this.failsAt) return Effect.fail(failed("the disk is on fire"))
              this.appended += records.length
              this.groups.push(records.length)
              for (const record of records) held.set(record.key, record)
              return Effect.void
            })
          )
      }
    })
  }

  forget(): Effect.Effect<void> {
    return Effect.void
  }

  readonly inspect = Effect.succeed([])
}

/** A gate at which effects wait until it is opened. */
export const gate = Effect.map(Deferred.make<void>(), (opened) => ({
  pass: Deferred.await(opened),
  open: Deferred.succeed(opened, undefined)
}))

/** A store that writes nothing until its gate is opened. */
export const heldStore = Effect.map(gate, ({ open, pass }) => {
  const store = new ScriptedStore()
  store.appending = () => pass
  return { open, store }
})
