/**
 * Offers of batches to a queue that may be out of reach: they are tried again for a while, and that is said once.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import { shortenName } from "../primitives/shorten.ts"
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
  /** Milliseconds that an offer may take. */
  private readonly bound: number
  private readonly now: () => number
  private readonly run: (effect: Effect.Effect<unknown>) => unknown
  private readonly end: (request: OfferedBatch) => void
  /** Batches whose offers have failed and are tried again. */
  private readonly failing = new Set<OfferedBatch>()

  constructor(
    transport: Transport["Service"],
    patience: number,
    bound: number,
    now: () => number,
    run: (effect: Effect.Effect<unknown>) => unknown,
    end: (request: OfferedBatch) => void
  ) {
    this.transport = transport
    this.patience = patience
    this.bound = bound
    this.now = now
    this.run = run
    this.end = end
  }

  /** True while an offer has failed and is to be tried again. */
  get areFailing(): boolean {
    return this.failing.size > 0
  }

  /** Offers a batch, again and again while that fails; not for ever. */
  offer(request: OfferedBatch, text: string): Effect.Effect<void> {
    return Effect.ensuring(
      this.attempt(request, text, firstDelay, undefined),
      Effect.sync(() => this.failing.delete(request))
    )
  }

  /** Offers a batch that could not be offered since a time, if it could not. */
  private attempt(
    request: OfferedBatch,
    text: string,
    delay: number,
    failingSince: number | undefined
  ): Effect.Effect<void> {
    const offered = Effect.timeoutOrElse(Effect.suspend(() => this.transport.offer(request.id, text)), {
      duration: this.bound,
      orElse: () => Effect.fail(`there was no answer within ${this.bound / 1000} s`)
    })
    return Effect.matchCauseEffect(offered, {
      onSuccess: () => Effect.sync(() => failingSince === undefined || this.reached(request)),
      onFailure: (cause) =>
        Effect.suspend(() => {
          if (request.state === "Over") return Effect.void
          const now = this.now()
          const since = failingSince ?? now
          this.failed(request, cause)
          const millis = now - since
          if (millis >= this.patience) {
            request.fail(new Errors.Unreachable({ millis: Math.round(millis), cause: Cause.squash(cause) }))
            return Effect.sync(() => this.end(request))
          }
          const again = this.attempt(request, text, Math.min(2 * delay, longestDelay), since)
          return Effect.delay(again, Math.min(delay, this.patience - millis))
        })
    })
  }

  private failed(request: OfferedBatch, cause: Cause.Cause<unknown>): void {
    if (this.failing.size === 0) this.log(Effect.logWarning, "cannot be reached: what is run waits", cause)
    this.failing.add(request)
  }

  private reached(request: OfferedBatch): void {
    this.failing.delete(request)
    if (this.failing.size === 0) this.log(Effect.logInfo, "can be reached again")
  }

  private log(level: typeof Effect.logInfo, what: string, ...more: ReadonlyArray<unknown>): void {
    this.run(level(`${shortenName(this.transport.name)}: the machines ${what}`, ...more))
  }
}
