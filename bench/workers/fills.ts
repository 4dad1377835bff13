/** A worker thread by hand that moves arrays of numbers to the program. */
import { parentPort } from "node:worker_threads"
import fill from "./fill.ts"

parentPort!.on("message", (length: number) => {
  const array = fill(length)
  parentPort!.postMessage(array, [array.buffer])
})
