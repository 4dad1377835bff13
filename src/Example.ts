/**
 * Rows of a data set with input fields and label fields: what work gets, and what it should return.
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
 * A row of a data set.
 *
 * @category models
 * @since 0.1.0
 */
export interface Example<out Inputs, out Labels> {
  readonly [TypeId]: typeof TypeId
  /** The fields that work may see. */
  readonly inputs: Inputs
  /** The fields that say how good its answer is. */
  readonly labels: Labels
}

/**
 * What the rows of a data set look like.
 *
 * @category models
 * @since 0.1.0
 */
export interface Rows<Inputs, Labels> {
  /** Schema of a row in a file: one object with all fields side by side. */
  readonly schema: Schema.Codec<Inputs & Labels, unknown>
  /** Makes a row from values. Values that do not fit the schemas are a defect. */
  readonly make: (fields: Inputs & Labels) => Example<Inputs, Labels>
  /** Reads a row from unknown data. */
  readonly decode: (row: unknown) => Effect.Effect<Example<Inputs, Labels>, Schema.SchemaError>
}

/**
 * A line of a text.
 *
 * @category models
 * @since 0.1.0
 */
export interface Line {
  /** Number of the line in the text, from 1. */
  readonly number: number
  /** The line, without white space around it. */
  readonly text: string
}

/**
 * The line is not JSON.
 *
 * @category errors
 * @since 0.1.0
 */
export class NotJson extends Schema.TaggedError<NotJson>("effect-parallel/Example/NotJson")("NotJson", {
  /** What the parser said. */
  issue: Schema.String
}) {
  override get message(): string {
    return `is not JSON (${shortenName(this.issue)})`
  }
}

/**
 * The line is JSON, but not a row: fields are missing, or do not fit their schemas.
 *
 * @category errors
 * @since 0.1.0
 */
export class NotARow extends Schema.TaggedError<NotARow>("effect-parallel/Example/NotARow")("NotARow", {
  /** Which fields do not fit, and why. */
  issue: Schema.String
}) {
  override get message(): string {
    return `is not a row: ${shortenName(this.issue)}`
  }
}

/**
 * A line could not be read as a row.
 *
 * @category errors
 * @since 0.1.0
 */
export class LineError extends Schema.TaggedError<LineError>("effect-parallel/Example/LineError")("LineError", {
  /** Number of the line, from 1. */
  line: Schema.Int,
  /** The beginning of its text. */
  shown: Schema.String,
  /** Why it could not be read. `Effect.catchReason` catches one reason. */
  reason: Schema.Union([NotJson, NotARow])
}) {
  override get message(): string {
    return `line ${this.line} ${this.reason.message}: ${shortenMessage(this.shown)}`
  }
}

/**
 * Checks whether a value is an example.
 *
 * **Example** (Finding examples among other values)
 *
 * ```ts
 * import { Schema } from "effect"
 * import { Example } from "effect-parallel"
 *
 * const Sums = Example.make({ inputs: { sum: Schema.String }, labels: { answer: Schema.Int } })
 * const values: ReadonlyArray<unknown> = [Sums.make({ sum: "1 + 1", answer: 2 }), { sum: "2 + 2" }]
 *
 * console.log(values.filter(Example.isExample).map(({ inputs }) => inputs)) // => [{ sum: "1 + 1" }]
 * ```
 *
 * @category guards
 * @since 0.1.0
 */
export const isExample = (u: unknown): u is Example<unknown, unknown> => hasProperty(u, TypeId)

/**
 * Describes the rows of a data set: which fields are inputs, which are labels, and the schema of each.
 *
 * **Details**
 *
 * In a file, a row is one flat object; here, an example has `inputs` and `labels` side by side. Other fields are
 * dropped. A field that is both an input and a label is a defect. This is `dspy.Example` with its `with_inputs`.
 *
 * **Example** (Reading questions with answers)
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
  /** Schemas of the fields that work may see, by their names. */
  readonly inputs: Inputs
  /** Schemas of the fields that say how good an answer is, by their names. Default: none. */
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
 * Splits a text, or a stream of its pieces, into numbered lines. Empty lines are left out, but are counted.
 *
 * @category converting
 * @since 0.1.0
 */
