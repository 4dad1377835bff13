/**
 * The work of this program: summarizes one file.
 */
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as Task from "effect-parallel/Task"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Model from "./Model.ts"
import * as Prose from "./Prose.ts"
import { Summariser } from "./Summariser.ts"
import * as Texts from "./Texts.ts"

/** The number of words of a text and its summary, a sentence on one line. */
export const Summary = Schema.Struct({
  words: Schema.Int,
  sentence: Schema.String
})
export type Summary = typeof Summary.Type

/** The reasons for which a text is not summarized. */
export const Failure = Schema.Union([
  Texts.Unreadable,
  Texts.TooLarge,
  Texts.NotUtf8,
  Texts.Empty,
  Prose.TooShort,
  ...Model.Failure.members
])
export type Failure = typeof Failure.Type

/** The longest summary, in characters. A longer text is not a sentence and is cut. */
const mostCharacters = 400

/**
 * Summarizes the text in a file.
 *
 * **Details**
 *
 * Fails with `Failure`. Interruption stops reading the file or asking the model.
 */
export const make = Effect.fnUntraced(function*(path: string) {
  const text = yield* Texts.read(path)
  const prose = yield* Prose.make(path, text)
  const sentence = yield* Summariser.use(({ summarise }) => summarise(prose))
  return Summary.make({ words: prose.words, sentence: toLine(sentence) })
})

/** The same as a task for workers, which read the file and rank its sentences. */
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
