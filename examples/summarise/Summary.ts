/**
 * The work of this program: one file in, one summary out.
 */
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { Task } from "effect-parallel"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Model from "./Model.ts"
import * as Prose from "./Prose.ts"
import { Summariser } from "./Summariser.ts"
import * as Texts from "./Texts.ts"

/** What is known of a text when it has been summarised: its words, and the sentence, which is one line. */
export const Summary = Schema.Struct({
  words: Schema.Int,
  sentence: Schema.String
})
export type Summary = typeof Summary.Type

/** Why a text was not summarised. */
export const Failure = Schema.Union([
  Texts.Unreadable,
  Texts.TooLarge,
  Texts.NotUtf8,
  Texts.Empty,
  Prose.TooShort,
  ...Model.Failure.members
])
export type Failure = typeof Failure.Type

/** The longest summary, in characters; what is longer was no sentence. */
const mostCharacters = 400

/**
 * Summarises the text in a file.
 *
 * **Details**
 *
 * Errors: `Failure`. Interruption stops the reading, or the asking.
 */
export const make = Effect.fnUntraced(function*(path: string) {
  const text = yield* Texts.read(path)
  const prose = yield* Prose.make(path, text)
  const sentence = yield* Summariser.use(({ summarise }) => summarise(prose))
  return Summary.make({ words: prose.words, sentence: toLine(sentence) })
})

/** The same as a task, for workers: each reads files for itself, and ranks the sentences of what it has read. */
export const ranked = Task.make("ranked", {
  module: import.meta.url,
  payload: Schema.String,
  success: Summary,
  error: Failure,
  run: make,
  layer: Layer.merge(NodeFileSystem.layer, Summariser.layerExtractive)
})

const toLine = (sentence: string): string => {
  const line = sentence.replace(/\s+/g, " ").trim()
  return line.length <= mostCharacters ? line : `${line.slice(0, mostCharacters - 1)}…`
}
