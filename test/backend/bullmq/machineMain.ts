/** A machine as a program: `node machineMain.ts '{"port":6379,"queue":"q","machine":"a","backend":"fibers"}'`. */
import { NodeRuntime } from "@effect/platform-node"
import { Layer } from "effect"
import { Backend } from "effect-parallel"
import * as BullMQ from "effect-parallel/backend/BullMQ"
import * as Threads from "effect-parallel/backend/Threads"
import { tasks } from "effect-parallel/testing"
import { all } from "./fleetTasks.ts"

/** The options that a machine of these tests is started with. */
export interface MachineArgs {
  readonly port: number
  readonly queue: string
  readonly machine: string
  readonly backend: "fibers" | "threads"
  readonly slots?: number | undefined
  readonly drain?: number | undefined
}

const { backend, drain, machine, port, queue, slots = 4 } = JSON.parse(process.argv[2]!) as MachineArgs

NodeRuntime.runMain(Layer.launch(BullMQ.layerWorker({
  connection: `redis://127.0.0.1:${port}`,
  queue,
  machine,
  slots,
  tasks: [...all, ...tasks.all],
  backend: backend === "fibers" ? Backend.layer(Backend.async) : Threads.layer({ workers: 1 }),
  ...(drain !== undefined && { drain })
})))
