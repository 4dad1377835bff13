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
 * Runs the tasks inside on worker processes: for work that must not share a heap with the program, such as native addons
 * and what leaks.
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
    const file = nameless()
    const positions = new FilePositions(file)
    const child = start(options, file)
    const [stdout, stderr] = [child.stdout!, child.stderr!]
    const results = child.stdio[resultsPipe] as Readable
    const tail = new StderrTail(stderr)
    stdout.on("data", (chunk: Buffer) => process.stdout.write(chunk))
    stderr.on("data", (chunk: Buffer) => process.stderr.write(chunk))
    const unframer = new Unframer((message) => onMessage(message as FromFar))
    let broken = ""
    let gone = false
    let waiting: NodeJS.Timeout | undefined
    const end = (exitCode: number | null, signal: string | null) => {
      if (gone) return
      gone = true
      clearTimeout(waiting)
      onExit({
        exitCode: exitCode ?? undefined,
        signal: signal ?? undefined,
        stderr: [tail.lines, broken].filter((text) => text !== "").join("\n")
      })
      closeSync(file)
      for (const stream of [stdout, stderr, results]) stream.destroy()
    }
    results.on("data", (chunk: Buffer) => {
      try {
        unframer.push(chunk)
      } catch (error) {
        broken = String(error)
        child.kill("SIGKILL")
      }
    })
    child.on("error", (error) => {
      broken = String(error.stack ?? error)
      if (child.pid === undefined) end(null, null)
    })
    child.on("close", end)
    // what a process has started may have its standard output for as long as it likes
    child.on("exit", (exitCode, signal) => {
      waiting = setTimeout(() => end(exitCode, signal), afterwards)
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
        for (const each of [child, child.channel, stdout, stderr, results] as ReadonlyArray<Held | null | undefined>) {
          if (busy) each?.ref?.()
          else each?.unref?.()
        }
      }
    }
  }
})

/** How long after a process has ended its last words may come, in milliseconds. */
const afterwards = 500

/** Starts a process that has this file open; closes it where that cannot be. */
const start = ({ env, execArgv }: Options, file: number): ChildProcess => {
  try {
    const args = Workers.execArgv(execArgv)
    const child = fork(fileURLToPath(Workers.entry("process")), [], {
      serialization: "advanced",
      stdio: ["ignore", "pipe", "pipe", "ipc", "pipe", file],
      ...(env !== undefined && { env: { ...process.env, ...env } }),
      ...(args !== undefined && { execArgv: [...args] })
    })
    // too many open files: there are no pipes, and the reason comes as an event
    if (child.stdio?.[resultsPipe] == null) throw new Error("a process cannot be started: too many files are open")
    return child
  } catch (error) {
    closeSync(file)
    throw error
  }
}

interface Held {
  readonly ref?: () => void
  readonly unref?: () => void
}

/** A file that is gone when nobody has it open any more. */
const nameless = (): number => {
  const path = join(tmpdir(), `effect-parallel-${randomUUID()}`)
  const file = openSync(path, "wx+", 0o600)
  rmSync(path, { force: true })
  return file
}
