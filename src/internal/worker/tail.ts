/**
 * The end of what a worker writes to its standard error.
 *
 * @since 0.1.0
 */
import type { Readable } from "node:stream"

/** How much is kept, in characters. */
const kept = 4000

export class Tail {
  private text = ""

  constructor(stderr: Readable) {
    stderr.on("data", (chunk: Buffer | string) => {
      this.text = (this.text + chunk.toString()).slice(-kept)
    })
  }

  get lines(): string {
    return this.text.trim().split("\n").slice(-20).join("\n")
  }
}
