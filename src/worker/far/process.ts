/**
 * Entry point of a worker process.
 *
 * It reads messages from one pipe and writes to another. Writes are synchronous, so that exits are written completely
 * before the process ends. An argument gives the descriptors, which differ from process to process, so that no task
 * uses them by chance.
 */
import { Socket } from "node:net"
import { SHARE_ENV, Worker } from "node:worker_threads"
import { bytes } from "../wire/bytes.ts"
import { frame, Unframer, writeWhole } from "../wire/framing.ts"
import type { ToFar } from "../wire/messages.ts"
import { FilePositions } from "../wire/positions.ts"
import { boot } from "./boot.ts"

interface Printer {
  readonly _handle?: { readonly setBlocking?: (blocking: boolean) => void }
}

const [requests, results, file] = process.argv.pop()!.split(",").map(Number) as [number, number, number]
const positions = new FilePositions(file)

// a terminal sends its signals to the whole process group; the program decides and stops its workers
for (const signal of ["SIGINT", "SIGHUP"] as const) process.on(signal, () => {})

// Node.js writes to pipes asynchronously, which could lose output right before an exit
for (const stream of [process.stdout, process.stderr] as ReadonlyArray<Printer>) stream._handle?.setBlocking?.(true)

// a task that blocks the event loop would outlive a program that was killed, so a thread watches the parent process
const parentWatch = `setInterval(() => process.ppid !== ${process.ppid} && process.kill(process.pid, "SIGKILL"), 500)`
new Worker(parentWatch, { eval: true, env: SHARE_ENV, execArgv: [], resourceLimits: { maxOldGenerationSizeMb: 8 } })
  .unref()

/** Reads messages until the near side is gone, and then exits. */
const listen = (receive: (message: ToFar) => void): void => {
  const unframer = new Unframer((message) => receive(message as ToFar))
  new Socket({ fd: requests, readable: true, writable: false })
    .on("data", (chunk) => unframer.push(chunk))
    .on("error", () => process.exit())
    .on("close", () => process.exit())
}

boot({
  crossing: bytes,
  post: (message) => {
    // the near side is gone
    if (!writeWhole(results, frame(message))) process.exit()
  },
  listen,
  claim: (slot, position, since) => {
    positions.write(slot, position, since)
    return true
  },
  close: () => process.exit()
})
