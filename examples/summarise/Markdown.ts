/**
 * The prose of a Markdown document, without markup: the text that one would read aloud.
 */
import MarkdownIt, { type Token } from "markdown-it"

const parser = new MarkdownIt({ html: true })

/**
 * Returns the paragraphs and list items of a document, each as one line without markup.
 *
 * **Details**
 *
 * Returns the blocks in the order of the document. No block is empty; a document without prose has none. Leaves out
 * front matter, headings, code blocks, tables, HTML and images. Keeps the text of links and code spans. Never throws.
 */
export const blocks = (document: string): ReadonlyArray<string> => {
  const tokens = parser.parse(document.replace(frontMatter, ""), {})
  return tokens
    .filter(({ type }, index) => type === "inline" && tokens[index - 1]!.type === "paragraph_open")
    .map(({ children }) => lineOf(children ?? []))
    .filter((line) => line !== "")
}

const frontMatter = /^(---|\+\+\+)[ \t]*\r?\n[^]*?\n\1[ \t]*(?:\r?\n|$)/

/** Joins the text of a block into one line. */
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
