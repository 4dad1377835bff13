/**
 * Stacks of failures of tasks: an error keeps its own when it crosses, and a failure leads to where the program called.
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import type { StackFrame } from "effect/References"
import type { CallSite } from "../primitives/callSite.ts"
import { read } from "../primitives/shorten.ts"

/** Property by which an error of a backend is known: its class loads schemas. */
export const BackendErrorTypeId = "~effect-parallel/BackendError"

/** Returns the stack of what was thrown; undefined if it has none. */
export const stackOf = (thrown: unknown): string | undefined => {
  const stack = read(thrown, "stack")
  return typeof stack === "string" ? stack : undefined
}

/** Properties with the stacks that errors had before they were given another: to read a stack is to make its text. */
const replaced = new WeakMap<Error, PropertyDescriptor>()

/**
 * Gives an error the stack of the one that it was made of, on its way through a schema. An error that a schema gives for
 * several is of none of them: it gets back its own.
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
    // it is frozen
  }
}

/** Where a task was called: the place, and the frame that causes get. */
export interface CalledFrom {
  readonly site: CallSite | undefined
  readonly frame: StackFrame
}

/** Errors of backends whose stack is the place of a call. */
const placed = new WeakSet<Error>()

/**
 * Adds to a cause where the program has called, unless it says so already. An error of a backend also gets this place as
 * its stack: its own would show how messages are handled.
 */
export const located = <E>(cause: Cause.Cause<E>, { frame, site }: CalledFrom): Cause.Cause<E> => {
  // asked for now, so that a failure that is kept keeps nothing else
  const frames = site?.frames ?? []
  for (const reason of cause.reasons) {
    const error: unknown = reason._tag === "Fail" ? reason.error : undefined
    if (read(error, BackendErrorTypeId) !== true || placed.has(error as Error)) continue
    placed.add(error as Error)
    setStack(error as Error, [`BackendError: ${String(read(error, "message"))}`, ...frames].join("\n"))
  }
  return Cause.annotate(cause, Context.make(Cause.StackTrace, frame))
}
