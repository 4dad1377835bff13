/** A worker thread by hand, for arrays. */
import { parentPort } from "node:worker_threads"
import sum from "./sum.ts"

parentPort!.on("message", (numbers: Float64Array) => parentPort!.postMessage(sum(numbers)))
