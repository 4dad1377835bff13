/**
 * The end of what a worker writes to its standard error, which is passed on as it comes.
 *
 * @since 0.1.0
 */
import type { Readable } from "node:stream"

/** How much is kept, in characters. */
const kept = 4000

export class Tail {
  private text = ""

  constructor(stderr: Readable) {
    stderr.setEncoding("utf8").on("data", (chunk: string) => {
      process.stderr.write(chunk)
      this.text = (this.text + chunk).slice(-kept)
    })
  }

  get lines(): string {
    return this.text.trim().split("\n").slice(-20).join("\n")
  }
}
