/**
 * The contract of a clean stop: what a run tells whoever shuts the program down.
 */
import * as Context from "effect/Context"

/** A run that can be stopped. */
export interface StoppableRun {
  /** Lets nothing new begin. The run ends with the attempts that are under way. */
  readonly drain: () => void
  /** Interrupts what is under way. */
  readonly stop: () => void
}

/** Teller of the end of a program; `join` adds a run, and returns a function that removes it. */
export interface ShutdownSignal {
  readonly join: (run: StoppableRun) => () => void
}

/** What tells the runs inside that their program is to end; nothing does unless it is provided. */
export const Shutdown: Context.Reference<ShutdownSignal | undefined> = Context.Reference<ShutdownSignal | undefined>(
  "effect-parallel/Shutdown",
  { defaultValue: () => undefined }
)
