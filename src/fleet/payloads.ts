/**
 * The payloads of a batch as texts, the form in which they are sent to machines.
 */
import * as Exit from "effect/Exit"
import type * as Backend from "../Backend.ts"
import * as Codec from "../task/codec.ts"
import * as Errors from "../task/errors.ts"
import { type Attempts, attemptsOf } from "../worker/wire/attempts.ts"
import * as Causes from "../worker/wire/causes.ts"
import type { ValueRole } from "../worker/wire/messages.ts"
import { type Reason, reasonOf } from "../worker/wire/reasons.ts"
import { texts } from "../worker/wire/texts.ts"

export class TextPayloads {
  /** Text of each payload. `undefined` for a payload that is `undefined`. */
  readonly texts: Array<string | undefined> = []
  /** Position of each payload in the batch. */
  readonly positions: Array<number> = []
  private readonly job: Backend.Job<unknown, unknown, unknown>
  private readonly batch: Backend.Batch<unknown>
  private readonly refuse: (position: number, reason: Reason) => void

  /** Makes payloads. Calls `refuse` for an input that cannot be sent. */
  constructor(
    job: Backend.Job<unknown, unknown, unknown>,
    batch: Backend.Batch<unknown>,
    refuse: (position: number, reason: Reason) => void
  ) {
    this.job = job
    this.batch = batch
    this.refuse = refuse
  }

  /**
   * Encodes the first inputs: as many as may join the first and as fit into `bytes`. An input that is refused fails,
   * and so does one that is too large even alone.
   */
  encode(bytes: number, mayJoin: (position: number) => boolean): void {
    const room = bytes - reserve
    const { inputs } = this.batch
    let left = room
    for (let position = 0; position < inputs.length; position++) {
      if (position > 0 && !mayJoin(position)) return
      const text = this.textOf(position)
      if (typeof text === "object") {
        this.refuse(position, text)
        continue
      }
      const needed = (text === undefined ? 4 : bytesOf(text)) + bytesOfAttempt + this.bytesOfKey(position)
      if (needed > left) {
        if (this.texts.length > 0) return
        this.refuse(position, new Errors.TooLarge({ value: "payload", bytes: needed, most: Math.max(0, room) }))
        continue
      }
      left -= needed
      this.texts.push(text)
      this.positions.push(position)
    }
  }

  private bytesOfKey(position: number): number {
    const { key } = this.batch
    return key === undefined ? 0 : bytesOf(JSON.stringify(key(position))) + 1
  }

  /**
   * Returns the text of an input, or the reason for which it cannot be sent. An input that is `undefined` has no text.
   */
  private textOf(position: number): string | undefined | Reason {
    const input = this.batch.inputs[position]
    const { payload: schema } = this.job
    const encoded = schema === undefined ? Exit.succeed(input) : Codec.encode(schema, input)
    Codec.takeTransfers()
    if (Exit.isFailure(encoded)) return reasonOf(Causes.refused("payload", input, encoded.cause))
    return textOf("payload", encoded.value)
  }

  /** Returns the attempts of the payloads. `undefined` for a direct call of a task. */
  get attempts(): Attempts | undefined {
    return attemptsOf(this.batch, this.positions.length, this.positions, undefined)
  }
}

/** Number of bytes kept free for punctuation, and for the index and number of the attempt of each payload. */
const reserve = 256
const bytesOfAttempt = 20

export const bytesOf = (text: string): number => Buffer.byteLength(text)

/** Returns the text of a value, or the reason for which it cannot cross. `undefined` has no text. */
export const textOf = (role: ValueRole, value: unknown): string | undefined | Reason => {
  try {
    return JSON.stringify(texts.clone(value))
  } catch (error) {
    return reasonOf(Causes.notCloneable(role, value, error, texts))
  }
}

/** Returns the fingerprints of the schemas of a task. */
export const formsOf = (
  { error, payload, success }: Pick<Backend.Job<never, unknown, unknown>, "error" | "payload" | "success">
): readonly [string, string, string] => [
  Codec.fingerprint(payload),
  Codec.fingerprint(success),
  Codec.fingerprint(error)
]
