/**
 * Offers of batches to a queue that may be out of reach: they are tried again for a while, and that is said once.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Errors from "../task/errors.ts"
import type { Transport } from "./contract.ts"
import type { OfferedBatch } from "./request.ts"

/** Delays in milliseconds before an offer that has failed is tried again: the first, and the longest. */
const firstDelay = 50
const longestDelay = 1000

export class Offers {
  private readonly transport: Transport["Service"]
  /** Milliseconds after which a batch that cannot be offered fails. */
  private readonly patience: number
  private readonly now: () => number
  private readonly run: (effect: Effect.Effect<unknown>) => unknown
  private readonly end: (request: OfferedBatch) => void
  /** Time since which offers fail; undefined while they do not. */
  private failingSince: number | undefined = undefined

  constructor(
    transport: Transport["Service"],
    patience: number,
    now: () => number,
    run: (effect: Effect.Effect<unknown>) => unknown,
    end: (request: OfferedBatch) => void
  ) {
    this.transport = transport
    this.patience = patience
    this.now = now
    this.run = run
    this.end = end
  }

  get areFailing(): boolean {
    return this.failingSince !== undefined
  }

  /** Offers a batch, again and again while the machines cannot be reached; not for ever. */
  offer(request: OfferedBatch, text: string, delay = firstDelay): Effect.Effect<void> {
    return Effect.matchCauseEffect(this.transport.offer(request.id, text), {
      onSuccess: () => Effect.sync(() => this.reached()),
      onFailure: (cause) =>
        Effect.suspend(() => {
          if (request.state === "Over") return Effect.void
          const now = this.now()
          if (this.failingSince === undefined) {
            this.failingSince = now
            this.run(
              Effect.logWarning(`${this.transport.name}: the machines cannot be reached: what is run waits`, cause)
            )
          }
          const millis = now - this.failingSince
          if (millis >= this.patience) {
            request.fail(new Errors.Unreachable({ millis: Math.round(millis), cause: Cause.squash(cause) }))
            return Effect.sync(() => this.end(request))
          }
          const again = this.offer(request, text, Math.min(2 * delay, longestDelay))
          return Effect.delay(again, Math.min(delay, this.patience - millis))
        })
    })
  }

  private reached(): void {
    if (this.failingSince === undefined) return
    this.failingSince = undefined
    this.run(Effect.logInfo(`${this.transport.name}: the machines can be reached again`))
  }
}
