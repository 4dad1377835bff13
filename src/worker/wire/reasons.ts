/**
 * The reasons of a `BackendError` in the form in which they cross.
 */
import { type BackendError, reasons } from "../../task/errors.ts"
import type { Crossing } from "./crossing.ts"
import type { Fault, Thrown } from "./messages.ts"
import { decodeThrown, encodeThrown } from "./thrown.ts"

/** The reason of a `BackendError`. */
export type Reason = BackendError["reason"]

/** Classes of reasons by their tags. */
const classes = new Map<string, new(fields: never) => Reason>(
  reasons.map((reason) => [reason.fields._tag.schema.literal, reason])
)

/** Converts a fault to a reason. Throws if it is not a valid fault, because a worker may send anything. */
export const reasonOf = (fault: Fault): Reason => {
  const { _tag, error, ...fields } = fault as Fault & { readonly error?: Thrown }
  const cause = error === undefined ? {} : { cause: decodeThrown(error) }
  return new (classes.get(_tag)!)({ ...fields, ...cause } as never)
}

/** Converts a reason to a fault. */
export const faultOf = (reason: Reason, crossing: Crossing): Fault => {
  const fields = Object.fromEntries(
    Object.entries(reason).filter(([key]) => key !== "cause" && key !== "stack" && key !== "message")
  )
  const fault = { ...fields, _tag: reason._tag }
  return ("cause" in reason ? { ...fault, error: encodeThrown(reason.cause, crossing) } : fault) as Fault
}
