/**
 * Rows of records: the form of a group of records of one run in the file, with a checksum over it and all rows before.
 *
 * A row begins with its checksum (4 bytes), the number of its run (4) and the number of its records (4). A record is
 * the hash of its key (8 bytes), the lengths of key and text in bytes (4 each; one bit of the second says that the
 * input has failed), the key and the text. Numbers are little-endian. The checksum is the CRC-32 of everything that
 * follows it, seeded with the checksum of the row before. So a row that is changed, missing or in the wrong place is
 * noticed.
 */
import { Buffer } from "node:buffer"
import { crc32 } from "node:zlib"
import type { StoredRecord } from "../record/contract.ts"
import { hashOf, type KeyHash, mostOffset, type RecordPlace } from "./keyTable.ts"

/** Size in bytes of the head of a row, and of the head of a record. */
export const headBytes = 12
export const recordHeadBytes = 16
const failedBit = 0x8000_0000

/** Size in bytes from which no further record joins a row. To look up a record, its whole row is read. */
const rowBytes = 64 * 1024

/** Greatest size of a row in bytes, which is that of a value in SQLite (https://www.sqlite.org/limits.html). */
const mostBytes = 1_000_000_000

/**
 * Number of the rows that begin or forget a run. Their one record is JSON. Other rows have the numbers of runs, from 1.
 */
export const runsRow = 0

/** A row as it is written, and the offsets of its records. */
export interface WrittenRow {
  readonly bytes: Uint8Array
  readonly checksum: number
  readonly offsets: ReadonlyArray<number>
}

/** Makes rows of records of one run. `before` is the checksum of the row before. */
export function* makeRows(
  run: number,
  records: ReadonlyArray<StoredRecord>,
  before: number
): Generator<WrittenRow, void, void> {
  let checksum = before
  for (let from = 0; from < records.length;) {
    let size = headBytes
    let to = from
    for (; to < records.length && (to === from || size < rowBytes); to++) size += bytesOf(records[to]!)
    if (size > mostBytes) throw new RangeError("a record is larger than SQLite allows (1 GB)")
    const row = makeRow(run, records.slice(from, to), size, checksum)
    yield row
    checksum = row.checksum
    from = to
  }
}

const bytesOf = ({ key, text }: StoredRecord): number =>
  recordHeadBytes + Buffer.byteLength(key) + Buffer.byteLength(text)

const makeRow = (run: number, records: ReadonlyArray<StoredRecord>, size: number, before: number): WrittenRow => {
  const bytes = Buffer.alloc(size)
  bytes.writeUInt32LE(run, 4)
  bytes.writeUInt32LE(records.length, 8)
  const offsets: Array<number> = []
  let at = headBytes
  for (const { failed, key, text } of records) {
    const { high, low } = hashOf(key)
    const keyBytes = bytes.write(key, at + recordHeadBytes)
    const textBytes = bytes.write(text, at + recordHeadBytes + keyBytes)
    bytes.writeUInt32LE(low, at)
    bytes.writeUInt32LE(high, at + 4)
    bytes.writeUInt32LE(keyBytes, at + 8)
    bytes.writeUInt32LE((textBytes | (failed ? failedBit : 0)) >>> 0, at + 12)
    offsets.push(at)
    at += recordHeadBytes + keyBytes + textBytes
  }
  const checksum = crc32(bytes.subarray(4), before)
  bytes.writeUInt32LE(checksum, 0)
  return { bytes, checksum, offsets }
}

/** Reads the head of a row without a check: the number of its run, and the number of its records. */
export const countOf = (head: Uint8Array): { readonly run: number; readonly count: number } => {
  const view = new DataView(head.buffer, head.byteOffset)
  return { run: view.getUint32(4, true), count: view.getUint32(8, true) }
}

/** A row that was read. */
export class ReadRow {
  readonly run: number
  readonly count: number
  readonly checksum: number
  private readonly bytes: Buffer

  /** Takes the bytes of a row. Throws if they are not what was written after a row with the checksum `before`. */
  constructor(bytes: Uint8Array, before: number) {
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    if (buffer.length < headBytes) throw new Error("it is too short")
    this.checksum = buffer.readUInt32LE(0)
    if (crc32(buffer.subarray(4), before) !== this.checksum) throw new Error("its checksum does not match its bytes")
    this.run = buffer.readUInt32LE(4)
    this.count = buffer.readUInt32LE(8)
    this.bytes = buffer
  }

  /** Visits the records. `row` is the number of this row. */
  visit(row: number, visitor: (hash: KeyHash, place: RecordPlace) => void): void {
    const { bytes } = this
    let offset = headBytes
    for (let k = 0; k < this.count; k++) {
      const size = bytes.readUInt32LE(offset + 12)
      const failed = (size & failedBit) !== 0
      visitor({ low: bytes.readUInt32LE(offset), high: bytes.readUInt32LE(offset + 4) }, { row, offset, failed })
      offset += recordHeadBytes + bytes.readUInt32LE(offset + 8) + (size & mostOffset)
    }
  }

  keyAt(offset: number): string {
    const from = offset + recordHeadBytes
    return this.bytes.toString("utf8", from, from + this.bytes.readUInt32LE(offset + 8))
  }

  textAt(offset: number): string {
    const from = offset + recordHeadBytes + this.bytes.readUInt32LE(offset + 8)
    return this.bytes.toString("utf8", from, from + (this.bytes.readUInt32LE(offset + 12) & mostOffset))
  }

  /** Size in bytes. */
  get size(): number {
    return this.bytes.length
  }
}
