/**
 * The thread of a pulse. It has a connection of its own, and speaks when it has heard nothing for a while.
 */
import { parentPort, workerData } from "node:worker_threads"
import type { PulseData } from "./pulse.ts"
import { opened } from "./redis.ts"

const { channel, connection, silence } = workerData as PulseData
const redis = opened(connection, { enableOfflineQueue: false, maxRetriesPerRequest: 0 })
// the machine says that Redis cannot be reached
redis.on("error", () => {})

let text: string | undefined
let heardAt = performance.now()
parentPort!.on("message", (said: string) => {
  text = said
  heardAt = performance.now()
})
setInterval(() => {
  if (text !== undefined && performance.now() - heardAt >= silence) redis.publish(channel, text).catch(() => {})
}, silence / 2)
