/**
 * The pulse of a machine: a thread that repeats the machine's last message to all programs while a task blocks its
 * event loop. So a machine that computes is not considered frozen.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { Worker } from "node:worker_threads"
import type { QueueAddress } from "./address.ts"

/** The data that the thread is started with. */
export interface PulseData {
  readonly connection: QueueAddress["connection"]
  readonly channel: string
  /** Milliseconds without a message after which the thread repeats the last one. */
  readonly silence: number
}

const withoutPulse =
  "a machine whose tasks block its event loop will look frozen, because some options of its connection " +
  "cannot be sent to a thread"

/**
 * Returns the options of a connection without functions. Returns `undefined` if the others cannot be sent to a thread.
 */
const sendable = (connection: QueueAddress["connection"]): QueueAddress["connection"] | undefined => {
  if (typeof connection === "string") return connection
  try {
    const options = Object.entries(connection).filter(([, option]) => typeof option !== "function")
    return structuredClone(Object.fromEntries(options))
  } catch {
    return undefined
  }
}

/** Share of the lease after which the thread repeats the last message. */
const silenceShare = 1 / 3

/** Starts the thread, which ends with the scope. Returns a function that takes each message to all programs. */
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
