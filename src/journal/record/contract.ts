/**
 * The contract of journals: what a run asks of one, and what a journal asks of its store.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type { Recorded, Settled } from "../../outcome/settled.ts"
import type { JournalError } from "./errors.ts"

/**
 * A run as its store knows it: records of one name and version belong together, and were written through the same schemas.
 *
 * @category models
 * @since 0.1.0
 */
export interface RunId {
  readonly name: string
  readonly version: string
  /** Fingerprint of the schemas through which values and errors are written. */
  readonly schemas: string
}

/**
 * What a store holds of a run.
 *
 * **Details**
 *
 * `recorded` counts inputs, each once, and `failed` those of them that failed the last time. Both are undefined where the store
 * cannot count.
 *
 * @category models
 * @since 0.1.0
 */
export interface RunInfo extends RunId {
  readonly recorded: number | undefined
  readonly failed: number | undefined
}

/**
 * A record as it is stored: `key` identifies its input among those of the run, `text` is JSON.
 *
 * @category models
 * @since 0.1.0
 */
export interface StoredRecord {
  readonly key: string
  readonly text: string
  /** True if the input has failed. */
  readonly failed: boolean
}

/**
 * The records of one run in a store.
 *
 * **Details**
 *
 * - `mayHold` answers at once whether a key may be recorded: if it is false, the store is not asked. Absent where only the
 *   store itself knows.
 * - `get` reads the texts of keys, in their order; undefined for one that is not recorded. The last record of a key counts.
 * - `append` writes records, and succeeds once they are durable. It is called for one group after another.
 *
 * @category models
 * @since 0.1.0
 */
export interface StoredRun {
  readonly recorded: number | undefined
  readonly failed: number | undefined
  readonly mayHold?: ((key: string) => boolean) | undefined
  readonly get: (keys: ReadonlyArray<string>) => Effect.Effect<ReadonlyArray<string | undefined>, JournalError>
  readonly append: (records: ReadonlyArray<StoredRecord>) => Effect.Effect<void, JournalError>
}

/**
 * A place where records are kept.
 *
 * **Details**
 *
 * `open` begins or continues a run; it refuses one whose name and version are recorded through other schemas. `forget` drops
 * all records of a name, or of one version of it. `inspect` lists the runs that are recorded. `name` is what errors call the
 * store.
 *
 * @category models
 * @since 0.1.0
 */
export interface RecordStore {
  readonly name: string
  readonly open: (run: RunId) => Effect.Effect<StoredRun, JournalError, Scope.Scope>
  readonly forget: (name: string, version?: string) => Effect.Effect<void, JournalError>
  readonly inspect: Effect.Effect<ReadonlyArray<RunInfo>, JournalError>
}

/** Settings of a run that is to be recorded. */
export interface JournalSettings {
  readonly name: string
  readonly version: string
  readonly key: ((input: never, index: number) => string) | undefined
  readonly payload: Schema.Codec<any, any> | undefined
  readonly success: Schema.Codec<any, any> | undefined
  readonly error: Schema.Codec<any, any> | undefined
}

/** An outcome as it was recorded. */
export interface RecalledExit {
  readonly exit: Exit.Exit<unknown, unknown>
  readonly recorded: Recorded
}

/** What is recorded of an attempt, apart from its exit. */
type RecordedFacts = Pick<Settled<unknown>, "index" | "attempts" | "history"> & {
  readonly elapsedNanos: number
  readonly at: number
}

/** The journal of one run. Functions that are no effects throw a `JournalError` for a value that cannot be kept. */
export interface RunJournal {
  readonly store: string
  readonly recorded: number | undefined
  readonly failed: number | undefined
  /** Makes the key of an input. */
  readonly keyOf: (input: unknown, index: number) => string
  /** False if the key is surely not recorded. */
  readonly mayHold: (key: string) => boolean
  readonly get: StoredRun["get"]
  readonly append: StoredRun["append"]
  /** Reads a text of the store; undefined for one that failed. */
  readonly decode: (key: string, text: string, index: number) => RecalledExit
  readonly encode: (key: string, exit: Exit.Exit<unknown, unknown>, facts: RecordedFacts) => StoredRecord
}

/**
 * Records what becomes of inputs, and recalls it when they come again.
 *
 * @category services
 * @since 0.1.0
 */
export class Journal extends Context.Service<Journal, {
  readonly store: RecordStore
  /** Begins or continues the journal of a run. */
  readonly attach: (settings: JournalSettings) => Effect.Effect<RunJournal, JournalError, Scope.Scope>
}>()("effect-parallel/Journal") {}

/** Finds the journal that is provided; without one it dies, and says whose journal is missing. */
export const provided = (owner: string): Effect.Effect<Journal["Service"]> =>
  Effect.flatMap(
    Effect.serviceOption(Journal),
    Option.match({
      onNone: () => Effect.die(new Error(`${owner} has a journal, and no layer of one is provided`)),
      onSome: Effect.succeed
    })
  )

/** Milliseconds that what was interrupted waits for its store. */
export const patience = 5000
