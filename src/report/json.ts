/**
 * Reports as data that outlives the program: plain JSON in a fixed format with a version.
 */
import * as Cause from "effect/Cause"
import * as DateTime from "effect/DateTime"
import * as Schema from "effect/Schema"
import * as Outcome from "../Outcome.ts"
import { waitsInMillis } from "../outcome/waits.ts"
import { millis } from "../primitives/clock.ts"
import { shortenInput, shortenMessage, shortenName } from "../primitives/shorten.ts"
import { host } from "./host.ts"
import { inputLength, messageOf, textOfCause } from "./texts.ts"

/** A text, or its position in `texts`, from 0. */
const Text = Schema.Union([Schema.String, Schema.Int])

/** What an attempt waited for, in milliseconds. A wait that took no time is left out. */
const Waits = Schema.Struct({
  /** Delay before a retry. */
  retry: Schema.optionalKey(Schema.Finite),
  /** Wait for limits. */
  limit: Schema.optionalKey(Schema.Finite),
  /** Wait behind other inputs. */
  queue: Schema.optionalKey(Schema.Finite),
  /** Wait for the worker to start. */
  startup: Schema.optionalKey(Schema.Finite),
  /** Time on the way to the worker and back. */
  transfer: Schema.optionalKey(Schema.Finite)
})

/** What inputs have waited for the limits of one name. */
const LimitWait = Schema.Struct({
  /** Name of the limits. */
  name: Schema.String,
  /** Number of waits. */
  waits: Schema.Int,
  /** Sum of the times of all waits, in milliseconds. */
  waited: Schema.Finite
})

/** Inputs of a run, counted. */
const Counted = Schema.Struct({
  /** Number of inputs that were settled. */
  total: Schema.Int,
  /** Number of inputs that succeeded. */
  succeeded: Schema.Int,
  /** Number of inputs that failed. */
  failed: Schema.Int,
  /** Number of inputs that took more than one attempt. */
  retried: Schema.Int,
  /** Number of inputs whose outcome was known without an attempt. */
  recalled: Schema.Int
})

/** A run that an attempt has started. */
const Nested = Schema.Struct({
  /** Name of the run. */
  name: Schema.String,
  /** Position in `nested` of the run whose attempt has started this one; left out if that is the reported run. */
  parent: Schema.optionalKey(Schema.Int),
  /** Index of the input whose attempt has started this run; left out if no attempt has. */
  index: Schema.optionalKey(Schema.Int),
  /** When this run started, in milliseconds from the start of the reported run. */
  startedAt: Schema.Finite,
  /** Time of this run, in milliseconds. */
  elapsed: Schema.Finite,
  /** How it ended; `"running"` if it had not when the report was made. */
  state: Schema.Literals(["done", "stopped", "interrupted", "running"]),
  /** Its inputs, counted. */
  tally: Counted,
  /** Failed inputs counted by their messages, the most frequent first; left out if there are none. */
  failures: Schema.optionalKey(Schema.Array(Schema.Struct({
    /** The message. */
    message: Text,
    /** Number of inputs that failed with it. */
    count: Schema.Int,
    /** The first of these inputs, as one line of text. */
    input: Schema.String
  })))
})

/** A flow that attempts have walked through. */
const FlowCounts = Schema.Struct({
  /** Path of the flow. */
  name: Schema.String,
  /** How often the flow was entered. */
  walks: Schema.Int,
  /** Name of the node at which it starts. */
  start: Schema.String,
  /** Its nodes. */
  nodes: Schema.Array(Schema.Struct({
    /** Name of the node in the flow. */
    name: Schema.String,
    /** What kind of node it is. */
    kind: Schema.Literals(["Node", "BatchNode", "Flow", "BatchFlow", "FanOut", "Race"]),
    /** How often the node was entered. */
    entered: Schema.Int,
    /** How often the node failed. */
    failed: Schema.Int
  })),
  /** Its edges: what follows each action of each node. */
  edges: Schema.Array(Schema.Struct({
    /** Name of the node at which the edge begins. */
    from: Schema.String,
    /** Action of that node that takes the edge. */
    action: Schema.String,
    /** Name of the node to which it leads; left out if it leaves the flow. */
    to: Schema.optionalKey(Schema.String),
    /** Action by which it leaves the flow; left out if it leads to a node. */
    exit: Schema.optionalKey(Schema.String),
    /** How often the edge was taken. */
    taken: Schema.Int
  }))
})

