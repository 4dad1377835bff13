/**
 * Messages of errors, where many inputs fail with the same error.
 */
import { shortenMessage } from "../primitives/shorten.ts"

/** Makes messages of errors; that of the last one is kept. */
export class Messages {
  private readonly length: number
  private error: unknown
  private message: string | undefined

  /** `length` is the greatest number of characters of a message. */
  constructor(length: number) {
    this.length = length
  }

  of(error: unknown): string {
    if (this.message === undefined || !Object.is(error, this.error)) {
      this.message = shortenMessage(error, this.length)
      this.error = error
    }
    return this.message
  }
}
