/**
 * A journal in an SQLite file, read and written by the thread that has it.
 *
 * SQLite makes a group durable as a whole, or not at all, and rolls back what a program has left half-written. It does
 * not notice a bit that flips in a value. The rows notice that themselves (`rows`), and the head, which is written with
 * each group, has the numbers of the first and last row and the checksum of the last. No write-ahead log is used: when
 * one is damaged, SQLite silently drops its remaining part, and with it groups that were durable.
 */
import { statSync } from "node:fs"
import type { DatabaseSync, StatementSync } from "node:sqlite"
import type { RunId, RunInfo, StoredRecord } from "../record/contract.ts"
import { closeDatabase, FileLock, type Head, openDatabase, prepareFile, readHead } from "./database.ts"
import { type KeyHash, KeyTable, type RecordPlace } from "./keyTable.ts"
import { attempt, Problem, problemOf } from "./problems.ts"
import { damaged, readRow, RowReader } from "./rowReader.ts"
import { countOf, headBytes, makeRows, type ReadRow, recordHeadBytes, runsRow } from "./rows.ts"

/** Least number of records for which a compaction is worthwhile. */
const leastCompacted = 1000

/** A run in the file. */
interface FiledRun extends RunId {
  readonly number: number
  /** Keys and places of its records. Undefined once the program has them. */
  table: KeyTable | undefined
  recorded: number
  failed: number
}

/** Record about a run in the file: the run, or the fact that it was forgotten, which is in a later row. */
type RunRecord = { readonly number: number; readonly run: RunId } | {
  readonly number: number
  readonly forgotten: true
}

/** Findings when a file was opened. */
export interface Opened {
  /** Process that had the file before and did not close it. */
  readonly leftBy: number | undefined
  /** Number of records in the file before and after it was compacted. */
  readonly compacted: readonly [before: number, after: number] | undefined
}

export class JournalFile {
  readonly path: string
  readonly opened: Opened
  private readonly lock: FileLock
  private readonly db: DatabaseSync
  /** Device and inode of the file. */
  private readonly inode: string | undefined
  /** Problem after which nothing more can be written. */
  private broken: Problem | undefined
  private readonly insert: StatementSync
  private readonly move: StatementSync
  private readonly runs = new Map<number, FiledRun>()
  private lastRun = 0
  private first = 1
  private last = 0
  private checksum = 0
  private readonly reader: RowReader
  /** Number of records in the file, and number of those that no later record of their key has replaced. */
  private total = 0
  private live = 0

  /** Opens a file, or creates it. Throws a `Problem`. */
  constructor(path: string) {
    this.path = path
    const lock = this.lock = new FileLock(path)
    let db: DatabaseSync | undefined
    try {
      prepareFile(path)
      const opened = this.db = db = openDatabase(path)
      const head = readHead(opened)
      const prepare = (sql: string) => attempt(() => opened.prepare(sql))
      this.insert = prepare("INSERT INTO log (id, bytes) VALUES (?, ?)")
      this.move = prepare("UPDATE head SET first = ?, last = ?, checksum = ? WHERE id = 0")
      this.reader = new RowReader(prepare("SELECT bytes FROM log WHERE id = ?"))
      this.inode = this.inodeNow
      this.scan(head)
      this.opened = { leftBy: lock.leftBy, compacted: this.compact() }
      this.reader.settle()
    } catch (error) {
      if (db !== undefined) closeDatabase(db)
      lock.release()
      throw error
    }
  }

  /**
   * Begins or continues a run. Throws a `Problem` if its records were written with other schemas. The table is returned
   * only once.
   */
  begin(run: RunId): { readonly number: number; readonly table: KeyTable | undefined } & RunInfo {
    const known = this.byName(run.name).find(({ version }) => version === run.version)
    if (known !== undefined && known.schemas !== run.schemas) {
      throw new Problem({ _tag: "SchemasDiffer", version: run.version, recorded: known.schemas, given: run.schemas })
    }
    const filed = known ?? this.add(run)
    const { failed, number, recorded, table } = filed
    filed.table = undefined
    return { ...run, number, recorded, failed, table }
  }

  /** Writes records. Returns their places, once they are durable. */
  append(
    run: number,
    records: ReadonlyArray<StoredRecord>
  ): { readonly rows: Uint32Array; readonly offsets: Uint32Array } {
    const rows = new Uint32Array(records.length)
    const offsets = new Uint32Array(records.length)
    this.write(run, records, (k, row, offset) => {
      rows[k] = row
      offsets[k] = offset
    })
    return { rows, offsets }
  }

