/**
 * Steps of a workflow that run once for each of many items, several at a time, and then combine the results.
 *
 * @since 0.1.0
 */
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
import type * as Types from "./run/types.ts"
import type { Journaled, Journaling, JournalService, NoJournaling } from "./run/types.ts"

/** @since 0.1.0 */
export type { Collect, Failures, ItemOf as Item, Options, Results } from "./flow/batch.ts"

/**
 * Makes a node that runs `exec` once for each item that `prep` returns.
 *
 * **Details**
 *
 * `prep`, `exec` and `post` return an effect or a plain value. The option `collect` decides which results `post`
 * receives, and whether a failed item makes the node fail: by default, `post` receives all values, and the first
 * failure fails the node.
 *
 * `retry`, `timeout`, `limit` and `fallback` apply to each item, with its own count of attempts. `timeout` adds the
 * error `TimeoutError`, `maxErrors` adds `TooManyErrors`, and a stream of items adds its own error. Interruption stops
 * every item.
 *
 * **Gotchas**
 *
 * If `exec` is an inline `Effect.fn` or `Effect.fnUntraced`, next to a step whose parameters have no type annotations,
 * the compiler cannot infer their types. Give the function a name first (`exec: read`).
 *
 * **Example** (Handling values and failures of a batch)
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
  T extends Types.Timeout = never,
  M extends number | undefined = never,
  W = never,
  JJ extends Journaling = NoJournaling
>(
  name: string,
  options:
    & {
      /**
       * Returns the items: an array, set, generator, async iterable or `Stream`, or an effect of one. Default: the
       * input is the items.
       */
      readonly prep?: (input: I) => P
      /**
       * Runs one item: receives the item and its index, from 0. It may be a `Task`, which runs on the provided backend.
       */
      readonly exec: (item: Each<P, J>, index: number) => X
      /**
       * Chooses the exit, once all items are done: receives the input and the results, and returns a `Node.out`, or an
       * effect of one. Default: exits with `"default"` and the results.
       */
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
