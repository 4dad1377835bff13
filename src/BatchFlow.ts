/**
 * A flow that runs once for each of many items, several at a time.
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
import { type Any, graphOf, isNode, type Node, type Out, type Posted, runAt } from "./flow/node.ts"
import { withOutCodec } from "./flow/outCodec.ts"
import * as Path from "./flow/path.ts"
import type { Absent, ErrorOf, Of, ServicesOf } from "./flow/types.ts"
import { wrongType } from "./primitives/check.ts"
import type { Journaled, Journaling, JournalService, NoJournaling } from "./run/types.ts"

/** @since 0.1.0 */
export type { Collect, Failures, ItemOf as Item, Options, Results } from "./flow/batch.ts"

/**
 * Makes a node that runs a whole flow once for each item that `prep` gives.
 *
 * **Details**
 *
 * Graph: as `BatchNode.make`, with a flow (or any node) in the place of `exec`: each item is what the flow takes, and
 * comes to the `Out` by which the flow was left. `post` gets these, in input order under `collect: "forEach"`. Items
 * share nothing but the services that the flow names. All options are those of a batch node: a `timeout` and a `retry`
 * are for the whole flow of an item.
 *
 * Errors: as `BatchNode.make`; the errors of the flow are those of the items. A failure's location names the item
 * (`perFile[2]/load`). Interruption stops every item.
 *
 * **Example** (A line of nodes for each of three texts)
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
  T extends Duration.Input | undefined = never,
  M extends number | undefined = never,
  W = never,
  JJ extends Journaling = NoJournaling
>(
  name: string,
  options:
    & {
      readonly prep?: (input: I) => P
      readonly flow: Node<Each<P, J>, X, E, R>
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
