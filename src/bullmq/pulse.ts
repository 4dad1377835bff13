/**
 * The pulse of a machine: a thread that repeats what the machine has said last to all programs, when its event loop is held by a
 * task. So a machine that computes is not taken for one that is frozen.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { Worker } from "node:worker_threads"
import type { QueueAddress } from "./address.ts"

/** What the thread is started with. */
export interface PulseData {
  readonly connection: QueueAddress["connection"]
  readonly channel: string
  /** Milliseconds after which it repeats what was said. */
  readonly silence: number
}

const withoutPulse =
  "a machine whose tasks hold its event loop will be taken for frozen: its connection has options that " +
  "a thread cannot have"

/** Returns the options of a connection without functions; undefined if others cannot be sent to a thread. */
const sendable = (connection: QueueAddress["connection"]): QueueAddress["connection"] | undefined => {
  if (typeof connection === "string") return connection
  try {
    const options = Object.entries(connection).filter(([, option]) => typeof option !== "function")
    return structuredClone(Object.fromEntries(options))
  } catch {
    return undefined
  }
}

/** Share of the lease after which the thread speaks. */
const silenceShare = 1 / 3

/** Starts the thread, which ends with the scope; returns a function that takes what is said to all programs. */
export const startPulse = (
  { connection }: QueueAddress,
  channel: string,
  lease: number
): Effect.Effect<(text: string) => void, never, Scope.Scope> => {
  const sent = sendable(connection)
  if (sent === undefined) return Effect.as(Effect.logWarning(withoutPulse), () => {})
  return Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => {
        const workerData: PulseData = { connection: sent, channel, silence: lease * silenceShare }
        const file = import.meta.url.endsWith(".ts") ? "./pulseThread.ts" : "./pulseThread.js"
        const thread = new Worker(new URL(file, import.meta.url), { name: "effect-parallel pulse", workerData })
        thread.unref()
        return thread
      }),
      (thread) => Effect.promise(() => thread.terminate())
    ),
    (thread) => (text) => thread.postMessage(text)
  )
}
