/**
 * Journals record the outcomes of inputs, so that a run that is started again does not repeat them.
 *
 * The option `journal` of a run records every outcome before it is reported. A run that is started again with the same
 * journal recalls what is recorded, and runs the remaining inputs.
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
 * Keeps records in memory, as long as the layer is in use.
 *
 * **When to use**
 *
 * Use for tests, and for results that only the same program needs again.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerMemory: Layer.Layer<Journal> = Layer.sync(Journal)(() => make(Memory.make()))

/**
 * Keeps records in a store of Effect's `BackingPersistence`: PostgreSQL, MySQL and other databases by
 * `Persistence.layerBackingSql`, Redis by `Persistence.layerBackingRedis`, key-value stores by
 * `Persistence.layerBackingKvs`.
 *
 * **Details**
 *
 * What counts as durable depends on the store. When a PostgreSQL server answers, it has written a group of records to
 * its disk, unless `synchronous_commit` is off. A Redis server has them in memory, and on disk as its `appendfsync`
 * says.
 *
 * Several programs may share a store; an input that neither has recorded may run in both. Such a store cannot count, so
 * runs do not log at their start how much is recorded.
 *
 * If the store fails, the error is a `JournalError` with the reason `StoreFailed`.
 *
 * **Example** (Recalling values from a key-value store)
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { Journal, Parallel } from "effect-parallel"
 * import * as KeyValueStore from "effect/persistence/KeyValueStore"
 * import * as Persistence from "effect/persistence/Persistence"
 *
 * let calls = 0
 * const length = (text: string) => Effect.sync(() => (calls++, text.length))
 * const program = Parallel.forEach(["a", "bb"], length, { name: "lengths", journal: true })
 *
 * const store = Layer.provide(Persistence.layerBackingKvs, KeyValueStore.layerMemory)
 * const journal = Layer.provide(Journal.layerPersistence({ name: "key-value store" }), store)
 *
 * console.log(await Effect.runPromise(Effect.provide(Effect.andThen(program, program), journal))) // => [1, 2]
 * console.log(calls) // => 2
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerPersistence = (
  options: {
    /** What errors call the store: a non-empty string. Default: `"persistence"`. */
    readonly name?: string | undefined
  } = {}
): Layer.Layer<Journal, never, BackingPersistence> => {
  const name = nonEmptyString("name", options.name ?? "persistence")
  return Layer.effect(Journal, Effect.map(BackingPersistence, (backing) => make(Persistence.make(backing, name))))
}

/**
 * Forgets what is recorded of the runs with a name, or of one version of them.
 *
 * **Details**
 *
 * A flow is recorded under `flow` and its name, such as `flow article`.
 *
 * **Gotchas**
 *
 * Do not forget a run that is in progress: what it records afterward is kept by some stores, and forgotten by others.
 *
 * **Example** (Running everything again)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Journal, Parallel } from "effect-parallel"
 *
 * let calls = 0
 * const length = (text: string) => Effect.sync(() => (calls++, text.length))
 * const run = Parallel.forEach(["a", "bb"], length, { name: "lengths", journal: true })
 * const program = run.pipe(Effect.andThen(Journal.forget("lengths")), Effect.andThen(run))
 *
 * await Effect.runPromise(Effect.provide(program, Journal.layerMemory))
 * console.log(calls) // => 4
 * ```
 *
 * @category working with journals
 * @since 0.1.0
 */
export const forget = (name: string, version?: string): Effect.Effect<void, JournalError, Journal> =>
  Effect.flatMap(Journal, ({ store }) => store.forget(name, version))

/**
 * Lists the runs of which something is recorded, and how much of each, if the store can count.
 *
 * **Example** (Counting recorded inputs)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Journal, Parallel } from "effect-parallel"
 *
 * const program = Parallel.forEach(["a", "bb"], (text) => Effect.succeed(text.length), { name: "lengths", journal: true })
 * const runs = Effect.andThen(program, Journal.inspect).pipe(Effect.provide(Journal.layerMemory))
 *
 * console.log((await Effect.runPromise(runs)).map(({ name, recorded }) => ({ name, recorded }))) // => [{ name: "lengths", recorded: 2 }]
 * ```
 *
 * @category working with journals
 * @since 0.1.0
 */
export const inspect: Effect.Effect<ReadonlyArray<RunInfo>, JournalError, Journal> = Effect.flatMap(
  Journal,
  ({ store }) => store.inspect
)
