/**
 * Where a queue is. Nothing here needs `ioredis`, whose types a program may not have.
 */

/**
 * Options of a connection to Redis: those of `ioredis`.
 *
 * @category models
 * @since 0.1.0
 */
export interface RedisConnection {
  readonly host?: string | undefined
  readonly port?: number | undefined
  /** A socket of the file system, instead of host and port. */
  readonly path?: string | undefined
  readonly username?: string | undefined
  readonly password?: string | undefined
  readonly db?: number | undefined
  /** Options of `tls.connect`; an empty object for those that are the default. */
  readonly tls?: object | undefined
  readonly [option: string]: unknown
}

/** Where Redis is: a URL, or options of a connection. */
export type Connection = string | RedisConnection

/** A queue in Redis. */
export interface QueueAddress {
  readonly connection: Connection
  readonly queue: string
  /** Prefix of its keys and channels. */
  readonly prefix: string
}
