/**
 * What a transport is: the two ends of a way between programs and machines, which carries texts and knows nothing of what
 * they mean.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"

/**
 * What a program hears through its transport: a message of a machine; that a machine has taken a batch from the queue, where
 * the transport knows; that a machine is gone, because its connection is; that the program's own connection was gone and is back,
 * so that the queue may have lost batches.
 *
 * @category models
 * @since 0.1.0
 */
export type TransportEvent =
  | { readonly _tag: "Message"; readonly machine: string; readonly message: string }
  | { readonly _tag: "Taken"; readonly machine: string; readonly id: string }
  | { readonly _tag: "Gone"; readonly machine: string }
  | { readonly _tag: "Reconnected" }

/**
 * What a batch is about, for whoever looks at the queue: the names of its run and of its task.
 *
 * @category models
 * @since 0.1.0
 */
export interface BatchLabel {
  readonly run: string
  readonly task: string
}

/**
 * A batch that a machine has taken, and what is run when it is no longer there: its program knows what became of it, or is gone.
 * A machine that ends does not run it for those that it still has.
 *
 * @category models
 * @since 0.1.0
 */
export interface TakenBatch {
  readonly batch: string
  readonly over?: Effect.Effect<void> | undefined
}

/**
 * The program's end of a way to machines: a queue of batches, a way for messages to all machines, and the messages that come
 * back.
 *
 * **When to use**
 *
 * Write one to run tasks on machines that nothing here reaches yet. Encoding, leases, losses, interruption, logs and spans
 * are seen to by `layer`; a transport carries texts.
 *
 * **Details**
 *
 * - `offer` puts a batch into the queue, from which one machine takes it; its label is for whoever looks at the queue. It fails while the machines cannot be reached; it is
 *   tried again then.
 * - `withdraw` takes a batch out of the queue. True if no machine has it, nor will get it.
 * - `broadcast` sends a message to all machines.
 * - `events` are what comes back, for as long as the program runs.
 * - `program` is the name under which machines reply to this program; a new one, unless it is given.
 * - `maxBytes` is how many bytes a message may have; without it, any number.
 *
 * A message may be lost, come twice, or come after one that was sent later: what matters is sent again. Each call may take
 * its time, but must heed its interruption. `name` is that of the backend.
 *
 * @category services
 * @since 0.1.0
 */
export class Transport extends Context.Service<Transport, {
  readonly name: string
  readonly maxBytes?: number | undefined
  readonly program?: string | undefined
  readonly offer: (id: string, batch: string, label: BatchLabel) => Effect.Effect<void, unknown>
  readonly withdraw: (id: string) => Effect.Effect<boolean>
  readonly broadcast: (message: string) => Effect.Effect<void>
  readonly events: Stream.Stream<TransportEvent>
}>()("effect-parallel/backend/Transport") {}

/**
 * A machine's end: it takes batches from the queue, hears what is sent to all machines, and replies.
 *
 * **Details**
 *
 * - `machine` is its name, which no other machine has at the same time.
 * - `take` waits for a batch. One call at a time; one that is interrupted has taken nothing, or puts it back.
 * - `broadcasts` are the messages to all machines.
 * - `reply` sends a message to the program of that name, or to all programs where there is none.
 * - `maxBytes` is how many bytes a message may have.
 *
 * @category services
 * @since 0.1.0
 */
export class Consumer extends Context.Service<Consumer, {
  readonly machine: string
  readonly maxBytes?: number | undefined
  readonly take: Effect.Effect<TakenBatch>
  readonly broadcasts: Stream.Stream<string>
  readonly reply: (message: string, program: string | undefined) => Effect.Effect<void>
}>()("effect-parallel/backend/Transport/Consumer") {}
