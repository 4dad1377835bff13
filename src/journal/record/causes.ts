/**
 * Causes as records keep them: typed errors in the form of their schema, defects as texts.
 */
import * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"
import type * as Schema from "effect/Schema"
import { prefix } from "../../primitives/printable.ts"
import { read, shorten } from "../../primitives/shorten.ts"
import * as Codec from "../../task/codec.ts"
import { isDeadline } from "../../task/deadline.ts"
import { BackendError } from "../../task/errors.ts"
import { BackendErrorTypeId, keepStack, stackOf } from "../../task/stacks.ts"
import { Unkept, write } from "./json.ts"

/**
 * A reason of a cause: a typed error, a typed error that is undefined, the timeout, an error of the backend, a defect,
 * or an interruption.
 */
type RecordedReason =
  | { readonly error: unknown; readonly stack?: string | undefined }
  | { readonly nothing: true }
  | { readonly late: string }
  | { readonly backend: unknown }
  | { readonly name: string; readonly message: string; readonly stack?: string | undefined }
  | { readonly interrupted: true }

/**
 * Greatest number of characters of a message and of a stack that are kept, and greatest number of reasons of a cause.
 */
const reach = 4000
const mostReasons = 20

/** Writes a cause as JSON. Throws `Unkept` for an error that cannot be kept. */
export const writeCause = (cause: Cause.Cause<unknown>, schema: Schema.Codec<any, any> | undefined): string =>
  `[${cause.reasons.slice(0, mostReasons).map((reason) => writeReason(reason, schema)).join(",")}]`

const writeReason = (reason: Cause.Reason<unknown>, schema: Schema.Codec<any, any> | undefined): string => {
  switch (reason._tag) {
    case "Interrupt":
      return `{"interrupted":true}`
    case "Die":
      return JSON.stringify(textsOf(reason.defect))
    case "Fail": {
      const { error } = reason
      if (isDeadline(error)) return JSON.stringify({ late: (error as Cause.TimeoutError).message })
      if (read(error, BackendErrorTypeId) === true) return `{"backend":${encoded(BackendError as never, error)}}`
      if (schema === undefined && error === undefined) return `{"nothing":true}`
      const text = encoded(schema, error)
      const stack = schema === undefined ? undefined : stackOf(error)
      return stack === undefined ? `{"error":${text}}` : `{"error":${text},"stack":${JSON.stringify(cut(stack))}}`
    }
  }
}

/**
 * Writes a value as JSON, in the form of its schema if there is one. Throws `Unkept` for a value that JSON does not
 * keep.
 */
export const encoded = (schema: Schema.Codec<any, any> | undefined, value: unknown, sorted = false): string => {
  if (schema === undefined) return write(value, sorted)
  const exit = Codec.encode(schema, value)
  Codec.takeTransfers()
  if (Exit.isFailure(exit)) throw new Unkept(`its schema refuses ${shorten(value)}: ${messageOf(exit.cause)}`)
  return write(exit.value, sorted)
}

/**
 * Reads a value, through its schema if there is one. If the schema refuses the value, throws an error with its message.
 */
export const decoded = (schema: Schema.Codec<any, any> | undefined, value: unknown): unknown => {
  if (schema === undefined) return value
  const exit = Codec.decode(schema, value)
  if (Exit.isFailure(exit)) throw new Error(messageOf(exit.cause))
  return exit.value
}

const messageOf = (cause: Cause.Cause<unknown>): string => {
  const message = read(Cause.squash(cause), "message")
  return typeof message === "string" ? message : shorten(Cause.squash(cause))
}

const textsOf = (defect: unknown): RecordedReason => {
  const [name, message, stack] = ["name", "message", "stack"].map((key) => read(defect, key))
  if (typeof message !== "string") return { name: "Error", message: shorten(defect, 400) }
  return {
    name: typeof name === "string" ? cut(name) : "Error",
    message: cut(message),
    ...(typeof stack === "string" && { stack: cut(stack) })
  }
}

const cut = (text: string): string => prefix(text, reach)

/** Reads a cause. Throws if it is not a cause, or its schema refuses an error. */
export const readCause = (
  reasons: ReadonlyArray<RecordedReason>,
  schema: Schema.Codec<any, any> | undefined
): Cause.Cause<unknown> =>
  Cause.fromReasons(reasons.map((reason): Cause.Reason<unknown> => {
    if ("interrupted" in reason) return Cause.makeInterruptReason()
    if ("nothing" in reason) return Cause.makeFailReason(undefined)
    if ("late" in reason) return Cause.makeFailReason(new Cause.TimeoutError(reason.late))
    if ("backend" in reason) return Cause.makeFailReason(decoded(BackendError as never, reason.backend))
    if (!("error" in reason)) return Cause.makeDieReason(errorOf(reason))
    const error = decoded(schema, reason.error)
    if (reason.stack !== undefined) keepStack(error, reason.stack)
    return Cause.makeFailReason(error)
  }))

const errorOf = ({ message, name, stack }: Extract<RecordedReason, { readonly message: string }>): Error => {
  const error = new Error(message)
  for (const [key, value] of [["name", name], ["stack", stack]] as const) {
    if (value !== undefined) Object.defineProperty(error, key, { value, configurable: true, writable: true })
  }
  return error
}
