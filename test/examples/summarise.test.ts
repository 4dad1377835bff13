import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Duration, Effect, FileSystem, Layer } from "effect"
import { Outcome, Report } from "effect-parallel"
import * as Markdown from "../../examples/summarise/Markdown.ts"
import * as Model from "../../examples/summarise/Model.ts"
import * as Prose from "../../examples/summarise/Prose.ts"
import * as Ranking from "../../examples/summarise/Ranking.ts"
import { Summariser } from "../../examples/summarise/Summariser.ts"
import * as Summary from "../../examples/summarise/Summary.ts"
import * as Table from "../../examples/summarise/Table.ts"
import * as Texts from "../../examples/summarise/Texts.ts"

const lines = (...all: ReadonlyArray<string>): string => all.join("\n")

describe("Markdown", () => {
  describe("blocks", () => {
    it("paragraphs and list items are blocks, headings are not", () => {
      const document = lines(
        "# Title",
        "One",
        "two.",
        "",
        "- three",
        "  four",
        "- five",
        "",
        "Other title",
        "---",
        "six"
      )

      assert.deepStrictEqual(Markdown.blocks(document), ["One two.", "three four", "five", "six"])
    })

    it("front matter, code, tables, rules, HTML and link definitions are left out", () => {
      const document = lines(
        "---",
        "title: none",
        "---",
        "Before.",
        "",
        "````js",
        "```",
        "code()",
        "````",
        "~~~",
        "more",
        "~~~",
        "",
        "    indented()",
        "",
        "| a | b |",
        "| - | - |",
        "| 1 | 2 |",
        "",
        "***",
        "<!-- a comment",
        "of two lines -->",
        "<table>",
        "<tr><td>cell</td></tr>",
        "</table>",
        "[ref]: https://example.com",
        "After."
      )

      assert.deepStrictEqual(Markdown.blocks(document), ["Before.", "After."])
    })

    it("a fence that is never closed ends with the document", () => {
      assert.deepStrictEqual(Markdown.blocks(lines("Text.", "```", "code", "", "more")), ["Text."])
    })

    it("a quote and the indented paragraph of a list item are prose", () => {
      const document = lines("> Quoted", "> text.", "", "- item", "", "    its second paragraph")

      assert.deepStrictEqual(Markdown.blocks(document), ["Quoted text.", "item", "its second paragraph"])
    })

    it("half a megabyte of anything takes linear time", () => {
      const hostile = ["[", "![", "[a](", "<!--", "<a", "`", "~", "-|", "> ", "**", "```\n", "- "]

      const before = performance.now()
      for (const piece of hostile) Markdown.blocks(piece.repeat(Texts.mostBytes / piece.length) + "x")

      assert.isBelow(performance.now() - before, 2000)
    })
  })

  describe("inline", () => {
    it.each([
      ["a [link](https://a.b/c_(d) \"t\") and [another][ref]", "a link and another"],
      ["[![badge](https://a.b/c.svg)](https://a.b) text![image](x)", "text"],
      ["**bold**, *italic*, __both__, ~~not~~ snake_case", "bold, italic, both, not snake_case"],
      ["`code *stays* <as> is` and ``more``", "code *stays* <as> is and more"],
      ["a<br/>b &amp; <kbd>c</kbd> <https://a.b> d[^1] \\*e\\*", "ab & c d *e*"]
    ])("%s", (markdown, text) => {
      assert.strictEqual(Markdown.inline(markdown), text)
    })
  })
})

