/**
 * The interface of a transport: its end in a program and its end in a machine. It carries texts, and does not know what
 * they mean.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"

/**
 * What a transport reports to its program.
 *
 * **Details**
 *
 * - `Message`: a machine has sent a message.
 * - `Taken`: a machine has taken a batch from the queue. A transport that does not know this leaves it out.
 * - `Gone`: the connection of a machine is gone.
 * - `Reconnected`: the connection of the program was gone and is back, so the queue may have lost batches.
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
 * What a batch in the queue belongs to, for people who look at the queue.
 *
 * @category models
 * @since 0.1.0
 */
export interface BatchLabel {
  /** Name of the run. */
  readonly run: string
  /** Name of the task. */
  readonly task: string
}

/**
 * A batch that a machine has taken from the queue.
 *
 * @category models
 * @since 0.1.0
 */
export interface TakenBatch {
  /** The batch, as it was given to `offer`. */
  readonly batch: string
  /**
   * Runs when the machine no longer has the batch, because the program knows its outcomes, or is gone. A machine that
   * ends does not run it for the batches that it still has. Default: nothing runs.
   */
  readonly over?: Effect.Effect<void> | undefined
}

/**
 * The end of a transport in a program: a queue of batches, messages to all machines, and the messages that come back.
 *
 * **When to use**
 *
 * Write one to run tasks on machines that no transport reaches yet. It only carries texts: `layer` does the encoding,
 * and handles leases, losses, interruption, logs and spans.
 *
 * **Details**
 *
 * A message may be lost, arrive twice, or arrive after a later one: messages that matter are sent again. A call may
 * take long, but has to respond to its interruption.
 *
 * @category services
 * @since 0.1.0
 */
export class Transport extends Context.Service<Transport, {
  /** Name of the backend. */
  readonly name: string
  /** Greatest size of a message, in bytes. Default: any size. */
  readonly maxBytes?: number | undefined
  /** Name under which machines reply to this program. Default: a new name, which no other program has. */
  readonly program?: string | undefined
  /**
   * Puts a batch into the queue, from which one machine takes it. The label is for people who look at the queue. It
   * fails while the queue cannot be reached, and is then called again.
   */
  readonly offer: (id: string, batch: string, label: BatchLabel) => Effect.Effect<void, unknown>
  /** Takes a batch out of the queue. Returns true if no machine has it, and none will get it. */
  readonly withdraw: (id: string) => Effect.Effect<boolean>
  /** Sends a message to all machines. */
  readonly broadcast: (message: string) => Effect.Effect<void>
  /** What comes back, for as long as the program runs. */
  readonly events: Stream.Stream<TransportEvent>
}>()("effect-parallel/backend/Transport") {}

/**
 * The end of a transport in a machine: it takes batches from the queue, receives what is sent to all machines, and
 * replies.
 *
 * @category services
 * @since 0.1.0
 */
export class Consumer extends Context.Service<Consumer, {
  /** Name of the machine, which no other machine has at the same time. */
  readonly machine: string
  /** Greatest size of a message, in bytes. Default: any size. */
  readonly maxBytes?: number | undefined
  /**
   * Waits for a batch and takes it. Only one call waits at a time. A call that is interrupted has taken nothing, or
   * puts the batch back.
   */
  readonly take: Effect.Effect<TakenBatch>
  /** The messages to all machines. */
  readonly broadcasts: Stream.Stream<string>
  /** Sends a message to the program with this name, or, if it is undefined, to all programs. */
  readonly reply: (message: string, program: string | undefined) => Effect.Effect<void>
}>()("effect-parallel/backend/Transport/Consumer") {}
