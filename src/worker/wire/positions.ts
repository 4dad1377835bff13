/**
 * Positions of batches: the payload each is at and since when. The near side reads them without a message, even if the
 * worker is blocked or has ended.
 *
 * Threads keep them in shared memory, where the near side can also cut a batch. Invariant: a slot is one word that both
 * sides change atomically, so a cut comes either before the start of a payload or after it, and a payload is never both
 * started and given back. Processes write positions to a file that both sides have open, and cannot be cut.
 */
import { readSync, writeSync } from "node:fs"
import { NotStarted } from "./messages.ts"

/** Position of a batch, and the time at which it got there in milliseconds of the monotonic clock of the machine. */
export interface Position {
  readonly position: number
  readonly since: number
}

/** Bytes of a slot: the position (with padding), then the time. */
const stride = 16

/** Bit that marks a cut batch; the bits below count started payloads. */
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

  /** Starts the payload at a position (far side); false if the batch was cut before. */
  claim(slot: number, position: number, since: number): boolean {
    this.times[slot * 2 + 1] = since
    return Atomics.compareExchange(this.words, slot * 4, position, position + 1) === position
  }

  /** Cuts a batch (near side); returns how many payloads were started. */
  cut(slot: number): number {
    return Atomics.or(this.words, slot * 4, cutBit) & ~cutBit
  }

  /** Cuts a batch of which nothing was started (near side); false if something was. */
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

/** Added to positions in a file, so that what a task may write there is not taken for one. */
const mark = 2 ** 45

/** Positions in a file that both sides have open. A position is not a number where the file holds none. */
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