  /** Reads the text of a key at the first of these places that has that key. Returns undefined if none has it. */
  read(key: string, places: ReadonlyArray<Pick<RecordPlace, "row" | "offset">>): string | undefined {
    for (const { offset, row } of places) {
      const read = this.reader.row(row)
      if (read.keyAt(offset) === key) return read.textAt(offset)
    }
    return undefined
  }

  /** Forgets all runs of a name, or one version. Their records are removed when the file is compacted. */
  forget(name: string, version: string | undefined): void {
    for (const run of this.byName(name)) {
      if (version !== undefined && run.version !== version) continue
      this.write(runsRow, [recordOf({ number: run.number, forgotten: true })], () => {})
      this.runs.delete(run.number)
    }
  }

  /** Lists the runs. For runs begun in this program, the counts are those at their beginning. */
  get inspected(): ReadonlyArray<RunInfo & { readonly number: number }> {
    return [...this.runs.values()].map(({ failed, name, number, recorded, schemas, version }) => ({
      name,
      version,
      schemas,
      recorded,
      failed,
      number
    }))
  }

  close(): void {
    closeDatabase(this.db)
    this.lock.release()
  }

  private get inodeNow(): string | undefined {
    const stats = statSync(this.path, { throwIfNoEntry: false })
    return stats && `${stats.dev} ${stats.ino}`
  }

  private byName(name: string): ReadonlyArray<FiledRun> {
    return [...this.runs.values()].filter((run) => run.name === name)
  }

  private add({ name, schemas, version }: RunId): FiledRun {
    const number = this.lastRun + 1
    const run = { name, version, schemas }
    this.write(runsRow, [recordOf({ number, run })], () => {})
    const filed: FiledRun = { ...run, number, table: new KeyTable(), recorded: 0, failed: 0 }
    this.runs.set(number, filed)
    this.lastRun = number
    return filed
  }

  /** Writes rows in one transaction. A failure leaves the file unchanged. */
  private write(
    run: number,
    records: ReadonlyArray<StoredRecord>,
    placed: (k: number, row: number, offset: number) => void
  ): void {
    if (this.broken !== undefined) throw this.broken
    const before = { last: this.last, checksum: this.checksum }
    attempt(() => {
      this.db.exec("BEGIN IMMEDIATE")
      try {
        let k = 0
        for (const { bytes, checksum, offsets } of makeRows(run, records, this.checksum)) {
          this.reader.note(this.last + 1, this.checksum)
          this.insert.run(++this.last, bytes)
          this.checksum = checksum
          for (const offset of offsets) placed(k++, this.last, offset)
        }
        this.move.run(this.first, this.last, this.checksum)
        this.db.exec("COMMIT")
      } catch (error) {
        Object.assign(this, before)
        // without a transaction it is unknown whether the group is on the disk
        if (this.db.isTransaction) this.db.exec("ROLLBACK")
        else this.broken = problemOf(error)
        throw error
      }
      if (this.inodeNow !== this.inode) {
        throw this.broken = new Problem({
          _tag: "StoreFailed",
          cause: "the file was removed, or replaced by another"
        })
      }
    })
    this.total += records.length
  }

  /** Reads and checks all rows, in order. Finds the runs and the places of their records. */
  private scan({ checksum, first, last }: Head): void {
    this.first = this.last = first
    this.last--
    this.runs.clear()
    this.reader.reset(first)
    this.total = this.live = this.checksum = 0
    const sizes = this.sizes()
    for (const { bytes, id } of this.rows()) {
      if (id !== this.last + 1) throw damaged(this.last + 1, "it is missing")
      if (!(bytes instanceof Uint8Array)) throw damaged(id, "it has no bytes")
      const row = readRow(id, bytes, this.checksum)
      this.reader.note(id, this.checksum)
      this.last = id
      this.checksum = row.checksum
      this.total += row.count
      if (row.run === runsRow) {
        row.visit(id, (_, { offset }) => this.runRead(JSON.parse(row.textAt(offset)) as RunRecord, sizes))
      } else this.rowRead(row, id)
      // frees the memory now, since the garbage collector would let a hundred megabytes gather
      if (bytes.byteLength === bytes.buffer.byteLength) (bytes.buffer as ArrayBuffer).transfer(0)
    }
    if (this.last !== last || this.checksum !== checksum) throw damaged(this.last + 1, "it is missing")
    // each run has a record of its own
    for (const { recorded } of this.runs.values()) this.live += recorded + 1
  }

  /** Reads all rows of the file. */
  private *rows(): Generator<{ readonly id: number; readonly bytes: unknown }> {
    const rows = attempt(() => this.db.prepare("SELECT id, bytes FROM log ORDER BY id").iterate())
    while (true) {
      const { done, value } = attempt(() => {
        try {
          return rows.next()
        } catch (error) {
          // a number that JavaScript cannot hold was not written by this library
          if ((error as { readonly errcode?: unknown }).errcode !== undefined) throw error
          throw damaged(this.last + 1, String(error))
        }
      })
      if (done === true) return
      yield value as { readonly id: number; readonly bytes: unknown }
    }
  }

