/**
 * The control messages of a program to all machines: that the program is alive, which batches to stop, recall and
 * forget, and which replies have arrived. They are combined and sent at each beat, and soon if something waits for
 * them.
 */
import type { ControlMessage } from "./messages.ts"
import type { OfferedBatch } from "./request.ts"

/** Number of unacknowledged replies about a batch, or of batches to forget, after which a message is sent soon. */
export const mostUnsaid = 64

/**
 * Number of batches of each kind in a message, at most, and the bytes that a batch needs if it is in all four lists.
 */
const mostInMessage = 1000
const bytesOfBatch = 600

/** The program that sends control messages. */
interface Speaker {
  readonly program: string
  readonly lease: number
  readonly maxBytes: number
  readonly requests: ReadonlyMap<string, OfferedBatch>
  readonly send: (message: string) => void
  readonly now: () => number
  /** Calls a function when fibers that are ready have run. */
  readonly soon: (act: () => void) => void
}

export class Controls {
  private readonly speaker: Speaker
  private recalls: Array<string> = []
  private forgets: Array<readonly [machine: string, id: string]> = []
  private scheduled = false

  constructor(speaker: Speaker) {
    this.speaker = speaker
  }

  /** Asks for the unstarted inputs of a batch. */
  recall(id: string): void {
    this.recalls.push(id)
    this.flushSoon()
  }

  /** Tells a machine to forget a batch. */
  forget(machine: string, id: string): void {
    this.forgets.push([machine, id])
    if (this.forgets.length >= mostUnsaid) this.flushSoon()
  }

  /** Sends everything soon, together with whatever is added until then. */
  flushSoon(): void {
    if (this.scheduled) return
    this.scheduled = true
    this.speaker.soon(() => {
      this.scheduled = false
      this.flush()
    })
  }

  /** Sends everything now, in as many messages as necessary. */
  flush(): void {
    const { forgets, recalls, speaker: { lease, now, program, requests, send } } = this
    this.recalls = []
    this.forgets = []
    const stops: Array<string> = []
    const received: Array<readonly [id: string, n: number]> = []
    for (const request of requests.values()) {
      if (request.stopped) stops.push(request.id)
      if (request.unacknowledged > 0) received.push([request.id, request.received])
      request.unacknowledged = 0
    }
    const most = Math.max(stops.length, recalls.length, forgets.length, received.length)
    const share = this.share
    for (let from = 0; from === 0 || from < most; from += share) {
      const part = <A>(all: ReadonlyArray<A>) => all.slice(from, from + share)
      const message: ControlMessage = {
        program,
        lease,
        at: now(),
        stop: part(stops),
        recall: part(recalls),
        forget: part(forgets),
        received: Object.fromEntries(part(received))
      }
      send(JSON.stringify(message))
    }
  }

  /** Number of batches of each kind in one message. */
  private get share(): number {
    return Math.max(1, Math.min(mostInMessage, Math.floor(this.speaker.maxBytes / bytesOfBatch)))
  }
}
