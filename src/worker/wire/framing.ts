/**
 * Messages of a worker process on a pipe of their own: each with its length before it.
 */
import { writeSync } from "node:fs"
import { deserialize, serialize } from "node:v8"

/** File descriptor of that pipe in the worker process. */
export const resultsPipe = 4

/** Bytes before a message: its length. */
const head = 4

/** A message as it is written. Throws when it cannot be cloned. */
export const frame = (message: unknown): Buffer => {
  const body = serialize(message)
  const framed = Buffer.allocUnsafe(head + body.length)
  framed.writeUInt32LE(body.length)
  body.copy(framed, head)
  return framed
}

/** Writes all of it, however the pipe takes it; `false` when nobody reads any more. */
export const writeWhole = (descriptor: number, bytes: Buffer): boolean => {
  for (let written = 0; written < bytes.length;) {
    try {
      written += writeSync(descriptor, bytes, written)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === "EPIPE") return false
      if (code !== "EAGAIN") throw error
      Atomics.wait(idle, 0, 0, 1)
    }
  }
  return true
}

const idle = new Int32Array(new SharedArrayBuffer(4))

/** Messages out of the chunks in which they arrive. */
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

  /** The first chunk, with at least so many bytes. */
  private join(atLeast: number): Buffer {
    if (this.chunks[0]!.length < atLeast) this.chunks = [Buffer.concat(this.chunks)]
    return this.chunks[0]!
  }
}
