/**
 * A step of a flow that does its work once for each of many items, several at a time.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import {
  type BatchExit,
  type BatchInput,
  type BatchSteps,
  type Collect,
  type Each,
  type Failures,
  fromSteps,
  type InputError,
  type InputServices,
  type Options,
  type PreparedInputs,
  type Results,
  type SettledError
} from "./flow/batch.ts"
import type { Node, Posted } from "./flow/node.ts"
import type { Absent, ErrorOf, NoPromise, Of, ServicesOf } from "./flow/types.ts"
import { wrongType } from "./primitives/check.ts"
import type { Journaled, Journaling, JournalService, NoJournaling } from "./run/types.ts"

/** @since 0.1.0 */
export type { Collect, Failures, ItemOf as Item, Options, Results } from "./flow/batch.ts"

/**
 * Makes a node that runs `exec` once for each item that `prep` gives.
 *
 * **Details**
 *
 * Graph: `prep` gives the items: an array, set, generator, async iterable or `Stream`, or an effect of one; without it
 * the input is the items. `exec` gets an item and its index, and may be a `Task`, which runs on the provided backend.
 * `collect` decides what `post` gets; values are in input order. `post` runs once, when all items are done, and leaves
 * by `Node.out(action, value)`; without it the node leaves by `"default"`. Each of the three may be an effect or a
 * value.
 *
 * Units: `concurrency` has to be stated. `retry`, `timeout`, `limit` and `fallback` are for each item, its attempts
 * counted apart. `watch` sees each outcome with its index, in the order in which they come.
 *
 * Errors: with `forEach` the first error of an item, which interrupts the others and waits for their finalizers; with
 * `validate`, and `race` when no item succeeds, `FailedExamples`; none for an item with `partition` and `run`.
 * `maxErrors` adds `TooManyErrors`, `timeout` adds `TimeoutError`, a stream its own error. A race over no items is a
 * defect. Interruption stops every item.
 *
 * **Gotchas**
 *
 * `Effect.fn` and `Effect.fnUntraced` in place, beside a step whose parameters are not annotated, leave the compiler
 * without a type for these: give the function a name first (`exec: read`).
 *
 * **Example** (Both sides of a batch)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { BatchNode, Flow, Node } from "effect-parallel"
 *
 * const halves = BatchNode.make("halves", {
 *   prep: (numbers: ReadonlyArray<number>) => numbers,
 *   exec: (n, index) => n % 2 === 0 ? Effect.succeed(n / 2) : Effect.fail(`#${index} is odd`),
 *   collect: "partition",
 *   concurrency: 4,
 *   post: (numbers, [values, failures]) =>
 *     failures.length === 0 ? Node.out("even", values) : Node.out("mixed", { values, odd: failures.length })
 * })
 *
 * const { action, value } = await Effect.runPromise(Flow.run(halves, [2, 3, 4]))
 * console.log(action) // => "mixed"
 * console.log(value) // => { values: [1, 2], odd: 1 }
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make: <
  I,
  P extends PreparedInputs | Absent = Absent,
  J = never,
  X = never,
  O extends Posted | Absent = Absent,
  C extends Collect = "forEach",
  F = never,
  T extends Duration.Input | undefined = never,
  M extends number | undefined = never,
  W = never,
  JJ extends Journaling = NoJournaling
>(
  name: string,
  options:
    & {
      readonly prep?: (input: I) => P
      readonly exec: (item: Each<P, J>, index: number) => X
      readonly post?: (
        input: BatchInput<I, P, J>,
        results: Results<C, Each<P, J>, Of<X> | Of<F>, SettledError<ErrorOf<X>, F, T>>
      ) => O
    }
    & NoPromise<"exec", X>
    & Options<Each<P, J>, Of<X> | Of<F>, ErrorOf<X>, F, C, T, M, W, JJ>
) => Node<
  BatchInput<I, P, J>,
  BatchExit<O, Results<C, Each<P, J>, Of<X> | Of<F>, SettledError<ErrorOf<X>, F, T>>>,
  | ErrorOf<P>
  | InputError<Of<P>>
  | Failures<C, Each<P, J>, Of<X> | Of<F>, SettledError<ErrorOf<X>, F, T>, M>
  | Journaled<JJ, Each<P, J>, Of<X> | Of<F>, SettledError<ErrorOf<X>, F, T>>
  | ErrorOf<W>
  | ErrorOf<O>,
  | ServicesOf<P>
  | InputServices<Of<P>>
  | ServicesOf<X>
  | ServicesOf<F>
  | ServicesOf<W>
  | ServicesOf<O>
  | JournalService<JJ>
> = (name: string, { exec, ...steps }: BatchSteps & { readonly exec: (item: any, index: number) => any }): any => {
  if (typeof exec !== "function") wrongType("exec", "a function or a task", exec)
  return fromSteps(name, steps, { _tag: "BatchNode" }, () => exec, exec)
}
