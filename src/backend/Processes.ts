/**
 * A backend that runs tasks on worker processes.
 *
 * @since 0.1.0
 */
import type * as Layer from "effect/Layer"
import { type ChildProcess, spawn, type StdioOptions } from "node:child_process"
import { randomUUID } from "node:crypto"
import { closeSync, openSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Readable, Writable } from "node:stream"
import { fileURLToPath } from "node:url"
import * as Workers from "../worker/near/layer.ts"
import type { Platform } from "../worker/near/platform.ts"
import { shownError, StderrTail } from "../worker/near/stderrTail.ts"
import { bytes } from "../worker/wire/bytes.ts"
import { frame, Unframer } from "../worker/wire/framing.ts"
import { NotStarted, type ToFar } from "../worker/wire/messages.ts"
import { FilePositions } from "../worker/wire/positions.ts"

/**
 * The options of worker processes.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options extends Workers.WorkerOptions {}

/**
 * Runs the tasks of a program on worker processes.
 *
 * **When to use**
 *
 * Use for work that must not share a process with the program, such as native addons, or code that leaks memory.
 *
 * **Details**
 *
 * Processes start when there is work for them, are shared by all runs inside, and end with the layer's scope. A process
 * imports the module of a task by its URL, and builds the layer of the task once. Wrong options are defects, thrown
 * here.
 *
 * If a process ends while it runs an input, that input fails with `BackendError` (`WorkerCrashed`), which has the exit
 * code, or the signal that killed the process. What the process had finished is kept, and its remaining inputs go to
 * another process. If it ran several inputs concurrently, each of them runs again on its own.
 *
 * Interruption and timeouts reach the task as on fibers. If the task does not stop within `grace`, its process is
 * killed and replaced.
 *
 * Payloads and results are copied through pipes. A large array costs a copy for each payload that holds it, and a view
 * of shared memory arrives as a copy.
 *
 * **Example** (Surviving an input that ends its process)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Parallel } from "effect-parallel"
 * import * as Processes from "effect-parallel/backend/Processes"
 * import { tasks } from "effect-parallel/testing"
 *
 * // `endsOn` returns its input, but ends its process if the input is "end"
 * const program = Parallel.partition([1, "end", 3], tasks.endsOn).pipe(
 *   Effect.provide(Processes.layer({ workers: 1 }))
 * )
 *
 * const [values, failures] = await Effect.runPromise(program)
 * console.log(values) // => [1, 3]
 * console.log(failures.map(({ index }) => index)) // => [1]
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options = {}): Layer.Layer<never> => {
  Workers.check(options, [])
  return Workers.layer(options, kind(options), undefined)
}

const kind = (options: Options): Platform => ({
  name: "processes",
  crossing: bytes,
  canWithdraw: false,
  spawn: (_, { onExit, onMessage, onNonsense }) => {
    const file = openUnlinkedFile()
    const positions = new FilePositions(file)
    const { child, requests, results, stderr, stdout } = start(options, file)
    const tail = new StderrTail(stderr)
    stdout.on("data", (chunk: Buffer) => process.stdout.write(chunk))
    stderr.on("data", (chunk: Buffer) => process.stderr.write(chunk))
    const unframer = new Unframer(onMessage)
    let failure = ""
    let ended = false
    let closeTimer: NodeJS.Timeout | undefined
    const end = (exitCode: number | null, signal: string | null) => {
      if (ended) return
      ended = true
      clearTimeout(closeTimer)
      onExit({
        exitCode: exitCode ?? undefined,
        signal: signal ?? undefined,
        stderr: [tail.lines, failure].filter((text) => text !== "").join("\n")
      })
      closeSync(file)
      for (const stream of [stdout, stderr, results, requests]) stream.destroy()
    }
    results.on("data", (chunk: Buffer) => {
      try {
        unframer.push(chunk)
      } catch (error) {
        results.removeAllListeners("data").resume()
        onNonsense(error)
      }
    })
    // a process that ends closes its pipes; other events report its end
    for (const stream of [stdout, stderr, results, requests]) stream.on("error", () => {})
    child.on("error", (error) => {
      failure = shownError(error)
      if (child.pid === undefined) end(null, null)
    })
    child.on("close", end)
    // a child of the process may keep its standard output open
    child.on("exit", (exitCode, signal) => {
      closeTimer = setTimeout(() => end(exitCode, signal), closeGraceMillis)
    })
    return {
      post: (message: ToFar) => {
        const framed = frame(message)
        if (requests.writable) requests.write(framed)
      },
      position: (slot) => positions.read(slot),
      clear: (slot) => positions.write(slot, NotStarted, 0),
      cut: undefined,
      withdraw: undefined,
      kill: () => {
        if (child.pid !== undefined && child.pid > 0) child.kill("SIGKILL")
      },
      hold: (busy) => {
        for (const each of [child, stdout, stderr, results, requests] as ReadonlyArray<Refable>) {
          if (busy) each.ref?.()
          else each.unref?.()
        }
      }
    }
  }
})

/** Milliseconds to wait for the last output of a process that has exited, if its pipes stay open. */
const closeGraceMillis = 500

interface WorkerProcess {
  readonly child: ChildProcess
  readonly stdout: Readable
  readonly stderr: Readable
  readonly requests: Writable
  readonly results: Readable
}

/** First file descriptor that the channel of a process may use, and from how many it is chosen. */
const firstDescriptor = 32
const descriptors = 64

/** Starts a process with the file open. If that fails, it closes the file. */
const start = ({ env, execArgv }: Options, file: number): WorkerProcess => {
  const from = firstDescriptor + Math.floor(Math.random() * descriptors)
  const channel = [from, from + 1, from + 2] as const
  const stdio: StdioOptions = [
    "ignore",
    "pipe",
    "pipe",
    ...Array.from({ length: from - 3 }, () => "ignore" as const),
    "pipe",
    "pipe",
    file
  ]
  let child: ChildProcess | undefined
  try {
    child = spawn(process.execPath, [...Workers.execArgv(execArgv) ?? process.execArgv, entry, channel.join()], {
      stdio,
      ...(env !== undefined && { env: { ...process.env, ...env } })
    })
    const { stderr, stdout } = child
    const [requests, results] = [child.stdio[from], child.stdio[from + 1]]
    // with too many open files, Node.js makes no pipes, and emits the reason later
    if (stdout == null || stderr == null || requests == null || results == null) {
      throw new Error("a process cannot be started: too many files are open")
    }
    return { child, stdout, stderr, requests: requests as Writable, results: results as Readable }
  } catch (error) {
    // a process that has not started has no pid, and a signal to it would reach this program
    child?.on("error", () => {})
    if (child?.pid !== undefined && child.pid > 0) child.kill("SIGKILL")
    closeSync(file)
    throw error
  }
}

const entry = fileURLToPath(Workers.entry("process"))

interface Refable {
  readonly ref?: () => void
  readonly unref?: () => void
}

/** Opens a temporary file without a name, which is deleted when its last descriptor is closed. */
const openUnlinkedFile = (): number => {
  const path = join(tmpdir(), `effect-parallel-${randomUUID()}`)
  const file = openSync(path, "wx+", 0o600)
  rmSync(path, { force: true })
  return file
}
