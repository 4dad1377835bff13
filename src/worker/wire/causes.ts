/**
 * Causes in the form in which they cross to and from workers.
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Exit from "effect/Exit"
import type { StackFrame } from "effect/References"
import type * as Schema from "effect/Schema"
import { prefix } from "../../primitives/printable.ts"
import { shorten } from "../../primitives/shorten.ts"
import * as Codec from "../../task/codec.ts"
import { isDeadline } from "../../task/deadline.ts"
import { keepStack, stackOf } from "../../task/stacks.ts"
import { type Arrived, type Crossing, type OutOfBandWriter, send } from "./crossing.ts"
import { deepPath, formOf, pathTo } from "./form.ts"
import type { Fault, Traced, ValueRole, WireFailure, WireReason } from "./messages.ts"
import { decodeThrown, encodeThrown } from "./thrown.ts"

/** Makes the fault for a value that its schema refuses. */
export const refused = (value: ValueRole, input: unknown, cause: Cause.Cause<Schema.SchemaError>): Fault => ({
  _tag: "ValueRefused",
  value,
  shown: shorten(input),
  issue: messageOf(Cause.squash(cause))
})

/** Makes the fault for a value that cannot be cloned. */
export const notCloneable = (value: ValueRole, input: unknown, error: unknown, crossing: Crossing): Fault =>
  formOf(input) === "deep"
    ? { _tag: "NotCloneable", value, path: deepPath(input), issue: tooDeep }
    : {
      _tag: "NotCloneable",
      value,
      path: pathTo(input, (part) => !isCloneable(part, crossing)),
      issue: messageOf(error)
    }

/** Makes the fault for a value that was sent but could not be read. */
export const notReadable = (value: ValueRole, { error, path }: Extract<Arrived, { readonly path: string }>): Fault => ({
  _tag: "NotCloneable",
  value,
  path,
  issue: path === "" ? messageOf(error) : tooDeep
})

const tooDeep = "it is nested too deeply"

const isCloneable = (value: unknown, crossing: Crossing): boolean => {
  try {
    crossing.clone(value)
    return true
  } catch {
    return false
  }
}

const messageOf = (error: unknown): string => {
  try {
    return error instanceof Error && typeof error.message === "string" ? error.message : shorten(error)
  } catch {
    return shorten(error)
  }
}

/**
 * Marks a failure that is a task's own error, and has the stack of that error. Set if the error stays encoded or has no
 * schema, and is passed on.
 */
export class TaskFailure extends Context.Service<TaskFailure, { readonly stack: string | undefined }>()(
  "effect-parallel/worker/TaskFailure"
) {}

/** Encodes a reason with its error as data. */
const plain = (reason: Cause.Reason<unknown>, crossing: Crossing, outOfBand?: OutOfBandWriter): WireReason => {
  switch (reason._tag) {
    case "Interrupt":
      return { _tag: "Interrupt" }
    case "Die":
      return { _tag: "Die", defect: encodeThrown(reason.defect, crossing, outOfBand), frames: framesOf(reason) }
    case "Fail":
      return { _tag: "Fail", error: encodeThrown(reason.error, crossing, outOfBand), frames: framesOf(reason) }
  }
}

/** Number of frames of a failure that are sent (as many as Effect shows), and of characters of each. */
const mostFrames = 10
const frameLength = 1000

/** Returns the frames of a reason as data. */
const framesOf = (reason: Cause.Reason<unknown>): Traced["frames"] => {
  let frame = Context.getOrUndefined(Cause.reasonAnnotations(reason), Cause.StackTrace)
  if (frame === undefined) return undefined
  const frames: Array<NonNullable<Traced["frames"]>[number]> = []
  try {
    for (; frame !== undefined && frames.length < mostFrames; frame = frame.parent) {
      const at = frame.stack()
      frames.push({
        name: prefix(frame.name, frameLength),
        at: at === undefined ? undefined : prefix(at, frameLength)
      })
    }
  } catch {
    // reading a frame calls code of users, which may throw
  }
  return frames
}

/** True if a frame contains only texts. A task may have sent it itself, and Effect reads frames unchecked. */
const isWhole = ({ at, name }: NonNullable<Traced["frames"]>[number]): boolean =>
  typeof name === "string" && (at === undefined || typeof at === "string")

/** Adds frames that have arrived to a reason, in front of the frames of its caller here. */
const traced = (
  reason: Cause.Reason<unknown>,
  frames: Traced["frames"],
  caller: StackFrame | undefined
): Cause.Reason<unknown> => {
  const whole = frames?.slice(0, mostFrames).filter(isWhole) ?? []
  if (whole.length === 0) return reason
  const frame = whole.reduceRight<StackFrame | undefined>(
    (parent, { at, name }) => ({ name, stack: () => at, parent }),
    caller
  )
  return reason.annotate(Context.make(Cause.StackTrace, frame!))
}

