/**
 * Flows that run once for each of many items, several at a time, and then combine the results.
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
import { type Any, graphOf, isNode, type Node, type Out, type Posted, runAt } from "./flow/node.ts"
import { withOutCodec } from "./flow/outCodec.ts"
import * as Path from "./flow/path.ts"
import type { Absent, ErrorOf, Of, ServicesOf } from "./flow/types.ts"
import { wrongType } from "./primitives/check.ts"
import type * as Types from "./run/types.ts"
import type { Journaled, Journaling, JournalService, NoJournaling } from "./run/types.ts"

/** @since 0.1.0 */
export type { Collect, Failures, ItemOf as Item, Options, Results } from "./flow/batch.ts"

/**
 * Makes a node that runs a whole flow once for each item that `prep` returns.
 *
 * **Details**
 *
 * It is a batch node whose work is a flow, or any other node. Each item is an input of the flow, and its value is the
 * `Out` with which the flow exited. `timeout` and `retry` apply to the whole flow of an item. Items share only the
 * services that the flow needs.
 *
 * The errors of the flow are the errors of the items. The option `collect` decides whether a failed item makes the node
 * fail. The location of a failure names the item (`perFile[2]/load`). Interruption stops every item.
 *
 * **Example** (Running two nodes for each of three texts)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { BatchFlow, Flow, Node } from "effect-parallel"
 *
 * const trim = Node.make("trim", { exec: (text: string) => text.trim() })
 * const count = Node.make("count", { exec: (text: string) => text.length })
 *
 * const lengths = BatchFlow.make("lengths", {
 *   prep: (text: string) => text.split(","),
 *   flow: Flow.chain("length", trim, count),
 *   post: (_, outs) => Node.out("counted", outs.map((out) => out.value)),
 *   concurrency: 2
 * })
 *
 * console.log((await Effect.runPromise(Flow.run(lengths, "a, bb ,ccc"))).value) // => [1, 2, 3]
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make: <
  I,
  P extends PreparedInputs | Absent = Absent,
  J = never,
  X extends Out<string, unknown> = never,
  E = never,
  R = never,
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
      /** The flow, or another node, whose input is an item. */
      readonly flow: Node<Each<P, J>, X, E, R>
      /**
       * Chooses the exit, once all items are done: receives the input and the exits of the flow, as `collect` says, and
       * returns a `Node.out`, or an effect of one. Default: exits with `"default"` and the exits of the flow.
       */
      readonly post?: (
        input: BatchInput<I, P, J>,
        outs: Results<C, Each<P, J>, X | Of<F>, SettledError<E, F, T>>
      ) => O
    }
    & Options<Each<P, J>, X | Of<F>, E, F, C, T, M, W, JJ>
) => Node<
  BatchInput<I, P, J>,
  BatchExit<O, Results<C, Each<P, J>, X | Of<F>, SettledError<E, F, T>>>,
  | ErrorOf<P>
  | InputError<Of<P>>
  | Failures<C, Each<P, J>, X | Of<F>, SettledError<E, F, T>, M>
  | Journaled<JJ, Each<P, J>, X | Of<F>, SettledError<E, F, T>>
  | ErrorOf<W>
  | ErrorOf<O>,
  ServicesOf<P> | InputServices<Of<P>> | R | ServicesOf<F> | ServicesOf<W> | ServicesOf<O> | JournalService<JJ>
> = (name: string, { flow, ...steps }: BatchSteps & { readonly flow: Any }): any => {
  if (!isNode(flow)) wrongType("flow", "a flow or another node", flow)
  const graph = { _tag: "BatchFlow", flow: graphOf(flow) } as const
  return fromSteps(
    name,
    { ...steps, journal: withOutCodec(steps.journal) },
    graph,
    (path) => (item, index) => runAt(flow, item, Path.unrecorded(Path.item(path, index)))
  )
}
