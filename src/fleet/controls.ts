/**
 * What a program says to all machines: that it is there, what is to be stopped, recalled and forgotten, and which replies have
 * come. It is said together, at each beat, and soon where something waits for it.
 */
import type { ControlMessage } from "./messages.ts"
import type { OfferedBatch } from "./request.ts"

/** Number of replies about a batch, or of batches to forget, after which that is said at once. */
export const mostUnsaid = 64

/** The program that speaks. */
interface Speaker {
  readonly program: string
  readonly lease: number
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

  /** Says everything. */
  flush(): void {
    const { forgets: forget, recalls: recall, speaker: { lease, now, program, requests, send } } = this
    const stop: Array<string> = []
    const received: Record<string, number> = {}
    for (const request of requests.values()) {
      if (request.stopped) stop.push(request.id)
      if (request.unacknowledged > 0) received[request.id] = request.received
      request.unacknowledged = 0
    }
    this.recalls = []
    this.forgets = []
    send(JSON.stringify({ program, lease, at: now(), stop, recall, forget, received } satisfies ControlMessage))
  }
}
