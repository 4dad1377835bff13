/**
 * Where a worker process begins.
 *
 * It reads what it is sent from the channel of `fork`, and writes to a pipe of its own, synchronously: what a task has
 * done is told before a process that exits, or is about to, is gone.
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

// the signals of a terminal go to the whole group: it is for the program to decide, and to tell
for (const signal of ["SIGINT", "SIGHUP"] as const) process.on(signal, () => {})
process.on("disconnect", () => process.exit())

// what is printed right before an exit is whole: Node.js would write to a pipe in its own time
for (const stream of [process.stdout, process.stderr] as ReadonlyArray<Printer>) stream._handle?.setBlocking?.(true)

// a task that never lets the event loop turn would outlive a program that is killed: a thread looks after that
const orphaned = `setInterval(() => process.ppid !== ${process.ppid} && process.kill(process.pid, "SIGKILL"), 500)`
new Worker(orphaned, { eval: true, env: SHARE_ENV, execArgv: [], resourceLimits: { maxOldGenerationSizeMb: 8 } })
  .unref()

boot({
  clone: serialize,
  post: (message) => {
    // nobody is there to tell
    if (!writeWhole(resultsPipe, frame(message))) process.exit()
  },
  listen: (receive) => process.on("message", (message: ToFar) => receive(message)),
  claim: (slot, position, since) => {
    positions.write(slot, position, since)
    return true
  },
  close: () => process.exit()
})
