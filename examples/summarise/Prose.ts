/**
 * A text as sentences and words.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { extname } from "node:path"
import * as Markdown from "./Markdown.ts"

/** A text with fewer sentences or words needs no summary. */
const least = { sentences: 2, words: 20 }

/** A sentence without markup, and its words in lower case, in order. */
export interface Sentence {
  readonly text: string
  readonly words: ReadonlyArray<string>
}

/** The sentences of a text in order, and their total number of words. */
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
    return `has ${count(this.sentences, "sentence")} and ${count(this.words, "word")} of prose; ` +
      `a summary needs at least ${least.sentences} and ${least.words}`
  }
}

/**
 * Splits a text into sentences and words.
 *
 * **Details**
 *
 * Reads a `.txt` file as plain text, with paragraphs between blank lines, and any other file as Markdown. Splits by
 * Unicode text segmentation (UAX 29, `Intl.Segmenter`), which also finds words in languages without spaces. A piece
 * without a word is not a sentence, and a sentence does not end at "e.g.". Fails with `TooShort`.
 */
export const make = (path: string, text: string): Effect.Effect<Prose, TooShort> => {
  const blocks = extname(path).toLowerCase() === ".txt" ? paragraphs(text) : Markdown.blocks(text)
  const sentences = blocks.flatMap(split).map((text) => ({ text, words: wordsOf(text) })).filter(hasWords)
  const words = sentences.reduce((sum, sentence) => sum + sentence.words.length, 0)
  return sentences.length < least.sentences || words < least.words
    ? Effect.fail(new TooShort({ sentences: sentences.length, words }))
    : Effect.succeed({ sentences, words })
}

/** The locale is fixed, so that a text is split in the same way on every machine. */
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

/** Abbreviations that end with a period and seldom end a sentence. The segmenter does not know them. */
const abbreviation = /\b(?:e\.g|i\.e|cf|vs|approx|incl|resp|Mr|Mrs|Ms|Dr|Prof|St|Fig|Eq|No)\.\s*$/

const wordsOf = (sentence: string): ReadonlyArray<string> => {
  const words: Array<string> = []
  for (const { isWordLike, segment } of byWord.segment(sentence.toLowerCase())) if (isWordLike) words.push(segment)
  return words
}

const hasWords = ({ words }: Sentence): boolean => words.length > 0

const count = (n: number, what: string): string => `${n} ${what}${n === 1 ? "" : "s"}`
