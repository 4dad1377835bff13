/**
 * Keys and the places of their records, in typed arrays: 16 bytes a slot, where a `Map` of keys would take about 130
 * bytes a key.
 *
 * Only 64 bits of each key are kept, so code that finds a place has to compare the key that is recorded there. Slots
 * are probed one after another, starting with the slot that the hash selects. A slot with row 0 is free.
 */

/** Place of a record: the number of its row, and its offset there. */
export interface RecordPlace {
  readonly row: number
  readonly offset: number
  readonly failed: boolean
}

/** Words of a slot: two of the hash, the row, and the offset with a bit for failures. */
const slotWords = 4
const failedBit = 0x8000_0000

/** Greatest offset of a record in its row. */
export const mostOffset = 0x7fff_ffff

const firstCapacity = 16

/** Greatest share of slots in use. */
const fullest = 0.7

/** 64 bits of a key, as two words of 32 bits. They are the same in every program, since records contain them. */
export interface KeyHash {
  readonly low: number
  readonly high: number
}

/** Hashes a key with two multiplicative hashes over its characters, mixed at the end. */
export const hashOf = (key: string): KeyHash => {
  let a = 0x9e37_79b9
  let b = 0x85eb_ca6b
  for (let i = 0; i < key.length; i++) {
    const character = key.charCodeAt(i)
    a = Math.imul(a ^ character, 0x0100_0193)
    b = Math.imul(b ^ character, 0xcc9e_2d51) + i | 0
  }
  a = Math.imul(a ^ a >>> 16, 0x21f0_aaad)
  b = Math.imul(b ^ b >>> 15, 0x735a_2d97)
  return { low: (a ^ b >>> 13) >>> 0, high: (b ^ a >>> 16) >>> 0 }
}

export class KeyTable {
  private words: Uint32Array<ArrayBuffer>
  private capacity: number
  size: number

  constructor(words: Uint32Array<ArrayBuffer> = new Uint32Array(firstCapacity * slotWords), size = 0) {
    this.words = words
    this.capacity = words.length / slotWords
    this.size = size
  }

  /** Makes an empty table with room for `keys` keys. */
  static readonly sized = (keys: number): KeyTable => {
    let capacity = firstCapacity
    while (capacity * fullest <= keys) capacity *= 2
    return new KeyTable(new Uint32Array(capacity * slotWords))
  }

  /** Memory of the table, which can be moved to another thread. The table must not be used afterward. */
  get memory(): Uint32Array<ArrayBuffer> {
    return this.words
  }

  /** True if another entry would make the table too full to be fast. */
  get isFull(): boolean {
    return this.size >= this.capacity * fullest
  }

  /** Adds to `found` the places of the records whose keys have this hash, in the order in which they were added. */
  find({ high, low }: KeyHash, found: Array<RecordPlace>): void {
    const { words } = this
    for (let slot = this.first(low, high); words[slot + 2] !== 0; slot = this.after(slot)) {
      if (words[slot] === low && words[slot + 1] === high) found.push(placeAt(words, slot))
    }
  }

  /** Returns true if there is a record whose key has this hash. */
  has({ high, low }: KeyHash): boolean {
    const { words } = this
    for (let slot = this.first(low, high); words[slot + 2] !== 0; slot = this.after(slot)) {
      if (words[slot] === low && words[slot + 1] === high) return true
    }
    return false
  }

  add({ high, low }: KeyHash, { failed, offset, row }: RecordPlace): void {
    if (this.isFull) this.grow()
    let slot = this.first(low, high)
    while (this.words[slot + 2] !== 0) slot = this.after(slot)
    const { words } = this
    words[slot] = low
    words[slot + 1] = high
    words[slot + 2] = row
    words[slot + 3] = (offset | (failed ? failedBit : 0)) >>> 0
    this.size++
  }

  /** Replaces a record with another of the same key. */
  replace({ high, low }: KeyHash, old: RecordPlace, { failed, offset, row }: RecordPlace): void {
    const { words } = this
    for (let slot = this.first(low, high); words[slot + 2] !== 0; slot = this.after(slot)) {
      if (words[slot + 2] === old.row && (words[slot + 3]! & mostOffset) === old.offset) {
        words[slot + 2] = row
        words[slot + 3] = (offset | (failed ? failedBit : 0)) >>> 0
        return
      }
    }
  }

  private first(low: number, high: number): number {
    return ((low ^ high) & this.capacity - 1) * slotWords
  }

  private after(slot: number): number {
    return slot + slotWords === this.words.length ? 0 : slot + slotWords
  }

  private grow(): void {
    const { words } = this
    this.capacity *= 2
    this.words = new Uint32Array(this.capacity * slotWords)
    for (let old = 0; old < words.length; old += slotWords) {
      if (words[old + 2] === 0) continue
      let slot = this.first(words[old]!, words[old + 1]!)
      while (this.words[slot + 2] !== 0) slot = this.after(slot)
      this.words.set(words.subarray(old, old + slotWords), slot)
    }
  }
}

const placeAt = (words: Uint32Array, slot: number): RecordPlace => ({
  row: words[slot + 2]!,
  offset: words[slot + 3]! & mostOffset,
  failed: (words[slot + 3]! & failedBit) !== 0
})

/**
 * A table that grows without a pause for copying. When it is full, further entries go into an additional table, four
 * times as large as the one before, up to a million slots.
 */
export class GrowingKeyTable {
  private readonly tables: Array<KeyTable>
  private capacity = 1 << 10

  constructor(first: KeyTable) {
    this.tables = [first]
  }

  /** Returns the places of the records whose keys have this hash, the latest first. */
  find(hash: KeyHash): ReadonlyArray<RecordPlace> {
    const found: Array<RecordPlace> = []
    for (const table of this.tables) table.find(hash, found)
    return found.length < 2 ? found : found.toSorted((a, b) => b.row - a.row || b.offset - a.offset)
  }

  has(hash: KeyHash): boolean {
    for (const table of this.tables) if (table.has(hash)) return true
    return false
  }

  /**
   * Adds a record. If there is one with the same hash, replaces it and returns it: with 64 bits that is the same key.
   * If it is not, the other record is not found again until the file is reopened.
   */
  put(hash: KeyHash, place: RecordPlace): RecordPlace | undefined {
    for (const table of this.tables) {
      if (!table.has(hash)) continue
      const found: Array<RecordPlace> = []
      table.find(hash, found)
      table.replace(hash, found[0]!, place)
      return found[0]
    }
    this.add(hash, place)
    return undefined
  }

  private add(hash: KeyHash, place: RecordPlace): void {
    let last = this.tables.at(-1)!
    if (last.isFull) {
      this.capacity = Math.min(this.capacity * 4, 1 << 20)
      last = new KeyTable(new Uint32Array(this.capacity * slotWords))
      this.tables.push(last)
    }
    last.add(hash, place)
  }
}
