/**
 * Journals: what became of inputs is recorded, and is known when they come again.
 *
 * The option `journal` of a run records every outcome before it is reported. A run that is started again with the same
 * journal recalls what is recorded, and runs the rest.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { BackingPersistence } from "effect/persistence/Persistence"
import { Journal, type RunInfo } from "./journal/record/contract.ts"
import type { JournalError } from "./journal/record/errors.ts"
import * as Memory from "./journal/record/memory.ts"
import * as Persistence from "./journal/record/persistence.ts"
import { make } from "./journal/record/service.ts"
import { nonEmptyString } from "./primitives/check.ts"

/** @since 0.1.0 */
export {
  Journal,
  type RecordStore,
  type RunId,
  type RunInfo,
  type StoredRecord,
  type StoredRun
} from "./journal/record/contract.ts"

/** @since 0.1.0 */
export {
  Damaged,
  InUse,
  JournalError,
  type JournalReason,
  NewerFormat,
  NoJournal,
  NoSpace,
  NotEncodable,
  ReadOnly,
  SchemasDiffer,
  StoreFailed
} from "./journal/record/errors.ts"

/** @since 0.1.0 */
export { make } from "./journal/record/service.ts"

/**
 * Keeps records in memory, for as long as the layer is used: for tests, and where what is known is to be known for the rest
 * of the program only.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerMemory: Layer.Layer<Journal> = Layer.sync(Journal)(() => make(Memory.make()))

/**
 * Keeps records in whatever Effect's `BackingPersistence` keeps values in: PostgreSQL, MySQL and others by
 * `Persistence.layerBackingSql`, Redis by `Persistence.layerBackingRedis`, stores of keys and values by
 * `Persistence.layerBackingKvs`.
 *
 * **Details**
 *
 * Durable is what the store calls so: a PostgreSQL server has written a group to its disk when it answers, unless
 * `synchronous_commit` is off; a Redis server has it in its memory, and on disk as its `appendfsync` says. Several programs may
 * share a store; an input that neither has recorded may run in both. Such a store cannot count, so that runs do not say at their
 * start what is recorded. `name` is what errors call the store, default `"persistence"`.
 *
 * Errors: what the store fails with is a `JournalError` with the reason `StoreFailed`.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerPersistence = (
  options: { readonly name?: string | undefined } = {}
): Layer.Layer<Journal, never, BackingPersistence> => {
  const name = nonEmptyString("name", options.name ?? "persistence")
  return Layer.effect(Journal, Effect.map(BackingPersistence, (backing) => make(Persistence.make(backing, name))))
}

/**
 * Forgets what is recorded of the runs of a name, or of one version of them. Flows have the name `flow` and their own, as in
 * `flow article`.
 *
 * **Gotchas**
 *
 * Forget what is not under way: what a run records afterwards is kept by some stores, and forgotten by others.
 *
 * @category working with journals
 * @since 0.1.0
 */
export const forget = (name: string, version?: string): Effect.Effect<void, JournalError, Journal> =>
  Effect.flatMap(Journal, ({ store }) => store.forget(name, version))

/**
 * The runs of which something is recorded, with how much, where the store can count.
 *
 * @category working with journals
 * @since 0.1.0
 */
export const inspect: Effect.Effect<ReadonlyArray<RunInfo>, JournalError, Journal> = Effect.flatMap(
  Journal,
  ({ store }) => store.inspect
)