/** A line that an attempt has logged. */
const LogLine = Schema.Struct({
  /** Index of the input of the reported run. */
  index: Schema.Int,
  /** Number of the attempt at this input, from 1; left out if it is not known. */
  attempt: Schema.optionalKey(Schema.Int),
  /** When it was logged, in milliseconds from the start of the reported run. */
  at: Schema.Finite,
  /** Log level, such as `"Info"`. */
  level: Schema.String,
  /** What was logged. */
  message: Text,
  /** Name of the nested run inside which it was logged; left out outside of nested runs. */
  within: Schema.optionalKey(Schema.String)
})

/** One attempt at an input. */
const Attempt = Schema.Struct({
  /** When it started, in milliseconds from the start of the run. */
  startedAt: Schema.Finite,
  /** How long it took, in milliseconds. */
  elapsed: Schema.Finite,
  /** What it waited for; left out if that is nothing. */
  waits: Schema.optionalKey(Waits),
  /** Number of the worker that ran it, from 0. */
  worker: Schema.Int,
  /** How it ended. */
  end: Schema.Literals(["Succeeded", "Failed", "Interrupted", "Lost"]),
  /** What it failed with; left out if it did not fail. */
  message: Schema.optionalKey(Text)
})

/** The outcome of one input. */
const Settled = Schema.Struct({
  /** Position of the input among the inputs of the run, from 0. */
  index: Schema.Int,
  /** Whether the input succeeded or failed. */
  _tag: Schema.Literals(["Success", "Failure"]),
  /** The input, as one line of text. */
  input: Schema.String,
  /** Number of attempts that were started. */
  attempts: Schema.Int,
  /** When the first attempt started, in milliseconds from the start of the run. */
  startedAt: Schema.Finite,
  /** Time from the start of the first attempt to the end of the last, in milliseconds. */
  elapsed: Schema.Finite,
  /** What the input waited for; left out if that is nothing. */
  waits: Schema.optionalKey(Waits),
  /** Number of the worker that settled the input, from 0; -1 if nothing ran. */
  worker: Schema.Int,
  /** The value, as one line of text; only with the option `value`. */
  value: Schema.optionalKey(Schema.String),
  /** Why the input failed; left out if it succeeded. */
  error: Schema.optionalKey(Schema.Struct({
    /** The error, as one line of text. */
    message: Text,
    /** The whole cause, with its stack; only for as many failures as the option `causes` says. */
    cause: Schema.optionalKey(Text)
  })),
  /** Every attempt, if there was more than one. */
  history: Schema.optionalKey(Schema.Array(Attempt)),
  /** What a journal knew of the input; left out if the input ran in this run. */
  recorded: Schema.optionalKey(Schema.Struct({
    /** Date at which the outcome was recorded, in ISO 8601. */
    at: Schema.String,
    /** Number of attempts that it took. */
    attempts: Schema.Int,
    /** Time that it took, in milliseconds. */
    elapsed: Schema.Finite
  }))
})

