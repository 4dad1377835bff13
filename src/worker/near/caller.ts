/**
 * The caller of a task: the parts of its context that are sent to the worker, and logging for the worker.
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as References from "effect/References"
import * as Tracer from "effect/Tracer"
import * as Plan from "../../run/plan.ts"
import * as Causes from "../wire/causes.ts"
import { type Arrived, type Crossing, plainCopy } from "../wire/crossing.ts"
import type { Ambient, Log } from "../wire/messages.ts"
import { decodeThrown } from "../wire/thrown.ts"

/** Collects the parts of the caller's context that can be sent. */
export const ambientOf = (context: Context.Context<never>, crossing: Crossing): Ambient => {
  const span = Context.getOrUndefined(context, Tracer.ParentSpan)
  const annotations: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(Context.get(context, References.CurrentLogAnnotations))) {
    const copy = plainCopy(value, crossing)
    if (copy !== undefined) annotations[key] = copy
  }
  return {
    span: span && { traceId: span.traceId, spanId: span.spanId, sampled: span.sampled },
    logLevel: Context.get(context, References.MinimumLogLevel),
    annotations,
    defaults: Plan.sendable(Context.get(context, Plan.Defaults))
  }
}

/** Logs an entry of a worker with the loggers of the caller. */
export const logged = (
  log: Omit<Log, "id">,
  values: ReadonlyArray<Arrived>,
  annotations: Readonly<Record<string, unknown>>
): Effect.Effect<void> => {
  const message = log.message.map((part) => decodeThrown(part, values))
  const cause = Causes.decode(log.cause, undefined, values)
  const parts = Cause.isCause(cause) && cause.reasons.length > 0 ? [...message, cause] : message
  return Effect.annotateLogs(Effect.logWithLevel(log.level as never)(...parts), annotations)
}
