/**
 * Reports as data that outlives the program: plain JSON of a fixed format and version.
 */
import * as Cause from "effect/Cause"
import * as DateTime from "effect/DateTime"
import * as Schema from "effect/Schema"
import * as Outcome from "../Outcome.ts"
import { kinds } from "../outcome/waits.ts"
import { millis } from "../primitives/clock.ts"
import { shortenInput, shortenMessage, shortenName } from "../primitives/shorten.ts"
import { host } from "./host.ts"
import { inputLength, messageOf, textOfCause } from "./texts.ts"

/** A text, or its place in `texts`, from 0. */
const Text = Schema.Union([Schema.String, Schema.Int])

/** What was waited for, in milliseconds; what is left out took no time. */
const Waits = Schema.Struct({
  retry: Schema.optionalKey(Schema.Finite),
  limit: Schema.optionalKey(Schema.Finite),
  queue: Schema.optionalKey(Schema.Finite),
  startup: Schema.optionalKey(Schema.Finite),
  transfer: Schema.optionalKey(Schema.Finite)
})

/** What inputs have waited for the limits of a name: how often, and how long together. */
const LimitWait = Schema.Struct({ name: Schema.String, waits: Schema.Int, waited: Schema.Finite })

/** Inputs of a run, counted. */
const Counted = Schema.Struct({
  total: Schema.Int,
  succeeded: Schema.Int,
  failed: Schema.Int,
  retried: Schema.Int,
  recalled: Schema.Int
})

/**
 * A run that an attempt has started. `parent` is the place in `nested` of the run whose attempt that was, and is left out where it was one
 * of the report's own; `index` is the input of that attempt. `failures` counts failed inputs by their messages, the most frequent first.
 */
const Nested = Schema.Struct({
  name: Schema.String,
  parent: Schema.optionalKey(Schema.Int),
  index: Schema.optionalKey(Schema.Int),
  startedAt: Schema.Finite,
  elapsed: Schema.Finite,
  state: Schema.Literals(["done", "stopped", "interrupted", "running"]),
  tally: Counted,
  failures: Schema.optionalKey(Schema.Array(Schema.Struct({ message: Text, count: Schema.Int, input: Schema.String })))
})

/**
 * A flow that attempts have walked through. `name` is its path, and `walks` how often it was entered. Of a node it is counted how often it was entered,
 * and how often it failed; of an edge how often it was taken. An edge leads to a node or, as an exit, out of the flow.
 */
const FlowCounts = Schema.Struct({
  name: Schema.String,
  walks: Schema.Int,
  start: Schema.String,
  nodes: Schema.Array(Schema.Struct({
    name: Schema.String,
    kind: Schema.Literals(["Node", "BatchNode", "Flow", "BatchFlow", "FanOut", "Race"]),
    entered: Schema.Int,
    failed: Schema.Int
  })),
  edges: Schema.Array(Schema.Struct({
    from: Schema.String,
    action: Schema.String,
    to: Schema.optionalKey(Schema.String),
    exit: Schema.optionalKey(Schema.String),
    taken: Schema.Int
  }))
})

/** What an attempt has logged. `at` is counted from the start of the run; `within` names the nested run that it was in. */
const LogLine = Schema.Struct({
  index: Schema.Int,
  attempt: Schema.optionalKey(Schema.Int),
  at: Schema.Finite,
  level: Schema.String,
  message: Text,
  within: Schema.optionalKey(Schema.String)
})

/** One attempt. Times are milliseconds; `startedAt` is counted from the start of the run. */
const Attempt = Schema.Struct({
  startedAt: Schema.Finite,
  elapsed: Schema.Finite,
  waits: Schema.optionalKey(Waits),
  worker: Schema.Int,
  end: Schema.Literals(["Succeeded", "Failed", "Interrupted", "Lost"]),
  message: Schema.optionalKey(Text)
})

/**
 * The outcome of one input. `value` is there if it succeeded and values are shown, `error` if it failed, `history` if it took more than one attempt, and `recorded` if a journal
 * knew what had become of it: when that was recorded, after how many attempts and which time.
 */
const Settled = Schema.Struct({
  index: Schema.Int,
  _tag: Schema.Literals(["Success", "Failure"]),
  input: Schema.String,
  attempts: Schema.Int,
  startedAt: Schema.Finite,
  elapsed: Schema.Finite,
  waits: Schema.optionalKey(Waits),
  worker: Schema.Int,
  value: Schema.optionalKey(Schema.String),
  error: Schema.optionalKey(Schema.Struct({
    message: Text,
    cause: Schema.optionalKey(Text)
  })),
  history: Schema.optionalKey(Schema.Array(Attempt)),
  recorded: Schema.optionalKey(Schema.Struct({
    at: Schema.String,
    attempts: Schema.Int,
    elapsed: Schema.Finite
  }))
})

