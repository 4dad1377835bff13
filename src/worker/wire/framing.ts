/**
 * Framing of the messages between a program and a worker process. Each message is preceded by a mark and its length.
 *
 * A task may write to any descriptor of its process. Therefore bytes without the mark, or with a length that no message
 * has, are not taken as a message.
 */
import { constants } from "node:buffer"
import { writeSync } from "node:fs"
import { deserialize, serialize } from "./bytes.ts"

/** Number of bytes before a message: the mark, then its length. */
const head = 8
const mark = 0x7c1f_e0ba

/** Frames a message. Throws if it cannot be cloned. */
export const frame = (message: unknown): Buffer => {
  const body = serialize(message)
  const framed = Buffer.allocUnsafe(head + body.length)
  framed.writeUInt32LE(mark)
  framed.writeUInt32LE(body.length, 4)
  body.copy(framed, head)
  return framed
}

/** Writes all bytes, in as many steps as the pipe needs. Returns false if the reader is gone. */
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

/** Reads messages from chunks of any length. `push` throws if the bytes are not a message. */
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
      const first = this.join(head)
      const length = first.readUInt32LE(4)
      if (first.readUInt32LE() !== mark || length > constants.MAX_LENGTH) throw new Error("the bytes are not a message")
      if (this.size < head + length) return
      const bytes = this.join(head + length)
      this.chunks = bytes.length === head + length ? [] : [bytes.subarray(head + length)]
      this.size -= head + length
      this.receive(deserialize(bytes.subarray(head, head + length)))
    }
  }

  /** Returns the first chunk. Joins it with the others first if it has fewer than `atLeast` bytes. */
  private join(atLeast: number): Buffer {
    if (this.chunks[0]!.length < atLeast) this.chunks = [Buffer.concat(this.chunks)]
    return this.chunks[0]!
  }
}
