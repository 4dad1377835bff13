/**
 * A backend that runs tasks on other machines, through any transport that carries texts.
 *
 * A transport has two ends: `Transport` in the program, and `Consumer` in a machine. `layer` is the backend of a
 * program with a `Transport`, and `serve` runs a machine with a `Consumer`. Values are sent as JSON, through the
 * schemas of their task, and only the receiver decodes them. Losses, interruption, logs and spans are handled here,
 * whatever the transport is.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import * as Backend from "../Backend.ts"
import { Consumer, Transport } from "../fleet/contract.ts"
import * as Memory from "../fleet/memory.ts"
import { Fleet } from "../fleet/program.ts"
import * as Machine from "../fleet/serve.ts"
import * as Traffic from "../fleet/traffic.ts"
import * as check from "../primitives/check.ts"
import type { DurationInput } from "../primitives/duration.ts"
import { optionalLayer } from "../primitives/layer.ts"
import { shortenName } from "../primitives/shorten.ts"
import * as Threads from "./Threads.ts"

/** @since 0.1.0 */
export { type BatchLabel, Consumer, type TakenBatch, Transport, type TransportEvent } from "../fleet/contract.ts"

/** @since 0.1.0 */
export { Network } from "../fleet/memory.ts"

/**
 * How a program treats its machines.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /**
   * How long a machine may be silent before it counts as lost: a finite, positive duration. A machine sends a message
   * six times in a lease, by the `lease` that `serve` was given: give both the same. A program whose event loop is
   * blocked for longer than the lease looks lost to its machines. Default: 3 seconds.
   */
  readonly lease?: DurationInput<"3 seconds"> | undefined
  /**
   * How long an input waits if there is no machine, or if none can be reached: a positive duration. Then it fails with
   * `NoWorkers` or `Unreachable`. Default: 30 seconds.
   */
  readonly patience?: DurationInput<"1 minute"> | undefined
  /**
   * How many machines may be lost while they have an input, until the input fails with `MachineLost`: a positive
   * integer. After the first loss, the input is sent in a batch of its own. Before the loss that would fail it, it is
   * sent to a machine that runs nothing else meanwhile, if one becomes free within a lease. Default: 3.
   */
  readonly maxLosses?: number | undefined
}

/**
 * Runs the tasks of a program on the machines that its transport reaches.
 *
 * **Details**
 *
 * A run without `concurrency` has as many batches under way as all machines together have slots, and follows when
 * machines come and go. When a machine is lost, the inputs that it had are dispatched again. So an input may run twice,
 * but it has one outcome.
 *
 * Interruption stops what runs on machines, and returns when it has stopped, or its machine is lost. If something goes
 * wrong between program and machine, the input fails with `BackendError`. Wrong options are defects, thrown here.
 *
 * **Example** (Running a task on two machines in memory)
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { Parallel, Task } from "effect-parallel"
 * import * as Transport from "effect-parallel/backend/Transport"
 *
 * const double = Task.make("double", { module: import.meta.url, run: (n: number) => Effect.succeed(2 * n) })
 *
 * const machines = Transport.layerMemory({ tasks: [double], machines: ["a", "b"] })
 * const program = Parallel.forEach([1, 2, 3], double).pipe(
 *   Effect.provide(Layer.provide(Transport.layer({ patience: "10 seconds" }), machines))
 * )
 *
 * console.log(await Effect.runPromise(program)) // => [2, 4, 6]
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options = {}): Layer.Layer<never, never, Transport> => {
  check.knownKeys("transport options", options, ["lease", "patience", "maxLosses"])
  const { maxLosses = 3 } = options
  const settings = {
    lease: leaseMillis(options.lease),
    patience: millisOf("patience", options.patience ?? "30 seconds"),
    mostLosses: check.positiveInteger("maxLosses", maxLosses)
  }
  return Layer.effect(
    Backend.Backend,
    Effect.gen(function*() {
      const transport = yield* Transport
      const context = yield* Effect.context()
      const outbox = yield* Queue.unbounded<string>()
      const run = yield* FiberSet.makeRuntime()
      const fleet = yield* Effect.acquireRelease(
        Effect.sync(() =>
          new Fleet(transport, settings, (message) => Queue.offerUnsafe(outbox, message), context, run)
        ),
        (fleet) => fleet.close
      )
      const { lease } = settings
      const sent = Effect.flatMap(
        Queue.take(outbox),
        (message) => Traffic.bounded(() => transport.broadcast(message), lease)
      )
      yield* Effect.forkScoped(Effect.forever(sent))
      const heard = Stream.runForEach(transport.events, (event) => Effect.sync(() => fleet.receive(event)))
      yield* Effect.forkScoped(
        Traffic.saidAtEnd(heard, `${shortenName(transport.name)}: no more messages from machines will arrive`)
      )
      // tell machines that no program waits for their results
      yield* Effect.addFinalizer(() => {
        fleet.controls.flush()
        const isSaid = Effect.andThen(Effect.yieldNow, Effect.map(Queue.size(outbox), (size) => size === 0))
        return Effect.timeoutOption(Effect.repeat(isSaid, { until: (isSaid) => isSaid }), lastMillis)
      })
      return {
        name: transport.name,
        batches: true,
        get workers() {
          return fleet.machines.workers
        },
        get messageMillis() {
          return fleet.machines.messageMillis
        },
        onResize: fleet.machines.onResize,
        machineOf: fleet.machines.machineOf,
        execute: fleet.execute
      }
    })
  )
}

/**
 * What a machine runs, and how.
 *
 * @category models
 * @since 0.1.0
 */
