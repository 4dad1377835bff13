/**
 * What an agent asks: a search, and a model that makes things up until it is told not to.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"

/** Something that was found, and where. */
export interface Note {
  readonly source: string
  readonly text: string
}

/** What the agent knows when it answers. */
export interface Prompt {
  readonly question: string
  readonly notes: ReadonlyArray<Note>
  /** Why its earlier answers were sent back, the oldest first. */
  readonly objections: ReadonlyArray<string>
}

export class Model extends Context.Service<Model, {
  readonly search: (question: string) => Effect.Effect<ReadonlyArray<Note>>
  readonly answer: (prompt: Prompt) => Effect.Effect<string>
}>()("supervisor/Model") {
  /** Works offline. It guesses at first, then names a source it has not read, and at last reads what was found. */
  static readonly layerStub = Layer.succeed(Model, {
    search: (question) => Effect.succeed(library.filter(({ about }) => question.includes(about))),
    answer: ({ notes, objections }) =>
      Effect.succeed(
        objections.length === 0
          ? "Coffee break! It is probably 42."
          : objections.length === 1
          ? "It is 42 [Annals of Guessing]."
          : notes.length === 0
          ? "I do not know."
          : `${notes[0]!.text} [${notes[0]!.source}]`
      )
  })
}

const library = [
  { about: "Mont Blanc", source: "Survey of 2023", text: "Mont Blanc is 4,805.59 metres high." },
  { about: "Moon", source: "Lunar Fact Sheet", text: "The Moon is 384,400 kilometres away." }
]
