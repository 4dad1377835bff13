/**
 * The crossing of values between the two sides of a worker: as parts of a message, or out of band, each separately.
 *
 * Does not import Effect, so that a worker can boot with it.
 */
import { deepPath, formOf } from "./form.ts"
import type { OutOfBand, Sent } from "./messages.ts"

/** The operations on values that differ between threads, processes and machines. */
export interface Crossing {
  /** True if buffers can be moved instead of copied. */
  readonly moves: boolean
  /** Copies a value as crossing would. Throws if it cannot cross. */
  readonly clone: (value: unknown) => unknown
  /** Opens a channel for out-of-band values. */
  readonly open: () => Channel
  /** Reads the values of a channel one after another. */
  readonly read: (sealed: unknown) => Reader
}

/** Values that cross out of band, in order. */
export interface Channel {
  /** Writes a value. If that is impossible, throws and writes nothing. */
  readonly write: (value: unknown, transfer: ReadonlyArray<unknown>) => void
  /** The part of the message that carries the channel. */
  readonly sealed: unknown
  /** The objects that must be moved with the message. */
  readonly transfer: ReadonlyArray<unknown>
  /** Ends writing. */
  readonly close: () => void
}

export interface Reader {
  /** Reads the next value. Throws if it cannot be read. */
  readonly next: () => unknown
  readonly close: () => void
}

/** Writes the out-of-band values of one message. */
export class OutOfBandWriter {
  private readonly crossing: Crossing
  private channel: Channel | undefined
  private readonly paths: Array<string | undefined> = []

  constructor(crossing: Crossing) {
    this.crossing = crossing
  }

  /** Adds a value and returns its place. If it cannot be cloned, throws and adds nothing. */
  add(value: unknown, transfer: ReadonlyArray<unknown> = []): number {
    this.channel ??= this.crossing.open()
    this.channel.write(value, transfer)
    return this.paths.push(formOf(value) === "deep" ? deepPath(value) : undefined) - 1
  }

  /** The part of the message that carries the values. `undefined` if nothing was added. */
  get sealed(): OutOfBand | undefined {
    return this.channel && { sealed: this.channel.sealed, paths: this.paths }
  }

  /** The objects that must be moved with the message. */
  get transfer(): ReadonlyArray<unknown> {
    return this.channel === undefined ? [] : this.channel.transfer
  }

  /** Ends adding, because the message was sent or never will be. */
  close(): void {
    this.channel?.close()
  }
}

/** A value that has arrived, or the error of reading it and the path to the likely cause in it. */
export type Arrived =
  | { readonly value: unknown }
  | { readonly path: string; readonly error: unknown }

/** Reads all out-of-band values of a message. */
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
 * Converts a value for sending: to a copy that can be part of any message, or to a place out of band. Throws if the
 * value cannot be cloned, or needs a place and there is no `outOfBand`.
 */
export const send = (value: unknown, crossing: Crossing, outOfBand: OutOfBandWriter | undefined): Sent => {
  const copy = crossing.clone(value)
  if (formOf(copy) === "plain") return { _tag: "Value", value: copy }
  if (outOfBand === undefined) throw new TypeError("it is too large or nested too deeply")
  return { _tag: "OutOfBand", place: outOfBand.add(copy) }
}

/** Copies a value so that it can be part of any message. Returns `undefined` if that is impossible. Never throws. */
export const plainCopy = (value: unknown, crossing: Crossing): unknown => {
  if (typeof value === "string" || Number.isSafeInteger(value)) return value
  try {
    const copy = crossing.clone(value)
    return formOf(copy) === "plain" ? copy : undefined
  } catch {
    return undefined
  }
}
