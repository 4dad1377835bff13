/**
 * A first-in, first-out line that anyone may leave: every step costs the same, however long the line is.
 *
 * @since 0.1.0
 */
export interface Place<A> {
  readonly value: A
  before: Place<A> | undefined
  behind: Place<A> | undefined
  left: boolean
}

export class Line<A> {
  private first: Place<A> | undefined
  private last: Place<A> | undefined
  size = 0

  /** Who stands first, and stays in line. */
  peek(): A | undefined {
    return this.first?.value
  }

  /** Takes who stands first out of the line. */
  shift(): A | undefined {
    const { first } = this
    if (first !== undefined) this.leave(first)
    return first?.value
  }

  join(value: A): Place<A> {
    this.size++
    const place: Place<A> = { value, before: this.last, behind: undefined, left: false }
    if (this.last === undefined) this.first = place
    else this.last.behind = place
    return this.last = place
  }

  /** Takes a place out of this line; a second time does nothing. Tells whether it was there. */
  leave(place: Place<A>): boolean {
    if (place.left) return false
    place.left = true
    this.size--
    if (place.before === undefined) this.first = place.behind
    else place.before.behind = place.behind
    if (place.behind === undefined) this.last = place.before
    else place.behind.before = place.before
    return true
  }
}
