/**
 * The end of runs, and the facts that are kept of a run that has ended.
 */
import * as Exit from "effect/Exit"
import type { Counts, Snapshot } from "./contract.ts"
import type { SeenRun } from "./spectator.ts"

/** Returns how a run has ended: interrupted from outside, with all its inputs done, or stopped before that. */
export const endOf = (
  { done, total }: Pick<Counts, "done" | "total">,
  exit: Exit.Exit<unknown, unknown>
): Exclude<Snapshot["state"], "running"> =>
  Exit.hasInterrupts(exit) && !Exit.hasFails(exit) ? "interrupted" : done === total ? "done" : "stopped"

/** State of a run at a time, in nanoseconds of the monotonic clock: now, or at its end. */
interface Standing extends Counts {
  readonly at: number
  readonly state: Snapshot["state"]
}

/**
 * A run that is followed to its end. From then on only its counts are kept, so that its inputs do not stay in memory.
 */
export class FollowedRun {
  private run: SeenRun | undefined
  private end: Standing | undefined

  constructor(run: SeenRun) {
    this.run = run
  }

  get hasEnded(): boolean {
    return this.run === undefined
  }

  /** Shows an input of the run, which must not have ended. */
  show(input: unknown): string {
    return this.run!.show(input)
  }

  ended(exit: Exit.Exit<unknown, unknown>, at: number): void {
    const counts = this.run!.run.counts()
    this.end = { ...counts, at, state: endOf(counts, exit) }
    this.run = undefined
  }

  standing(now: number): Standing {
    return this.end ?? { ...this.run!.run.counts(), at: now, state: "running" }
  }
}