/** Encodes the reasons of a cause that is not the exit of an attempt. */
export const reasons = (
  cause: Cause.Cause<unknown>,
  crossing: Crossing,
  outOfBand: OutOfBandWriter
): ReadonlyArray<WireReason> => cause.reasons.map((reason) => plain(reason, crossing, outOfBand))

/**
 * The form in which an error of an attempt is sent: as data (`undefined`), encoded by its schema, as the deadline, or
 * as a fault that replaces the whole cause.
 */
export type SentError =
  | undefined
  | { readonly _tag: "Encoded"; readonly value: unknown; readonly stack: string | undefined }
  | { readonly _tag: "Deadline" }
  | { readonly _tag: "Fault"; readonly fault: Fault }

/** Encodes the cause of an attempt. `sentAs` gives the form of each error. The deadline becomes the tag `Late`. */
export const encodeBy = (
  cause: Cause.Cause<unknown>,
  sentAs: (reason: Cause.Fail<unknown>) => SentError,
  crossing: Crossing,
  outOfBand: OutOfBandWriter
): WireFailure => {
  let late = false
  const reasons: Array<WireReason> = []
  for (const reason of cause.reasons) {
    const sent = reason._tag === "Fail" ? sentAs(reason) : undefined
    switch (sent?._tag) {
      case undefined:
        reasons.push(plain(reason, crossing, outOfBand))
        break
      case "Deadline":
        late = true
        break
      case "Fault":
        return sent
      case "Encoded":
        try {
          const error = send(sent.value, crossing, outOfBand)
          reasons.push({ _tag: "Encoded", error, stack: sent.stack, frames: framesOf(reason) })
        } catch (error) {
          return { _tag: "Fault", fault: notCloneable("error", sent.value, error, crossing) }
        }
    }
  }
  return { _tag: late ? "Late" : "Cause", reasons }
}

/** Encodes the cause of an attempt, and its errors by their schema if they have one. Never throws. */
export const encode = (
  cause: Cause.Cause<unknown>,
  schema: Schema.Codec<any, any> | undefined,
  crossing: Crossing,
  outOfBand: OutOfBandWriter
): WireFailure => encodeBy(cause, ({ error }) => throughSchema(error, schema), crossing, outOfBand)

const throughSchema = (error: unknown, schema: Schema.Codec<any, any> | undefined): SentError => {
  if (isDeadline(error)) return { _tag: "Deadline" }
  if (schema === undefined) return undefined
  const encoded = Codec.encode(schema, error)
  return Exit.isSuccess(encoded)
    ? { _tag: "Encoded", value: encoded.value, stack: stackOf(error) }
    : { _tag: "Fault", fault: refused("error", error, encoded.cause) }
}

/**
 * Decodes reasons to a cause, whose frames are those of the worker and then those of the `caller`. Returns a fault for
 * an error that cannot be read or that its schema refuses.
 */
export const decode = (
  reasons: ReadonlyArray<WireReason>,
  schema: Schema.Codec<any, any> | undefined,
  values: ReadonlyArray<Arrived>,
  caller?: StackFrame
): Cause.Cause<unknown> | Fault => {
  const decoded: Array<Cause.Reason<unknown>> = []
  for (const reason of reasons) {
    switch (reason._tag) {
      case "Interrupt":
        decoded.push(Cause.makeInterruptReason())
        break
      case "Die":
        decoded.push(traced(Cause.makeDieReason(decodeThrown(reason.defect, values)), reason.frames, caller))
        break
      case "Fail":
        decoded.push(traced(Cause.makeFailReason(decodeThrown(reason.error, values)), reason.frames, caller))
        break
      case "Encoded": {
        const arrived = reason.error._tag === "Value" ? reason.error : values[reason.error.place]!
        if (!("value" in arrived)) return notReadable("error", arrived)
        if (schema === undefined) {
          // a caller that gives no schema passes the encoded error on
          const own = Cause.makeFailReason(arrived.value).annotate(Context.make(TaskFailure, { stack: reason.stack }))
          decoded.push(traced(own, reason.frames, caller))
          break
        }
        const exit = Codec.decode(schema, arrived.value)
        if (Exit.isFailure(exit)) return refused("error", arrived.value, exit.cause)
        keepStack(exit.value, reason.stack)
        decoded.push(traced(Cause.makeFailReason(exit.value), reason.frames, caller))
      }
    }
  }
  return Cause.fromReasons(decoded)
}
