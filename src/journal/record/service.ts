/**
 * The journal on top of a store: makes keys of inputs, and records of outcomes.
 */
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Attempt } from "../../outcome/settled.ts"
import { none, toWaits, type WaitedNanos } from "../../outcome/waits.ts"
import * as Codec from "../../task/codec.ts"
import { decoded, encoded, readCause, writeCause } from "./causes.ts"
import { type Journal, type JournalSettings, type RecordStore, type RunJournal, type StoredRun } from "./contract.ts"
import { digest } from "./digest.ts"
import { Damaged, JournalError, type JournalReason, NotEncodable } from "./errors.ts"
import { mayHideSecret, secretIssue, Unkept } from "./json.ts"

/**
 * Makes a journal from a store.
 *
 * **When to use**
 *
 * Use to keep records in a place that this library does not know. `journalSuite` of `effect-parallel/testing` tests a
 * store.
 *
 * **Example** (Writing a store)
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { Journal, Parallel } from "effect-parallel"
 *
 * const texts = new Map<string, string>()
 * const store: Journal.RecordStore = {
 *   name: "map",
 *   open: ({ name }) => Effect.succeed({
 *     recorded: undefined,
 *     failed: undefined,
 *     get: (keys) => Effect.sync(() => keys.map((key) => texts.get(`${name} ${key}`))),
 *     append: (records) => Effect.sync(() => records.forEach(({ key, text }) => texts.set(`${name} ${key}`, text)))
 *   }),
 *   forget: () => Effect.sync(() => texts.clear()),
 *   inspect: Effect.succeed([])
 * }
 * const program = Parallel.forEach(["a", "bb"], (text) => Effect.succeed(text.length), { name: "lengths", journal: true })
 * await Effect.runPromise(Effect.provide(program, Layer.succeed(Journal.Journal, Journal.make(store))))
 *
 * console.log(texts.size) // => 2
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (store: RecordStore): Journal["Service"] => ({
  store,
  attach: (settings) => {
    const secret = secretIn(settings)
    if (secret !== undefined) return Effect.fail(errorOf(store, settings, secret))
    return Effect.map(
      store.open({ name: settings.name, version: settings.version, schemas: schemasOf(settings) }),
      (run) => journalOf(store, settings, run)
    )
  }
})

const errorOf = (store: RecordStore, { name }: Pick<JournalSettings, "name">, reason: JournalReason): JournalError =>
  new JournalError({ store: store.name, run: name, reason, report: undefined })

/** Returns the reason why a run cannot be recorded, if one of its schemas would write a secret. */
const secretIn = (settings: JournalSettings): NotEncodable | undefined => {
  const { error, key, payload, success } = settings
  const value = key === undefined && mayHideSecret(payload)
    ? "input"
    : mayHideSecret(success)
    ? "success"
    : mayHideSecret(error)
    ? "error"
    : undefined
  return value && new NotEncodable({ value, index: 0, path: "", issue: secretIssue })
}

const schemasOf = ({ error, success }: JournalSettings): string =>
  `success ${Codec.fingerprint(success)}, error ${Codec.fingerprint(error)}`

/**
 * A record of the store, parsed. `t` and the times in `h` are in nanoseconds, `at` is in milliseconds of the Unix
 * epoch.
 */
interface ReadRecord {
  readonly n: number
  readonly t: number
  readonly at: number
  readonly h?: ReadonlyArray<ReadAttempt>
  /** Value of a success. Absent if it is undefined. */
  readonly v?: unknown
  /** Cause of a failure. */
  readonly c?: Parameters<typeof readCause>[0]
}

type ReadAttempt = readonly [
  startedAt: number,
  elapsed: number,
  worker: number,
  end: Attempt["end"],
  message: string | null,
  waits: WaitedNanos | null
]

const journalOf = (store: RecordStore, settings: JournalSettings, run: StoredRun): RunJournal => {
  const { error, key, name, payload, success, version } = settings
  const head = JSON.stringify([name, version])
  const kept = <A>(value: NotEncodable["value"], index: number, make: () => A): A => {
    try {
      return make()
    } catch (error) {
      if (!(error instanceof Unkept)) throw error
      throw errorOf(store, settings, new NotEncodable({ value, index, path: error.path, issue: error.message }))
    }
  }
  return {
    store: store.name,
    recorded: run.recorded,
    failed: run.failed,
    keyOf: key === undefined
      ? (input, index) => digest(head + kept("input", index, () => encoded(payload, input, true)))
      : (input, index) => {
        const given: unknown = key(input as never, index)
        // UTF-8 would lose halves of surrogate pairs
        if (typeof given === "string") return given.isWellFormed() ? given : `ill-formed ${JSON.stringify(given)}`
        throw new TypeError(`expected journal.key to return a string for input #${index}, got ${typeof given}`)
      },
    mayHold: run.mayHold ?? (() => true),
    get: run.get,
    append: run.append,
    encode: (key, exit, { at, attempts, elapsedNanos, history, index }) => {
      const past = history.length === 0 ? "" : `,"h":${JSON.stringify(history.map(attemptOf))}`
      const facts = `{"n":${attempts},"t":${elapsedNanos},"at":${at}${past}`
      if (Exit.isFailure(exit)) {
        const cause = kept("error", index, () => writeCause(exit.cause, error))
        return { key, failed: true, text: `${facts},"c":${cause}}` }
      }
      const { value } = exit
      const text = value === undefined && success === undefined
        ? undefined
        : kept("success", index, () => encoded(success, value))
      return { key, failed: false, text: text === undefined ? `${facts}}` : `${facts},"v":${text}}` }
    },
    decode: (key, text, index) => {
      try {
        const { at, c, h = [], n, t, v } = JSON.parse(text) as ReadRecord
        return {
          exit: c === undefined ? Exit.succeed(decoded(success, v)) : Exit.failCause(readCause(c, error)),
          recorded: {
            at: DateTime.makeUnsafe(at),
            attempts: n,
            elapsed: Duration.nanos(BigInt(t)),
            history: h.map(attemptFrom)
          }
        }
      } catch (error) {
        const issue = error instanceof Error ? error.message : "it cannot be read"
        throw errorOf(store, settings, new Damaged({ record: `the record of input #${index} (key ${key})`, issue }))
      }
    }
  }
}

const attemptOf = ({ elapsed, end, message, startedAt, waits, worker }: Attempt): ReadAttempt => [
  nanosOf(startedAt),
  nanosOf(elapsed),
  worker,
  end,
  message ?? null,
  waits === none ? null : {
    limit: nanosOf(waits.limit),
    queue: nanosOf(waits.queue),
    retry: nanosOf(waits.retry),
    startup: nanosOf(waits.startup),
    transfer: nanosOf(waits.transfer)
  }
]

const attemptFrom = ([startedAt, elapsed, worker, end, message, waits]: ReadAttempt): Attempt => ({
  startedAt: Duration.nanos(BigInt(startedAt)),
  elapsed: Duration.nanos(BigInt(elapsed)),
  worker,
  end,
  message: message ?? undefined,
  waits: waits === null ? none : toWaits(waits)
})

const nanosOf = (duration: Duration.Duration): number => Number(Duration.toNanosUnsafe(duration))
