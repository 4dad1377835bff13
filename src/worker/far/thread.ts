/**
 * Entry point of a worker thread.
 */
import { parentPort, workerData } from "node:worker_threads"
import type { ToFar } from "../wire/messages.ts"
import { SharedPositions } from "../wire/positions.ts"
import { boot } from "./boot.ts"

const port = parentPort!
const positions = new SharedPositions((workerData as { readonly positions: SharedArrayBuffer }).positions)

boot({
  clone: structuredClone,
  post: (message, transfer = []) => port.postMessage(message, transfer as ReadonlyArray<ArrayBuffer>),
  listen: (receive) => port.on("message", (message: ToFar) => receive(message)),
  claim: (slot, position, since) => positions.claim(slot, position, since),
  close: () => process.exit()
})
