/**
 * Executes a batch on the backend of its machine.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { async, type Backend, type Batch, batchOfOne } from "../Backend.ts"
import type { HeldBatch } from "./held.ts"
import type { AnyJob } from "./relay.ts"

/** Converts a batch for the backend of the machine. */
const toBatch = (batch: HeldBatch): Batch<unknown> => {
  const { budget, concurrency, keys, numbers, payloads, run, timeout } = batch.offer
  return {
    inputs: payloads,
    index: batch.index,
    attempt: numbers && ((position) => numbers[position]!),
    key: keys && ((position) => keys[position]!),
    concurrency,
    run,
    timeout: timeout === undefined ? undefined : Duration.millis(timeout),
    budget: budget === undefined ? undefined : Duration.millis(budget),
    recall: { signal: batch.recall.signal, giveBack: batch.giveBack },
    began: batch.began,
    delivered: batch.delivered,
    lost: batch.lost
  }
}

/** Executes a batch on the backend of the machine: as a whole, or input by input if the backend takes no batches. */
export const execute = (backend: Backend, job: AnyJob, held: HeldBatch, now: () => number) => {
  const batch = toBatch(held)
  if (backend.batches === true) return backend.execute(job, batch, held.onExit)
  const recall = batch.recall!
  const until = now() + (held.offer.budget ?? Infinity)
  const inputs = [...batch.inputs]
  let position = 0
  recall.signal.addEventListener("abort", () => held.giveBack(position + 1), { once: true })
  if (backend !== async) {
    return Effect.whileLoop({
      while: () => position < inputs.length && (position === 0 || (now() <= until && !recall.signal.aborted)),
      body: () => backend.execute(job, batchOfOne(batch, position), (_, ...exit) => held.onExit(position, ...exit)),
      step: () => void position++
    })
  }
  // fibers here take inputs as long as there are any, so the remaining inputs of a batch are cut off
  const whole: Batch<unknown> = { ...batch, inputs, budget: undefined, recall: undefined }
  return backend.execute(job, whole, (at, ...exit) => {
    held.onExit(at, ...exit)
    position = at + 1
    if (now() > until || recall.signal.aborted) inputs.length = position
  })
}
