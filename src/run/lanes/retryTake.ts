/**
 * The next step of a lane that has found no input.
 */
import * as Effect from "effect/Effect"
import type { TurnBudget } from "../../primitives/eventLoop.ts"
import * as Inputs from "../inputs/contract.ts"

/**
 * Result of a lane that must let the event loop turn before it takes. It comes in addition to the results of the queue.
 */
export const Yielding = -1

/** Waits for an item after a lane has found none. Returns false if there will be none. */
export const retryTake = (
  found: Inputs.Found | typeof Yielding,
  lane: { awaitInput(): Effect.Effect<void>; readonly ready: () => Effect.Effect<boolean> },
  turnBudget: TurnBudget
): Effect.Effect<boolean> => {
  switch (found) {
    case Yielding:
      return Effect.flatMap(turnBudget.next, lane.ready)
    case Inputs.Waiting:
      return Effect.flatMap(lane.awaitInput(), lane.ready)
    default:
      return Effect.succeed(false)
  }
}
