/**
 * A backend that runs tasks on worker threads.
 *
 * @since 0.1.0
 */
import type * as Layer from "effect/Layer"
import {
  MessageChannel,
  type MessagePort,
  receiveMessageOnPort,
  type ResourceLimits,
  Worker
} from "node:worker_threads"
import { optionalRecord } from "../primitives/check.ts"
import * as Workers from "../worker/near/layer.ts"
import { type Platform, slots } from "../worker/near/platform.ts"
import { shownError, StderrTail } from "../worker/near/stderrTail.ts"
import { ports } from "../worker/wire/ports.ts"
import { SharedPositions } from "../worker/wire/positions.ts"

/**
 * The options of worker threads.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options extends Workers.WorkerOptions {
  /** The `resourceLimits` of Node's `Worker`, such as the size of its heap. Default: those of Node.js. */
  readonly resourceLimits?: ResourceLimits | undefined
  /**
   * From how many bytes a typed array in a payload is sent as shared memory: a positive integer, or `Infinity` for
   * never. An array is sent once for each run, however many payloads hold it or a part of it. A task may read it. If a
   * task writes to it, the other inputs of the run see that, and the program does not. Default: 1 MiB.
   */
  readonly maxBytes?: number | undefined
}

/**
 * Runs the tasks of a program on worker threads.
 *
 * **Details**
 *
 * Threads start when there is work for them, are shared by all runs inside, and end with the layer's scope. A thread
 * imports the module of a task by its URL, and builds the layer of the task once. Wrong options are defects, thrown
 * here.
 *
 * If a thread ends while it runs an input, that input fails with `BackendError` (`WorkerCrashed`). What the thread had
 * finished is kept, and its remaining inputs go to another thread. If it ran several inputs concurrently, each of them
 * runs again on its own.
 *
 * Interruption and timeouts reach the task as on fibers. If the task does not stop within `grace`, its thread is
 * terminated and replaced.
 *
 * **Gotchas**
 *
 * A thread shares its process with the program. A native addon that crashes ends both, and so does code that runs out
 * of memory faster than Node.js can stop it, whatever `resourceLimits` says.
 *
 * **Example** (Running a task on two threads)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Parallel, Task } from "effect-parallel"
 * import * as Threads from "effect-parallel/backend/Threads"
 * import { isMainThread } from "node:worker_threads"
 *
 * export const square = Task.make("square", { module: import.meta.url, run: (n: number) => Effect.succeed(n * n) })
 *
 * const program = Parallel.forEach([1, 2, 3], square).pipe(Effect.provide(Threads.layer({ workers: 2 })))
 *
 * // threads import this module too, and must not start the program again
 * const squares = isMainThread ? await Effect.runPromise(program) : []
 * console.log(squares) // => [1, 4, 9]
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options = {}): Layer.Layer<never> => {
  Workers.check(options, ["resourceLimits", "maxBytes"])
  optionalRecord("resourceLimits", options.resourceLimits, "a number above 0", isLimit)
  return Workers.layer(options, kind(options), Workers.bytes(options.maxBytes))
}

const isLimit = (value: unknown): boolean => value === undefined || (typeof value === "number" && value > 0)

const kind = ({ env, execArgv, resourceLimits }: Options): Platform => ({
  name: "threads",
  crossing: ports,
  canWithdraw: true,
  spawn: (number, { onExit, onMessage, onNonsense }) => {
    const memory = SharedPositions.memory(slots)
    const positions = new SharedPositions(memory)
    const args = Workers.execArgv(execArgv)
    const { port1: port, port2: farPort } = new MessageChannel()
    const worker = new Worker(Workers.entry("thread"), {
      name: `effect-parallel ${number}`,
      workerData: { positions: memory, port: farPort },
      transferList: [farPort],
      ...(env !== undefined && { env: { ...process.env, ...env } as NodeJS.Dict<string> }),
      ...(args !== undefined && { execArgv: [...args] }),
      ...(resourceLimits !== undefined && { resourceLimits })
    })
    const tail = new StderrTail(worker.stderr)
    let failure = ""
    port.on("message", onMessage)
    port.on("messageerror", onNonsense)
    worker.on("error", (error: unknown) => {
      failure = shownError(error)
    })
    worker.on("exit", (exitCode) => {
      drain(port, onMessage)
      port.close()
      onExit({ exitCode, signal: undefined, stderr: [tail.lines, failure].filter((text) => text !== "").join("\n") })
    })
    return {
      post: (message, transfer) => port.postMessage(message, transfer as ReadonlyArray<ArrayBuffer>),
      position: (slot) => positions.read(slot),
      clear: (slot) => positions.clear(slot),
      cut: (slot) => positions.cut(slot),
      withdraw: (slot) => positions.withdraw(slot),
      kill: () => void worker.terminate(),
      hold: (busy) => {
        for (const each of [worker, port]) {
          if (busy) each.ref()
          else each.unref()
        }
      }
    }
  }
})

/** Passes on the messages of a thread that has ended: they wait in its port. */
const drain = (port: MessagePort, onMessage: (message: unknown) => void): void => {
  try {
    for (let found = receiveMessageOnPort(port); found !== undefined; found = receiveMessageOnPort(port)) {
      onMessage((found as { readonly message: unknown }).message)
    }
  } catch {
    // messages after one that cannot be read are ignored
  }
}
