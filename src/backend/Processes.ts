/**
 * Tasks on worker processes.
 *
 * @since 0.1.0
 */
import type * as Layer from "effect/Layer"
import { fork } from "node:child_process"
import { randomUUID } from "node:crypto"
import { closeSync, openSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Readable } from "node:stream"
import { fileURLToPath } from "node:url"
import * as Kept from "../internal/worker/kept.ts"
import type { Kind } from "../internal/worker/kind.ts"
import { Notes, resultsPipe, Unframer } from "../internal/worker/pipes.ts"
import { type FromFar, NotStarted, type ToFar } from "../internal/worker/protocol.ts"
import { Tail } from "../internal/worker/tail.ts"

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
 * copied through pipes: shared memory cannot pass, and large arrays cost their copy for each payload.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options = {}): Layer.Layer<never> => {
  Kept.check(options, [])
  return Kept.layer(options, kind(options), undefined)
}

const kind = ({ env, execArgv }: Options): Kind => ({
  name: "processes",
  spawn: (_, onMessage, onDeath) => {
    const args = Kept.execArgv(execArgv)
    const file = nameless()
    const notes = new Notes(file)
    const child = fork(fileURLToPath(Kept.entry("process")), [], {
      serialization: "advanced",
      stdio: ["ignore", "inherit", "pipe", "ipc", "pipe", file],
      ...(env !== undefined && { env: { ...process.env, ...env } }),
      ...(args !== undefined && { execArgv: [...args] })
    })
    const tail = new Tail(child.stderr!)
    child.stderr!.on("data", (chunk: Buffer) => process.stderr.write(chunk))
    const results = child.stdio[resultsPipe] as Readable
    const unframer = new Unframer((message) => onMessage(message as FromFar))
    let broken = ""
    let gone = false
    const end = (exitCode: number | null, signal: string | null) => {
      if (gone) return
      gone = true
      onDeath({
        exitCode: exitCode ?? undefined,
        signal: signal ?? undefined,
        stderr: [tail.lines, broken].filter((text) => text !== "").join("\n")
      })
      closeSync(file)
    }
    results.on("data", (chunk: Buffer) => unframer.push(chunk))
    child.on("error", (error) => {
      broken = String(error.stack ?? error)
      if (child.pid === undefined) end(null, null)
    })
    child.on("close", end)
    return {
      post: (message: ToFar) => {
        if (child.connected) child.send(message, () => {})
      },
      mark: (slot) => notes.read(slot),
      clear: (slot) => notes.write(slot, NotStarted, 0),
      cut: undefined,
      kill: () => void child.kill("SIGKILL"),
      hold: (busy) => {
        for (const each of [child, child.channel, child.stderr, results] as ReadonlyArray<Held | null | undefined>) {
          if (busy) each?.ref?.()
          else each?.unref?.()
        }
      }
    }
  }
})

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
