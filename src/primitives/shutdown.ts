/**
 * The contract of a clean stop between a run and the code that shuts its program down.
 */
import * as Context from "effect/Context"

/** A run that can be stopped. */
export interface StoppableRun {
  /** Lets nothing new begin. The run ends with the attempts in flight. */
  readonly drain: () => void
  /** Interrupts the attempts in flight. */
  readonly stop: () => void
}

/** Signal that a program is to end. `join` adds a run, and returns a function that removes it. */
export interface ShutdownSignal {
  readonly join: (run: StoppableRun) => () => void
}

/** Signal to the runs inside that their program is to end. There is none unless it is provided. */
export const Shutdown: Context.Reference<ShutdownSignal | undefined> = Context.Reference<ShutdownSignal | undefined>(
  "effect-parallel/Shutdown",
  { defaultValue: () => undefined }
)
