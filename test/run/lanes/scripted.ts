import { Effect } from "effect"
import { Backend } from "effect-parallel"

/** The script of a backend. */
interface Script {
  readonly workers: number
  /** Its reaction to a recall. */
  readonly recall: "gives back" | "ends early" | "is deaf"
  /** Called for each batch with its size. Returns after how many inputs the batch ends. */
  readonly begins: (size: number) => number
  /** Called when a batch is over for any reason. */
  readonly ends: () => void
  /** Called when a batch ends by itself, at a position. */
  readonly after?: (batch: Backend.Batch<unknown>, position: number) => void
}

/** A backend that takes batches, reports some of their inputs, and gives others back. */
export const scripted = ({ after, begins, ends, recall: heeds, workers }: Script): Backend.Backend => ({
  name: "scripted",
  workers,
  batches: true,
  execute: (job, batch, onExit) =>
    Effect.suspend(() => {
      const { recall } = batch
      const end = begins(batch.inputs.length)
      let position = 0
      if (heeds === "gives back") {
        recall?.signal.addEventListener("abort", () => recall.giveBack(position + 1), { once: true })
      }
      return Effect.andThen(
        Effect.whileLoop({
          while: () =>
            position < Math.min(end, batch.inputs.length) &&
            (position === 0 || heeds === "is deaf" || recall?.signal.aborted !== true),
          body: () =>
            Backend.async.execute(
              job,
              { ...batch, inputs: [batch.inputs[position]!], index: () => batch.index(position) },
              (_, exit) => onExit(position, exit)
            ),
          step: () => position++
        }),
        Effect.sync(() => after?.(batch, position))
      )
    }).pipe(Effect.ensuring(Effect.sync(ends)))
})