export interface ServeOptions {
  /**
   * The tasks that the machine runs, each with another name. It refuses a batch of another task with `TaskUnknown`, and
   * a batch of a task with other schemas with `TaskDiffers`. It imports nothing that it was sent.
   */
  readonly tasks: ReadonlyArray<Backend.Job<any, any, any>>
  /**
   * Where the tasks run. With `Backend.layer(Backend.async)` they run on fibers: then a task that blocks the event loop
   * for a lease makes the machine look lost. Default: `Threads.layer()`.
   */
  readonly backend?: Layer.Layer<never> | undefined
  /**
   * How many batches it runs concurrently: a positive integer. Default: the number of workers of its backend, or 8 if
   * that is infinite.
   */
  readonly slots?: number | undefined
  /**
   * How long a program may be silent before it counts as lost, and its batches are dropped: a finite, positive
   * duration. Give it the same value as the program has. Default: 3 seconds.
   */
  readonly lease?: DurationInput<"3 seconds"> | undefined
  /**
   * How long running batches may continue when the machine is interrupted. Default: they are interrupted immediately.
   */
  readonly drain?: DurationInput<"10 seconds"> | undefined
}

/**
 * Runs a machine: it takes batches and runs them, until it is interrupted.
 *
 * **Details**
 *
 * When it is interrupted, it takes no further batch, and lets running batches continue for `drain`. It then interrupts
 * what still runs, and tells the program, which dispatches those inputs again. Two tasks with the same name, and other
 * wrong options, are defects, thrown here.
 *
 * **Example** (Connecting a machine)
 *
 * ```ts
 * import { Effect, Stream } from "effect"
 * import { Backend, Task } from "effect-parallel"
 * import * as Transport from "effect-parallel/backend/Transport"
 *
 * const double = Task.make("double", { module: import.meta.url, run: (n: number) => Effect.succeed(2 * n) })
 *
 * const sent: Array<string> = []
 * const consumer = Transport.Consumer.of({
 *   machine: "a",
 *   take: Effect.never, // no batch comes
 *   broadcasts: Stream.never,
 *   reply: (message) => Effect.sync(() => sent.push(message))
 * })
 * const machine = Transport.serve({ tasks: [double], backend: Backend.layer(Backend.async) })
 *
 * await Effect.runPromise(Effect.timeoutOption(Effect.provideService(machine, Transport.Consumer, consumer), 20))
 * console.log(sent.length > 0) // => true
 * ```
 *
 * @category running
 * @since 0.1.0
 */
export const serve = (options: ServeOptions): Effect.Effect<never, never, Consumer> => {
  const settings = checked(options)
  return Effect.scoped(
    Effect.flatMap(Layer.build(options.backend ?? Threads.layer()), (built) =>
      Effect.flatMap(Consumer, (consumer) => {
        const backend = Context.get(built, Backend.Backend)
        const { slots = Number.isFinite(backend.workers) ? backend.workers : defaultSlots } = settings
        return Machine.serve(consumer, { ...settings, backend, slots })
      }))
  )
}

/**
 * The machines of a network in memory, and their messages.
 *
 * **Details**
 *
 * The other options are those of `serve`, for every machine, with two other defaults: `backend` is fibers, and `slots`
 * is 1.
 *
 * @category models
 * @since 0.1.0
 */
