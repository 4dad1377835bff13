/**
 * What makes a summary of a text: the text's own sentences, or a language model.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Model from "./Model.ts"
import type * as Prose from "./Prose.ts"
import * as Ranking from "./Ranking.ts"

/** The most sentences of a text that are ranked: the first 500, some 10,000 words. */
const mostSentences = 500

/**
 * Says in one sentence what a text is about.
 */
export class Summariser extends Context.Service<Summariser, {
  /** How it works, for a reader: "by ranking sentences". */
  readonly method: string
  /** Whether it keeps a processor busy. Then it is worth a worker; else it only waits. */
  readonly isBusy: boolean
  readonly summarise: (prose: Prose.Prose) => Effect.Effect<string, Model.Failure>
}>()("summarise/Summariser") {
  /** Chooses the sentence that is most central among the first 500. No network, no model; it cannot fail. */
  static readonly layerExtractive = Layer.succeed(Summariser, {
    method: "by ranking sentences",
    isBusy: true,
    summarise: ({ sentences }) => Effect.sync(() => extract(sentences.slice(0, mostSentences)))
  })

  /** Asks a model. */
  static readonly layerModel = (endpoint: Model.Endpoint) =>
    Layer.effect(
      Summariser,
      Effect.map(Model.make(endpoint), (ask) => ({
        method: `by ${endpoint.model} at ${endpoint.baseUrl.host}`,
        isBusy: false,
        summarise: ({ sentences }) => ask(sentences.map(({ text }) => text).join(" "))
      }))
    ).pipe(Layer.provide(FetchHttpClient.layer))

  /** Asks the model that the environment names, and ranks sentences when it names none. */
  static readonly layer = Layer.unwrap(
    Effect.map(
      Model.endpoint,
      Option.match({
        onNone: () => Summariser.layerExtractive,
        onSome: (endpoint) => Summariser.layerModel(endpoint)
      })
    )
  )
}

const extract = (sentences: ReadonlyArray<Prose.Sentence>): string => {
  const chosen = Ranking.best(sentences.map(({ words }) => words), (index) => isWhole(sentences[index]!.text))
  return sentences[chosen]!.text
}

/** Whether a sentence has an end of its own, and does not lead to what follows. */
const isWhole = (sentence: string): boolean => /[.!?…。！？]["'”’)\]]*$/.test(sentence)
