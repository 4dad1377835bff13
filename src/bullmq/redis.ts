/**
 * Connections to Redis, and the names of the channels.
 *
 * BullMQ holds the queue. Besides, the two sides exchange messages through channels. Channels store nothing, so
 * everything that matters is sent again.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { Redis, type RedisOptions } from "ioredis"
import { shortenName } from "../primitives/shorten.ts"
import type { Connection, QueueAddress } from "./address.ts"

/** The channels of a queue. */
export const channelsOf = ({ prefix, queue }: QueueAddress) => ({
  /** Messages of programs to all machines. */
  machines: `${prefix}:${queue}:machines`,
  /** Messages of machines to all programs. */
  programs: `${prefix}:${queue}:programs`,
  /** Messages to one program. */
  program: (program: string) => `${prefix}:${queue}:program:${program}`,
  /** A channel without messages. A machine listens to it, which shows that the machine is alive. */
  machine: (machine: string) => `${prefix}:${queue}:machine:${machine}`
})

/** Longest delay before a lost connection is tried again, in milliseconds. */
const longestDelay = 500

/** Milliseconds that a connection has to end gracefully. */
const quitMillis = 200

/** Options of a connection whose commands fail immediately while Redis cannot be reached. The caller tries again. */
export const failFast: RedisOptions = {
  enableOfflineQueue: false,
  autoResendUnfulfilledCommands: false,
  maxRetriesPerRequest: 0
}

/** Options of a connection whose commands wait until Redis can be reached. */
export const waitForRedis: RedisOptions = { maxRetriesPerRequest: null }

/** Opens a connection that reconnects forever and is closed with the scope. */
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

/** Ends a connection immediately and permanently. */
export const endNow = (redis: Redis): void => {
  redis.on("error", () => {})
  redis.options.retryStrategy = () => null
  redis.disconnect()
}

/**
 * Logs once that Redis cannot be reached, and once that it can be reached again. The entries never contain a password.
 */
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
    this.log(Effect.logWarning(`${this.what} cannot be reached; trying again: ${reasonOf(error)}`))
  }

  /**
   * Makes a listener for refused commands of a connection. Ignores a command that is refused because the connection
   * ends.
   */
  readonly refused = (connection: Redis) => (error: Error): void => {
    if (connection.status === "ready") this.lost(error)
  }

  readonly found = (): void => {
    if (!this.isLost) return
    this.isLost = false
    this.log(Effect.logInfo(`${this.what} can be reached again`))
  }
}

/**
 * Returns the code of an error if it has one, otherwise its message. The message of a connection error may contain the
 * address, and so a password; such an error has a code.
 */
const reasonOf = (error: Error): string => {
  const { code } = error as { readonly code?: unknown }
  return shortenName(typeof code === "string" ? code : error.message !== "" ? error.message : error.name)
}
