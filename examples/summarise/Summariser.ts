/**
 * The service that summarizes a text: by choosing one of its sentences, or with a language model.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Model from "./Model.ts"
import type * as Prose from "./Prose.ts"
import * as Ranking from "./Ranking.ts"

/** The most sentences of a text that are ranked: the first 500, about 10,000 words. */
const mostSentences = 500

/**
 * Summarizes a text in one sentence.
 */
export class Summariser extends Context.Service<Summariser, {
  /** A description of the method, as in "by ranking sentences". */
  readonly method: string
  /** True if it computes and is worth a worker; false if it only waits. */
  readonly isBusy: boolean
  readonly summarise: (prose: Prose.Prose) => Effect.Effect<string, Model.Failure>
}>()("summarise/Summariser") {
  /** Chooses the most central of the first 500 sentences. Needs no network and no model. Cannot fail. */
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

  /** Asks the model that the environment names. Ranks sentences if it names none. */
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

/** Returns true if a sentence ends with its own punctuation, not with a colon that leads to the next block. */
const isWhole = (sentence: string): boolean => /[.!?…。！？]["'”’)\]]*$/.test(sentence)