export const lines: {
  /**
   * Splits a text, or a stream of its pieces, into numbered lines. Empty lines are left out, but are counted.
   *
   * **Details**
   *
   * A string gives an iterable, which can be read more than once. A stream of text, in pieces of any length, gives a
   * stream, so a file need not be in memory as a whole. Both are lazy, and the errors are those of the stream.
   *
   * A line ends at `\n`, `\r\n` or `\r`. White space around a line and a byte order mark are dropped. Anything but a
   * string or a stream is a defect.
   *
   * **Example** (Splitting a text and a stream of its pieces)
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
   */
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
 * Reads a line of JSON as a row.
 *
 * **Details**
 *
 * Fails with `LineError`, which has the number of the line. Its `reason` says whether the line is not JSON or not a
 * row.
 *
 * **Example** (Finding out what is wrong with a line)
 *
 * ```ts
 * import { Effect, Schema } from "effect"
 * import { Example } from "effect-parallel"
 *
 * const Sums = Example.make({ inputs: { sum: Schema.String } })
 * const read = Example.fromLine(Sums, { number: 7, text: "1 + 1" })
 *
 * const error = await Effect.runPromise(Effect.flip(read))
 * console.log([error.line, error.reason._tag]) // => [7, "NotJson"]
 * ```
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
 * Turns work over rows into work over lines of JSON.
 *
 * @category combinators
 * @since 0.1.0
 */
export const onLine: {
  /**
   * Turns work over rows into work over lines of JSON.
   *
   * **Details**
   *
   * A line that is not a row is a failed input with a `LineError`. It does not end the run.
   *
   * **Example** (Running work over a file of JSON lines)
   *
   * ```ts
   * import { Effect, Schema } from "effect"
   * import { Example, Parallel } from "effect-parallel"
   *
   * const Words = Example.make({ inputs: { word: Schema.String }, labels: { length: Schema.Int } })
   * const check = Example.onLine(Words, ({ inputs, labels }) => Effect.succeed(inputs.word.length === labels.length))
   * const lines = Example.lines(`{"word": "one", "length": 3}\n{"word": "two"}`)
   *
   * const [checked, failures] = await Effect.runPromise(Parallel.partition(lines, check))
   * console.log(checked) // => [true]
   * console.log(failures.map(({ input }) => input.number)) // => [2]
   * ```
   */
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
 * Turns work over inputs into work over examples, whose labels it does not see.
 *
 * **Details**
 *
 * This is `dspy.Parallel` with `access_examples`. Work that should see the whole example needs no change.
 *
 * **Example** (Scoring answers by their labels)
 *
 * ```ts
 * import { Effect, Schema } from "effect"
 * import { Example, Parallel, Report } from "effect-parallel"
 *
 * const Words = Example.make({ inputs: { word: Schema.String }, labels: { length: Schema.Int } })
 * const rows = [Words.make({ word: "one", length: 3 }), Words.make({ word: "two", length: 4 })]
 * const measure = Example.onInputs(({ word }: { readonly word: string }) => Effect.succeed(word.length))
 *
 * const report = await Effect.runPromise(Parallel.run(rows, measure))
 * console.log(report.values.filter((length, i) => length === rows[i]?.labels.length).length) // => 1
 * console.log(Report.tally(report).failed) // => 0
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const onInputs =
  <Inputs, A, E, R>(work: Work<Inputs, A, E, R>): Work<Example<Inputs, unknown>, A, E, R> => (example, index) =>
    work(example.inputs, index)

/** Schemas of fields, by their names. */
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
