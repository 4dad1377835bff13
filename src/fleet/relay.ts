/**
 * A task in the form in which a machine gives it to its own backend: payloads are passed on unchanged, and values and
 * errors come back encoded. So only the last hop decodes: the worker of a pool, or a fiber here.
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type * as Backend from "../Backend.ts"
import { checkedEffect } from "../primitives/effects.ts"
import * as Codec from "../task/codec.ts"
import { isDeadline } from "../task/deadline.ts"
import { BackendError } from "../task/errors.ts"
import * as Layers from "../task/layers.ts"
import { stackOf } from "../task/stacks.ts"
import * as Causes from "../worker/wire/causes.ts"
import type { OutOfBandWriter } from "../worker/wire/crossing.ts"
import type { Fault, ValueRole, WireFailure } from "../worker/wire/messages.ts"
import { faultOf, reasonOf } from "../worker/wire/reasons.ts"
import { texts } from "../worker/wire/texts.ts"

/** A task of any type. */
export type AnyJob = Backend.Job<any, unknown, unknown>

/** Receives the starts of inputs in fibers here. `start` returns true if the start is reported immediately. */
interface Starter {
  readonly start: () => boolean
}

export const Starts: Context.Reference<Starter | undefined> = Context.Reference<Starter | undefined>(
  "effect-parallel/fleet/Starts",
  { defaultValue: () => undefined }
)

/**
 * Makes the job of a task. A worker finds the task by module and name and applies its schemas. A backend in this
 * process calls `run`, which applies them. The layer is built once, for the scope.
 */
export const relayed = (task: AnyJob, scope: Scope.Scope): AnyJob => ({
  name: task.name,
  module: task.module,
  payload: undefined,
  success: undefined,
  error: undefined,
  run: (payload) => run(task, payload),
  layer: task.layer && Layer.effectContext(Layers.servicesOf(task.layer, scope))
})

const run = (task: AnyJob, encoded: unknown): Effect.Effect<unknown, unknown, any> =>
  Effect.withFiber((fiber) => {
    // send the report first, because the input may end this machine immediately
    const isTold = fiber.getRef(Starts)?.start() === true
    return isTold ? Effect.andThen(Effect.yieldNow, decoded(task, encoded)) : decoded(task, encoded)
  })

const decoded = (task: AnyJob, encoded: unknown): Effect.Effect<unknown, unknown, any> =>
  Effect.suspend(() => {
    const payload = task.payload === undefined ? Exit.succeed(encoded) : Codec.decode(task.payload, encoded)
    if (Exit.isFailure(payload)) return refuse(task, Causes.refused("payload", encoded, payload.cause))
    return Effect.matchCauseEffect(Effect.suspend(() => checkedEffect(task.run(payload.value))), {
      onFailure: (cause) => failed(task, cause),
      onSuccess: (value) => encodedBy(task, "success", value)
    })
  })

/** Encodes a value or an error. Fails with `BackendError` if its schema refuses it. */
const encodedBy = (
  task: AnyJob,
  role: Exclude<ValueRole, "payload">,
  value: unknown
): Effect.Effect<unknown, BackendError> => {
  const schema = task[role]
  if (schema === undefined) return Effect.succeed(value)
  const encoded = Codec.encode(schema, value)
  Codec.takeTransfers()
  return Exit.isSuccess(encoded)
    ? encoded as Exit.Exit<unknown>
    : refuse(task, Causes.refused(role, value, encoded.cause))
}

/** Encodes the errors of a cause and marks them as the task's own. */
const failed = (task: AnyJob, cause: Cause.Cause<unknown>): Effect.Effect<never, unknown> => {
  const own = (reason: Cause.Reason<unknown>): Effect.Effect<Cause.Reason<unknown>, BackendError> =>
    reason._tag !== "Fail"
      ? Effect.succeed(reason)
      : Effect.map(encodedBy(task, "error", reason.error), (error) =>
        Cause.makeFailReason(error)
          .annotate(Cause.reasonAnnotations(reason))
          .annotate(Context.make(Causes.TaskFailure, { stack: stackOf(reason.error) })))
  return Effect.flatMap(Effect.forEach(cause.reasons, own), (reasons) => Effect.failCause(Cause.fromReasons(reasons)))
}

const refuse = (task: AnyJob, fault: Fault): Effect.Effect<never, BackendError> =>
  Effect.fail(new BackendError({ backend: "machine", task: task.name, reason: reasonOf(fault) }))

/** Encodes the cause of a relayed job for sending. */
export const failureOf = (
  cause: Cause.Cause<unknown>,
  task: AnyJob,
  isTimed: boolean,
  outOfBand: OutOfBandWriter
): WireFailure => Causes.encodeBy(cause, (reason) => sentAs(reason, task, isTimed), texts, outOfBand)

const sentAs = (reason: Cause.Fail<unknown>, task: AnyJob, isTimed: boolean): Causes.SentError => {
  const { error } = reason
  const own = Context.getOrUndefined(Cause.reasonAnnotations(reason), Causes.TaskFailure)
  if (own !== undefined) return task.error && { _tag: "Encoded", value: error, stack: own.stack }
  if (error instanceof BackendError) return { _tag: "Fault", fault: faultOf(error.reason, texts) }
  return isDeadline(error) || (isTimed && Cause.isTimeoutError(error)) ? { _tag: "Deadline" } : undefined
}
