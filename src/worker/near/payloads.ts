/**
 * The payloads of a batch: its inputs in the form in which they are sent.
 *
 * Invariant: `places` has the payloads that cross out of band. All others are part of the message.
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
  /** True if buffers are moved with the payload. Such a payload can be sent only once. */
  moves = false
  private readonly job: Backend.Job<unknown, unknown, unknown>
  private readonly crossing: Crossing
  private readonly sharedMemory: SharedMemory
  private readonly refuse: (position: number, fault: Fault) => void
  /**
   * The position of each payload in the batch. `undefined` if payload and position are equal, because no input was
   * refused.
   */
  positions: ReadonlyArray<number> | undefined

  /** Makes payloads. Calls `refuse` for an input that cannot be sent. */
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

  /** Returns the position of a payload in the batch. */
  positionOf(payload: number): number {
    return this.positions === undefined ? payload : this.positions[payload]!
  }

  /** Encodes inputs, up to the first that must be sent alone. Discards previously encoded payloads. */
  encode(inputs: ReadonlyArray<unknown>): void {
    this.outOfBand.close()
    this.outOfBand = new OutOfBandWriter(this.crossing)
    this.values = inputs
    this.places = []
    if (this.job.payload !== undefined || !inputs.every(isPrimitive)) this.encodeAll(inputs)
  }

  /**
   * Moves each payload out of band, after their message could not be written: one of them has changed since it was
   * checked, or has a getter that throws only sometimes. If no payload can be at fault, refuses all with the error.
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

  /** Replaces binary data in a value. Returns a value that cannot be read unchanged; it will be refused later. */
  private pack(value: unknown): unknown {
    try {
      return this.sharedMemory.pack(value)
    } catch {
      return value
    }
  }

  /** Sends a payload out of band. Refuses it if it cannot be cloned. */
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