export interface MemoryOptions extends ServeOptions {
  /** How many machines there are at the start, or their names. Default: 2. */
  readonly machines?: number | ReadonlyArray<string> | undefined
  /** How long a message takes, or a function that is called for each message. Default: no time. */
  readonly latency?: Duration.Input | (() => Duration.Input) | undefined
  /** Whether the program learns which machine has taken a batch. Default: true. */
  readonly tells?: boolean | undefined
  /** Greatest size of a message, in bytes. Default: any size. */
  readonly maxBytes?: number | undefined
}

/**
 * Makes a transport in memory, with its machines, for tests.
 *
 * **When to use**
 *
 * Use to test a program that uses machines, and what happens when it loses some of them. `Network` controls the
 * machines.
 *
 * **Details**
 *
 * All times are measured with the provided clock, so a test can use the `TestClock`.
 *
 * **Example** (Losing a machine)
 *
 * ```ts
 * import { Effect, Fiber, Layer } from "effect"
 * import { Parallel, Task } from "effect-parallel"
 * import * as Transport from "effect-parallel/backend/Transport"
 *
 * const double = Task.make("double", {
 *   module: import.meta.url,
 *   run: (n: number) => Effect.delay(Effect.succeed(2 * n), 20)
 * })
 * const machines = Transport.layerMemory({ tasks: [double], machines: ["a", "b"] })
 *
 * const program = Effect.gen(function*() {
 *   const network = yield* Transport.Network
 *   const run = yield* Effect.forkChild(Parallel.run([1, 2, 3, 4], double))
 *   yield* Effect.sleep(10)
 *   yield* network.kill("a")
 *   return yield* Fiber.join(run)
 * }).pipe(Effect.provide(Layer.provideMerge(Transport.layer(), machines)))
 *
 * const report = await Effect.runPromise(program)
 * console.log(report.values) // => [2, 4, 6, 8]
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerMemory = (options: MemoryOptions): Layer.Layer<Transport | Memory.Network> => {
  const { latency, machines = 2, maxBytes, tells = true, ...served } = options
  const names = typeof machines === "number"
    ? Array.from({ length: machines }, (_, k) => `machine-${k + 1}`)
    : machines
  const serving = serve({ slots: 1, backend: Backend.layer(Backend.async), ...served })
  const latencyOf = typeof latency === "function" ? latency : () => latency ?? 0
  return Layer.effectContext(Effect.map(
    Memory.make({
      machines: names,
      latency: () => Duration.fromInputUnsafe(latencyOf()),
      tells,
      maxBytes,
      serve: serving
    }),
    ({ network, transport }) => Context.make(Transport, transport).pipe(Context.add(Memory.Network, network))
  ))
}

/** Greatest time in milliseconds that a program takes for its last messages to machines. */
const lastMillis = 100

const defaultLease = "3 seconds"
const defaultSlots = 8

const checked = ({ drain = 0, lease, slots, tasks, ...others }: ServeOptions) => {
  check.knownKeys("machine options", others, ["backend"])
  optionalLayer("backend", others.backend)
  if (!Array.isArray(tasks)) check.wrongType("tasks", "an array of tasks", tasks)
  const names = tasks.map(({ name }) => check.nonEmptyString("name", name))
  const twice = names.find((name, k) => names.indexOf(name) < k)
  if (twice !== undefined) check.outOfRange("tasks", "tasks of different names", twice)
  return {
    tasks,
    lease: leaseMillis(lease),
    drain: Duration.toMillis(check.duration("drain", drain)),
    ...(slots !== undefined && { slots: check.positiveInteger("slots", slots) })
  }
}

/**
 * Checks a lease, and returns its milliseconds. The default is 3 seconds.
 *
 * **When to use**
 *
 * Use in a transport of your own that needs the lease.
 *
 * **Example** (Deriving a time limit from a lease)
 *
 * ```ts
 * import * as Transport from "effect-parallel/backend/Transport"
 *
 * console.log(Transport.leaseMillis("6 seconds") / 2) // => 3000
 * console.log(Transport.leaseMillis()) // => 3000
 * ```
 *
 * @category options
 * @since 0.1.0
 */
export const leaseMillis = (lease: Duration.Input = defaultLease): number =>
  check.numberWhere("lease", millisOf("lease", lease), "a finite duration", Number.isFinite)

const millisOf = (name: string, duration: Duration.Input): number =>
  Duration.toMillis(check.positiveDuration(name, duration))
