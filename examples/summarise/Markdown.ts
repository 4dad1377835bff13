/**
 * The prose of a Markdown document: what one would read aloud, and nothing of its markup.
 */
import MarkdownIt, { type Token } from "markdown-it"

const parser = new MarkdownIt({ html: true })

/**
 * The blocks of prose in a document: paragraphs and list items, each as one line without markup.
 *
 * **Details**
 *
 * Shape: in the order of the document, none of them empty; no blocks when there is no prose. Front matter, headings, code, tables,
 * HTML and images are left out; a link leaves its text, a code span what is in it. Errors: none.
 */
export const blocks = (document: string): ReadonlyArray<string> => {
  const tokens = parser.parse(document.replace(frontMatter, ""), {})
  return tokens
    .filter(({ type }, index) => type === "inline" && tokens[index - 1]!.type === "paragraph_open")
    .map(({ children }) => lineOf(children ?? []))
    .filter((line) => line !== "")
}

const frontMatter = /^(---|\+\+\+)[ \t]*\r?\n[^]*?\n\1[ \t]*(?:\r?\n|$)/

/** The text of what stands in a block, as one line. */
const lineOf = (tokens: ReadonlyArray<Token>): string => {
  let isAddress = false
  const parts = tokens.map(({ content, markup, type }) => {
    if (type === "link_open") isAddress = markup === "autolink"
    if (type === "link_close") isAddress = false
    if (type === "softbreak" || type === "hardbreak") return " "
    return (type === "text" || type === "code_inline") && !isAddress ? content : ""
  })
  return parts.join("").replace(/^\[[ xX]\] /, "").replace(/\[\^[^[\]]*\]/g, "").replace(/\s+/g, " ").trim()
}