/**
 * The format of `Report.toJson`.
 *
 * **Details**
 *
 * Units: all times are milliseconds, to the microsecond; `startedAt` of the report is its date in ISO 8601, elsewhere
 * it is counted from the start of the run. `waits` has what an input, or an attempt, waited for (`Outcome.Waits`), and is
 * left out where that is nothing. Inputs and messages are shortened to a line. Messages and causes that are
 * long stand once in `texts`, and elsewhere as their place there, counted from 0; when `texts` holds 10 000, any others
 * stand where they belong. `machines` has the name of each worker's machine by the number of the worker, where a run was on
 * several machines, and `limits` what inputs waited for the limits of each name, the longest first. `backend` and `options` are what the run was asked
 * for, and `host` says where it ran, by which versions. `nested`, `flows` and `logs` are what was inside (`Outcome.RunInside`). `version` changes when a reader of the version before would misread it; keys may be added
 * without. Version 1 had no `texts`; this schema reads it too.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Json = Schema.Struct({
  format: Schema.Literal("effect-parallel/report"),
  version: Schema.Literals([1, 2]),
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
  outcomes: Schema.Array(Settled),
  machines: Schema.optionalKey(Schema.Record(Schema.String, Schema.String)),
  limits: Schema.optionalKey(Schema.Array(LimitWait)),
  backend: Schema.optionalKey(Schema.String),
  options: Schema.optionalKey(Schema.Record(Schema.String, Schema.String)),
  host: Schema.optionalKey(Schema.Record(Schema.String, Schema.String)),
  nested: Schema.optionalKey(Schema.Array(Nested)),
  nestedLeft: Schema.optionalKey(Schema.Int),
  flows: Schema.optionalKey(Schema.Array(FlowCounts)),
  logs: Schema.optionalKey(Schema.Array(LogLine)),
  logsLeft: Schema.optionalKey(Schema.Int),
  texts: Schema.optionalKey(Schema.Array(Schema.String))
})

/**
 * A report as plain JSON.
 *
 * @category models
 * @since 0.1.0
 */
export interface Json extends Schema.Schema.Type<typeof Json> {}

/**
 * How a report is written.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options<in I, in A = never> {
  /**
   * Shows an input as a line of text, at most 120 characters of it. Use it to leave out what must not be written. Default: the
   * option `show` of the run; without that, a text is itself and anything else is shortened. If it throws, the input is not shown.
   */
  readonly input?: ((input: I) => string) | undefined
  /** Shows a value as a line of text, at most 240 characters of it. Default: values are not written, since they may be large or secret. */
  readonly value?: ((value: A) => string) | undefined
  /** Of how many failed inputs the whole cause is kept, stacks included; of the others the message. Default: 1000. */
  readonly causes?: number | undefined
}

/** Greatest number of characters of a shown value. */
const valueLength = 240

/** Least number of characters of a text that is shared, and greatest number of such texts. */
const sharedLength = 32
const mostShared = 10_000

/** Number of outcomes in a chunk of a report that is written in chunks. */
const chunkSize = 256

type AnyReport<I> = Outcome.Report<I, unknown, unknown>

export const make = <I>(self: AnyReport<I>, tally: Json["tally"], options: Options<I> = {}): Json => {
  const writer = new Writer(self, options)
  return {
    ...headOf(self, tally),
    outcomes: self.outcomes.map((outcome) => writer.outcome(outcome)),
    ...insideOf(self, writer),
    texts: writer.texts
  }
}

/** Writes the document that `make` makes, in pieces. */
export function* write<I>(self: AnyReport<I>, tally: Json["tally"], options: Options<I> = {}): Generator<string> {
  const writer = new Writer(self, options)
  yield `${JSON.stringify(headOf(self, tally)).slice(0, -1)},"outcomes":[`
  for (let from = 0; from < self.outcomes.length; from += chunkSize) {
    const chunk = self.outcomes.slice(from, from + chunkSize)
    yield (from === 0 ? "" : ",") + chunk.map((outcome) => JSON.stringify(writer.outcome(outcome))).join(",")
  }
  const inside = JSON.stringify(insideOf(self, writer)).slice(1, -1)
  yield `]${inside === "" ? "" : `,${inside}`},"texts":${JSON.stringify(writer.texts)}}`
}

const headOf = (self: AnyReport<unknown>, tally: Json["tally"]) =>
  ({
    format: "effect-parallel/report",
    version: 2,
    name: shortenName(self.name),
    ...(self.startedAt !== undefined && { startedAt: DateTime.formatIso(self.startedAt) }),
    elapsed: millis(self.elapsed),
    tally,
    ...(self.machines.size > 0 && { machines: machinesOf(self.machines) }),
    ...(self.limits.length > 0 && { limits: self.limits.map(limitWait) }),
    ...(self.settings.backend !== undefined && { backend: shortenName(self.settings.backend) }),
    ...(Object.keys(self.settings.options).length > 0 && { options: self.settings.options }),
    ...(self.startedAt !== undefined && { host: host() })
  }) as const

/** What is inside of a report; what there is none of is left out. */
const insideOf = ({ inside }: AnyReport<unknown>, writer: Writer<any>): Partial<Json> => ({
  ...(inside.runs.length > 0 && { nested: inside.runs.map((run) => writer.nested(run)) }),
  ...(inside.runsLeft > 0 && { nestedLeft: inside.runsLeft }),
  ...(inside.flows.length > 0 && { flows: inside.flows.map(flowOf) }),
  ...(inside.logs.length > 0 && { logs: inside.logs.map((line) => writer.log(line)) }),
  ...(inside.logsLeft > 0 && { logsLeft: inside.logsLeft })
})

