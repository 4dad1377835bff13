/**
 * Tasks on other machines, by any way that carries texts.
 *
 * `Transport` and `Consumer` are the two ends of such a way. `layer` is the backend of a program that has the one, `serve` is
 * a machine that has the other. What both do is the same whatever lies between them: values cross as JSON through the schemas
 * of their task and are decoded by the last hop alone; losses, interruption, logs and spans are seen to here.
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
import { shortenName } from "../primitives/shorten.ts"
import * as Threads from "./Threads.ts"

/** @since 0.1.0 */
export { type BatchLabel, Consumer, type TakenBatch, Transport, type TransportEvent } from "../fleet/contract.ts"

/** @since 0.1.0 */
export { Network } from "../fleet/memory.ts"

/**
 * How a program deals with machines.
 *
 * **Details**
 *
 * - `lease`: how long a machine may be silent until it is taken for lost. Default: 3 seconds. Machines say six times a lease
 *   that they are there, by the lease that `serve` was given: give both the same. A program whose event loop is held for longer
 *   than a lease is taken for lost by its machines.
 * - `patience`: how long an input waits while there is no machine, or none can be reached. Default: 30 seconds. Then it fails,
 *   with `NoWorkers` or `Unreachable`.
 * - `maxLosses`: how many machines may be lost while they have an input, until the input fails with `MachineLost`. Default: 3.
 *   After the first loss the input goes by itself; once one more would fail it, to a machine that does nothing else meanwhile, if
 *   it comes to that in a lease.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  readonly lease?: Duration.Input | undefined
  readonly patience?: Duration.Input | undefined
  readonly maxLosses?: number | undefined
}

/**
 * Runs the tasks inside on the machines that its transport reaches.
 *
 * **Details**
 *
 * A run without a `concurrency` has as many batches under way as the machines have slots together, and follows when machines
 * come and go. Each attempt and each input that was given back is dispatched again when its machine is lost; so an input may
 * run twice, and its outcome is told once. Interruption stops what runs there, and returns when that has stopped, or when its
 * machine is lost. Errors: those of the options are defects; what goes wrong on the way is a `BackendError`.
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
        Traffic.saidAtEnd(heard, `${shortenName(transport.name)}: nothing is heard of machines any more`)
      )
      // machines learn at once that nobody waits for what they keep
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
 * What a machine runs.
 *
 * **Details**
 *
 * - `tasks`: those that it runs, by their names. A batch of another task is refused with `TaskUnknown`, one of a task with other
 *   schemas with `TaskDiffers`. A machine imports nothing that it was sent.
 * - `backend`: where they run. Default: `Threads.layer()`. With `Backend.layer(Backend.async)` they run on fibers, and a task
 *   that holds the event loop for a lease makes its machine look lost.
 * - `slots`: how many batches it runs at once. Default: the number of workers of its backend.
 * - `lease`: as for the program, which is taken for lost when it is silent for so long: its batches are dropped.
 * - `drain`: how long batches may go on when the machine is to end. Default: not at all.
 *
 * @category models
 * @since 0.1.0
 */
export interface ServeOptions {
  readonly tasks: ReadonlyArray<Backend.Job<any, any, any>>
  readonly backend?: Layer.Layer<never> | undefined
  readonly slots?: number | undefined
  readonly lease?: Duration.Input | undefined
  readonly drain?: Duration.Input | undefined
}

/**
 * A machine: it takes batches and runs them, until it is interrupted.
 *
 * **Details**
 *
 * Interrupting it takes no further batch, lets those that run go on for `drain`, interrupts the others, and tells the program,
 * which dispatches their inputs again. Errors: none; two tasks of one name, or an option out of its range, are defects.
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
 * What is there in memory.
 *
 * **Details**
 *
 * `machines` are their names, or how many there are: 2, unless given. `latency` is how long each message takes, or a function
 * that is asked for each; default: no time. With `tells: false` the program is not told which machine takes a batch. The others
 * are those of `serve`; `backend` is fibers here, unless another is given, with one slot a machine.
 *
 * @category models
 * @since 0.1.0
 */
export interface MemoryOptions extends ServeOptions {
  readonly machines?: number | ReadonlyArray<string> | undefined
  readonly latency?: Duration.Input | (() => Duration.Input) | undefined
  readonly tells?: boolean | undefined
  readonly maxBytes?: number | undefined
}

/**
 * A transport in memory, with its machines, for tests: of programs that use machines, and of what happens when these are lost.
 *
 * **Details**
 *
 * Everything that takes time takes it on the clock that is provided, so that a test clock says when. `Network` says what
 * happens to machines.
 *
 * **Example** (A machine that dies)
 *
 * ```ts
 * import { Effect, Fiber, Layer } from "effect"
 * import { Parallel, Task } from "effect-parallel"
 * import * as Transport from "effect-parallel/backend/Transport"
 *
 * const double = Task.make("double", { module: import.meta.url, run: (n: number) => Effect.delay(Effect.succeed(2 * n), 20) })
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

/** Longest time in milliseconds in which a program says its last to its machines. */
const lastMillis = 100

const defaultLease = "3 seconds"
const defaultSlots = 8

const checked = ({ drain = 0, lease, slots, tasks, ...others }: ServeOptions) => {
  check.knownKeys("machine options", others, ["backend"])
  if (!Array.isArray(tasks)) check.wrongType("tasks", "an array of tasks", tasks)
  const names = tasks.map(({ name }) => check.nonEmptyString("name", name))
  const twice = names.find((name, k) => names.indexOf(name) < k)
  if (twice !== undefined) check.outOfRange("tasks", "tasks of different names", twice)
  return {
    tasks,
    lease: leaseMillis(lease),
    drain: Duration.toMillis(Duration.fromInputUnsafe(drain)),
    ...(slots !== undefined && { slots: check.positiveInteger("slots", slots) })
  }
}

/**
 * Checks a lease, and returns its milliseconds: those of the default where it is not given. For transports that have a use for it.
 *
 * @category options
 * @since 0.1.0
 */
export const leaseMillis = (lease: Duration.Input = defaultLease): number =>
  check.numberWhere("lease", millisOf("lease", lease), "a finite duration", Number.isFinite)

const millisOf = (name: string, duration: Duration.Input): number =>
  Duration.toMillis(check.positiveDuration(name, duration))
