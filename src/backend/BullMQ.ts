/**
 * A backend that runs tasks on other machines, through a BullMQ queue in Redis.
 *
 * It needs `bullmq` and `ioredis`. Only this module loads them.
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
 * A queue in Redis, which programs and machines share.
 *
 * @category models
 * @since 0.1.0
 */
export interface RedisQueue {
  /** A URL (`redis://user:password@host:6379`, or `rediss://` for TLS), or options of `ioredis`. It is never logged. */
  readonly connection: Connection
  /** Name of the queue, without a ":". Programs and machines with the same name work together. */
  readonly queue: string
  /** Prefix of BullMQ's keys in Redis, without a ":". Default: `bull`, as in BullMQ. */
  readonly prefix?: string | undefined
  /**
   * Greatest size of a message, in bytes: an integer of at least 65,536. A value that is larger on its own fails with
   * `TooLarge`. Default: 4 MiB.
   */
  readonly maxBytes?: number | undefined
}

/**
 * The options of a program: its queue, and how it treats machines.
 *
 * @category models
 * @since 0.1.0
 */
export interface ProgramOptions extends RedisQueue, Transport.Options {}

/**
 * The options of a machine: its queue, and what it runs.
 *
 * @category models
 * @since 0.1.0
 */
export interface LayerWorkerOptions extends RedisQueue, Transport.ServeOptions {
  /**
   * Name of the machine, which no other machine has at the same time. Default: the name of the host, the number of the
   * process and four random characters.
   */
  readonly machine?: string | undefined
}

const queueKeys = ["connection", "queue", "prefix", "maxBytes"]

/**
 * Runs the tasks of a program on the machines that take batches from a queue.
 *
 * **When to use**
 *
 * Use if one machine is not enough. The program does not change; other machines run `layerWorker`.
 *
 * **Details**
 *
 * A batch is a job of BullMQ with the name of its run. Each input has its outcome as soon as it ends. Interruption
 * stops what runs. If something goes wrong between program and machine, the input fails with `BackendError`. Wrong
 * options are defects, thrown here.
 *
 * A machine counts as lost at most half a second after its connection is gone, or, if it is frozen, after its `lease`.
 * Its inputs then run elsewhere. While Redis cannot be reached, the run waits, and logs that once. After `patience`,
 * inputs fail with `Unreachable`, or with `NoWorkers` if there is no machine.
 *
 * **Example** (Handling a Redis that cannot be reached)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Task } from "effect-parallel"
 * import * as BullMQ from "effect-parallel/backend/BullMQ"
 *
 * const double = Task.make("double", { module: import.meta.url, run: (n: number) => Effect.succeed(2 * n) })
 *
 * // nothing listens on this port
 * const machines = BullMQ.layer({ connection: "redis://127.0.0.1:1", queue: "numbers", patience: "50 millis" })
 * const program = double(4).pipe(
 *   Effect.provide(machines),
 *   Effect.catchReason("BackendError", "Unreachable", () => Effect.succeed("later"))
 * )
 *
 * console.log(await Effect.runPromise(program)) // => "later"
 * ```
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
 * Runs a machine that takes batches from the queue and runs its `tasks`, until the layer is released.
 *
 * **Details**
 *
 * `NodeRuntime.runMain(Layer.launch(layerWorker(…)))` is the program of a machine. At SIGTERM, it takes no more
 * batches, lets running ones continue for `drain`, and gives back the others.
 *
 * The machine imports nothing that it was sent, and decodes payloads with the schemas of its own tasks. While Redis
 * cannot be reached, it waits, and logs that once. A thread of its own tells programs that the machine is alive, also
 * while a task blocks its event loop. Wrong options are defects, thrown here.
 *
 * **Example** (Starting a machine before Redis)
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { Task } from "effect-parallel"
 * import * as BullMQ from "effect-parallel/backend/BullMQ"
 *
 * const double = Task.make("double", { module: import.meta.url, run: (n: number) => Effect.succeed(2 * n) })
 *
 * // nothing listens on this port, so the machine waits
 * const machine = BullMQ.layerWorker({ connection: "redis://127.0.0.1:1", queue: "numbers", tasks: [double] })
 *
 * console.log((await Effect.runPromise(Effect.timeoutOption(Layer.launch(machine), 20)))._tag) // => "None"
 * ```
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

/** Smallest `maxBytes`: a message needs room for more than its inputs. */
const leastBytes = 64 * 1024

const checked = (
  { connection, maxBytes = defaultBytes, prefix = "bull", queue }: RedisQueue
): { readonly address: QueueAddress; readonly maxBytes: number } => {
  const isUrl = typeof connection === "string" && /^rediss?:\/\//.test(connection) && URL.canParse(connection)
  if (!isUrl && (typeof connection !== "object" || connection === null)) {
    // it may contain a password, so only its type is shown
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
