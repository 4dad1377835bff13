/**
 * Framing of messages that a worker process writes to a pipe: each has its length before it.
 */
import { writeSync } from "node:fs"
import { deserialize, serialize } from "node:v8"

/** File descriptor of the pipe in the worker process. */
export const resultsPipe = 4

/** Number of bytes of the length before a message. */
const head = 4

/** Makes a frame of a message. Throws if it cannot be cloned. */
export const frame = (message: unknown): Buffer => {
  const body = serialize(message)
  const framed = Buffer.allocUnsafe(head + body.length)
  framed.writeUInt32LE(body.length)
  body.copy(framed, head)
  return framed
}

/** Writes all bytes, in as many steps as the pipe needs; false if the reader is gone. */
export const writeWhole = (descriptor: number, bytes: Buffer): boolean => {
  for (let written = 0; written < bytes.length;) {
    try {
      written += writeSync(descriptor, bytes, written)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === "EPIPE") return false
      if (code !== "EAGAIN") throw error
      Atomics.wait(sleepWord, 0, 0, 1)
    }
  }
  return true
}

const sleepWord = new Int32Array(new SharedArrayBuffer(4))

/** Reads messages from chunks of any length. */
export class Unframer {
  private readonly receive: (message: unknown) => void
  private chunks: Array<Buffer> = []
  private size = 0

  constructor(receive: (message: unknown) => void) {
    this.receive = receive
  }

  push(chunk: Buffer): void {
    this.chunks.push(chunk)
    this.size += chunk.length
    for (;;) {
      if (this.size < head) return
      const length = this.join(head).readUInt32LE()
      if (this.size < head + length) return
      const bytes = this.join(head + length)
      this.chunks = bytes.length === head + length ? [] : [bytes.subarray(head + length)]
      this.size -= head + length
      this.receive(deserialize(bytes.subarray(head, head + length)))
    }
  }

  /** Returns the first chunk, joined with others so that it has at least so many bytes. */
  private join(atLeast: number): Buffer {
    if (this.chunks[0]!.length < atLeast) this.chunks = [Buffer.concat(this.chunks)]
    return this.chunks[0]!
  }
}