describe("Prose", () => {
  const texts = (prose: Prose.Prose) => prose.sentences.map(({ text }) => text)

  it.effect("a text becomes sentences, and an abbreviation ends none", () =>
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

  it.effect("a .txt file is taken as it stands", () =>
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

  it.effect("too few sentences or words are a TooShort that counts them", () =>
    Effect.gen(function*() {
      const few = yield* Effect.flip(Prose.make("a.md", "Two sentences. But short."))
      const one = yield* Effect.flip(Prose.make("a.md", "word ".repeat(100)))

      assert.deepInclude(few, { _tag: "TooShort", sentences: 2, words: 4 })
      assert.deepInclude(one, { _tag: "TooShort", sentences: 1, words: 100 })
      assert.strictEqual(one.message, "has 1 sentence and 100 words of prose, a summary takes 2 and 20")
    }))
})

describe("Ranking", () => {
  const bags = (...sentences: ReadonlyArray<string>) => sentences.map((sentence) => sentence.split(" "))

  it("all that is given is 1, and who shares rare words has more of it", () => {
    const ranks = Ranking.centrality(bags("x y", "red green blue", "red green", "blue green", "z"))

    assert.approximately(ranks.reduce((sum, rank) => sum + rank), 1, 1e-9)
    assert.isAbove(ranks[1]!, ranks[2]!)
    assert.isAbove(ranks[2]!, ranks[4]!)
  })

  it("sentences without a word in common are ranked by their place", () => {
    const ranks = [...Ranking.centrality(bags("a", "b", "c"))]

    assert.deepStrictEqual(ranks, ranks.toSorted((a, b) => b - a))
  })

  it("a sentence of fitting length goes before a central one, and an eligible one before both", () => {
    const sentences = bags("a b", "a b c", "p q r s t u", "v w")

    assert.strictEqual(Ranking.best(sentences, () => false), 2)
    assert.strictEqual(Ranking.best(sentences, (index) => index === 3), 3)
  })
})

describe("Texts", () => {
  it.layer(NodeFileSystem.layer)((it) => {
    it.effect("find gives the texts of folders in the order of their names, and a file whatever it is called", () =>
      Effect.gen(function*() {
        const fs = yield* FileSystem.FileSystem
        const folder = yield* fs.makeTempDirectoryScoped()
        yield* fs.makeDirectory(`${folder}/b/a.md`, { recursive: true })
        for (const file of ["c.TXT", "b/z.mdx", "b/a.md/x.markdown", "a.md", "d.ts"]) {
          yield* fs.writeFileString(`${folder}/${file}`, "")
        }

        const found = yield* Texts.find([`${folder}/d.ts`, `${folder}/`, `${folder}/./a.md`])

        assert.deepStrictEqual(
          found.map((path) => path.slice(folder.length + 1)),
          ["d.ts", "a.md", "b/a.md/x.markdown", "b/z.mdx", "c.TXT"]
        )
      }))

    it.effect("find names all paths that are missing, and folders without a text", () =>
      Effect.gen(function*() {
        const fs = yield* FileSystem.FileSystem
        const folder = yield* fs.makeTempDirectoryScoped()

        const missing = yield* Effect.flip(Texts.find([`${folder}/a`, folder, `${folder}/b`]))
        const none = yield* Effect.flip(Texts.find([folder]))

        assert.instanceOf(missing, Texts.NoSuchPath)
        assert.deepInclude(missing, { paths: [`${folder}/a`, `${folder}/b`] })
        assert.instanceOf(none, Texts.NoTexts)
      }))

    it.effect("read tells where bytes are not UTF-8, behind a U+FFFD that is", () =>
      Effect.gen(function*() {
        const fs = yield* FileSystem.FileSystem
        const file = yield* fs.makeTempFileScoped()
        yield* fs.writeFile(file, Buffer.concat([Buffer.from("\uFEFFé\uFFFDb"), Buffer.from([0xe9, 0x20])]))

        const error = yield* Effect.flip(Texts.read(file))

        assert.deepInclude(error, { _tag: "NotUtf8", offset: 9 })
      }))

    it.effect("read leaves out a byte order mark, and refuses white space, large files and folders", () =>
      Effect.gen(function*() {
        const fs = yield* FileSystem.FileSystem
        const folder = yield* fs.makeTempDirectoryScoped()
        yield* fs.writeFileString(`${folder}/bom`, "\uFEFFtext")
        yield* fs.writeFileString(`${folder}/blank`, " \n\t")
        yield* fs.writeFile(`${folder}/large`, new Uint8Array(Texts.mostBytes + 1))
        yield* fs.symlink(`${folder}/nowhere`, `${folder}/link`)

        const text = yield* Texts.read(`${folder}/bom`)
        const errors = yield* Effect.forEach(
          ["blank", "large", "link", "."],
          (name) => Effect.flip(Texts.read(`${folder}/${name}`))
        )

        assert.strictEqual(text, "text")
        assert.deepStrictEqual(errors.map((error) => error.message), [
          "has nothing but white space in its 3 bytes",
          "has 524,289 bytes, at most 524,288 are read",
          "cannot be read: no such file or directory",
          "cannot be read: is not a file (Directory)"
        ])
      }))
  })
})

describe("Summary", () => {
  it.layer(Layer.merge(NodeFileSystem.layer, Summariser.layerExtractive))((it) => {
    it.effect("a file is summarised by the one of its sentences that says what the others are about", () =>
      Effect.gen(function*() {
        const fs = yield* FileSystem.FileSystem
        const file = yield* fs.makeTempFileScoped({ suffix: ".md" })
        const sentence = "The harbour seal is a small seal that lives along the northern coasts."
        const others = [
          "You will need a boat.",
          "Most coasts have a harbour where a small boat can wait for the tide.",
          "A northern seal rests on the sand when the tide is low."
        ]
        yield* fs.writeFileString(file, lines("# Seals", "", others[0]!, `${sentence} ${others[1]} ${others[2]}`))

        const summary = yield* Summary.make(file)

        assert.deepStrictEqual(summary, { words: 44, sentence })
      }))
  })
})

describe("Model", () => {
  it("retryAfter reads seconds and dates, and nothing else", () => {
    const now = Date.parse("Wed, 21 Oct 2015 07:28:00 GMT")

    const waits = ["3", "Wed, 21 Oct 2015 07:28:02 GMT", "Wed, 21 Oct 2015 07:27:00 GMT", "soon", undefined].map((
      header
    ) => Model.retryAfter(header, now))

    assert.deepStrictEqual(waits, [Duration.seconds(3), Duration.seconds(2), Duration.zero, undefined, undefined])
  })
})

describe("Table", () => {
  const settled = (index: number, input: string) => ({
    index,
    input,
    attempts: 1,
    worker: 0,
    elapsed: Duration.millis(index * 1000)
  })
  const report = Report.make({
    name: "summaries",
    elapsed: Duration.millis(1234),
    outcomes: [
      Outcome.success({ ...settled(0, "docs/a.md"), value: { words: 1234, sentence: "First 文 sentence." } }),
      Outcome.failure({ ...settled(1, "b.md"), attempts: 4, cause: Cause.fail(new Texts.Empty({ bytes: 0 })) }),
      Outcome.failure({ ...settled(2, "c.md"), cause: Cause.die(new RangeError("a bug\u001B[31m")) }),
      Outcome.success({ ...settled(3, "much/longer/path.md"), value: { words: 20, sentence: "Second." } })
    ]
  })

  it("where there is no terminal nothing is cut", () => {
    assert.strictEqual(
      Table.make(report, { columns: Infinity, rows: Infinity }),
      lines(
        "file                 words   time  summary",
        "docs/a.md            1,234   1 ms  First 文 sentence.",
        "much/longer/path.md     20  3.0 s  Second.",
        "",
        "failed examples: 2",
        "Empty       b.md: is empty (4 attempts)",
        "RangeError  c.md: a bug\uFFFD[31m",
        "",
        "2 of 4 texts summarised, 2 failed, in 1.2 s"
      )
    )
  })

  it("a terminal cuts paths in front and summaries at its edge, and rows are counted that are not shown", () => {
    const [header, first, more] = Table.make(report, { columns: 40, rows: 1 }).split("\n")

    assert.strictEqual(header, "file       words  time  summary")
    assert.strictEqual(first, "docs/a.md  1,234  1 ms  First 文 senten…")
    assert.strictEqual(more, "… and 1 more (--all shows them)")
    assert.include(Table.make(report, { columns: 40, rows: 9 }), "…/longer/path.md")
  })
})
