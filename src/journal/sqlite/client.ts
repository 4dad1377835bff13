/**
 * The program's side of a file: requests to its thread, one after another, and the tables of keys.
 */
import * as Effect from "effect/Effect"
import { Worker } from "node:worker_threads"
import type { RecordStore, RunId, RunInfo, StoredRecord, StoredRun } from "../record/contract.ts"
import {
  Damaged,
  InUse,
  JournalError,
  type JournalReason,
  NewerFormat,
  NoJournal,
  NoSpace,
  ReadOnly,
  SchemasDiffer,
  StoreFailed
} from "../record/errors.ts"
import { GrowingKeyTable, hashOf, KeyTable } from "./keyTable.ts"
import type { FileAnswer, FileAnswers, FileRequest } from "./messages.ts"
import type { FileFault } from "./problems.ts"

/** A run that this program has opened, and the places of its records. */
interface OpenRun {
  readonly number: number
  readonly table: GrowingKeyTable
  recorded: number
  failed: number
}

/** Greatest number of records whose places are noted before the event loop turns. */
const mostNoted = 512

/** Greatest number of places with the same hash that are read. */
const mostPerRead = 255

/** Makes the reason for a fault. */
const reasonOf = (fault: FileFault): JournalReason => {
  switch (fault._tag) {
    case "SchemasDiffer":
      return new SchemasDiffer(fault)
    case "Damaged":
      return new Damaged(fault)
    case "NewerFormat":
      return new NewerFormat(fault)
    case "InUse":
      return new InUse(fault)
    case "NoSpace":
      return new NoSpace()
    case "ReadOnly":
      return new ReadOnly(fault)
    case "NoJournal":
      return new NoJournal(fault)
    case "StoreFailed":
      return new StoreFailed(fault)
  }
}

export class JournalClient implements RecordStore {
  readonly name: string
  private readonly worker: Worker
  private readonly waiting: Array<(answer: FileAnswer) => void> = []
  private readonly runs = new Map<string, OpenRun>()
  /** Reason why the thread has ended. */
  private ended: FileFault | undefined

  /** Starts the thread of a file. */
  constructor(path: string) {
    this.name = path
    this.worker = new Worker(entry, {
      name: "effect-parallel journal",
      // Node.js 22 warns that `node:sqlite` is experimental
      execArgv: ["--disable-warning=ExperimentalWarning"]
    })
    this.worker.unref()
    this.worker.on("message", (answer: FileAnswer) => {
      this.waiting.shift()!(answer)
      if (this.waiting.length === 0) this.worker.unref()
    })
    this.worker.on("error", (error) => this.end(error instanceof Error ? error.message : String(error)))
    this.worker.on("exit", () => this.end("its thread has ended"))
  }

  readonly start: Effect.Effect<FileAnswers["Open"], JournalError> = Effect.suspend(() =>
    this.ask({ _tag: "Open", path: this.name }, undefined)
  )

  /** Closes the file after all earlier requests. */
  readonly close: Effect.Effect<void> = Effect.suspend(() =>
    this.ended === undefined ? Effect.ignore(this.ask({ _tag: "Close" }, undefined)) : Effect.void
  )

  open(run: RunId): Effect.Effect<StoredRun, JournalError> {
    return Effect.suspend(() => {
      const id = idOf(run)
      return this.ask<FileRequest & { readonly _tag: "Begin" }, StoredRun>(
        { _tag: "Begin", run },
        run.name,
        ({ failed, number, recorded, table }, done) => {
          const known = this.runs.get(id)
          const open = known?.number === number ? known : {
            number,
            recorded,
            failed,
            table: new GrowingKeyTable(table === undefined ? new KeyTable() : new KeyTable(table.words, table.size))
          }
          this.runs.set(id, open)
          done(this.stored(run.name, open))
        }
      )
    })
  }

  forget(name: string, version?: string): Effect.Effect<void, JournalError> {
    return this.ask({ _tag: "Forget", name, version }, name)
  }

  readonly inspect: Effect.Effect<ReadonlyArray<RunInfo>, JournalError> = Effect.suspend(() =>
    Effect.map(
      this.ask({ _tag: "Inspect" }, undefined),
      (runs) =>
        runs.map(({ number, ...run }) => {
          const open = this.runs.get(idOf(run))
          return open?.number === number ? { ...run, recorded: open.recorded, failed: open.failed } : run
        })
    )
  )

  private stored(name: string, run: OpenRun): StoredRun {
    return {
      recorded: run.recorded,
      failed: run.failed,
      mayHold: (key) => run.table.has(hashOf(key)),
      get: (keys) =>
        Effect.suspend(() => {
          const counts = new Uint8Array(keys.length)
          const places: Array<number> = []
          for (const [k, key] of keys.entries()) {
            const found = run.table.find(hashOf(key)).slice(0, mostPerRead)
            counts[k] = found.length
            for (const { offset, row } of found) places.push(row, offset)
          }
          return this.ask({ _tag: "Read", keys, counts, places: new Uint32Array(places) }, name)
        }),
      append: (records) =>
        Effect.suspend(() => {
          const failed = Uint8Array.from(records, ({ failed }) => Number(failed))
          const [keys, texts] = [records.map(({ key }) => key), records.map(({ text }) => text)]
          const request = { _tag: "Append", number: run.number, keys, texts, failed } as const
          return this.ask(request, name, ({ offsets, rows }, done) => {
            const note = (from: number): void => {
              const to = Math.min(from + mostNoted, records.length)
              for (let k = from; k < to; k++) noted(run, records[k]!, rows[k]!, offsets[k]!)
              if (to === records.length) done()
              else setImmediate(note, to)
            }
            note(0)
          })
        })
    }
  }

  /**
   * Sends a request. Succeeds with its answer, or with the value with which `onAnswer` calls `done`. Interruption stops
   * neither the request nor the handling of its answer.
   */
  private ask<R extends FileRequest, A = FileAnswers[R["_tag"]]>(
    request: R,
    run: string | undefined,
    onAnswer: (answer: FileAnswers[R["_tag"]], done: (made: A) => void) => void = (answer, done) => done(answer as A)
  ): Effect.Effect<A, JournalError> {
    return Effect.callback((resume) => {
      const fail = (fault: FileFault) =>
        resume(
          Effect.fail(new JournalError({ store: this.name, run, reason: reasonOf(fault), report: undefined }))
        )
      if (this.ended !== undefined) return fail(this.ended)
      this.waiting.push((answer) => {
        if ("fault" in answer) fail(answer.fault)
        else onAnswer(answer.value as FileAnswers[R["_tag"]], (made) => resume(Effect.succeed(made)))
      })
      this.worker.ref()
      this.worker.postMessage(request)
    })
  }

  /** Answers all open requests with a fault, since the thread has ended. */
  private end(cause: string): void {
    this.ended ??= { _tag: "StoreFailed", cause }
    for (const answer of this.waiting.splice(0)) answer({ fault: this.ended })
  }
}

const idOf = ({ name, version }: Pick<RunId, "name" | "version">): string => JSON.stringify([name, version])

/** Notes the place of a record, and counts it. */
const noted = (run: OpenRun, { failed, key }: StoredRecord, row: number, offset: number): void => {
  const old = run.table.put(hashOf(key), { row, offset, failed })
  if (old === undefined) run.recorded++
  else if (old.failed) run.failed--
  if (failed) run.failed++
}

/** The file that the thread starts with. */
const entry = new URL(`./thread.${import.meta.url.endsWith(".ts") ? "ts" : "js"}`, import.meta.url)
