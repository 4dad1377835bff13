/**
 * What the ends of programs and of machines share: how they wait for a connection, do what may fail, and send messages.
 */
import * as Effect from "effect/Effect"

/** Number of messages whose arrival at Redis nobody waits for. */
const mostUnconfirmed = 256

/** Waits until a connection can be used. */
export const untilReady = (redis: { readonly status: string; once(event: "ready", act: () => void): unknown }) =>
  Effect.callback<void>((resume) => {
    if (redis.status === "ready") return resume(Effect.void)
    redis.once("ready", () => resume(Effect.void))
  })

/** Does something that may fail, and is done again anyway. */
export const quietly = (act: () => Promise<unknown>): Effect.Effect<void> => Effect.ignoreCause(Effect.tryPromise(act))

/** Makes what sends messages: one after another, and many before the first has arrived. */
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

/** Reads a message of a machine; undefined for what is none. */
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
