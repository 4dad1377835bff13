/**
 * Failures of a run, counted by their messages.
 */
import type * as Outcome from "../Outcome.ts"
import { messageOf } from "./texts.ts"

/** Counts failures by their messages, up to a number of different messages. */
export class FailureCounter {
  /** Number of failures whose messages are not counted. */
  left = 0
  private readonly most: number
  private readonly known = new Map<string, { count: number; readonly input: string }>()
  /** The last error and its message. They are kept because many inputs may fail with the same error. */
  private last: { readonly error: unknown; readonly message: string } | undefined

  constructor(most: number) {
    this.most = most
  }

  /**
   * Counts a failure, and returns its message. For the first failure with a message, `show` makes a line of its input.
   */
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

  /** The messages with their counts, the most frequent first. */
  get counts(): ReadonlyArray<Outcome.FailureCount> {
    return [...this.known].map(([message, { count, input }]) => ({ message, count, input }))
      .toSorted((a, b) => b.count - a.count)
  }
}
