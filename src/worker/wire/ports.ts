/**
 * The crossing to a thread: values are structured clones. Out-of-band values are messages in a port that is sent with
 * their message.
 */
import { MessageChannel, type MessagePort, receiveMessageOnPort } from "node:worker_threads"
import type { Channel, Crossing, Reader } from "./crossing.ts"
import { refuseLost } from "./form.ts"

const clone = (value: unknown): unknown => {
  refuseLost(value, false)
  return structuredClone(value)
}

const open = (): Channel => {
  const { port1, port2 } = new MessageChannel()
  return {
    write: (value, transfer) => {
      if (transfer.length === 0) refuseLost(value, false)
      port1.postMessage(value, transfer as ReadonlyArray<ArrayBuffer>)
    },
    sealed: port2,
    transfer: [port2],
    close: () => port1.close()
  }
}

const read = (sealed: unknown): Reader => {
  const port = sealed as MessagePort
  return {
    next: () => (receiveMessageOnPort(port) as { readonly message: unknown }).message,
    close: () => port.close()
  }
}

export const ports: Crossing = { moves: true, clone, open, read }
