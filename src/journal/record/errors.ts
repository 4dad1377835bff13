/**
 * Errors of a journal: why a run could not be recorded, or records could not be read.
 */
import * as Data from "effect/Data"
import type * as Outcome from "../../Outcome.ts"
import { shorten, shortenMessage, shortenName } from "../../primitives/shorten.ts"

/**
 * A value that the journal cannot keep unchanged: one that JSON would change, one that a schema refuses, or a secret.
 *
 * @category errors
 * @since 0.1.0
 */
export class NotEncodable extends Data.TaggedError("NotEncodable")<{
  /** Which value it is: the `"input"`, of which a key is made, the value of a `"success"`, or an `"error"`. */
  readonly value: "input" | "success" | "error"
  /** Index of the input; undefined in a flow. */
  readonly index: number | undefined
  /** Where in the value the problem is, such as `.jobs[3].at`; empty for the value itself. */
  readonly path: string
  /** What is wrong with it. */
  readonly issue: string
  /** Name of the node, in a flow; undefined otherwise. */
  readonly node?: string | undefined
}> {
  override get message(): string {
    const where = this.path === "" ? "" : ` at ${shortenName(this.path)}`
    const of = this.node === undefined ? `input #${this.index}` : shortenName(this.node)
    const remedy = this.value === "input"
      ? "give the inputs keys (journal.key)"
      : this.node === undefined
      ? `give it a schema that encodes it as plain data (journal.${this.value}, or the schema of the task)`
      : "give the node a schema that encodes it as plain data (Node.withSchema)"
    return `the ${this.value} of ${of} cannot be recorded${where}: ${shortenMessage(this.issue, 200)}; ${remedy}`
  }
}

/**
 * What is recorded was written with other schemas than those of this run.
 *
 * **Details**
 *
 * Give the run another `version`, which leaves the old records in place, or forget them (`Journal.forget`).
 *
 * @category errors
 * @since 0.1.0
 */
export class SchemasDiffer extends Data.TaggedError("SchemasDiffer")<{
  /** Version of the run; an empty string if it has none. */
  readonly version: string
  /** Fingerprint of the schemas by which the records were written. */
  readonly recorded: string
  /** Fingerprint of the schemas of this run. */
  readonly given: string
}> {
  override get message(): string {
    const version = this.version === "" ? "" : `, version ${shorten(this.version)}`
    return `its records were written with other schemas (${shortenName(this.recorded)}${version}) than this run has ` +
      `(${shortenName(this.given)}); give the run another \`version\`, or forget the records (Journal.forget)`
  }
}

/**
 * The store does not contain what was written: a record was changed, or part of it is missing.
 *
 * **Details**
 *
 * Nothing more is written to such a store.
 *
 * @category errors
 * @since 0.1.0
 */
export class Damaged extends Data.TaggedError("Damaged")<{
  /** Which record is damaged, as far as that is known. */
  readonly record: string
  /** What is wrong with it. */
  readonly issue: string
}> {
  override get message(): string {
    return `it is damaged at ${shortenName(this.record)}: ${shortenMessage(this.issue, 200)}`
  }
}

/**
 * A newer version of this library wrote the store.
 *
 * @category errors
 * @since 0.1.0
 */
export class NewerFormat extends Data.TaggedError("NewerFormat")<{
  /** Format of the store. */
  readonly format: number
  /** Newest format that this version of the library knows. */
  readonly known: number
}> {
  override get message(): string {
    return `it has format ${this.format}; this version of the library reads formats up to ${this.known}`
  }
}

/**
 * Another program that is still running has the store.
 *
 * @category errors
 * @since 0.1.0
 */
export class InUse extends Data.TaggedError("InUse")<{
  /** Process number of that program; undefined if it is not known. */
  readonly pid: number | undefined
}> {
  override get message(): string {
    return `it is in use by ${this.pid === undefined ? "another program" : `process ${this.pid}`}`
  }
}

/**
 * There is no room for a record: the disk is full.
 *
 * @category errors
 * @since 0.1.0
 */
export class NoSpace extends Data.TaggedError("NoSpace")<{}> {
  override get message(): string {
    return "there is no space left for a record"
  }
}

/**
 * The store cannot be written, because its file or its folder is read-only.
 *
 * @category errors
 * @since 0.1.0
 */
export class ReadOnly extends Data.TaggedError("ReadOnly")<{
  /** What the system or the database said. */
  readonly issue: string
}> {
  override get message(): string {
    return `it cannot be written: ${shortenMessage(this.issue, 200)}`
  }
}

/**
 * The file is not a journal.
 *
 * @category errors
 * @since 0.1.0
 */
export class NoJournal extends Data.TaggedError("NoJournal")<{
  /** Why it is not one. */
  readonly issue: string
}> {
  override get message(): string {
    return `it is not a journal: ${shortenMessage(this.issue, 200)}`
  }
}

/**
 * The store failed for another reason, such as a database that cannot be reached.
 *
 * @category errors
 * @since 0.1.0
 */
export class StoreFailed extends Data.TaggedError("StoreFailed")<{
  /** What the store failed with. */
  readonly cause: unknown
}> {
  override get message(): string {
    return `the store failed: ${shortenMessage(this.cause, 300)}`
  }
}

/**
 * Why a journal failed.
 *
 * @category errors
 * @since 0.1.0
 */
export type JournalReason =
  | NotEncodable
  | SchemasDiffer
  | Damaged
  | NewerFormat
  | InUse
  | NoSpace
  | ReadOnly
  | NoJournal
  | StoreFailed

/**
 * A journal could not record, or its records could not be read. The run ends with this error, and nothing that was
 * recorded is lost.
 *
 * @category errors
 * @since 0.1.0
 */
export class JournalError<I = unknown, A = unknown, E = unknown> extends Data.TaggedError("JournalError")<{
  /** Where the records are: the path of a file, or what the store calls itself. */
  readonly store: string
  /** Name of the run; undefined if there is none. */
  readonly run: string | undefined
  /** Why the journal failed. `Effect.catchReason` catches one reason. */
  readonly reason: JournalReason
  /**
   * Report of the inputs that were finished and reported before, as in `TooManyErrors`; undefined if the store was
   * asked outside of a run. `Parallel.stream` has already emitted the values: here its report has only the failures.
   */
  readonly report: Outcome.Report<I, A, E> | undefined
}> {
  override get message(): string {
    const run = this.run === undefined ? "" : `, run ${shortenName(this.run)}`
    return `journal ${shortenName(this.store)}${run}: ${this.reason.message}`
  }
}
