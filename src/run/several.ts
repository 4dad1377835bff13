/**
 * Runs over different works: effects in a shape, and works paired with inputs.
 */
import * as Effect from "effect/Effect"
import { identity } from "effect/Function"
import { refuse } from "../primitives/check.ts"
import * as Collect from "./collect.ts"
import * as Plan from "./plan.ts"
import type { AnyEffect, AnyWork, Errors, Services, Timed, Timeout, Value } from "./types.ts"

/**
 * Runs a tuple, an array or a record of effects with the options of this library, and keeps its shape.
 *
 * **Details**
 *
 * Shape: that of the effects, with their values. Errors: the first failure interrupts the rest, as in `forEach`.
 * Source: `Effect.all`.
 *
 * **Example** (A record)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Parallel } from "effect-parallel"
 *
 * const program = Parallel.all({ name: Effect.succeed("Ada"), born: Effect.succeed(1815) }, { concurrency: 2 })
 *
 * console.log(await Effect.runPromise(program)) // => { name: "Ada", born: 1815 }
 * ```
 *
 * @category running
 * @since 0.1.0
 */
export const all = <
  const Effects extends ReadonlyArray<AnyEffect> | Readonly<Record<string, AnyEffect>>,
  T extends Timeout = never
>(effects: Effects, options?: Plan.Options<Errors<Effects[keyof Effects]>, T>): Effect.Effect<
  { -readonly [K in keyof Effects]: Value<Effects[K]> },
  Timed<T, Errors<Effects[keyof Effects]>>,
  Services<Effects[keyof Effects]>
> => {
  if (!isShape(effects)) refuse("effects", "an array or a record of effects", effects)
  const keys = Object.keys(effects)
  const list: ReadonlyArray<AnyEffect> = Array.isArray(effects) ? effects : Object.values(effects)
  const values = Collect.values(Plan.make(list, identity<AnyEffect>, options))
  return (Array.isArray(effects)
    ? values
    : Effect.map(values, (values) => Object.fromEntries(keys.map((key, i) => [key, values[i]])))) as any
}

/**
 * Runs pairs of a work and its input, each work different if need be, and gathers their values.
 *
 * **When to use**
 *
 * Use for a few inputs that need different works; a pair may hold a whole nested run. Where failures are to be kept, give
 * the pairs to `run`, `partition`, `validate` or `stream` with `Parallel.pair` as the work.
 *
 * **Details**
 *
 * Shape: one value for each pair, in order, each of its own type. Errors: the first failure interrupts the rest, as in
 * `forEach`. Source: the `exec_pairs` of `dspy.Parallel`.
 *
 * **Example** (Two works, one of them a run)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Parallel } from "effect-parallel"
 *
 * const square = (n: number) => Effect.succeed(n * n)
 * const shout = (text: string) => Effect.succeed(text.toUpperCase())
 * const squares = (ns: ReadonlyArray<number>) => Parallel.forEach(ns, square)
 *
 * console.log(await Effect.runPromise(Parallel.pairs([[squares, [1, 2]], [shout, "hey"]]))) // => [[1, 4], "HEY"]
 * ```
 *
 * @category running
 * @since 0.1.0
 */
export const pairs = <
  const Pairs extends ReadonlyArray<readonly [work: AnyWork, input: any]>,
  T extends Timeout = never
>(pairs: Pairs & Fitting<Pairs>, options?: Plan.Options<Errors<ReturnType<Pairs[number][0]>>, T>): Effect.Effect<
  { -readonly [K in keyof Pairs]: Value<ReturnType<Pairs[K][0]>> },
  Timed<T, Errors<ReturnType<Pairs[number][0]>>>,
  Services<ReturnType<Pairs[number][0]>>
> => {
  if (!Array.isArray(pairs)) refuse("pairs", "an array of pairs", pairs)
  return Collect.values(Plan.make(pairs as Pairs, pair, options)) as any
}

/**
 * The work of a pair on its input: what `pairs` does with each, for the other ways to run them.
 *
 * **Example** (Pairs that may fail)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Parallel } from "effect-parallel"
 *
 * const half = (n: number) => n % 2 === 0 ? Effect.succeed(n / 2) : Effect.fail("odd")
 * const double = (n: number) => Effect.succeed(n * 2)
 *
 * const program = Parallel.partition([[half, 4], [half, 5], [double, 5]] as const, Parallel.pair)
 *
 * console.log((await Effect.runPromise(program))[0]) // => [2, 10]
 * ```
 *
 * @category running
 * @since 0.1.0
 */
export const pair = <I, A, E, R>(
  [work, input]: readonly [work: Plan.Work<I, A, E, R>, input: I],
  index: number
): Effect.Effect<A, E, R> => work(input, index)

/** Whether something is an array, or an object that is read by its keys. */
const isShape = (u: unknown): boolean =>
  Array.isArray(u) || (typeof u === "object" && u !== null && !(Symbol.iterator in u))

/** Pairs whose inputs are what their works take. */
type Fitting<Pairs extends ReadonlyArray<readonly [work: AnyWork, input: any]>> = {
  readonly [K in keyof Pairs]: readonly [work: Pairs[K][0], input: Parameters<Pairs[K][0]>[0]]
}
