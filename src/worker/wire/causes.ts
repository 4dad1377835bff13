/**
 * Causes in the form in which they cross between workers.
 */
import * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"
import type * as Schema from "effect/Schema"
import { shorten } from "../../primitives/shorten.ts"
import * as Codec from "../../task/codec.ts"
import { isDeadline } from "../../task/deadline.ts"
import type { Fault, ValueRole, WireFailure, WireReason } from "./messages.ts"
import { type Clone, cloneError, decodeThrown, encodeThrown, uncloneablePath } from "./thrown.ts"

/** Makes the fault of a value that its schema refuses. */
export const refused = (value: ValueRole, input: unknown, cause: Cause.Cause<Schema.SchemaError>): Fault => {
  const error = Cause.squash(cause)
  return { _tag: "ValueRefused", value, shown: shorten(input), issue: messageOf(error) }
}

/** Makes the fault of a value that cannot be cloned. */
export const notCloneable = (value: ValueRole, input: unknown, error: unknown, clone: Clone): Fault => ({
  _tag: "NotCloneable",
  value,
  path: uncloneablePath(input, clone),
  issue: messageOf(error)
})

const messageOf = (error: unknown): string => error instanceof Error ? error.message : shorten(error)

/** Encodes a reason with its error as data. */
const plain = (reason: Cause.Reason<unknown>, clone: Clone): WireReason => {
  switch (reason._tag) {
    case "Interrupt":
      return { _tag: "Interrupt" }
    case "Die":
      return { _tag: "Die", defect: encodeThrown(reason.defect, clone) }
    case "Fail":
      return { _tag: "Fail", error: encodeThrown(reason.error, clone) }
  }
}

/** Encodes the reasons of a cause that is not the exit of an attempt. */
export const reasons = (cause: Cause.Cause<unknown>, clone: Clone): ReadonlyArray<WireReason> =>
  cause.reasons.map((reason) => plain(reason, clone))

/** Encodes the cause of an attempt. The deadline becomes the tag `Late`. */
export const encode = (
  cause: Cause.Cause<unknown>,
  schema: Schema.Codec<any, any> | undefined,
  clone: Clone
): WireFailure => {
  let late = false
  const reasons: Array<WireReason> = []
  for (const reason of cause.reasons) {
    if (reason._tag === "Fail" && isDeadline(reason.error)) {
      late = true
    } else if (reason._tag === "Fail" && schema !== undefined) {
      const encoded = Codec.encode(schema, reason.error)
      if (Exit.isFailure(encoded)) return { _tag: "Fault", fault: refused("error", reason.error, encoded.cause) }
      const unfit = cloneError(encoded.value, clone)
      if (unfit !== undefined) return { _tag: "Fault", fault: notCloneable("error", encoded.value, unfit, clone) }
      reasons.push({ _tag: "Encoded", error: encoded.value })
    } else {
      reasons.push(plain(reason, clone))
    }
  }
  return { _tag: late ? "Late" : "Cause", reasons }
}

/** Decodes reasons to a cause; or returns the fault of an error that its schema refuses on arrival. */
export const decode = (
  reasons: ReadonlyArray<WireReason>,
  schema: Schema.Codec<any, any> | undefined
): Cause.Cause<unknown> | Fault => {
  const decoded: Array<Cause.Reason<unknown>> = []
  for (const reason of reasons) {
    switch (reason._tag) {
      case "Interrupt":
        decoded.push(Cause.makeInterruptReason())
        break
      case "Die":
        decoded.push(Cause.makeDieReason(decodeThrown(reason.defect)))
        break
      case "Fail":
        decoded.push(Cause.makeFailReason(decodeThrown(reason.error)))
        break
      case "Encoded": {
        const exit = Codec.decode(schema!, reason.error)
        if (Exit.isFailure(exit)) return refused("error", reason.error, exit.cause)
        decoded.push(Cause.makeFailReason(exit.value))
      }
    }
  }
  return Cause.fromReasons(decoded)
}
