import { assert, describe, it } from "@effect/vitest"
import * as Markdown from "../../../examples/summarise/Markdown.ts"
import * as Texts from "../../../examples/summarise/Texts.ts"
import { worked } from "../../helpers.ts"

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
        "",
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

    it("every document takes linear time", () => {
      const hostile = ["[", "![", "[a](", "<!--", "<a", "`", "~", "-|", "> ", "**", "```\n", "- "]

      const cost = (bytes: number) => {
        const before = worked()
        for (const piece of hostile) Markdown.blocks(piece.repeat(bytes / piece.length) + "x")
        return worked() - before
      }
      cost(Texts.mostBytes / 64)
      const little = cost(Texts.mostBytes / 64)
      const much = cost(Texts.mostBytes / 8)

      assert.isBelow(much, 3 * 8 * little)
    })
  })

  describe("a line", () => {
    it.each([
      ["a [link](https://a.b/c_(d) \"t\") and [another][ref]", "a link and another"],
      ["[![badge](https://a.b/c.svg)](https://a.b) text![image](x)", "text"],
      ["**bold**, *italic*, __both__, ~~not~~ snake_case", "bold, italic, both, not snake_case"],
      ["`code *stays* <as> is` and ``more``", "code *stays* <as> is and more"],
      ["a<br/>b &amp; <kbd>c</kbd> <https://a.b> d[^1] \\*e\\*", "ab & c d *e*"],
      ["- [x] done", "done"]
    ])("%s", (markdown, text) => {
      assert.deepStrictEqual(Markdown.blocks(`${markdown}\n\n[ref]: https://a.b\n`), [text])
    })
  })
})
