/**
 * What a worker thread and its near side see of each other without a message, also while the thread is busy: how many
 * payloads of a batch it has started, since when it is at the last, and whether it may start another.
 *
 * A slot is one word that both change at once, so that a batch is either cut before a payload or after it, and one time.
 */

/** The bit that says that a batch is cut; the bits below count. */
const cutBit = 1 << 30

/** Bytes of a slot: the word, padding, and the time. */
const stride = 16

export class Marks {
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

  read(slot: number): { readonly position: number; readonly since: number } {
    return { position: (Atomics.load(this.words, slot * 4) & ~cutBit) - 1, since: this.times[slot * 2 + 1]! }
  }
}
