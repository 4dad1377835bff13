/**
 * Sinks that collect the results of a run: values, values and failures, or every outcome.
 */
import type * as Cause from "effect/Cause"
import type * as Outcome from "../../Outcome.ts"
import type { Item } from "../inputs/item.ts"
import { failureOf, successOf } from "./settle.ts"
import type { Control, Sink } from "./sink.ts"

/** Sink that keeps the values. The first failure ends the run. */
export class Values<I, A, E> implements Sink<I, A, E> {
  readonly detailed = false
  readonly retires = false
  private readonly all: Array<A>
  failure: Cause.Cause<E> | undefined

  constructor({ size }: Control) {
    this.all = slots(size)
  }

  onSuccess(item: Item<I>, value: A): void {
    this.all[item.index] = value
  }

  onFailure(_: Item<I>, cause: Cause.Cause<E>): boolean {
    this.failure ??= cause
    return true
  }

  /** Returns the values in input order, once all inputs have succeeded. */
  values(inputs: number): Array<A> {
    this.all.length = inputs
    return this.all
  }
}

/** Sink that keeps values and failures separately, for runs that no failure ends. */
export class Sides<I, A, E> implements Sink<I, A, E> {
  readonly detailed = true
  readonly retires = false
  private readonly all: Array<A>
  private readonly failed: Array<Outcome.Failure<I, E>> = []
  private readonly beganAt: number

  constructor({ beganAt, size }: Control) {
    this.beganAt = beganAt
    this.all = slots(size)
  }

  onSuccess(item: Item<I>, value: A): void {
    this.all[item.index] = value
  }

  onFailure(item: Item<I>, cause: Cause.Cause<E>): boolean {
    this.failed.push(failureOf(item, cause, this.beganAt))
    return false
  }

  /** Returns both sides in input order, once the run is over. */
  sides(inputs: number): [Array<A>, Array<Outcome.Failure<I, E>>] {
    const { all, failed } = this
    all.length = inputs
    if (failed.length === 0) return [all, failed]
    failed.sort((a, b) => a.index - b.index)
    const values: Array<A> = []
    for (let index = 0, next = 0; index < all.length; index++) {
      if (failed[next]?.index === index) next++
      else values.push(all[index]!)
    }
    return [values, failed]
  }
}

/** Sink that keeps every outcome. The run ends when its error budget is used up. */
export class Outcomes<I, A, E> implements Sink<I, A, E> {
  readonly detailed = true
  readonly retires = false
  readonly maxErrors: number
  private readonly slots: Array<Outcome.Outcome<I, A, E> | undefined>
  private readonly beganAt: number
  private failures = 0
  /** The failure that came first. It may not be the first in input order. */
  firstFailure: Outcome.Failure<I, E> | undefined

  constructor({ beganAt, size }: Control, maxErrors: number) {
    this.beganAt = beganAt
    this.maxErrors = maxErrors
    this.slots = slots(size)
  }

  onSuccess(item: Item<I>, value: A): void {
    this.slots[item.index] = successOf(item, value, this.beganAt)
  }

  onFailure(item: Item<I>, cause: Cause.Cause<E>): boolean {
    const failure = failureOf(item, cause, this.beganAt)
    this.slots[item.index] = failure
    this.firstFailure ??= failure
    return ++this.failures >= this.maxErrors
  }

  get tripped(): boolean {
    return this.failures >= this.maxErrors
  }

  /** Outcomes in input order. A run that ended early leaves gaps, which are removed here. */
  get outcomes(): Array<Outcome.Outcome<I, A, E>> {
    return this.slots.filter((outcome) => outcome !== undefined)
  }
}

/**
 * Makes an array of the final length, if that is known. An array that grows to a million elements costs as much as the
 * work.
 */
const slots = <A>(size: number | undefined): Array<A> => size === undefined ? [] : new Array<A>(size)