/** Makes the JSON of a flow. */
export const flowOf = ({ edges, ...flow }: Outcome.FlowCounts): NonNullable<Json["flows"]>[number] => ({
  ...flow,
  edges: edges.map(({ action, exit, from, taken, to }) => ({
    from,
    action,
    ...(to !== undefined && { to }),
    ...(exit !== undefined && { exit }),
    taken
  }))
})

const limitWait = ({ name, waited, waits }: Outcome.LimitWait) => ({
  name: shortenName(name),
  waits,
  waited: millis(waited)
})

const machinesOf = (machines: ReadonlyMap<number, string>): Record<string, string> =>
  Object.fromEntries([...machines].map(([worker, machine]) => [worker, shortenName(machine)]))

/** Writes outcomes one after another, and gathers the texts that they share. */
class Writer<I> {
  readonly texts: Array<string> = []
  private readonly places = new Map<string, number>()
  private readonly input: ((input: never) => string) | undefined
  private readonly value: ((value: never) => string) | undefined
  private causes: number

  constructor({ show }: AnyReport<I>, { causes = 1000, input, value }: Options<I>) {
    this.input = input ?? show
    this.value = value
    this.causes = causes
  }

  outcome(outcome: Outcome.Outcome<I, unknown, unknown>): Json["outcomes"][number] {
    return {
      index: outcome.index,
      _tag: outcome._tag,
      input: this.input === undefined
        ? shortenMessage(outcome.input, inputLength)
        : shortenInput(outcome.input, this.input, inputLength),
      attempts: outcome.attempts,
      startedAt: millis(outcome.startedAt),
      elapsed: millis(outcome.elapsed),
      ...waitsOf(outcome),
      worker: outcome.worker,
      ...(this.value !== undefined && Outcome.isSuccess(outcome) &&
        { value: shortenInput(outcome.value, this.value, valueLength) }),
      ...(Outcome.isFailure(outcome) && { error: this.error(outcome.cause) }),
      ...(outcome.history.length > 0 && { history: outcome.history.map((attempt) => this.attempt(attempt)) }),
      ...(outcome.recorded !== undefined && { recorded: recordedOf(outcome.recorded) })
    }
  }

  nested({ elapsed, failures, parent, startedAt, ...run }: Outcome.NestedRun): NonNullable<Json["nested"]>[number] {
    const { failed, index, name, recalled, retried, state, succeeded } = run
    return {
      name,
      ...(parent !== undefined && { parent }),
      ...(index !== undefined && { index }),
      startedAt: millis(startedAt),
      elapsed: millis(elapsed),
      state,
      tally: { total: succeeded + failed, succeeded, failed, retried, recalled },
      ...(failures.length > 0 && {
        failures: failures.map(({ message, ...failure }) => ({ message: this.shared(message), ...failure }))
      })
    }
  }

  log({ at, attempt, index, level, message, within }: Outcome.LogLine): NonNullable<Json["logs"]>[number] {
    return {
      index,
      ...(attempt !== undefined && { attempt }),
      ...(within !== undefined && { within }),
      at: millis(at),
      level,
      message: this.shared(message)
    }
  }

  private error(cause: Cause.Cause<unknown>): NonNullable<Json["outcomes"][number]["error"]> {
    const message = this.shared(messageOf(Cause.squash(cause)))
    return this.causes-- > 0 ? { message, cause: this.shared(textOfCause(cause)) } : { message }
  }

  private attempt(
    { elapsed, end, message, startedAt, waits, worker }: Outcome.Attempt
  ): Schema.Schema.Type<typeof Attempt> {
    return {
      startedAt: millis(startedAt),
      elapsed: millis(elapsed),
      ...waitsOf({ waits }),
      worker,
      end,
      ...(message !== undefined && { message: this.shared(messageOf(message)) })
    }
  }

  /** Returns the place of a text among those that are shared, or the text itself if it is not. */
  private shared(text: string): string | number {
    const { places, texts } = this
    if (text.length < sharedLength) return text
    const place = places.get(text)
    if (place !== undefined || texts.length === mostShared) return place ?? text
    places.set(text, texts.length)
    return texts.push(text) - 1
  }
}

const recordedOf = (
  { at, attempts, elapsed }: Outcome.Recorded
): NonNullable<Json["outcomes"][number]["recorded"]> => ({
  at: DateTime.formatIso(at),
  attempts,
  elapsed: millis(elapsed)
})

/** Returns the waits that took time; nothing if there are none. */
const waitsOf = ({ waits }: Pick<Outcome.Attempt, "waits">): { readonly waits?: Schema.Schema.Type<typeof Waits> } => {
  if (waits === Outcome.noWaits) return {}
  const taken = kinds.map((kind) => [kind, millis(waits[kind])] as const).filter(([, time]) => time > 0)
  return taken.length === 0 ? {} : { waits: Object.fromEntries(taken) }
}
