/**
 * The common part of batch nodes and batch flows.
 */
import type * as Cause from "effect/Cause"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import type * as Outcome from "../Outcome.ts"
import { knownKeys, oneOf, optionalFunction, wrongType } from "../primitives/check.ts"
import { flatMapValue, toEffect } from "../primitives/effects.ts"
import type * as Report from "../Report.ts"
import * as Plan from "../run/plan.ts"
import type * as Types from "../run/types.ts"
import type { Budgeted } from "../run/types.ts"
import type { Graph } from "./graph.ts"
import * as Items from "./items.ts"
import { fromRun, type Node, type Out, out } from "./node.ts"
import type * as Path from "./path.ts"
import type { ErrorOf, Late, Of, Without } from "./types.ts"

/**
 * The modes of the option `collect`: which results `post` receives, and whether a failed item makes the node fail.
 *
 * @category models
 * @since 0.1.0
 */
export type Collect = Items.Mode

/**
 * The results that `post` receives under the mode `C`, from items `I` with values `A` and errors `E`.
 *
 * @category type-level
 * @since 0.1.0
 */
export type Results<C extends Collect, I, A, E> = C extends "partition"
  ? readonly [values: ReadonlyArray<A>, failures: ReadonlyArray<Outcome.Failure<I, E>>]
  : C extends "run" ? Report.Report<I, A, E>
  : C extends "race" ? A
  : ReadonlyArray<A>

/**
 * The errors of a batch under the mode `C`, with a `maxErrors` of type `M`.
 *
 * @category type-level
 * @since 0.1.0
 */
export type Failures<C extends Collect, I, A, E, M> =
  | (C extends "forEach" ? E : C extends "validate" | "race" ? Outcome.FailedExamples<I, A, E> : never)
  | (C extends "forEach" ? never : Budgeted<M, I, A, E>)

/**
 * The type of an item of inputs of any kind.
 *
 * @category type-level
 * @since 0.1.0
 */
export type ItemOf<T> = T extends Stream.Stream<infer I, any, any> ? I
  : T extends Iterable<infer I> ? I
  : T extends AsyncIterable<infer I> ? I
  : never

/** The error of inputs: that of a stream, or none. */
export type InputError<T> = T extends Stream.Stream<any, infer E, any> ? E : never
/** The services that inputs need: those of a stream, or none. */
export type InputServices<T> = T extends Stream.Stream<any, any, infer R> ? R : never

/** The result of a `prep`: inputs, or an effect that succeeds with them. */
export type PreparedInputs = Types.Inputs<any, any, any> | Effect.Effect<Types.Inputs<any, any, any>, any, any>

/**
 * How the items are run. The options are those of a run of `Parallel`, for the items of a node.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options<I, A, E, F, C extends Collect, T, M, W, J extends Types.Journaling = never>
  extends Pick<Types.Options<any>, "stragglers" | "preDispatch" | "batchSize">
{
  /**
   * Shows an item as a text, in messages of errors, in reports and on dashboards. Default: the item itself, shortened,
   * without the value of a `Redacted`.
   */
  readonly show?: ((item: I) => string) | undefined
  /** How many items are in flight: a positive integer, or `"unbounded"`. 1 runs one after another. Required. */
  readonly concurrency: number | "unbounded"
  /**
   * Which results `post` receives, and whether a failed item makes the node fail. Default: `"forEach"`.
   *
   * - `"forEach"`: all values, in input order. The node fails with the first error of an item, after it has interrupted
   *   the other items and waited for their finalizers.
   * - `"validate"`: all values, in input order. If items have failed, the node fails with `FailedExamples` when all
   *   have run.
   * - `"partition"`: the values and the failures of the items, both in input order.
   * - `"run"`: the report of every outcome.
   * - `"race"`: the first value. If no item succeeds, the node fails with `FailedExamples`. A race over no items is a
   *   defect.
   */
  readonly collect?: C | undefined
  /**
   * When a failed attempt at an item is followed by another: a `Schedule`, or `{ times, schedule, while }`. Each item
   * has its own count. Typed errors and timeouts are retried, defects are not. Default: the `retry` of
   * `Parallel.withDefaults`, or no retry.
   */
  readonly retry?: Types.RetryOption<E | Late<T>> | undefined
  /**
   * Time limit of each attempt at an item, measured from its start: a positive duration. A late attempt is interrupted,
   * and fails with `TimeoutError`. Default: none.
   */
  readonly timeout?: T | undefined
  /**
   * What each attempt at an item has to pass before it starts: a `Limit`, several of them, or a function of the item
   * that returns them. Default: the `limit` of `Parallel.withDefaults`, or none.
   */
  readonly limit?: Types.LimitOption<I> | undefined
  /**
   * Stops the batch when this many items have failed for good: a positive integer, or `Infinity`, the default. Adds the
   * error `TooManyErrors`, except under `"forEach"`, which stops at the first failure anyway.
   */
  readonly maxErrors?: M | undefined
  /**
   * Records the outcome of each item, under the name of the node: `true`, or an object of options, as in `Parallel`.
   * The journal of a flow records the node only when its batch is over. Adds the error `JournalError`, and needs a
   * `Journal`. Default: no records.
   */
  readonly journal?: (J & Types.JournalOption<I, A, SettledError<E, F, T>>) | undefined
  /**
   * Replaces the failure of an item when no attempt is left: receives the item and the cause of its last attempt, and
   * returns a value or an effect of one. It runs for errors, timeouts and defects, never for an interruption. Default:
   * the item fails.
   */
  readonly fallback?: (item: I, cause: Cause.Cause<E | Late<T>>) => F
  /**
   * Receives each outcome as it is settled, and returns an effect or a value. The next outcome waits until the effect
   * has ended. Default: nothing receives them.
   */
  readonly watch?: ((outcome: Outcome.Outcome<I, A, SettledError<E, F, T>>) => W) | undefined
}

