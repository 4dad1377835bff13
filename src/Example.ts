/**
 * Rows with input fields and label fields: what goes in, and what should come out.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import { hasProperty } from "effect/Predicate"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { knownKeys, outOfRange, wrongType } from "./primitives/check.ts"
import { shorten, shortenMessage, shortenName } from "./primitives/shorten.ts"
import type { Work } from "./run/types.ts"

const TypeId = "~effect-parallel/Example"

/**
 * A row: the fields that work may see, and those that tell how good its answer is.
 *
 * @category models
 * @since 0.1.0
 */
export interface Example<out Inputs, out Labels> {
  readonly [TypeId]: typeof TypeId
  readonly inputs: Inputs
  readonly labels: Labels
}

/**
 * What the rows of a data set look like.
 *
 * @category models
 * @since 0.1.0
 */
export interface Rows<Inputs, Labels> {
  /** The schema of a row as it stands in a file: all fields side by side in one object. */
  readonly schema: Schema.Codec<Inputs & Labels, unknown>
  /** A row of values that are there already; values that do not fit the schemas are a defect. */
  readonly make: (fields: Inputs & Labels) => Example<Inputs, Labels>
  /** A row of unknown data. */
  readonly decode: (row: unknown) => Effect.Effect<Example<Inputs, Labels>, Schema.SchemaError>
}

/**
 * A line of a text with its number, which starts at 1.
 *
 * @category models
 * @since 0.1.0
 */
export interface Line {
  readonly number: number
  readonly text: string
}

/**
 * The line is not JSON.
 *
 * @category errors
 * @since 0.1.0
 */
export class NotJson extends Schema.TaggedError<NotJson>("effect-parallel/Example/NotJson")("NotJson", {
  issue: Schema.String
}) {
  override get message(): string {
    return `is not JSON (${shortenName(this.issue)})`
  }
}

/**
 * The line is JSON, but no row: fields are missing, or are not what their schemas say.
 *
 * @category errors
 * @since 0.1.0
 */
export class NotARow extends Schema.TaggedError<NotARow>("effect-parallel/Example/NotARow")("NotARow", {
  issue: Schema.String
}) {
  override get message(): string {
    return `is no row: ${shortenName(this.issue)}`
  }
}

/**
 * A line that could not be read as a row, with its number and the beginning of its text.
 *
 * @category errors
 * @since 0.1.0
 */
export class LineError extends Schema.TaggedError<LineError>("effect-parallel/Example/LineError")("LineError", {
  line: Schema.Int,
  shown: Schema.String,
  reason: Schema.Union([NotJson, NotARow])
}) {
  override get message(): string {
    return `line ${this.line} ${this.reason.message}: ${shortenMessage(this.shown)}`
  }
}

/**
 * Tells whether a value is an example.
 *
 * @category guards
 * @since 0.1.0
 */
export const isExample = (u: unknown): u is Example<unknown, unknown> => hasProperty(u, TypeId)

/**
 * Says what rows look like: the fields that are inputs, the fields that are labels, and the schema of each.
 *
 * **Details**
 *
 * Shape: a row is one flat object outside, and `inputs` beside `labels` here; fields of neither are dropped. `labels`
 * may be left out. Errors: a field that is both is a defect. Source: `dspy.Example` with its `with_inputs`.
 *
 * **Example** (Questions with answers)
 *
 * ```ts
 * import { Effect, Schema } from "effect"
 * import { Example, Parallel } from "effect-parallel"
 *
 * const Sums = Example.make({ inputs: { sum: Schema.String }, labels: { answer: Schema.Int } })
 * const text = `{"sum": "1 + 1", "answer": 2}
 * {"sum": "2 + 2"}
 * {"sum": "2 + 3", "answer": 5}`
 *
 * const add = ({ sum }: { readonly sum: string }) =>
 *   Effect.succeed(sum.split("+").reduce((total, n) => total + Number(n), 0))
 * const lines = Example.lines(text)
 * const program = Parallel.partition(lines, Example.onLine(Sums, Example.onInputs(add)))
 *
 * const [answers, failures] = await Effect.runPromise(program)
 * console.log(answers) // => [2, 5]
 * console.log(failures.map((failure) => failure.input.number)) // => [2]
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <const Inputs extends SchemaFields, const Labels extends SchemaFields = {}>(options: {
  readonly inputs: Inputs
  readonly labels?: Labels | undefined
}): Rows<Schema.Struct.Type<Inputs>, Schema.Struct.Type<Labels>> => {
  knownKeys("example options", options, ["inputs", "labels"])
  const { inputs, labels = {} as Labels } = options
  const both = Object.keys(inputs).find((name) => Object.hasOwn(labels, name))
  if (both !== undefined) outOfRange("labels", "fields that are not inputs as well", both)
  const schema: any = Schema.Struct({ ...inputs, ...labels })
  const decode = Schema.decodeUnknownEffect(schema, { errors: "all" })
  const split = (row: any): Example<any, any> => ({
    [TypeId]: TypeId,
    inputs: pick(row, inputs),
    labels: pick(row, labels)
  })
  return {
    schema,
    make: (fields) => split(schema.make(fields)),
    decode: (row) => Effect.map(decode(row) as Effect.Effect<unknown, Schema.SchemaError>, split)
  }
}

/**
 * The lines of a text, numbered; empty ones are left out, and still count.
 *
 * **Details**
 *
 * Shape: lazy. A string gives an iterable that can be read again; a stream of text, in pieces of any length, gives a
 * stream, so that a file need never be in memory as a whole. A line ends at `\n`, `\r\n` or `\r`. White space around a
 * line and a byte order mark are dropped. Errors: those of the stream; anything but a string or a stream is a defect.
 *
 * **Example** (A text, and a stream of its pieces)
 *
 * ```ts
 * import { Effect, Stream } from "effect"
 * import { Example } from "effect-parallel"
 *
 * const pieces = Stream.make("one\r", "\n\ntw", "o")
 *
 * console.log([...Example.lines("one\n\ntwo")].map((line) => line.number)) // => [1, 3]
 * console.log((await Effect.runPromise(Stream.runCollect(Example.lines(pieces))))[1]) // => { number: 3, text: "two" }
 * ```
 *
 * @category converting
 * @since 0.1.0
 */
