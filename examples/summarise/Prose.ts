/**
 * A text as sentences and words.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { extname } from "node:path"
import * as Markdown from "./Markdown.ts"

/** A text of fewer sentences or words is its own summary. */
const least = { sentences: 2, words: 20 }

/** A sentence as it stands, without markup, and its words in lower case, in their order. */
export interface Sentence {
  readonly text: string
  readonly words: ReadonlyArray<string>
}

/** The sentences of a text in their order, and how many words they have together. */
export interface Prose {
  readonly sentences: ReadonlyArray<Sentence>
  readonly words: number
}

/** The text has fewer than 2 sentences or fewer than 20 words of prose. */
export class TooShort extends Schema.TaggedError<TooShort>("summarise/Prose/TooShort")("TooShort", {
  sentences: Schema.Int,
  words: Schema.Int
}) {
  override get message(): string {
    return `has ${count(this.sentences, "sentence")} and ${count(this.words, "word")} of prose, ` +
      `a summary takes ${least.sentences} and ${least.words}`
  }
}

/**
 * The prose of a text.
 *
 * **Details**
 *
 * A file named `.txt` is taken as it stands, in paragraphs between blank lines; any other is read as Markdown.
 * Sentences and words are those of Unicode's text segmentation (UAX 29, by `Intl.Segmenter`), so that languages without
 * spaces have words too; a piece without a word is no sentence, and a sentence does not end at "e.g.". Errors:
 * `TooShort`.
 */
export const make = (path: string, text: string): Effect.Effect<Prose, TooShort> => {
  const blocks = extname(path).toLowerCase() === ".txt" ? paragraphs(text) : Markdown.blocks(text)
  const sentences = blocks.flatMap(split).map((text) => ({ text, words: wordsOf(text) })).filter(hasWords)
  const words = sentences.reduce((sum, sentence) => sum + sentence.words.length, 0)
  return sentences.length < least.sentences || words < least.words
    ? Effect.fail(new TooShort({ sentences: sentences.length, words }))
    : Effect.succeed({ sentences, words })
}

/** The locale is fixed, so that a text gives the same prose on every machine. */
const byWord = new Intl.Segmenter("en", { granularity: "word" })
const bySentence = new Intl.Segmenter("en", { granularity: "sentence" })

const paragraphs = (text: string): ReadonlyArray<string> =>
  text.split(/\n[^\S\n]*\n/).map((paragraph) => paragraph.replace(/\s+/g, " ").trim())

const split = (block: string): ReadonlyArray<string> => {
  const sentences: Array<string> = []
  let open = ""
  for (const { segment } of bySentence.segment(block)) {
    open += segment
    if (abbreviation.test(open)) continue
    sentences.push(open.trim())
    open = ""
  }
  return open === "" ? sentences : [...sentences, open.trim()]
}

/** What ends in a full stop and seldom ends a sentence; the segmenter does not know these. */
const abbreviation = /\b(?:e\.g|i\.e|cf|vs|approx|incl|resp|Mr|Mrs|Ms|Dr|Prof|St|Fig|Eq|No)\.\s*$/

const wordsOf = (sentence: string): ReadonlyArray<string> => {
  const words: Array<string> = []
  for (const { isWordLike, segment } of byWord.segment(sentence.toLowerCase())) if (isWordLike) words.push(segment)
  return words
}

const hasWords = ({ words }: Sentence): boolean => words.length > 0

const count = (n: number, what: string): string => `${n} ${what}${n === 1 ? "" : "s"}`
