/**
 * The address of a queue. Nothing here needs `ioredis`, because a program may not have its types.
 */

/**
 * The options of a connection to Redis. `ioredis` has more, which may be given too.
 *
 * @category models
 * @since 0.1.0
 */
export interface RedisConnection {
  /** Name or address of the host. Default: `localhost`. */
  readonly host?: string | undefined
  /** Port of the server. Default: 6379. */
  readonly port?: number | undefined
  /** Path of a socket in the file system, instead of host and port. Default: none. */
  readonly path?: string | undefined
  /** Name of the user of Redis. Default: the default user of Redis. */
  readonly username?: string | undefined
  /** Password of the user. Default: none. */
  readonly password?: string | undefined
  /** Number of the database, from 0. Default: 0. */
  readonly db?: number | undefined
  /** Options of `tls.connect`; an empty object uses their defaults. Default: a connection without TLS. */
  readonly tls?: object | undefined
  readonly [option: string]: unknown
}

/** The address of Redis: a URL, or options of a connection. */
export type Connection = string | RedisConnection

/** A queue in Redis. */
export interface QueueAddress {
  readonly connection: Connection
  readonly queue: string
  /** Prefix of its keys and channels. */
  readonly prefix: string
}
