/**
 * Positions of batches: which payload each is at and since when, seen by the near side without a message, also while the
 * worker is busy or gone.
 *
 * Threads keep them in shared memory, where the near side can also cut a batch: a slot is one word that both sides change
 * atomically, so a batch is cut either before a payload or after it, and one time. Processes write them to a file that both
 * sides have open.
 */
import { readSync, writeSync } from "node:fs"

/** One batch's position and since when it is there, on the system's monotonic clock in milliseconds. */
export interface Position {
  readonly position: number
  readonly since: number
}

/** Bytes of a slot: the position, padding, and the time. */
const stride = 16

/** The bit that says that a batch is cut; the bits below count. */
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

  /** The far side comes to a position; `false` when the batch was cut before. */
  claim(slot: number, position: number, since: number): boolean {
    this.times[slot * 2 + 1] = since
    return Atomics.compareExchange(this.words, slot * 4, position, position + 1) === position
  }

  /** The near side cuts a batch; tells how many payloads have been started. */
  cut(slot: number): number {
    return Atomics.or(this.words, slot * 4, cutBit) & ~cutBit
  }

  /** The near side makes room for another batch. */
  clear(slot: number): void {
    Atomics.store(this.words, slot * 4, 0)
  }

  read(slot: number): Position {
    return { position: (Atomics.load(this.words, slot * 4) & ~cutBit) - 1, since: this.times[slot * 2 + 1]! }
  }
}

/** File descriptor of the file in a worker process. */
export const positionsFile = 5

/** Positions in a file that both sides have open. */
export class FilePositions {
  private readonly file: number
  private readonly bytes = Buffer.alloc(stride)

  constructor(file: number) {
    this.file = file
  }

  write(slot: number, position: number, since: number): void {
    this.bytes.writeDoubleLE(position, 0)
    this.bytes.writeDoubleLE(since, 8)
    writeSync(this.file, this.bytes, 0, stride, slot * stride)
  }

  read(slot: number): Position {
    readSync(this.file, this.bytes, 0, stride, slot * stride)
    return { position: this.bytes.readDoubleLE(0), since: this.bytes.readDoubleLE(8) }
  }
}
