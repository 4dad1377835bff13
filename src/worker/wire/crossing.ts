/**
 * How values cross between the two sides of a worker: as parts of a message, or each by itself.
 *
 * Does not import Effect, so that a worker can boot with it.
 */
import { deepPath, formOf } from "./form.ts"
import type { OutOfBand, Sent } from "./messages.ts"

/** What differs between threads and processes. */
export interface Crossing {
  /** True if buffers can be moved, and not only copied. */
  readonly moves: boolean
  /** Copies a value as crossing would. Throws if it cannot cross. */
  readonly clone: (value: unknown) => unknown
  /** Opens a channel for values that cross each by itself. */
  readonly open: () => Channel
  /** Reads the values of a channel one after another. */
  readonly read: (sealed: unknown) => Reader
}

/** Values that cross beside a message, in order. */
export interface Channel {
  /** Writes a value. Throws if that is impossible, and then writes nothing. */
  readonly write: (value: unknown, transfer: ReadonlyArray<unknown>) => void
  /** What the message carries of the channel, and what has to be moved with it. */
  readonly sealed: unknown
  readonly transfer: ReadonlyArray<unknown>
  /** Ends writing. */
  readonly close: () => void
}

export interface Reader {
  /** Reads the next value. Throws if it cannot be read. */
  readonly next: () => unknown
  readonly close: () => void
}

/** The values of one message that cross by themselves. */
export class OutOfBandWriter {
  private readonly crossing: Crossing
  private channel: Channel | undefined
  private readonly paths: Array<string | undefined> = []

  constructor(crossing: Crossing) {
    this.crossing = crossing
  }

  /** Adds a value and returns its place. Throws if it cannot be cloned, and then adds nothing. */
  add(value: unknown, transfer: ReadonlyArray<unknown> = []): number {
    this.channel ??= this.crossing.open()
    this.channel.write(value, transfer)
    return this.paths.push(formOf(value) === "deep" ? deepPath(value) : undefined) - 1
  }

  /** What the message carries; undefined if nothing was added. */
  get sealed(): OutOfBand | undefined {
    return this.channel && { sealed: this.channel.sealed, paths: this.paths }
  }

  /** Objects that have to be moved with the message. */
  get transfer(): ReadonlyArray<unknown> {
    return this.channel === undefined ? [] : this.channel.transfer
  }

  /** Ends adding: the message was sent, or never will be. */
  close(): void {
    this.channel?.close()
  }
}

/** A value that has arrived, or why it could not be read and where in it the cause may lie. */
export type Arrived =
  | { readonly value: unknown }
  | { readonly path: string; readonly error: unknown }

/** Reads all values of a message that crossed by themselves. */
export const arrived = (crossing: Crossing, outOfBand: OutOfBand | undefined): ReadonlyArray<Arrived> => {
  if (outOfBand === undefined) return []
  const reader = crossing.read(outOfBand.sealed)
  const values = outOfBand.paths.map((path): Arrived => {
    try {
      return { value: reader.next() }
    } catch (error) {
      return { path: path ?? "", error }
    }
  })
  reader.close()
  return values
}

/**
 * Makes of a value what is sent: a copy that can be part of any message, or a place beside the message. Throws if the
 * value cannot be cloned, or would need a place and there is no `outOfBand`.
 */
export const send = (value: unknown, crossing: Crossing, outOfBand: OutOfBandWriter | undefined): Sent => {
  const copy = crossing.clone(value)
  if (formOf(copy) === "plain") return { _tag: "Value", value: copy }
  if (outOfBand === undefined) throw new TypeError("it is too large or nested too deeply")
  return { _tag: "OutOfBand", place: outOfBand.add(copy) }
}

/** Copies a value, so that it can be part of any message; undefined if that is impossible. Never throws. */
export const plainCopy = (value: unknown, crossing: Crossing): unknown => {
  if (typeof value === "string" || Number.isSafeInteger(value)) return value
  try {
    const copy = crossing.clone(value)
    return formOf(copy) === "plain" ? copy : undefined
  } catch {
    return undefined
  }
}
