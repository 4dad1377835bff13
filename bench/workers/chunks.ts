/** A worker thread by hand. It receives an array and answers with an array. */
import { parentPort } from "node:worker_threads"
import spin from "./plain.ts"

parentPort!.on("message", (rounds: ReadonlyArray<number>) => parentPort!.postMessage(rounds.map(spin)))
