/**
 * A program that is a machine for a while, and prints when it is up and when it has ended: `node endsMain.ts <port>`.
 */
import { Effect, Fiber, Layer } from "effect"
import { Backend } from "effect-parallel"
import * as BullMQ from "effect-parallel/backend/BullMQ"

const layer = BullMQ.layerWorker({
  connection: `redis://127.0.0.1:${process.argv[2]}`,
  queue: "ends",
  tasks: [],
  slots: 1,
  backend: Backend.layer(Backend.async)
})
const fiber = Effect.runFork(Layer.launch(layer))
process.stdin.once("data", () => {
  process.stdin.destroy()
  Effect.runPromise(Fiber.interrupt(fiber)).then(() => console.log("ended"), console.error)
})
setTimeout(() => console.log("up"), 1500)
