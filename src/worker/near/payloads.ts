/**
 * The payloads of a batch: its inputs as they are sent.
 *
 * Invariant: `places` names the payloads that cross by themselves; the others are parts of the message.
 */
import * as Exit from "effect/Exit"
import * as Result from "effect/Result"
import type * as Backend from "../../Backend.ts"
import * as Codec from "../../task/codec.ts"
import * as Causes from "../wire/causes.ts"
import { type Crossing, OutOfBandWriter } from "../wire/crossing.ts"
import { formOf, isPrimitive } from "../wire/form.ts"
import type { Fault, Place } from "../wire/messages.ts"
import type { SharedMemory } from "./sharedMemory.ts"

export class Payloads {
  values: ReadonlyArray<unknown> = []
  places: ReadonlyArray<Place> = []
  outOfBand: OutOfBandWriter
  /** True if there are buffers that move with the payload, which can be sent once. */
  moves = false
  private readonly job: Backend.Job<unknown, unknown, unknown>
  private readonly crossing: Crossing
  private readonly sharedMemory: SharedMemory
  private readonly refuse: (position: number, fault: Fault) => void
  /**
   * Position in the batch of each payload, if some inputs could not be sent; undefined if payload and position are
   * equal.
   */
  positions: ReadonlyArray<number> | undefined

  /** Makes payloads; `refuse` is called for an input that cannot be sent. */
  constructor(
    job: Backend.Job<unknown, unknown, unknown>,
    crossing: Crossing,
    sharedMemory: SharedMemory,
    refuse: (position: number, fault: Fault) => void
  ) {
    this.job = job
    this.crossing = crossing
    this.sharedMemory = sharedMemory
    this.refuse = refuse
    this.outOfBand = new OutOfBandWriter(crossing)
  }

  /** Returns the position in the batch of a payload. */
  positionOf(payload: number): number {
    return this.positions === undefined ? payload : this.positions[payload]!
  }

  /** Encodes inputs, up to the first that must go alone. What was encoded before is forgotten. */
  encode(inputs: ReadonlyArray<unknown>): void {
    this.outOfBand.close()
    this.outOfBand = new OutOfBandWriter(this.crossing)
    this.values = inputs
    this.places = []
    if (this.job.payload !== undefined || !inputs.every(isPrimitive)) this.encodeAll(inputs)
  }

  /**
   * Lets each payload cross by itself, after their message could not be written: one of them has changed since it was
   * looked at, or has a getter that throws at times. Where none is at fault, all are refused with the error.
   */
  moveOutOfBand(error: unknown): void {
    const known = new Map(this.places)
    const isUnexplained = this.values.every((value, k) => known.has(k) || isPrimitive(value))
    const list = new List()
    for (const [k, value] of this.values.entries()) {
      const position = this.positionOf(k)
      if (isUnexplained) this.refuse(position, Causes.notCloneable("payload", value, error, this.crossing))
      else if (known.has(k) || isPrimitive(value)) list.push(position, value, known.get(k))
      else this.addOutOfBand(list, position, value, [])
    }
    this.keep(list)
  }

  private encodeAll(inputs: ReadonlyArray<unknown>): void {
    const list = new List()
    for (const [position, input] of inputs.entries()) {
      const encoded = this.encodeOne(input)
      const moved = Codec.takeTransfers()
      if (Result.isFailure(encoded)) {
        this.refuse(position, encoded.failure)
        continue
      }
      if (moved.length > 0 && list.values.length > 0) break
      const value = encoded.success
      if (moved.length > 0 || formOf(value) !== "plain") this.addOutOfBand(list, position, value, [...new Set(moved)])
      else list.push(position, value, undefined)
      if (moved.length > 0) {
        this.moves = true
        break
      }
    }
    this.keep(list)
  }

  private encodeOne(input: unknown): Result.Result<unknown, Fault> {
    const { payload: schema } = this.job
    if (schema === undefined) return Result.succeed(this.pack(input))
    const encoded = Codec.encode(schema, input)
    return Exit.isSuccess(encoded)
      ? Result.succeed(this.pack(encoded.value))
      : Result.fail(Causes.refused("payload", input, encoded.cause))
  }

  /** Replaces binary data in a value; leaves a value as it is that cannot be read, and so will be refused. */
  private pack(value: unknown): unknown {
    try {
      return this.sharedMemory.pack(value)
    } catch {
      return value
    }
  }

  /** Lets a payload cross by itself; refuses it if it cannot be cloned. */
  private addOutOfBand(list: List, position: number, value: unknown, moved: ReadonlyArray<unknown>): void {
    try {
      list.push(position, undefined, this.outOfBand.add(value, moved))
    } catch (error) {
      this.refuse(position, Causes.notCloneable("payload", value, error, this.crossing))
    }
  }

  private keep({ places, positions, values }: List): void {
    this.values = values
    this.places = places
    this.positions = positions.at(-1) === positions.length - 1 ? undefined : positions
  }
}

/** Payloads that are being collected, with their positions and places. */
class List {
  readonly values: Array<unknown> = []
  readonly positions: Array<number> = []
  readonly places: Array<Place> = []

  push(position: number, value: unknown, place: number | undefined): void {
    if (place !== undefined) this.places.push([this.values.length, place])
    this.positions.push(position)
    this.values.push(value)
  }
}
