/**
 * Causes on their way between workers.
 */
import * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"
import type * as Schema from "effect/Schema"
import { shorten } from "../../primitives/shorten.ts"
import * as Codec from "../../task/codec.ts"
import { isDeadline } from "../../task/deadline.ts"
import type { Blame, Part, WireFailure, WireReason } from "./messages.ts"
import { type Clone, cloneError, fromWire, toWire, uncloneablePath } from "./thrown.ts"

/** A failure of the far side that the task is not to blame for, on its way through the cause of an attempt. */
export class Blamed {
  readonly blame: Blame
  constructor(blame: Blame) {
    this.blame = blame
  }
}

/** What a schema says of a value that it refuses. */
const refused = (value: Part, input: unknown, error: unknown): Blame => ({
  _tag: "ValueRefused",
  value,
  shown: shorten(input),
  issue: error instanceof Error ? error.message : shorten(error)
})

/** What is said of a value that cannot be cloned. */
export const notCloneable = (value: Part, input: unknown, error: unknown, clone?: Clone): Blame => ({
  _tag: "NotCloneable",
  value,
  path: uncloneablePath(input, clone),
  issue: error instanceof Error ? error.message : shorten(error)
})

/** The failure of an attempt whose value is refused. */
export const refusedBy = (value: Part, input: unknown, cause: Cause.Cause<Schema.SchemaError>): Blamed =>
  new Blamed(refused(value, input, Cause.squash(cause)))

/** A reason as it is sent, its error as data. */
const plain = (reason: Cause.Reason<unknown>): WireReason => {
  switch (reason._tag) {
    case "Interrupt":
      return { _tag: "Interrupt" }
    case "Die":
      return { _tag: "Die", defect: toWire(reason.defect) }
    case "Fail":
      return { _tag: "Fail", error: toWire(reason.error) }
  }
}

/** A cause that is not an attempt's, as it is sent. */
export const reasons = (cause: Cause.Cause<unknown>): ReadonlyArray<WireReason> => cause.reasons.map(plain)

/** A cause as it is sent. */
export const encode = (
  cause: Cause.Cause<unknown>,
  schema: Schema.Codec<any, any> | undefined
): WireFailure => {
  let late = false
  const reasons: Array<WireReason> = []
  for (const reason of cause.reasons) {
    if (reason._tag === "Die" && reason.defect instanceof Blamed) return { _tag: "Blame", blame: reason.defect.blame }
    if (reason._tag === "Fail" && isDeadline(reason.error)) {
      late = true
    } else if (reason._tag === "Fail" && schema !== undefined) {
      const encoded = Codec.encode(schema, reason.error)
      if (Exit.isFailure(encoded)) {
        return { _tag: "Blame", blame: refused("error", reason.error, Cause.squash(encoded.cause)) }
      }
      const unfit = cloneError(encoded.value)
      if (unfit !== undefined) return { _tag: "Blame", blame: notCloneable("error", encoded.value, unfit) }
      reasons.push({ _tag: "Encoded", error: encoded.value })
    } else {
      reasons.push(plain(reason))
    }
  }
  return { _tag: late ? "Late" : "Cause", reasons }
}

/** The reasons that were sent, or what the schema says of an error that it refuses on arrival. */
export const decode = (
  reasons: ReadonlyArray<WireReason>,
  schema: Schema.Codec<any, any> | undefined
): Cause.Cause<unknown> | Blame => {
  const decoded: Array<Cause.Reason<unknown>> = []
  for (const reason of reasons) {
    switch (reason._tag) {
      case "Interrupt":
        decoded.push(Cause.makeInterruptReason())
        break
      case "Die":
        decoded.push(Cause.makeDieReason(fromWire(reason.defect)))
        break
      case "Fail":
        decoded.push(Cause.makeFailReason(fromWire(reason.error)))
        break
      case "Encoded": {
        const exit = Codec.decode(schema!, reason.error)
        if (Exit.isFailure(exit)) return refused("error", reason.error, Cause.squash(exit.cause))
        decoded.push(Cause.makeFailReason(exit.value))
      }
    }
  }
  return Cause.fromReasons(decoded)
}
