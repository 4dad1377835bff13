/**
 * Tasks on worker processes.
 *
 * @since 0.1.0
 */
import type * as Layer from "effect/Layer"
import { type ChildProcess, fork } from "node:child_process"
import { randomUUID } from "node:crypto"
import { closeSync, openSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Readable } from "node:stream"
import { fileURLToPath } from "node:url"
import { serialize } from "node:v8"
import * as Workers from "../worker/near/layer.ts"
import type { Platform } from "../worker/near/platform.ts"
import { StderrTail } from "../worker/near/stderrTail.ts"
import { resultsPipe, Unframer } from "../worker/wire/framing.ts"
import { type FromFar, NotStarted, type ToFar } from "../worker/wire/messages.ts"
import { FilePositions } from "../worker/wire/positions.ts"

/**
 * How worker processes are kept.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options extends Workers.WorkerOptions {}

/**
 * Runs the tasks inside on worker processes: for work that must not share a heap with the program, such as native
 * addons and what leaks.
 *
 * **Details**
 *
 * Shape and errors are those of `Threads.layer`. A process that is killed tells its signal. Payloads and results are
 * copied through pipes: a view of shared memory arrives as a copy, and large arrays cost their copy for each payload.
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
  clone: serialize,
  spawn: (_, onMessage, onExit) => {
    const file = openUnlinkedFile()
    const positions = new FilePositions(file)
    const child = forkWorker(options, file)
    const [stdout, stderr] = [child.stdout!, child.stderr!]
    const results = child.stdio[resultsPipe] as Readable
    const tail = new StderrTail(stderr)
    stdout.on("data", (chunk: Buffer) => process.stdout.write(chunk))
    stderr.on("data", (chunk: Buffer) => process.stderr.write(chunk))
    const unframer = new Unframer((message) => onMessage(message as FromFar))
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
      for (const stream of [stdout, stderr, results]) stream.destroy()
    }
    results.on("data", (chunk: Buffer) => {
      try {
        unframer.push(chunk)
      } catch (error) {
        failure = String(error)
        child.kill("SIGKILL")
      }
    })
    child.on("error", (error) => {
      failure = String(error.stack ?? error)
      if (child.pid === undefined) end(null, null)
    })
    child.on("close", end)
    // a child of the process may keep its standard output open
    child.on("exit", (exitCode, signal) => {
      closeTimer = setTimeout(() => end(exitCode, signal), closeGraceMillis)
    })
    return {
      post: (message: ToFar) => {
        if (child.connected) child.send(message, () => {})
      },
      position: (slot) => positions.read(slot),
      clear: (slot) => positions.write(slot, NotStarted, 0),
      cut: undefined,
      kill: () => void child.kill("SIGKILL"),
      hold: (busy) => {
        for (
          const each of [child, child.channel, stdout, stderr, results] as ReadonlyArray<Refable | null | undefined>
        ) {
          if (busy) each?.ref?.()
          else each?.unref?.()
        }
      }
    }
  }
})

/** Milliseconds to wait for the last output of a process that has exited, if its pipes stay open. */
const closeGraceMillis = 500

/** Forks a process that has the file open; closes the file if that fails. */
const forkWorker = ({ env, execArgv }: Options, file: number): ChildProcess => {
  try {
    const args = Workers.execArgv(execArgv)
    const child = fork(fileURLToPath(Workers.entry("process")), [], {
      serialization: "advanced",
      stdio: ["ignore", "pipe", "pipe", "ipc", "pipe", file],
      ...(env !== undefined && { env: { ...process.env, ...env } }),
      ...(args !== undefined && { execArgv: [...args] })
    })
    // with too many open files there are no pipes, and Node.js emits the reason later
    if (child.stdio?.[resultsPipe] == null) throw new Error("a process cannot be started: too many files are open")
    return child
  } catch (error) {
    closeSync(file)
    throw error
  }
}

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
