/**
 * Reports as data that outlives the program: plain JSON of a fixed format and version.
 */
import * as Cause from "effect/Cause"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Schema from "effect/Schema"
import * as Outcome from "../Outcome.ts"
import { shortenMessage } from "../primitives/shorten.ts"

/** One attempt. Times are milliseconds; `startedAt` is counted from the start of the run. */
const Attempt = Schema.Struct({
  startedAt: Schema.Finite,
  elapsed: Schema.Finite,
  worker: Schema.Int,
  end: Schema.Literals(["Succeeded", "Failed", "Interrupted"]),
  message: Schema.optionalKey(Schema.String)
})

/** The outcome of one input. `error` is there if it failed, `history` if it took more than one attempt. */
const Settled = Schema.Struct({
  index: Schema.Int,
  _tag: Schema.Literals(["Success", "Failure"]),
  input: Schema.String,
  attempts: Schema.Int,
  startedAt: Schema.Finite,
  elapsed: Schema.Finite,
  worker: Schema.Int,
  error: Schema.optionalKey(Schema.Struct({
    message: Schema.String,
    cause: Schema.optionalKey(Schema.String)
  })),
  history: Schema.optionalKey(Schema.Array(Attempt))
})

/**
 * The format of `Report.toJson`.
 *
 * **Details**
 *
 * Units: all times are milliseconds, to the microsecond; `startedAt` of the report is its date in ISO 8601, elsewhere
 * it is counted from the start of the run. Inputs and messages are shortened to a line. `version` changes when a reader
 * of the version before would misread it; keys may be added without.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Json = Schema.Struct({
  format: Schema.Literal("effect-parallel/report"),
  version: Schema.Literal(1),
  name: Schema.String,
  startedAt: Schema.optionalKey(Schema.String),
  elapsed: Schema.Finite,
  tally: Schema.Struct({
    total: Schema.Int,
    succeeded: Schema.Int,
    failed: Schema.Int,
    retried: Schema.Int,
    recalled: Schema.Int,
    attempts: Schema.Int
  }),
  outcomes: Schema.Array(Settled)
})

/**
 * A report as plain JSON.
 *
 * @category models
 * @since 0.1.0
 */
export interface Json extends Schema.Schema.Type<typeof Json> {}

/**
 * How a report is written down.
 *
 * **Details**
 *
 * - `input`: an input as a line of text. By default a text is itself and anything else is shown as far as it goes on a
 *   line; both are shortened. State it to leave out what must not be written down.
 * - `causes`: of how many failed inputs the whole cause is kept, stacks included (1000); of the others the message.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options<in I> {
  readonly input?: ((input: I) => string) | undefined
  readonly causes?: number | undefined
}

/** Greatest number of characters of a shown input, and of the text of a cause. */
const inputLength = 120
const causeLength = 4000

export const make = <I>(
  self: Outcome.Report<I, unknown, unknown>,
  tally: Json["tally"],
  options: Options<I> = {}
): Json => {
  let causes = options.causes ?? 1000
  return {
    format: "effect-parallel/report",
    version: 1,
    name: self.name,
    ...(self.startedAt !== undefined && { startedAt: DateTime.formatIso(self.startedAt) }),
    elapsed: millis(self.elapsed),
    tally,
    outcomes: self.outcomes.map((outcome) => ({
      index: outcome.index,
      _tag: outcome._tag,
      input: shortenMessage(options.input === undefined ? outcome.input : options.input(outcome.input), inputLength),
      attempts: outcome.attempts,
      startedAt: millis(outcome.startedAt),
      elapsed: millis(outcome.elapsed),
      worker: outcome.worker,
      ...(Outcome.isFailure(outcome) && { error: errorOf(outcome.cause, causes-- > 0) }),
      ...(outcome.history.length > 0 && { history: outcome.history.map(attemptOf) })
    }))
  }
}

const errorOf = (cause: Cause.Cause<unknown>, whole: boolean): NonNullable<Json["outcomes"][number]["error"]> => {
  const message = shortenMessage(Cause.squash(cause), 2 * inputLength)
  return whole ? { message, cause: cut(Cause.pretty(cause)) } : { message }
}

const cut = (text: string): string => text.length <= causeLength ? text : `${text.slice(0, causeLength)}\n…`

const attemptOf = (
  { elapsed, end, message, startedAt, worker }: Outcome.Attempt
): Schema.Schema.Type<typeof Attempt> => ({
  startedAt: millis(startedAt),
  elapsed: millis(elapsed),
  worker,
  end,
  ...(message !== undefined && { message })
})

/** Converts to milliseconds, rounded to the microsecond: further digits say nothing and take space. */
const millis = (duration: Duration.Duration): number => Math.round(Duration.toMillis(duration) * 1000) / 1000
