/**
 * Progress as rare lines of Effect's logger, for CI and files.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { identity } from "effect/Function"
import type * as Scope from "effect/Scope"
import { positiveDuration } from "../primitives/check.ts"
import type { DurationInput } from "../primitives/duration.ts"
import { make as makeProgress } from "./board.ts"
import type { Progress, Snapshot } from "./contract.ts"
import { toText } from "./line.ts"

/**
 * When `layerLog` logs lines.
 *
 * @category models
 * @since 0.1.0
 */
export interface LogOptions {
  /**
   * How long a run lasts before its first line: a positive duration. Quicker runs log nothing, unless they are
   * interrupted. Default: 1 second.
   */
  readonly after?: DurationInput<"5 seconds"> | undefined
}

/** Factor by which the elapsed time of a run grows from one line to the next. */
const growth = 1.5

/** Longest time between two lines, in milliseconds: half an hour. */
const longest = 1_800_000

/**
 * Makes a progress that logs. Each line comes when the run has lasted one and a half times as long as at the line
 * before, so a run of one minute logs eleven lines and a run of one hour twenty-one.
 */
export const make = (
  options: LogOptions = {},
  around: (log: Effect.Effect<void>) => Effect.Effect<void> = identity
): Effect.Effect<Progress, never, Scope.Scope> => {
  const after = Duration.toMillis(positiveDuration("after", options.after ?? "1 second"))
  return Effect.suspend(() => {
    const due = new Map<number, number>()
    const log = (snapshot: Snapshot): Effect.Effect<void> | undefined => {
      const { depth, elapsed, id, state } = snapshot
      const millis = Duration.toMillis(elapsed)
      const at = due.get(id) ?? after
      if (state === "running") due.set(id, millis < at ? at : Math.min(millis * growth, millis + longest))
      else due.delete(id)
      const isDue = state === "running" ? millis >= at : millis >= after || (depth === 0 && state === "interrupted")
      return isDue ? Effect.logInfo(toText(snapshot)) : undefined
    }
    return makeProgress((snapshots) =>
      around(Effect.forEach(snapshots.map(log).filter((line) => line !== undefined), identity, { discard: true }))
    )
  })
}
