/**
 * The thread of a pulse. It has its own connection, and repeats the last message when it has received none for a while.
 */
import { parentPort, workerData } from "node:worker_threads"
import type { PulseData } from "./pulse.ts"
import { opened } from "./redis.ts"

const { channel, connection, silence } = workerData as PulseData
const redis = opened(connection, { enableOfflineQueue: false, maxRetriesPerRequest: 0 })
// the machine itself logs that Redis cannot be reached
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