/**
 * The schema of reports as JSON: the format of `Report.toJson`.
 *
 * **Details**
 *
 * Times are milliseconds, to the microsecond, measured from the start of the run. Dates are in ISO 8601. Inputs and
 * messages are shortened to one line.
 *
 * A long message or cause is written once, in `texts`; wherever it occurs, there is its position in `texts`, from 0.
 * Once `texts` holds 10,000, further ones are written where they occur.
 *
 * `version` changes when a reader of the version before would misread the document; keys may be added without that.
 * Version 1 had no `texts`; this schema reads it too.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Json = Schema.Struct({
  /** Tells reports of this library from other documents. */
  format: Schema.Literal("effect-parallel/report"),
  /** Version of the format. */
  version: Schema.Literals([1, 2]),
  /** Name of the run. */
  name: Schema.String,
  /** Date at which the run started, in ISO 8601; left out if it is not known. */
  startedAt: Schema.optionalKey(Schema.String),
  /** Time of the whole run, in milliseconds. */
  elapsed: Schema.Finite,
  /** The run in numbers. */
  tally: Schema.Struct({
    /** Number of inputs that were settled. */
    total: Schema.Int,
    /** Number of inputs that succeeded. */
    succeeded: Schema.Int,
    /** Number of inputs that failed. */
    failed: Schema.Int,
    /** Number of inputs that took more than one attempt. */
    retried: Schema.Int,
    /** Number of inputs whose outcome was known without an attempt. */
    recalled: Schema.Int,
    /** Number of attempts that were started, over all inputs. */
    attempts: Schema.Int
  }),
  /** One outcome for each input, in input order. */
  outcomes: Schema.Array(Settled),
  /**
   * Names of the machines of workers, by the number of the worker; left out unless the backend has several machines.
   */
  machines: Schema.optionalKey(Schema.Record(Schema.String, Schema.String)),
  /** What inputs waited for limits, the longest first; left out if that is nothing. */
  limits: Schema.optionalKey(Schema.Array(LimitWait)),
  /** Name of the backend of the task; left out for a function, which runs on fibers. */
  backend: Schema.optionalKey(Schema.String),
  /** Options of the run, as text, by their names. */
  options: Schema.optionalKey(Schema.Record(Schema.String, Schema.String)),
  /** System, cores and versions that the run ran with, by name. */
  host: Schema.optionalKey(Schema.Record(Schema.String, Schema.String)),
  /** Runs that attempts have started. */
  nested: Schema.optionalKey(Schema.Array(Nested)),
  /** Number of such runs beyond those in `nested`. */
  nestedLeft: Schema.optionalKey(Schema.Int),
  /** Flows that attempts have walked through. */
  flows: Schema.optionalKey(Schema.Array(FlowCounts)),
  /** Lines that attempts have logged. */
  logs: Schema.optionalKey(Schema.Array(LogLine)),
  /** Number of such lines beyond those in `logs`. */
  logsLeft: Schema.optionalKey(Schema.Int),
  /** Long messages and causes, by their positions. */
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
   * Shows an input as one line of text, cut to 120 characters. Use it to leave out what must not be written. If it
   * throws, the input is not shown. Default: the option `show` of the run; without that, a string is itself and any
   * other input is shortened.
   */
  readonly input?: ((input: I) => string) | undefined
  /**
   * Shows a value as one line of text, cut to 240 characters. Default: values are not written, since they may be large
   * or secret.
   */
  readonly value?: ((value: A) => string) | undefined
  /**
   * Number of failed inputs of which the whole cause is kept, with its stack. Of the others, the message is kept.
   * Default: 1000.
   */
  readonly causes?: number | undefined
}

/** Greatest number of characters of a shown value. */
const valueLength = 240

/** Least number of characters of a text that is shared, and greatest number of shared texts. */
const sharedLength = 32
const mostShared = 10_000

/** Number of outcomes in a chunk, for a report that is written in chunks. */
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

/** Writes in pieces the document that `make` makes. */
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

/** Returns the fields about the inside of a report. Empty fields are left out. */
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

/** Writes outcomes one after another, and collects the texts that they share. */
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

  /** Returns the place of a text among the shared ones, or the text itself if it is not shared. */
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

/** Returns the waits that took time. Returns no field if there are none. */
const waitsOf = ({ waits }: Pick<Outcome.Attempt, "waits">): { readonly waits?: Schema.Schema.Type<typeof Waits> } => {
  const taken = waitsInMillis(waits)
  return taken === undefined ? {} : { waits: taken }
}
