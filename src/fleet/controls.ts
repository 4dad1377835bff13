/**
 * What a program says to all machines: that it is there, what is to be stopped, recalled and forgotten, and which replies have
 * come. It is said together, at each beat, and soon where something waits for it.
 */
import type { ControlMessage } from "./messages.ts"
import type { OfferedBatch } from "./request.ts"

/** Number of replies about a batch, or of batches to forget, after which that is said at once. */
export const mostUnsaid = 64

/** Number of batches of each kind that a message speaks of, and bytes that one takes at most in all four of them. */
const mostInMessage = 1000
const bytesOfBatch = 600

/** The program that speaks. */
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

  /** Lets a machine forget a batch. */
  forget(machine: string, id: string): void {
    this.forgets.push([machine, id])
    if (this.forgets.length >= mostUnsaid) this.flushSoon()
  }

  /** Says everything soon, with what comes together now. */
  flushSoon(): void {
    if (this.scheduled) return
    this.scheduled = true
    this.speaker.soon(() => {
      this.scheduled = false
      this.flush()
    })
  }

  /** Says everything, in as many messages as that takes. */
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

  /** Number of batches of each kind that one message speaks of. */
  private get share(): number {
    return Math.max(1, Math.min(mostInMessage, Math.floor(this.speaker.maxBytes / bytesOfBatch)))
  }
}
