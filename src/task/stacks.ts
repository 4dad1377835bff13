/**
 * Stacks of failures of tasks: an error keeps its own when it crosses, and a failure leads to where the program called.
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import type { StackFrame } from "effect/References"
import type { CallSite } from "../primitives/callSite.ts"
import { read } from "../primitives/shorten.ts"

/** Returns the stack of what was thrown; undefined if it has none. */
export const stackOf = (thrown: unknown): string | undefined => {
  const stack = read(thrown, "stack")
  return typeof stack === "string" ? stack : undefined
}

/** Gives an error the stack of the one that it was made of, on its way through a schema. */
export const keepStack = (error: unknown, stack: string | undefined): void => {
  if (typeof stack !== "string" || !(error instanceof Error)) return
  try {
    Object.defineProperty(error, "stack", { value: stack, configurable: true, enumerable: false, writable: true })
  } catch {
    // it is frozen
  }
}

/** Where a task was called: the place, and the frame that causes get. */
export interface CalledFrom {
  readonly site: CallSite | undefined
  readonly frame: StackFrame
}

/**
 * Adds to a cause where the program has called, unless it says so already. An error of a backend also gets this place as
 * its stack: its own would show how messages are handled.
 */
export const located = <E>(cause: Cause.Cause<E>, { frame, site }: CalledFrom): Cause.Cause<E> => {
  for (const reason of cause.reasons) {
    if (reason._tag !== "Fail" || read(reason.error, "_tag") !== "BackendError") continue
    const head = `BackendError: ${String(read(reason.error, "message"))}`
    keepStack(reason.error, [head, ...site?.frames ?? []].join("\n"))
  }
  return Cause.annotate(cause, Context.make(Cause.StackTrace, frame))
}
