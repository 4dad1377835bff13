/**
 * Entry point of a worker thread.
 *
 * Its channel is a separate port that no task can reach. A task may use `parentPort` for its own purposes.
 */
import { type MessagePort, workerData } from "node:worker_threads"
import type { ToFar } from "../wire/messages.ts"
import { ports } from "../wire/ports.ts"
import { SharedPositions } from "../wire/positions.ts"
import { boot } from "./boot.ts"

interface ThreadData {
  port?: MessagePort
  positions?: SharedArrayBuffer
}

const data = workerData as ThreadData
const port = data.port!
const positions = new SharedPositions(data.positions!)
delete data.port
delete data.positions

port.on("messageerror", () => process.exit(1))

boot({
  crossing: ports,
  post: (message, transfer = []) => port.postMessage(message, transfer as ReadonlyArray<ArrayBuffer>),
  listen: (receive) => port.on("message", (message: ToFar) => receive(message)),
  claim: (slot, position, since) => positions.claim(slot, position, since),
  close: () => process.exit()
})
