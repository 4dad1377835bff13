/**
 * Collects exits of a batch and posts them together to the near side. Invariant: each exit is posted once, in order.
 */
import * as Causes from "../wire/causes.ts"
import { OutOfBandWriter } from "../wire/crossing.ts"
import { formOf, isPrimitive } from "../wire/form.ts"
import type { Fault, Place, WireFailure } from "../wire/messages.ts"
import { packed } from "../wire/numbers.ts"
import { copyOfLarge } from "../wire/views.ts"
import type { Link } from "./link.ts"

export class ExitOutbox {
  private readonly id: number
  private readonly link: Link
  /** Position of the first exit that has not been posted. */
  from = 0
  private values: Array<unknown> = []
  private places: Array<Place> = []
  private failures: Array<readonly [position: number, failure: WireFailure]> = []
  outOfBand: OutOfBandWriter

  /** Makes the outbox of the batch with this identifier. */
  constructor(id: number, link: Link) {
    this.id = id
    this.link = link
    this.outOfBand = new OutOfBandWriter(link.crossing)
  }

  /** Number of exits that have not been posted. */
  get size(): number {
    return this.values.length
  }

  /** Position of the next exit. */
  get next(): number {
    return this.from + this.values.length
  }

  /** Adds a primitive value. */
  add(value: unknown): void {
    this.values.push(value)
  }

  /** Adds a value: as part of the next message, or out of band. */
  addAny(value: unknown, moved: ReadonlyArray<unknown>): void {
    try {
      const copy = moved.length === 0 && this.link.crossing.moves ? copyOfLarge(value) : undefined
      if (copy === undefined && moved.length === 0 && formOf(value) === "plain") return this.add(value)
      const place = copy === undefined ? this.outOfBand.add(value, moved) : this.outOfBand.add(copy, [copy.buffer])
      this.places.push([this.next, place])
      this.add(undefined)
    } catch (error) {
      this.addFailure(this.notCloneable(value, error))
    }
  }

  addFailure(failure: WireFailure): void {
    this.failures.push([this.next, failure])
    this.add(undefined)
  }

  /** Posts the exits added since the last post, with their `times`. `over` tells whether the batch is over. */
  post(times: () => Float64Array, over: boolean): void {
    if (this.values.length === 0) {
      if (over) this.link.post({ _tag: "Done", id: this.id })
      return
    }
    try {
      this.postExits(times(), over)
    } catch {
      // a value has changed since it was checked, or has a getter that throws only sometimes
      this.moveOutOfBand()
      this.postExits(times(), over)
    }
    this.outOfBand.close()
    this.outOfBand = new OutOfBandWriter(this.link.crossing)
    this.from = this.next
    this.values = []
    this.places = []
    this.failures = []
  }

  private postExits(times: Float64Array, over: boolean): void {
    const { failures, from, id, outOfBand, places, values } = this
    this.link.post(
      {
        _tag: "Exits",
        id,
        from,
        values: packed(values),
        places,
        failures,
        outOfBand: outOfBand.sealed,
        times,
        over
      },
      outOfBand.transfer
    )
  }

  /** Moves each value that is part of the message out of band. A value that cannot be cloned fails. */
  private moveOutOfBand(): void {
    for (const [offset, value] of this.values.entries()) {
      if (isPrimitive(value)) continue
      const position = this.from + offset
      this.values[offset] = undefined
      try {
        this.places.push([position, this.outOfBand.add(value)])
      } catch (error) {
        this.failures.push([position, this.notCloneable(value, error)])
      }
    }
  }

  private notCloneable(value: unknown, error: unknown): WireFailure {
    return failureBy(Causes.notCloneable("success", value, error, this.link.crossing))
  }
}

/** Wraps a fault as a failure. */
export const failureBy = (fault: Fault): WireFailure => ({ _tag: "Fault", fault })
