/**
 * The context of a task in a worker, and the logger that sends its entries to the program.
 */
import * as Context from "effect/Context"
import * as Logger from "effect/Logger"
import * as References from "effect/References"
import * as Tracer from "effect/Tracer"
import * as Backend from "../../Backend.ts"
import { shorten } from "../../primitives/shorten.ts"
import * as Plan from "../../run/plan.ts"
import * as Causes from "../wire/causes.ts"
import { type Crossing, OutOfBandWriter, plainCopy } from "../wire/crossing.ts"
import type { Ambient, Log } from "../wire/messages.ts"
import { encodeThrown } from "../wire/thrown.ts"

/**
 * Makes the context of a task: the services of its layer, the async backend, and the parts of the caller's context that
 * can be sent.
 */
export const contextOf = (
  { annotations, defaults, logLevel, span }: Ambient,
  services: Context.Context<never>,
  logger: Logger.Logger<unknown, void>
): Context.Context<never> => {
  const context = services.pipe(
    Context.add(Backend.Backend, Backend.async),
    Context.add(Plan.Defaults, Plan.defaults(defaults)({})),
    Context.add(References.MinimumLogLevel, logLevel as never),
    Context.add(References.CurrentLogAnnotations, annotations),
    Context.add(References.CurrentLoggers, new Set([logger]))
  )
  return span === undefined ? context : Context.add(context, Tracer.ParentSpan, Tracer.externalSpan(span))
}

/** Makes a logger that sends entries to the near side, where the loggers are. */
export const loggerOf = (
  crossing: Crossing,
  post: (log: Log, transfer: ReadonlyArray<unknown>) => void,
  place: () => { readonly id: number; readonly position: number }
): Logger.Logger<unknown, void> =>
  Logger.make<unknown, void>(({ cause, fiber, logLevel, message }) => {
    const { id, position } = place()
    const outOfBand = new OutOfBandWriter(crossing)
    const annotations: Record<string, unknown> = {}
    for (const [key, value] of Object.entries(fiber.getRef(References.CurrentLogAnnotations))) {
      annotations[key] = plainCopy(value, crossing) ?? shorten(value)
    }
    post({
      _tag: "Log",
      id,
      position,
      level: logLevel,
      message: (Array.isArray(message) ? message : [message]).map((part) => encodeThrown(part, crossing, outOfBand)),
      annotations,
      cause: Causes.reasons(cause, crossing, outOfBand),
      outOfBand: outOfBand.sealed
    }, outOfBand.transfer)
    outOfBand.close()
  })
