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
import * as Kept from "../worker/near/layer.ts"
import type { Kind } from "../worker/near/platform.ts"
import { Tail } from "../worker/near/stderrTail.ts"
import { Notes, resultsPipe, Unframer } from "../worker/wire/framing.ts"
import { type FromFar, NotStarted, type ToFar } from "../worker/wire/messages.ts"

/**
 * How worker processes are kept.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options extends Kept.Options {}

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
  Kept.check(options, [])
  return Kept.layer(options, kind(options), undefined)
}

const kind = (options: Options): Kind => ({
  name: "processes",
  clone: serialize,
  spawn: (_, onMessage, onDeath) => {
    const file = nameless()
    const notes = new Notes(file)
    const child = start(options, file)
    const [stdout, stderr] = [child.stdout!, child.stderr!]
    const results = child.stdio[resultsPipe] as Readable
    const tail = new Tail(stderr)
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
      onDeath({
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
      mark: (slot) => notes.read(slot),
      clear: (slot) => notes.write(slot, NotStarted, 0),
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
    const args = Kept.execArgv(execArgv)
    const child = fork(fileURLToPath(Kept.entry("process")), [], {
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
