/**
 * Classifies inputs: checks that they can be pulled, counts them if possible, and picks the source that pulls them.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import { wrongType } from "../../primitives/check.ts"
import { AsyncIterableSource, StreamSource } from "./feeds.ts"
import { ArraySource, type Inputs, IterableSource, type Source, type Window } from "./source.ts"

/** Returns the number of inputs, if the inputs know it. */
export const sizeOf = (inputs: Inputs<unknown, unknown, unknown>): number | undefined =>
  Array.isArray(inputs) ? inputs.length : inputs instanceof Set || inputs instanceof Map ? inputs.size : undefined

/**
 * Checks that inputs can be pulled. An effect, option or result is rejected although `yield*` makes it iterable: it
 * would yield itself and not its content.
 */
export const check = (inputs: unknown): void => {
  const kinds = "an iterable, an async iterable or a Stream"
  if (Effect.isEffect(inputs)) wrongType("inputs", `${kinds}, not an Effect of them`, inputs)
  if (Option.isOption(inputs)) wrongType("inputs", `${kinds}, not an Option of them`, inputs)
  if (Result.isResult(inputs)) wrongType("inputs", `${kinds}, not a Result of them`, inputs)
  if (!(Stream.isStream(inputs) || isAsyncIterable(inputs) || isIterable(inputs))) wrongType("inputs", kinds, inputs)
}

/** Opens inputs. Calls `arrived` when a lane that found nothing should ask again. */
export const open = <I, E, R>(inputs: Inputs<I, E, R>, window: Window, arrived: () => void): Source<I, E, R> =>
  Stream.isStream(inputs)
    ? new StreamSource(inputs, window, arrived)
    : isAsyncIterable<I>(inputs)
    ? new AsyncIterableSource(inputs, window, arrived)
    : isPlainArray(inputs)
    ? new ArraySource(inputs, window)
    : new IterableSource(inputs, window, arrived)

const isIterable = (u: unknown): boolean =>
  u !== null && u !== undefined && typeof (u as Iterable<unknown>)[Symbol.iterator] === "function"

const isAsyncIterable = <I>(u: unknown): u is AsyncIterable<I> =>
  u !== null && u !== undefined && typeof (u as AsyncIterable<I>)[Symbol.asyncIterator] === "function"

const isPlainArray = <I>(u: Iterable<I>): u is ReadonlyArray<I> =>
  Array.isArray(u) && u[Symbol.iterator] === Array.prototype[Symbol.iterator]
