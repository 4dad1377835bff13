/**
 * The end of what a worker writes to its standard error.
 */
import type { Readable } from "node:stream"
import { StringDecoder } from "node:string_decoder"

/** Number of characters that are kept. */
const maxLength = 4000

export class StderrTail {
  private text = ""

  constructor(stderr: Readable) {
    const decoder = new StringDecoder()
    stderr.on("data", (chunk: Buffer) => {
      this.text = (this.text + decoder.write(chunk)).slice(-maxLength)
    })
  }

  /** Last lines, at most twenty. */
  get lines(): string {
    return this.text.trim().split("\n").slice(-20).join("\n")
  }
}
