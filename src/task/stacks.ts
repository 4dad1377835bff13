/**
 * The stacks of failures of tasks. An error keeps its own stack when it crosses, and a failure shows where the program
 * called the task.
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import type { StackFrame } from "effect/References"
import type { CallSite } from "../primitives/callSite.ts"
import { read } from "../primitives/shorten.ts"

/** The property that marks a `BackendError`. Its class is not imported here, because it loads schemas. */
export const BackendErrorTypeId = "~effect-parallel/BackendError"

/** Returns the stack of a thrown value, or `undefined` if it has none. */
export const stackOf = (thrown: unknown): string | undefined => {
  const stack = read(thrown, "stack")
  return typeof stack === "string" ? stack : undefined
}

/** The `stack` properties that errors had before they got another. Reading a stack would make its text. */
const replaced = new WeakMap<Error, PropertyDescriptor>()

/**
 * Gives a decoded error the stack of the error that was encoded. If a schema decodes several errors to the same object,
 * the object belongs to none of them and gets its own stack back.
 */
export const keepStack = (error: unknown, stack: string | undefined): void => {
  if (typeof stack !== "string" || !(error instanceof Error)) return
  const own = replaced.get(error)
  if (own !== undefined) return define(error, own)
  const before = Object.getOwnPropertyDescriptor(error, "stack")
  if (before !== undefined) replaced.set(error, before)
  setStack(error, stack)
}

const setStack = (error: Error, stack: string): void =>
  define(error, { value: stack, configurable: true, enumerable: false, writable: true })

const define = (error: Error, stack: PropertyDescriptor): void => {
  try {
    Object.defineProperty(error, "stack", stack)
  } catch {
    // the error is frozen
  }
}

/** The place where a task was called, and the frame that causes get. */
export interface CalledFrom {
  readonly site: CallSite | undefined
  readonly frame: StackFrame
}

/** The `BackendError`s whose stack was set to the place of a call. */
const placed = new WeakSet<Error>()

/**
 * Adds to a cause the place where the program called the task, unless it has one. A `BackendError` also gets this place
 * as its stack, because its own stack would show only how messages are handled.
 */
export const located = <E>(cause: Cause.Cause<E>, { frame, site }: CalledFrom): Cause.Cause<E> => {
  // read now, so that a failure that is kept does not keep the call site in memory
  const frames = site?.frames ?? []
  for (const reason of cause.reasons) {
    const error: unknown = reason._tag === "Fail" ? reason.error : undefined
    if (read(error, BackendErrorTypeId) !== true || placed.has(error as Error)) continue
    placed.add(error as Error)
    setStack(error as Error, [`BackendError: ${String(read(error, "message"))}`, ...frames].join("\n"))
  }
  return Cause.annotate(cause, Context.make(Cause.StackTrace, frame))
}
