/**
 * Errors of a journal: why a run could not be recorded, or what was recorded could not be read.
 */
import * as Data from "effect/Data"
import type * as Outcome from "../../Outcome.ts"
import { shorten, shortenMessage, shortenName } from "../../primitives/shorten.ts"

/**
 * A value that the journal cannot keep as it is: what JSON would make something else of, what a schema refuses, or a
 * secret.
 *
 * **Details**
 *
 * `value` says which: an `"input"`, of which a key is made, the value of a `"success"`, or an `"error"`. `index` is the
 * place of its input, or `node` names the node of a flow. `path` is where in the value, like `.jobs[3].at`; it is empty for
 * the value itself.
 *
 * @category errors
 * @since 0.1.0
 */
export class NotEncodable extends Data.TaggedError("NotEncodable")<{
  readonly value: "input" | "success" | "error"
  readonly index: number | undefined
  readonly path: string
  readonly issue: string
  readonly node?: string | undefined
}> {
  override get message(): string {
    const where = this.path === "" ? "" : ` at ${shortenName(this.path)}`
    const of = this.node === undefined ? `input #${this.index}` : shortenName(this.node)
    const remedy = this.value === "input"
      ? "state what tells inputs apart (journal.key)"
      : this.node === undefined
      ? `give a schema that makes plain data of it (journal.${this.value}, or that of the task)`
      : "give the node a schema that makes plain data of it (Node.withSchema)"
    return `the ${this.value} of ${of} cannot be recorded${where}: ${shortenMessage(this.issue, 200)}; ${remedy}`
  }
}

/**
 * What is recorded was written through other schemas than those of this run.
 *
 * **Details**
 *
 * Give the run another `version`, which leaves the old records where they are, or forget them (`Journal.forget`).
 *
 * @category errors
 * @since 0.1.0
 */
export class SchemasDiffer extends Data.TaggedError("SchemasDiffer")<{
  readonly version: string
  readonly recorded: string
  readonly given: string
}> {
  override get message(): string {
    const version = this.version === "" ? "" : `, version ${shorten(this.version)}`
    return `it was recorded through other schemas (${shortenName(this.recorded)}${version}) than those of this run ` +
      `(${shortenName(this.given)}); give it another \`version\`, or forget what is recorded`
  }
}

/**
 * What is stored is not what was written: a record was changed, or part of it is missing.
 *
 * **Details**
 *
 * `record` says which, as far as that is known. Nothing is written to such a store any more.
 *
 * @category errors
 * @since 0.1.0
 */
export class Damaged extends Data.TaggedError("Damaged")<{
  readonly record: string
  readonly issue: string
}> {
  override get message(): string {
    return `it is damaged at ${shortenName(this.record)}: ${shortenMessage(this.issue, 200)}`
  }
}

/**
 * The store was written by a newer version of this library.
 *
 * @category errors
 * @since 0.1.0
 */
export class NewerFormat extends Data.TaggedError("NewerFormat")<{
  readonly format: number
  readonly known: number
}> {
  override get message(): string {
    return `it has format ${this.format}, and this version of the library knows formats up to ${this.known}`
  }
}

/**
 * Another program has the store, and lives.
 *
 * **Details**
 *
 * `pid` is that program's process, as far as it is known.
 *
 * @category errors
 * @since 0.1.0
 */
export class InUse extends Data.TaggedError("InUse")<{ readonly pid: number | undefined }> {
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
 * The store may not be written: its file, or its folder, is read-only.
 *
 * @category errors
 * @since 0.1.0
 */
export class ReadOnly extends Data.TaggedError("ReadOnly")<{ readonly issue: string }> {
  override get message(): string {
    return `it cannot be written: ${shortenMessage(this.issue, 200)}`
  }
}

/**
 * The file is something else than a journal.
 *
 * @category errors
 * @since 0.1.0
 */
export class NoJournal extends Data.TaggedError("NoJournal")<{ readonly issue: string }> {
  override get message(): string {
    return `it is no journal: ${shortenMessage(this.issue, 200)}`
  }
}

/**
 * The store failed for another reason, which is its `cause`: a database that cannot be reached, say.
 *
 * @category errors
 * @since 0.1.0
 */
export class StoreFailed extends Data.TaggedError("StoreFailed")<{ readonly cause: unknown }> {
  override get message(): string {
    return `the store failed: ${shortenMessage(this.cause, 300)}`
  }
}

/**
 * Why a journal could not go on.
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
 * A journal could not record, or could not be read. The run ends with it, and nothing that was recorded is lost.
 *
 * **Details**
 *
 * `reason` says why, `store` where: the path of a file, or what the store calls itself. `run` is the name of the run, if
 * there is one. `report` holds what was finished and reported before, as in `TooManyErrors`; it is undefined where a store
 * was asked without a run. Of `Parallel.stream`, which has handed its outcomes on already, it holds the failures alone.
 *
 * @category errors
 * @since 0.1.0
 */
export class JournalError<I = unknown, A = unknown, E = unknown> extends Data.TaggedError("JournalError")<{
  readonly store: string
  readonly run: string | undefined
  readonly reason: JournalReason
  readonly report: Outcome.Report<I, A, E> | undefined
}> {
  override get message(): string {
    const run = this.run === undefined ? "" : `, run ${shortenName(this.run)}`
    return `journal ${shortenName(this.store)}${run}: ${this.reason.message}`
  }
}
