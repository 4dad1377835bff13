/**
 * Offers of batches to a queue that may be out of reach: they are tried again for a while, and that is said once.
 *
 * A program has no more batches in the queue than the machines take in two rounds, and at least two. So programs that share a
 * queue take turns, however much each of them has to do.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Errors from "../task/errors.ts"
import type { Transport } from "./contract.ts"
import type { OfferedBatch } from "./request.ts"
import type { Warnings } from "./warnings.ts"

/** How many batches for each slot may be in the queue. */
const roundsInQueue = 2

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
  private readonly warnings: Warnings
  private readonly end: (request: OfferedBatch) => void
  /** Number of slots of all machines. */
  private readonly slots: () => number
  /** Number of batches that may be in the queue, and those that wait for room there, with what lets them go on. */
  private inQueue = 0
  private readonly waiting = new Map<OfferedBatch, () => void>()
  /** Batches whose offers have failed and are tried again. */
  private readonly failing = new Set<OfferedBatch>()
  /** Time since which no offer has succeeded, though some were made. */
  private failingSince: number | undefined = undefined

  constructor(
    transport: Transport["Service"],
    patience: number,
    bound: number,
    now: () => number,
    warnings: Warnings,
    end: (request: OfferedBatch) => void,
    slots: () => number
  ) {
    this.transport = transport
    this.patience = patience
    this.bound = bound
    this.now = now
    this.warnings = warnings
    this.end = end
    this.slots = slots
  }

  /** True while an offer has failed and is to be tried again. */
  get areFailing(): boolean {
    return this.failing.size > 0
  }

  /** Offers a batch when it is its turn, again and again while that fails; not for ever. */
  offer(request: OfferedBatch, text: string): Effect.Effect<void> {
    const offered = Effect.ensuring(
      this.attempt(request, text, firstDelay),
      Effect.sync(() => this.failing.delete(request))
    )
    return Effect.andThen(this.turnOf(request), offered)
  }

  /** Gives turns to batches that wait for one: there may be more machines now. */
  readonly pump = (): void => {
    for (const [request, resume] of this.waiting) {
      if (this.inQueue >= Math.max(2, roundsInQueue * this.slots())) return
      this.waiting.delete(request)
      this.begin(request)
      resume()
    }
  }

  /** Waits until there is room for a batch in the queue. */
  private turnOf(request: OfferedBatch): Effect.Effect<void> {
    return Effect.callback((resume) => {
      if (request.state === "Over") return resume(Effect.void)
      this.waiting.set(request, () => resume(Effect.void))
      this.pump()
      return Effect.sync(() => this.waiting.delete(request))
    })
  }

  private begin(request: OfferedBatch): void {
    this.inQueue++
    request.offered(() => {
      this.inQueue--
      this.pump()
    })
  }

  /** Offers a batch, and again after a delay while that fails; all batches share one patience. */
  private attempt(request: OfferedBatch, text: string, delay: number): Effect.Effect<void> {
    const offered = Effect.timeoutOrElse(Effect.suspend(() => this.transport.offer(request.id, text, request.label)), {
      duration: this.bound,
      orElse: () => Effect.fail(`there was no answer within ${this.bound / 1000} s`)
    })
    return Effect.matchCauseEffect(offered, {
      onSuccess: () => Effect.sync(() => this.reached(request)),
      onFailure: (cause) =>
        Effect.suspend(() => {
          if (request.state === "Over") return Effect.void
          const now = this.now()
          this.failed(request, cause, now)
          const millis = now - Math.max(this.failingSince!, request.createdAt)
          if (millis >= this.patience) {
            request.fail(new Errors.Unreachable({ millis: Math.round(millis), cause: Cause.squash(cause) }))
            return Effect.sync(() => this.end(request))
          }
          const again = this.attempt(request, text, Math.min(2 * delay, longestDelay))
          return Effect.delay(again, Math.min(delay, this.patience - millis))
        })
    })
  }

  private failed(request: OfferedBatch, cause: Cause.Cause<unknown>, now: number): void {
    this.failing.add(request)
    if (this.failingSince !== undefined) return
    this.failingSince = now
    this.warnings.say("the machines cannot be reached: what is run waits", cause)
  }

  private reached(request: OfferedBatch): void {
    this.failing.delete(request)
    if (this.failingSince === undefined) return
    this.failingSince = undefined
    this.warnings.tell("the machines can be reached again")
  }
}
