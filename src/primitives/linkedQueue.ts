/**
 * A first-in, first-out queue whose entries can be removed from any position. Each operation takes constant time.
 */

/** One value in a queue, and the handle for `remove`. */
export interface QueueEntry<A> {
  readonly value: A
  previous: QueueEntry<A> | undefined
  next: QueueEntry<A> | undefined
  removed: boolean
}

export class LinkedQueue<A> {
  private first: QueueEntry<A> | undefined
  private last: QueueEntry<A> | undefined
  size = 0

  /** Returns the first value, and leaves it in the queue. */
  peek(): A | undefined {
    return this.first?.value
  }

  shift(): A | undefined {
    const { first } = this
    if (first !== undefined) this.remove(first)
    return first?.value
  }

  /** Appends a value and returns its entry. */
  push(value: A): QueueEntry<A> {
    this.size++
    const entry: QueueEntry<A> = { value, previous: this.last, next: undefined, removed: false }
    if (this.last === undefined) this.first = entry
    else this.last.next = entry
    return this.last = entry
  }

  /** Adds a value before all others and returns its entry. */
  unshift(value: A): QueueEntry<A> {
    this.size++
    const entry: QueueEntry<A> = { value, previous: undefined, next: this.first, removed: false }
    if (this.first === undefined) this.last = entry
    else this.first.previous = entry
    return this.first = entry
  }

  /** Yields the values, from the first to the last. They may be removed meanwhile. */
  *values(): Iterable<A> {
    for (let entry = this.first; entry !== undefined; entry = entry.next) yield entry.value
  }

  /** Removes an entry of this queue. Returns false if it was removed before. */
  remove(entry: QueueEntry<A>): boolean {
    if (entry.removed) return false
    entry.removed = true
    this.size--
    if (entry.previous === undefined) this.first = entry.next
    else entry.previous.next = entry.next
    if (entry.next === undefined) this.last = entry.previous
    else entry.next.previous = entry.previous
    return true
  }
}
