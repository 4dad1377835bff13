/**
 * Entry point of a worker process.
 *
 * It reads messages from the channel of `fork`, and writes to a pipe of its own, synchronously: exits are written
 * before a process that exits is gone.
 */
import { serialize } from "node:v8"
import { SHARE_ENV, Worker } from "node:worker_threads"
import { frame, resultsPipe, writeWhole } from "../wire/framing.ts"
import type { ToFar } from "../wire/messages.ts"
import { FilePositions, positionsFile } from "../wire/positions.ts"
import { boot } from "./boot.ts"

interface Printer {
  readonly _handle?: { readonly setBlocking?: (blocking: boolean) => void }
}

const positions = new FilePositions(positionsFile)

// a terminal sends its signals to the whole process group; the program decides and tells its workers
for (const signal of ["SIGINT", "SIGHUP"] as const) process.on(signal, () => {})
process.on("disconnect", () => process.exit())

// output right before an exit must be complete: Node.js would write to a pipe asynchronously
for (const stream of [process.stdout, process.stderr] as ReadonlyArray<Printer>) stream._handle?.setBlocking?.(true)

// a task that never lets the event loop turn would outlive a program that is killed, so a thread watches the parent
const parentWatch = `setInterval(() => process.ppid !== ${process.ppid} && process.kill(process.pid, "SIGKILL"), 500)`
new Worker(parentWatch, { eval: true, env: SHARE_ENV, execArgv: [], resourceLimits: { maxOldGenerationSizeMb: 8 } })
  .unref()

boot({
  clone: serialize,
  post: (message) => {
    // the near side is gone
    if (!writeWhole(resultsPipe, frame(message))) process.exit()
  },
  listen: (receive) => process.on("message", (message: ToFar) => receive(message)),
  claim: (slot, position, since) => {
    positions.write(slot, position, since)
    return true
  },
  close: () => process.exit()
})