/** The error of an item that has failed for good. */
export type SettledError<E, F, T> = [F] extends [never] ? E | Late<T> : ErrorOf<F>

/** The exits of a batch: those that `post` returns, or `"default"` with the results if there is no `post`. */
export type BatchExit<O, V> = Without<
  O,
  [V] extends [never] ? never : Out<"default", V>,
  Extract<Of<O>, Out<string, any>>
>

/** The input of a batch: that of `prep`, or the items themselves if there is no `prep`. */
export type BatchInput<I, P, J> = Without<P, Types.Inputs<J>, I>

/** The item that `exec` gets: from the result of `prep`, or from the input. */
export type Each<P, J> = Without<P, J, ItemOf<Of<P>>>

/** The options of a batch, without their types. */
export interface BatchSteps
  extends Options<any, any, any, unknown, Collect, Duration.Input | undefined, number | undefined, unknown, any>
{
  readonly prep?: (input: any) => unknown
  readonly post?: (input: any, results: any) => unknown
}

/**
 * Makes the node of a batch. `workAt` makes the work for its items; `exec` is the work if it is the same at every path.
 */
export const fromSteps = (
  name: string,
  { collect = "forEach", fallback, post, prep, watch, ...options }: BatchSteps,
  graph: Graph,
  workAt: Items.WorkAt,
  exec?: unknown
): Node<any, Out<string, any>, any, any> => {
  for (const [step, given] of Object.entries({ prep, post, fallback, watch })) {
    optionalFunction(step, given)
  }
  oneOf("collect", collect, modes, modes.map((mode) => `"${mode}"`).join(", "))
  if (options.concurrency === undefined) wrongType("concurrency", `a positive integer or "unbounded"`, undefined)
  knownKeys("batch options", options, optionKeys)
  const checked = Plan.checkOptions({ ...options, name } as Types.Options<any>)
  // a fallback may return values that the schemas of a task refuse
  if (checked.journal !== undefined && fallback === undefined) Plan.checkJournaled(checked, Plan.asTask(exec))
  const batch: Items.ItemBatch = { collect, workAt, fallback, watch, options: checked }
  const run = (input: unknown, path: Path.Path) =>
    flatMapValue(prep === undefined ? input : prep(input), (items) =>
      flatMapValue(
        Items.run(batch, items, path),
        (results) => post === undefined ? toEffect(out("default", results)) : toEffect(post(input, results))
      ))
  return fromRun(name, { run, graph })
}

const modes: ReadonlyArray<Collect> = ["forEach", "validate", "partition", "run", "race"]

const optionKeys = [
  "concurrency",
  "retry",
  "timeout",
  "limit",
  "maxErrors",
  "stragglers",
  "preDispatch",
  "batchSize",
  "show",
  "journal"
]
