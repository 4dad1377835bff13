/**
 * The batch as a backend receives it.
 */
import * as Duration from "effect/Duration"
import type * as Backend from "../../Backend.ts"
import type { BatchInputs } from "./batchInputs.ts"
import type { BatchLaneOptions } from "./batchRun.ts"

export const batchOf = <I>(
  { calledFrom, clock, count: { concurrency }, queue: { watcher }, run, show, sizer, timeout }: BatchLaneOptions<
    I,
    any,
    any,
    any
  >,
  batch: BatchInputs<I>,
  told: Pick<Backend.Batch<I>, "delivered" | "interrupted" | "lost" | "recall">
): Backend.Batch<I> => ({
  inputs: batch.inputs,
  index: (position) => batch.index(position),
  first: batch.inOrderFrom,
  attempt: batch.attempt,
  key: batch.key,
  timeout,
  concurrency,
  run,
  show,
  caller: calledFrom.frame,
  budget: sizer.automatic ? Duration.millis(sizer.budget) : undefined,
  began: watcher && ((position, worker = 0, startedAt) => {
    const item = { index: batch.index(position), input: batch.inputs[position]! }
    watcher.began(item, worker, clock.nanosOf(startedAt))
  }),
  ...told
})
