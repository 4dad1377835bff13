/**
 * Rows of a file by their numbers. Each row is checked when it is read.
 */
import type { StatementSync } from "node:sqlite"
import { attempt, Problem } from "./problems.ts"
import { ReadRow } from "./rows.ts"

/** Greatest number of bytes of rows that are kept in memory, for further records in the same rows. */
const mostCached = 4 * 1024 * 1024

/**
 * The same limit while the file is opened. It is higher since superseded records may be anywhere, and their keys are
 * compared.
 */
const mostCachedAtFirst = 64 * 1024 * 1024

export class RowReader {
  private readonly select: StatementSync
  private first = 1
  /** Checksum of the row before each row, starting with the first row. */
  private checksums = new Uint32Array(1024)
  private readonly cache = new Map<number, ReadRow>()
  private cached = 0
  private most = mostCachedAtFirst

  /** Makes a reader. `select` selects the bytes of a row by its number. */
  constructor(select: StatementSync) {
    this.select = select
  }

  /** Forgets all rows. From now on, the first row has the number `first`. */
  reset(first: number): void {
    this.first = first
    this.cache.clear()
    this.cached = 0
  }

  /** Keeps fewer rows from now on, since the file has been opened. */
  settle(): void {
    this.most = mostCached
    this.trim()
  }

  /** Notes that the checksum `before` precedes a row. */
  note(row: number, before: number): void {
    const index = row - this.first
    if (index >= this.checksums.length) {
      const longer = new Uint32Array(2 * this.checksums.length)
      longer.set(this.checksums)
      this.checksums = longer
    }
    this.checksums[index] = before
  }

  /** Returns a row. Throws a `Problem` if it is not what was written. */
  row(number: number): ReadRow {
    const known = this.cache.get(number)
    if (known !== undefined) return known
    const found = attempt(() => this.select.get(number)) as { readonly bytes: Uint8Array } | undefined
    if (found === undefined) throw damaged(number, "it is missing")
    const row = readRow(number, found.bytes, this.checksums[number - this.first]!)
    this.cache.set(number, row)
    this.cached += row.size
    this.trim(number)
    return row
  }

  /** Forgets the oldest rows if too many are kept, but not `kept`. */
  private trim(kept?: number): void {
    for (const [oldest, { size }] of this.cache) {
      if (this.cached <= this.most || oldest === kept) return
      this.cache.delete(oldest)
      this.cached -= size
    }
  }
}

/** Makes the problem of a row that is not what was written. */
export const damaged = (row: number, issue: string): Problem =>
  new Problem({ _tag: "Damaged", record: `group ${row}`, issue })

/** Reads a row. `before` is the checksum of the row before it. */
export const readRow = (number: number, bytes: Uint8Array, before: number): ReadRow => {
  try {
    return new ReadRow(bytes, before)
  } catch (error) {
    throw damaged(number, (error as Error).message)
  }
}
