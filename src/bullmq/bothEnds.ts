/**
 * Shared by the ends of programs and machines: waiting for a connection, actions that may fail, and sending messages.
 */
import * as Effect from "effect/Effect"

/** Number of messages that may be on their way to Redis before sending waits. */
const mostUnconfirmed = 256

/** Waits until a connection can be used. */
export const untilReady = (redis: { readonly status: string; once(event: "ready", act: () => void): unknown }) =>
  Effect.callback<void>((resume) => {
    if (redis.status === "ready") return resume(Effect.void)
    redis.once("ready", () => resume(Effect.void))
  })

/** Does something that may fail and will be repeated anyway. */
export const quietly = (act: () => Promise<unknown>): Effect.Effect<void> => Effect.ignoreCause(Effect.tryPromise(act))

/** Makes a function that sends messages in order. Many may be on their way before the first has arrived. */
export const saying = (): (send: () => Promise<unknown>) => Effect.Effect<void> => {
  let unconfirmed = 0
  return (send) =>
    Effect.suspend(() => {
      unconfirmed++
      const sent = send().catch(() => {}).then(() => void unconfirmed--)
      return unconfirmed > mostUnconfirmed ? Effect.promise(() => sent) : Effect.void
    })
}

/** Writes a message of a machine. */
export const writeHeard = (machine: string, message: string): string => JSON.stringify([machine, message])

/** Reads a message of a machine. Returns `undefined` if the text is not one. */
export const readHeard = (text: string): { readonly machine: string; readonly message: string } | undefined => {
  try {
    const heard: unknown = JSON.parse(text)
    if (!Array.isArray(heard)) return undefined
    const [machine, message] = heard as ReadonlyArray<unknown>
    return typeof machine === "string" && typeof message === "string" ? { machine, message } : undefined
  } catch {
    return undefined
  }
}
