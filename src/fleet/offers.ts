/**
 * Offers batches to a queue that may be unreachable. Failed offers are tried again for a while, with one warning.
 *
 * A program has at most two batches in the queue for each slot of the machines, but may always have two. So programs
 * that share a queue take turns, no matter how much work each has.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Errors from "../task/errors.ts"
import type { Transport } from "./contract.ts"
import type { OfferedBatch } from "./request.ts"
import type { Warnings } from "./warnings.ts"

/** Number of batches for each slot that may be in the queue. */
const roundsInQueue = 2

/** First and longest delay before a failed offer is tried again, in milliseconds. */
const firstDelay = 50
const longestDelay = 1000

export class Offers {
  private readonly transport: Transport["Service"]
  /** Milliseconds after which a batch that cannot be offered fails. */
  private readonly patience: number
  /** Time limit of an offer in milliseconds. */
  private readonly bound: number
  private readonly now: () => number
  private readonly warnings: Warnings
  private readonly end: (request: OfferedBatch) => void
  /** Number of slots of all machines. */
  private readonly slots: () => number
  /** Number of batches that may be in the queue now. */
  private inQueue = 0
  /** Batches that wait for room in the queue, with the function that resumes each. */
  private readonly waiting = new Map<OfferedBatch, () => void>()
  /** Batches whose offers have failed and are tried again. */
  private readonly failing = new Set<OfferedBatch>()
  /** Time since which every offer has failed. `undefined` if the last one succeeded. */
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

  /** True while a failed offer waits to be tried again. */
  get areFailing(): boolean {
    return this.failing.size > 0
  }

  /** Offers a batch when it is its turn. Tries again while that fails, until the patience is used up. */
  offer(request: OfferedBatch, text: string): Effect.Effect<void> {
    const offered = Effect.ensuring(
      this.attempt(request, text, firstDelay),
      Effect.sync(() => this.failing.delete(request))
    )
    return Effect.andThen(this.turnOf(request), offered)
  }

  /** Gives turns to waiting batches. Called when there may be more room or more machines. */
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

  /** Offers a batch, and again after a delay while that fails. All batches share one patience. */
  private attempt(request: OfferedBatch, text: string, delay: number): Effect.Effect<void> {
    const offered = Effect.timeoutOrElse(Effect.suspend(() => this.transport.offer(request.id, text, request.label)), {
      duration: this.bound,
      orElse: () => Effect.fail(`the transport did not answer within ${this.bound / 1000} s`)
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
    this.warnings.say("the machines cannot be reached; tasks wait", cause)
  }

  private reached(request: OfferedBatch): void {
    this.failing.delete(request)
    if (this.failingSince === undefined) return
    this.failingSince = undefined
    this.warnings.tell("the machines can be reached again")
  }
}
