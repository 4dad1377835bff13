/**
 * Reads the exits that come back from a worker or a machine: decodes values and causes by the schemas of their task.
 */
import * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"
import type * as Backend from "../../Backend.ts"
import * as Codec from "../../task/codec.ts"
import { timeoutError } from "../../task/deadline.ts"
import { BackendError, shownBy } from "../../task/errors.ts"
import * as Causes from "./causes.ts"
import { type Arrived, arrived, type Crossing } from "./crossing.ts"
import type { Exits, Fault, WireFailure } from "./messages.ts"
import { reasonOf } from "./reasons.ts"

/** The part of a message that has the exits. */
type ExitsPart = Pick<Exits, "from" | "values" | "places" | "failures" | "outOfBand">

export class ExitReader {
  private readonly job: Backend.Job<unknown, unknown, unknown>
  private readonly batch: Backend.Batch<unknown>
  private readonly backend: string
  private readonly crossing: Crossing

  constructor(
    job: Backend.Job<unknown, unknown, unknown>,
    batch: Backend.Batch<unknown>,
    backend: string,
    crossing: Crossing
  ) {
    this.job = job
    this.batch = batch
    this.backend = backend
    this.crossing = crossing
  }

  /** Reads a message. Returns a function that makes the exit of its `k`th payload, given its position in the batch. */
  read(
    { failures, from, outOfBand, places, values }: ExitsPart
  ): (k: number, position: number) => Exit.Exit<unknown, unknown> {
    const apart = arrived(this.crossing, outOfBand)
    const failed = failures.length === 0 ? undefined : new Map(failures)
    const placed = places.length === 0 ? undefined : new Map(places)
    if (failed === undefined && placed === undefined) return (k, position) => this.succeed(position, values[k])
    return (k, position) => {
      const failure = failed?.get(from + k)
      if (failure !== undefined) return this.failure(position, failure, apart)
      const place = placed?.get(from + k)
      return place === undefined ? this.succeed(position, values[k]) : this.arrive(position, apart[place])
    }
  }

  /** Makes the exit of an input that fails with a `BackendError`. */
  backendFailure(position: number, reason: BackendError["reason"]): Exit.Exit<never, BackendError> {
    const index = this.batch.index(position)
    return Exit.fail(
      new BackendError({
        backend: this.backend,
        task: this.job.name,
        ...(index !== undefined && { index }),
        reason: shownBy(this.batch, position, reason)
      })
    )
  }

  private fault(position: number, fault: Fault): Exit.Exit<never, BackendError> {
    return this.backendFailure(position, reasonOf(fault))
  }

  private arrive(position: number, value: Arrived | undefined): Exit.Exit<unknown, unknown> {
    if (value === undefined) return Exit.die(new Error("the worker sent an exit without a value"))
    return "value" in value
      ? this.succeed(position, value.value)
      : this.fault(position, Causes.notReadable("success", value))
  }

  private succeed(position: number, value: unknown): Exit.Exit<unknown, unknown> {
    const { success } = this.job
    if (success === undefined) return Exit.succeed(value)
    const decoded = Codec.decode(success, value)
    if (Exit.isSuccess(decoded)) return decoded
    return this.fault(position, Causes.refused("success", value, decoded.cause))
  }

  private failure(position: number, failure: WireFailure, values: ReadonlyArray<Arrived>): Exit.Exit<never, unknown> {
    try {
      return this.decodedFailure(position, failure, values)
    } catch {
      return Exit.die(new Error("the worker sent a failure that cannot be read"))
    }
  }

  private decodedFailure(
    position: number,
    failure: WireFailure,
    values: ReadonlyArray<Arrived>
  ): Exit.Exit<never, unknown> {
    if (failure._tag === "Fault") return this.fault(position, failure.fault)
    const cause = Causes.decode(failure.reasons, this.job.error, values, this.batch.caller)
    if (!Cause.isCause(cause)) return this.fault(position, cause)
    const { timeout } = this.batch
    return Exit.failCause(
      failure._tag === "Cause" || timeout === undefined
        ? cause
        : cause.reasons.length === 0
        ? Cause.fail(timeoutError(timeout))
        : Cause.combine(Cause.fail(timeoutError(timeout)), cause)
    )
  }
}
