/**
 * The last words of a worker: the end of its standard error, and the error that it ended with.
 */
import type { Readable } from "node:stream"
import { StringDecoder } from "node:string_decoder"
import { shorten } from "../../primitives/shorten.ts"

/** Number of characters of standard error that are kept. */
const maxLength = 4000

export class StderrTail {
  private text = ""

  constructor(stderr: Readable) {
    const decoder = new StringDecoder()
    stderr.on("data", (chunk: Buffer) => {
      this.text = (this.text + decoder.write(chunk)).slice(-maxLength)
    })
  }

  /** The last lines, at most twenty. */
  get lines(): string {
    return this.text.trim().split("\n").slice(-20).join("\n")
  }
}

/**
 * Returns the text of the error that a worker ended with: its stack, if it can be read. A worker may throw anything.
 */
export const shownError = (error: unknown): string => {
  try {
    if (typeof error === "string") return error
    const { stack } = error as Error
    return typeof stack === "string" ? stack : shorten(error, 400)
  } catch {
    return shorten(error, 400)
  }
}
