/**
 * The contract of journals: what a run asks of a journal, and what a journal asks of its store.
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
 * Identifies a run in a store. Records of one name and version belong together, and were written with the same schemas.
 *
 * @category models
 * @since 0.1.0
 */
export interface RunId {
  /** Name of the run. */
  readonly name: string
  /** Version of the run; an empty string if it has none. */
  readonly version: string
  /** Fingerprint of the schemas by which values and errors are written. */
  readonly schemas: string
}

/**
 * What a store holds of a run.
 *
 * @category models
 * @since 0.1.0
 */
export interface RunInfo extends RunId {
  /** Number of inputs that are recorded, each counted once; undefined if the store cannot count. */
  readonly recorded: number | undefined
  /** Number of them that failed the last time; undefined if the store cannot count. */
  readonly failed: number | undefined
}

/**
 * A record as it is stored.
 *
 * @category models
 * @since 0.1.0
 */
export interface StoredRecord {
  /** Identifies the input among those of the run. */
  readonly key: string
  /** The outcome, as JSON. */
  readonly text: string
  /** Whether the input failed. */
  readonly failed: boolean
}

/**
 * The records of one run in a store.
 *
 * @category models
 * @since 0.1.0
 */
export interface StoredRun {
  /** Number of inputs that are recorded, each counted once; undefined if the store cannot count. */
  readonly recorded: number | undefined
  /** Number of them that failed the last time; undefined if the store cannot count. */
  readonly failed: number | undefined
  /**
   * Says without waiting whether a key may be recorded. If it returns `false`, the store is not asked. Left out if only
   * the store itself knows.
   */
  readonly mayHold?: ((key: string) => boolean) | undefined
  /**
   * Reads the texts of keys, in their order: the last record of each key, or undefined for a key that is not recorded.
   */
  readonly get: (keys: ReadonlyArray<string>) => Effect.Effect<ReadonlyArray<string | undefined>, JournalError>
  /** Writes records, and succeeds once they are durable. It is called for one group after another. */
  readonly append: (records: ReadonlyArray<StoredRecord>) => Effect.Effect<void, JournalError>
}

/**
 * A place where records are kept.
 *
 * @category models
 * @since 0.1.0
 */
export interface RecordStore {
  /** What errors call the store. */
  readonly name: string
  /** Starts or continues a run. Fails with `SchemasDiffer` if its name and version are recorded with other schemas. */
  readonly open: (run: RunId) => Effect.Effect<StoredRun, JournalError, Scope.Scope>
  /** Removes all records of the runs with a name, or of one version of them. */
  readonly forget: (name: string, version?: string) => Effect.Effect<void, JournalError>
  /** Lists the runs that are recorded. */
  readonly inspect: Effect.Effect<ReadonlyArray<RunInfo>, JournalError>
}

/** Settings of a run that is recorded. */
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

/** Facts that are recorded about an outcome, apart from its exit. */
type RecordedFacts = Pick<Settled<unknown>, "index" | "attempts" | "history"> & {
  readonly elapsedNanos: number
  readonly at: number
}

/**
 * The journal of one run. Functions that do not return an effect throw a `JournalError` for a value that cannot be
 * kept.
 */
export interface RunJournal {
  readonly store: string
  readonly recorded: number | undefined
  readonly failed: number | undefined
  readonly keyOf: (input: unknown, index: number) => string
  /** Returns false if the key is certainly not recorded. */
  readonly mayHold: (key: string) => boolean
  readonly get: StoredRun["get"]
  readonly append: StoredRun["append"]
  /** Reads the text of a record. */
  readonly decode: (key: string, text: string, index: number) => RecalledExit
  readonly encode: (key: string, exit: Exit.Exit<unknown, unknown>, facts: RecordedFacts) => StoredRecord
}

/**
 * Records the outcomes of inputs, and recalls them when the inputs come again.
 *
 * @category services
 * @since 0.1.0
 */
export class Journal extends Context.Service<Journal, {
  /** Where records are kept. */
  readonly store: RecordStore
  /** Starts or continues the journal of a run. */
  readonly attach: (settings: JournalSettings) => Effect.Effect<RunJournal, JournalError, Scope.Scope>
}>()("effect-parallel/Journal") {}

/** Finds the journal that is provided. Without one, dies with an error that names `owner`. */
export const provided = (owner: string): Effect.Effect<Journal["Service"]> =>
  Effect.flatMap(
    Effect.serviceOption(Journal),
    Option.match({
      onNone: () => Effect.die(new Error(`${owner} has the option \`journal\`, but no layer provides a Journal`)),
      onSome: Effect.succeed
    })
  )

/** Longest time that an ending run waits for its store, in milliseconds. */
export const patience = 5000
