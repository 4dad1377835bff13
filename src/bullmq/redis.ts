/**
 * Connections to Redis, and the names of what lies there.
 *
 * BullMQ has the queue; beside it the two sides speak through channels, which keep nothing: whatever matters is said again.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { Redis, type RedisOptions } from "ioredis"
import { shortenName } from "../primitives/shorten.ts"
import type { Connection, QueueAddress } from "./address.ts"

/** Channels of a queue. */
export const channelsOf = ({ prefix, queue }: QueueAddress) => ({
  /** What programs say to all machines, and machines to all programs. */
  machines: `${prefix}:${queue}:machines`,
  programs: `${prefix}:${queue}:programs`,
  /** What is said to one program; each machine listens to one of its own, on which nothing is said: so one sees that it is there. */
  program: (program: string) => `${prefix}:${queue}:program:${program}`,
  machine: (machine: string) => `${prefix}:${queue}:machine:${machine}`
})

/** Longest delay in milliseconds before a lost connection is tried again. */
const longestDelay = 500

/** Milliseconds for which a connection is given to end in peace. */
const quitMillis = 200

/** Options of a connection whose commands fail at once while Redis cannot be reached; the caller tries again. */
export const failFast: RedisOptions = {
  enableOfflineQueue: false,
  autoResendUnfulfilledCommands: false,
  maxRetriesPerRequest: 0
}

/** Options of a connection whose commands wait until Redis can be reached. */
export const waitForRedis: RedisOptions = { maxRetriesPerRequest: null }

/** Opens a connection, which is tried again and again, and is closed with the scope. */
export const connect = (
  connection: Connection,
  options: RedisOptions,
  heard: (error: Error) => void
): Effect.Effect<Redis, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const redis = opened(connection, { retryStrategy: (n) => Math.min(50 * n, longestDelay), ...options })
      redis.on("error", heard)
      return redis
    }),
    close
  )

/** Opens a connection. */
export const opened = (connection: Connection, options: RedisOptions): Redis =>
  typeof connection === "string"
    ? new Redis(connection, options as never)
    : new Redis({ ...connection, ...options } as never)

const close = (redis: Redis): Effect.Effect<void> =>
  redis.status !== "ready" ? Effect.sync(() => endNow(redis)) : Effect.andThen(
    Effect.timeoutOption(Effect.ignoreCause(Effect.promise(() => redis.quit())), quitMillis),
    Effect.sync(() => endNow(redis))
  )

/** Ends a connection for good, whatever it waits for. */
export const endNow = (redis: Redis): void => {
  redis.on("error", () => {})
  redis.options.retryStrategy = () => null
  redis.disconnect()
}

/** Says once that Redis cannot be reached, and once that it can be again; nothing of passwords is in what is said. */
export class Reachability {
  private isLost = false
  private readonly what: string
  private readonly log: (effect: Effect.Effect<void>) => void

  constructor(queue: string, log: (effect: Effect.Effect<void>) => void) {
    this.what = `the queue ${shortenName(queue)} in Redis`
    this.log = log
  }

  readonly lost = (error: Error): void => {
    if (this.isLost) return
    this.isLost = true
    this.log(Effect.logWarning(`${this.what} cannot be reached, and is tried again: ${reasonOf(error)}`))
  }

  /** Makes what hears why a connection may not do something; what is refused because it ends is not said. */
  readonly refused = (connection: Redis) => (error: Error): void => {
    if (connection.status === "ready") this.lost(error)
  }

  readonly found = (): void => {
    if (!this.isLost) return
    this.isLost = false
    this.log(Effect.logInfo(`${this.what} can be reached again`))
  }
}

/** What an error says. That of a connection may name its address, which may hold a password: of it the code alone. */
const reasonOf = (error: Error): string => {
  const { code } = error as { readonly code?: unknown }
  return shortenName(typeof code === "string" ? code : error.message !== "" ? error.message : error.name)
}
