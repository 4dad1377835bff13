/**
 * Causes as text with stacks, whatever was thrown: bounded in length, and safe to print and to log.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import { prefix, printable } from "./printable.ts"
import { read, shorten } from "./shorten.ts"

/** Greatest number of reasons of a cause, and of nested causes of an error, that are shown. */
const mostReasons = 20
const mostLevels = 10

/** Greatest number of characters shown of a message or a stack, and of a value that is not an error. */
const reach = 10_000
const valueLength = 400

/** Shows a cause as lines of text, with stacks and nested causes. */
export const showCause = (cause: Cause.Cause<unknown>): string => {
  try {
    return printable(Cause.pretty(plain(cause)))
  } catch {
    return shorten(Cause.squash(cause), valueLength)
  }
}

/**
 * Logs a warning with a cause. It cannot fail: loggers get a copy of the cause that is safe to read, and anything that
 * a logger throws is ignored, since nothing is left that could report it.
 */
export const warn = (message: string, cause: Cause.Cause<unknown>): Effect.Effect<void> =>
  Effect.ignoreCause(Effect.suspend(() => Effect.logWarning(message, plain(cause))))

/** Copies a cause. Errors become objects that hold their texts. Stack frames of the cause are kept. */
const plain = (cause: Cause.Cause<unknown>): Cause.Cause<unknown> =>
  Cause.fromReasons(
    cause.reasons.slice(0, mostReasons).map((reason) => {
      if (reason._tag === "Interrupt") return reason
      const copy = reason._tag === "Die"
        ? Cause.makeDieReason(plainError(reason.defect, mostLevels))
        : Cause.makeFailReason(plainError(reason.error, mostLevels))
      return copy.annotate(Cause.reasonAnnotations(reason))
    })
  )

/**
 * Copies a thrown value: a value with a message as an object of texts, anything else as a text. A cause that is one of
 * the errors around it is left out.
 */
const plainError = (value: unknown, levels: number, around: ReadonlyArray<unknown> = []): unknown => {
  if (value === undefined || value === null) return value
  if (typeof value === "string") return text(value)
  const message = read(value, "message")
  if (typeof message !== "string") return shorten(value, valueLength)
  const name = read(value, "name")
  const stack = read(value, "stack")
  const cause = read(value, "cause")
  const head = `${typeof name === "string" ? text(name) : "Error"}: ${text(message)}`
  const within = [...around, value]
  return {
    ...(typeof name === "string" && { name: text(name) }),
    message: text(message),
    ...(typeof stack === "string" && { stack: `${head}${text(framesOf(stack, `${String(name)}: ${message}`))}` }),
    ...(cause !== undefined && !within.includes(cause) && {
      cause: levels === 0 ? "…" : plainError(cause, levels - 1, within)
    })
  }
}

/** Returns the part of a stack after the message, or else after the first line. */
const framesOf = (stack: string, head: string): string => {
  if (stack.startsWith(head)) return stack.slice(head.length)
  const end = stack.indexOf("\n")
  return end === -1 ? "" : stack.slice(end)
}

const text = (given: string): string => printable(prefix(given, reach))
