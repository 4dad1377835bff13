/**
 * Failures of a run, counted by their messages.
 */
import type * as Outcome from "../Outcome.ts"
import { messageOf } from "./texts.ts"

/** Counts failures by their messages, up to a number of messages. */
export class FailureCounter {
  /** Number of failures whose messages are not among those that are counted. */
  left = 0
  private readonly most: number
  private readonly known = new Map<string, { count: number; readonly input: string }>()
  /** The last error and its message: many inputs may fail with the same error. */
  private last: { readonly error: unknown; readonly message: string } | undefined

  constructor(most: number) {
    this.most = most
  }

  /** Counts a failure, and returns its message. `show` makes a line of its input, where that is the first of its message. */
  add(error: unknown, show: () => string): string {
    const { known, most } = this
    if (this.last === undefined || !Object.is(error, this.last.error)) this.last = { error, message: messageOf(error) }
    const { message } = this.last
    const kind = known.get(message)
    if (kind !== undefined) kind.count++
    else if (known.size < most) known.set(message, { count: 1, input: show() })
    else this.left++
    return message
  }

  /** The most frequent messages first. */
  get counts(): ReadonlyArray<Outcome.FailureCount> {
    return [...this.known].map(([message, { count, input }]) => ({ message, count, input }))
      .toSorted((a, b) => b.count - a.count)
  }
}
