import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Prose from "../../../examples/summarise/Prose.ts"

const lines = (...all: ReadonlyArray<string>): string => all.join("\n")

describe("Prose", () => {
  const texts = (prose: Prose.Prose) => prose.sentences.map(({ text }) => text)

  it.effect("a text is split into sentences, but not at an abbreviation", () =>
    Effect.gen(function*() {
      const prose = yield* Prose.make(
        "a.md",
        "It takes many texts, e.g. Markdown. Then **it** says what each of them is about! Is there anything more to it?"
      )

      assert.deepStrictEqual(texts(prose), [
        "It takes many texts, e.g. Markdown.",
        "Then it says what each of them is about!",
        "Is there anything more to it?"
      ])
      assert.strictEqual(prose.words, 21)
    }))

  it.effect("a .txt file is read as plain text", () =>
    Effect.gen(function*() {
      const text = lines(
        "# not a heading but the first line",
        "of a paragraph",
        "",
        "| not a table |",
        "one two ".repeat(10)
      )

      const prose = yield* Prose.make("a.txt", text)

      assert.strictEqual(texts(prose)[0], "# not a heading but the first line of a paragraph")
      assert.include(texts(prose)[1], "| not a table |")
    }))

  it.effect("a text with too few sentences or words fails with TooShort, which counts them", () =>
    Effect.gen(function*() {
      const few = yield* Effect.flip(Prose.make("a.md", "Two sentences. But short."))
      const one = yield* Effect.flip(Prose.make("a.md", "word ".repeat(100)))

      assert.deepInclude(few, { _tag: "TooShort", sentences: 2, words: 4 })
      assert.deepInclude(one, { _tag: "TooShort", sentences: 1, words: 100 })
      assert.strictEqual(one.message, "has 1 sentence and 100 words of prose; a summary needs at least 2 and 20")
    }))
})
