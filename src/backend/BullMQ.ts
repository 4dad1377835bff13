/**
 * Tasks on a fleet of machines, by a queue of BullMQ in Redis.
 *
 * It needs `bullmq` and `ioredis`, which are loaded by this module alone.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { randomUUID } from "node:crypto"
import { hostname } from "node:os"
import type { Connection, QueueAddress } from "../bullmq/address.ts"
import * as Consumers from "../bullmq/machine.ts"
import * as Programs from "../bullmq/program.ts"
import * as check from "../primitives/check.ts"
import * as Transport from "./Transport.ts"

/** @since 0.1.0 */
export type { RedisConnection } from "../bullmq/address.ts"

/**
 * Where the queue is.
 *
 * **Details**
 *
 * - `connection`: a URL (`redis://user:password@host:6379`, `rediss://` for TLS) or options of `ioredis`. Nothing of it is logged.
 * - `queue`: its name, without a ":". Programs and machines of one name work together.
 * - `prefix`: that of BullMQ's keys in Redis. Default: `bull`, which is BullMQ's own.
 * - `maxBytes`: how many bytes a message may have. Default: 4 MiB; what is larger fails with `TooLarge`.
 *
 * @category models
 * @since 0.1.0
 */
export interface RedisQueue {
  readonly connection: Connection
  readonly queue: string
  readonly prefix?: string | undefined
  readonly maxBytes?: number | undefined
}

/**
 * Options of a program: where the queue is, and how it deals with machines (`Transport.Options`).
 *
 * @category models
 * @since 0.1.0
 */
export interface ProgramOptions extends RedisQueue, Transport.Options {}

/**
 * Options of a machine: where the queue is, and what the machine runs (`Transport.ServeOptions`).
 *
 * **Details**
 *
 * `machine` is its name, which no other machine has at the same time; by default that of the host, with the number of the process
 * and some characters more.
 *
 * @category models
 * @since 0.1.0
 */
export interface LayerWorkerOptions extends RedisQueue, Transport.ServeOptions {
  readonly machine?: string | undefined
}

const queueKeys = ["connection", "queue", "prefix", "maxBytes"]

/**
 * Runs the tasks inside on the machines that take batches from a queue.
 *
 * **When to use**
 *
 * Use where one machine is not enough: the program stays as it is, and workers are started elsewhere (`layerWorker`).
 *
 * **Details**
 *
 * A batch is a job of BullMQ, named after its run; its inputs have their outcomes one by one, as they end. Interruption stops what
 * runs. A machine whose connection is gone is known to be lost within half a second, one that is frozen after its `lease`;
 * what it had runs elsewhere. While Redis cannot be reached the run waits, and says so once; after `patience` inputs fail with
 * `Unreachable`, and without machines with `NoWorkers`. Errors: options out of their range are defects; what goes wrong with an
 * input is its `BackendError`.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: ProgramOptions): Layer.Layer<never> => {
  check.knownKeys("BullMQ options", options, [...queueKeys, "lease", "patience", "maxLosses"])
  const { lease, maxLosses, patience } = options
  const { address, maxBytes } = checked(options)
  return Layer.provide(
    Transport.layer({ lease, patience, maxLosses }),
    Layer.effect(Transport.Transport, Programs.make(address, maxBytes))
  )
}

/**
 * A machine, for as long as the layer: it takes batches from the queue, and runs those of its `tasks`.
 *
 * **Details**
 *
 * With `NodeRuntime.runMain(Layer.launch(layerWorker(…)))` a program is a machine, which ends at SIGTERM: it takes no more, lets its
 * batches go on for `drain`, and gives back the rest. It imports nothing that it was sent, and payloads are decoded by the
 * schemas of its tasks. While Redis cannot be reached it waits, and says so once. A thread of its own says that it is there, also
 * while a task holds its event loop. Errors: none; options out of their range are defects.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerWorker = (options: LayerWorkerOptions): Layer.Layer<never> => {
  check.knownKeys("BullMQ worker options", options, [
    ...queueKeys,
    "machine",
    "tasks",
    "backend",
    "slots",
    "lease",
    "drain"
  ])
  const { backend, drain, lease, machine: name, slots, tasks } = options
  const { address, maxBytes } = checked(options)
  const machine = check.nonEmptyString("machine", name ?? `${hostname()}-${process.pid}-${randomUUID().slice(0, 4)}`)
  const serving = Transport.serve({ tasks, backend, slots, lease, drain })
  const consumer = Layer.effect(
    Transport.Consumer,
    Consumers.make(address, { machine, maxBytes, lease: Transport.leaseMillis(lease) })
  )
  return Layer.provide(Layer.effectDiscard(Effect.forkScoped(serving)), consumer)
}

const defaultBytes = 4 * 2 ** 20

/** Least number of bytes of a message: what is sent beside inputs has to fit. */
const leastBytes = 64 * 1024

const checked = (
  { connection, maxBytes = defaultBytes, prefix = "bull", queue }: RedisQueue
): { readonly address: QueueAddress; readonly maxBytes: number } => {
  const isUrl = typeof connection === "string" && /^rediss?:\/\//.test(connection) && URL.canParse(connection)
  if (!isUrl && (typeof connection !== "object" || connection === null)) {
    // it may hold a password, so it is not shown
    check.wrongType(
      "connection",
      "a URL that begins with redis:// or rediss://, or options of ioredis",
      typeof connection
    )
  }
  for (const [key, name] of Object.entries({ queue, prefix })) {
    if (check.nonEmptyString(key, name).includes(":")) check.outOfRange(key, `without ":"`, name)
  }
  check.numberWhere(
    "maxBytes",
    maxBytes,
    `an integer of at least ${leastBytes}`,
    (bytes) => Number.isSafeInteger(bytes) && bytes >= leastBytes
  )
  return { address: { connection, prefix, queue }, maxBytes }
}
