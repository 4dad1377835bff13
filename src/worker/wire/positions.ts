/**
 * Positions of batches: the current payload of each and the time of its start. The near side reads them without a
 * message, even if the worker is blocked or has ended.
 *
 * Threads keep positions in shared memory, where the near side can also cut a batch. Invariant: a slot is one word that
 * both sides change atomically, so a cut comes either before the start of a payload or after it, and a payload is never
 * both started and given back. Processes write positions to a file that both sides have open. Their batches cannot be
 * cut.
 */
import { readSync, writeSync } from "node:fs"
import { NotStarted } from "./messages.ts"

/** Position of a batch, and the time at which it got there, in milliseconds of the machine's monotonic clock. */
export interface Position {
  readonly position: number
  readonly since: number
}

/** Number of bytes of a slot: the position (with padding), then the time. */
const stride = 16

/** The bit that marks a cut batch. The bits below it count started payloads. */
const cutBit = 1 << 30

export class SharedPositions {
  private readonly words: Int32Array
  private readonly times: Float64Array

  constructor(memory: SharedArrayBuffer) {
    this.words = new Int32Array(memory)
    this.times = new Float64Array(memory)
  }

  static memory(slots: number): SharedArrayBuffer {
    return new SharedArrayBuffer(slots * stride)
  }

  /** Starts the payload at a position (far side). Returns false if the batch was cut before. */
  claim(slot: number, position: number, since: number): boolean {
    this.times[slot * 2 + 1] = since
    return Atomics.compareExchange(this.words, slot * 4, position, position + 1) === position
  }

  /** Cuts a batch (near side). Returns how many payloads were started. */
  cut(slot: number): number {
    return Atomics.or(this.words, slot * 4, cutBit) & ~cutBit
  }

  /** Cuts a batch if none of its payloads was started (near side). Returns false if one was. */
  withdraw(slot: number): boolean {
    return Atomics.compareExchange(this.words, slot * 4, 0, cutBit) === 0
  }

  /** Clears a slot for another batch (near side). */
  clear(slot: number): void {
    Atomics.store(this.words, slot * 4, 0)
  }

  read(slot: number): Position {
    return { position: (Atomics.load(this.words, slot * 4) & ~cutBit) - 1, since: this.times[slot * 2 + 1]! }
  }
}

/** Added to positions in a file, so that other bytes that a task may write there are not taken for a position. */
const mark = 2 ** 45

/** Positions in a file that both sides have open. Where the file contains no position, reading returns `NaN`. */
export class FilePositions {
  private readonly file: number
  private readonly bytes = Buffer.alloc(stride)

  constructor(file: number) {
    this.file = file
  }

  write(slot: number, position: number, since: number): void {
    this.bytes.writeDoubleLE(position + mark, 0)
    this.bytes.writeDoubleLE(since, 8)
    writeSync(this.file, this.bytes, 0, stride, slot * stride)
  }

  read(slot: number): Position {
    readSync(this.file, this.bytes, 0, stride, slot * stride)
    const position = this.bytes.readDoubleLE(0) - mark
    return {
      position: Number.isInteger(position) && position >= NotStarted ? position : NaN,
      since: this.bytes.readDoubleLE(8)
    }
  }
}