  /** Counts the records of each run, superseded ones included, from the heads of the rows, which are not checked. */
  private sizes(): ReadonlyMap<number, number> {
    const sizes = new Map<number, number>()
    const most = statSync(this.path).size / recordHeadBytes
    const heads = attempt(() => this.db.prepare(`SELECT substr(bytes, 1, ${headBytes}) AS head FROM log`).all())
    for (const { head } of heads) {
      if (!(head instanceof Uint8Array) || head.length < headBytes) continue
      const { count, run } = countOf(head)
      sizes.set(run, Math.min(most, count + (sizes.get(run) ?? 0)))
    }
    return sizes
  }

  private runRead(record: RunRecord, sizes: ReadonlyMap<number, number>): void {
    this.lastRun = Math.max(this.lastRun, record.number)
    if ("forgotten" in record) this.runs.delete(record.number)
    else {
      const { number, run } = record
      this.runs.set(number, {
        ...run,
        number,
        table: KeyTable.sized(sizes.get(number) ?? 0),
        recorded: 0,
        failed: 0
      })
    }
  }

  /** Adds the records of a row to the table of their run. Of two records with the same key, the later counts. */
  private rowRead(row: ReadRow, number: number): void {
    const run = this.runs.get(row.run)
    if (run === undefined) return
    const table = run.table!
    const found: Array<RecordPlace> = []
    row.visit(number, (hash, place) => {
      found.length = 0
      table.find(hash, found)
      const old = found.length === 0 ? undefined : this.sameKey(found, row, number, place.offset)
      if (old === undefined) {
        table.add(hash, place)
        run.recorded++
      } else {
        table.replace(hash, old, place)
        if (old.failed) run.failed--
      }
      if (place.failed) run.failed++
    })
  }

  /** Returns the place, among these, whose key equals the key of a record in the row that is being read. */
  private sameKey(
    places: ReadonlyArray<RecordPlace>,
    row: ReadRow,
    number: number,
    offset: number
  ): RecordPlace | undefined {
    const key = row.keyAt(offset)
    return places.find((place) => (place.row === number ? row : this.reader.row(place.row)).keyAt(place.offset) === key)
  }

  /**
   * Rewrites the live records if they are at most half of all records. It does so in one transaction: if there is no
   * room for it, the file is unchanged.
   */
  private compact(): Opened["compacted"] {
    const { live, total } = this
    if (total < leastCompacted || live > total / 2) return undefined
    const old = { first: this.first, last: this.last }
    try {
      this.db.exec("BEGIN IMMEDIATE")
      this.checksum = 0
      const begun = [...this.runs.values()].map(({ name, number, schemas, version }) =>
        recordOf({ number, run: { name, version, schemas } })
      )
      this.copyRows(runsRow, begun)
      for (let number = old.first; number <= old.last; number++) this.copyRow(number)
      this.db.prepare("DELETE FROM log WHERE id <= ?").run(old.last)
      this.move.run(old.last + 1, this.last, this.checksum)
      this.db.exec("COMMIT")
    } catch {
      if (this.db.isTransaction) this.db.exec("ROLLBACK")
      this.scan(readHead(this.db))
      return undefined
    }
    try {
      this.db.exec("VACUUM")
    } catch {
      // there is no room for a copy: the file keeps its length, and its free pages are used again
    }
    this.scan(readHead(this.db))
    return [total, this.total]
  }

  /** Copies the live records of a row. */
  private copyRow(number: number): void {
    const row = this.reader.row(number)
    const table = this.runs.get(row.run)?.table
    if (table === undefined) return
    const records: Array<StoredRecord> = []
    const found: Array<RecordPlace> = []
    row.visit(number, (hash: KeyHash, { failed, offset }) => {
      found.length = 0
      table.find(hash, found)
      if (found.some((place) => place.row === number && place.offset === offset)) {
        records.push({ key: row.keyAt(offset), text: row.textAt(offset), failed })
      }
    })
    if (records.length > 0) this.copyRows(row.run, records)
  }

  private copyRows(run: number, records: ReadonlyArray<StoredRecord>): void {
    for (const { bytes, checksum } of makeRows(run, records, this.checksum)) {
      this.insert.run(++this.last, bytes)
      this.checksum = checksum
    }
  }
}

/** Makes a record of a run that is begun or forgotten. */
const recordOf = (record: RunRecord): StoredRecord => ({
  key: String(record.number),
  text: JSON.stringify(record),
  failed: false
})