export const lines: {
  (text: string): Iterable<Line>
  <E, R>(text: Stream.Stream<string, E, R>): Stream.Stream<Line, E, R>
} = (text: string | Stream.Stream<string, any, any>): any =>
  typeof text === "string"
    ? { [Symbol.iterator]: () => linesOf(text) }
    : Stream.isStream(text)
    ? Stream.splitLines(text).pipe(
      Stream.map((text, index) => ({ number: index + 1, text: text.trim() })),
      Stream.filter((line) => line.text !== "")
    )
    : wrongType("text", "a string or a Stream of strings", text)

/**
 * A line of JSON as a row.
 *
 * **Details**
 *
 * Errors: `LineError` with the line's number; its `reason` says whether it was no JSON or no row.
 *
 * @category converting
 * @since 0.1.0
 */
export const fromLine = <Inputs, Labels>(
  rows: Rows<Inputs, Labels>,
  line: Line
): Effect.Effect<Example<Inputs, Labels>, LineError> => {
  const fail = (reason: LineError["reason"]) => new LineError({ line: line.number, shown: shorten(line.text), reason })
  return Effect.try({
    try: () => JSON.parse(line.text) as unknown,
    catch: (cause) => fail(new NotJson({ issue: cause instanceof Error ? cause.message : String(cause) }))
  }).pipe(
    Effect.flatMap((row) =>
      Effect.mapError(rows.decode(row), (error) => fail(new NotARow({ issue: shortenMessage(error.message, 200) })))
    )
  )
}

/**
 * Makes work over rows work over lines of JSON: a line that is no row is a failed input, not the end of the run.
 *
 * @category combinators
 * @since 0.1.0
 */
export const onLine: {
  <Inputs, Labels, A, E, R>(
    work: Work<Example<Inputs, Labels>, A, E, R>
  ): (rows: Rows<Inputs, Labels>) => Work<Line, A, E | LineError, R>
  <Inputs, Labels, A, E, R>(
    rows: Rows<Inputs, Labels>,
    work: Work<Example<Inputs, Labels>, A, E, R>
  ): Work<Line, A, E | LineError, R>
} = dual(2, <Inputs, Labels, A, E, R>(
  rows: Rows<Inputs, Labels>,
  work: Work<Example<Inputs, Labels>, A, E, R>
): Work<Line, A, E | LineError, R> =>
(line, index) => Effect.flatMap(fromLine(rows, line), (example) => work(example, index)))

/**
 * Makes work over inputs work over whole examples, whose labels it then does not see.
 *
 * **Details**
 *
 * Source: `dspy.Parallel` with `access_examples`; a work that is to see the whole example needs nothing.
 *
 * @category combinators
 * @since 0.1.0
 */
export const onInputs =
  <Inputs, A, E, R>(work: Work<Inputs, A, E, R>): Work<Example<Inputs, unknown>, A, E, R> => (example, index) =>
    work(example.inputs, index)

/** Schemas of fields by name. */
type SchemaFields = { readonly [name: string]: Schema.Codec<any, any> }

const pick = (row: Record<string, unknown>, fields: SchemaFields): Record<string, unknown> => {
  const picked: Record<string, unknown> = {}
  for (const name of Object.keys(fields)) if (Object.hasOwn(row, name)) picked[name] = row[name]
  return picked
}

function* linesOf(text: string): Generator<Line> {
  const lineBreak = /\r\n?|\n/g
  let number = 0
  for (let start = 0; start < text.length; start = lineBreak.lastIndex || text.length) {
    const line = text.slice(start, lineBreak.exec(text)?.index).trim()
    number++
    if (line !== "") yield { number, text: line }
  }
}
