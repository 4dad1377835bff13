/**
 * Tasks on worker threads.
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
import * as Workers from "../worker/near/layer.ts"
import { type Platform, slots } from "../worker/near/platform.ts"
import { shownError, StderrTail } from "../worker/near/stderrTail.ts"
import { ports } from "../worker/wire/ports.ts"
import { SharedPositions } from "../worker/wire/positions.ts"

/**
 * How worker threads are kept.
 *
 * **Details**
 *
 * `maxBytes` is from how many bytes on a typed array in a payload crosses as shared memory: once for each run, however
 * many payloads hold it or a part of it; a positive integer or `Infinity`, 1 MiB unless given. A task may read it; what
 * it writes is seen by the other inputs of the run, and not by the program. `resourceLimits` are those of Node's
 * `Worker`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options extends Workers.WorkerOptions {
  readonly resourceLimits?: ResourceLimits | undefined
  readonly maxBytes?: number | undefined
}

/**
 * Runs the tasks inside on worker threads.
 *
 * **Details**
 *
 * Shape: `workers` threads (all cores unless given; -1 is all, -2 all but one), started when there is work for them,
 * shared by all runs inside, and ended with the layer's scope. A worker imports a task's module by its URL and builds
 * the task's layer once. Errors: a thread that ends at an input fails that input with `BackendError` (`WorkerCrashed`);
 * what it had finished is kept, the rest goes to another. Where it was at several inputs, each of them runs again
 * alone. Interruption and timeouts reach the task as they do on fibers; a thread that does not heed them within `grace`
 * is terminated and replaced. Bad options are defects, thrown at once.
 *
 * **Gotchas**
 *
 * A thread shares its process with the program: a native addon that fails ends both, and so does some code that runs
 * out of memory faster than Node.js can stop it, whatever `resourceLimits` say.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options = {}): Layer.Layer<never> => {
  Workers.check(options, ["resourceLimits", "maxBytes"])
  return Workers.layer(options, kind(options), Workers.bytes(options.maxBytes))
}

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

/** Passes on the messages of a thread that has ended, which wait in its port. */
const drain = (port: MessagePort, onMessage: (message: unknown) => void): void => {
  try {
    for (let found = receiveMessageOnPort(port); found !== undefined; found = receiveMessageOnPort(port)) {
      onMessage((found as { readonly message: unknown }).message)
    }
  } catch {
    // a message that cannot be read is the last that counts
  }
}
