/**
 * The prose of a Markdown document: what one would read aloud, and nothing of its markup.
 *
 * A line scanner after the block structure of CommonMark 0.31, with GitHub's tables, and a pass over inline markup. It
 * drops more than a renderer would: front matter, headings, code, tables, rules, HTML, link definitions, images and
 * badges are not prose. Its cost is linear in the document, whatever is in it.
 */

/**
 * The blocks of prose in a document: paragraphs and list items, each as one line without markup.
 *
 * **Details**
 *
 * Shape: in the order of the document, none of them empty; no blocks when there is no prose. Errors: none. A fence or
 * comment that is never closed ends with the document, as in CommonMark.
 */
export const blocks = (document: string): ReadonlyArray<string> => {
  const scanner = new Scanner()
  document.split(/\r\n|\n|\r/).forEach((line, index) => scanner.read(line, index))
  return scanner.end()
}

/**
 * Inline Markdown as plain text on one line.
 *
 * **Details**
 *
 * A link leaves its text, a code span its content as it stands; images, footnote marks, comments, tags and emphasis
 * leave nothing; escaped punctuation and the common entities become the characters they stand for.
 */
export const inline = (text: string): string =>
  text
    .replace(/<!--.*?(?:-->|$)/g, "")
    .replace(/!\[[^[\]]*\](?:\([^()]*(?:\([^()]*\)[^()]*)?\)|\[[^[\]]*\])?/g, "")
    .replace(/\[\^[^[\]]*\]/g, "")
    .replace(/\[([^[\]]*)\](?:\([^()]*(?:\([^()]*\)[^()]*)?\)|\[[^[\]]*\])/g, "$1")
    .replace(markup, (all, code?: string, escaped?: string) => code ?? escaped ?? entities[all] ?? "")
    .replace(/\s+/g, " ")
    .trim()

/** A code span, an escape, an entity, a tag or autolink, or emphasis: whichever stands first. */
const markup =
  /`+([^`]*)`+|\\([!-/:-@[-`{-~])|&(?:amp|lt|gt|quot|nbsp|#39);|<[!/]?[a-z][^<>]*>|\*\*|__|~~|(?<![\p{L}\p{N}])[*_]|[*_](?![\p{L}\p{N}])/giu

const entities: Readonly<Record<string, string>> = {
  "&amp;": "&",
  "&lt;": "<",
  "&gt;": ">",
  "&quot;": "\"",
  "&nbsp;": " ",
  "&#39;": "'"
}

const quote = /^(?: {0,3}> ?)+/
const fence = /^[ \t]*(`{3,}(?!`)|~{3,}(?!~))([^`]*)$/
const element = /^[ \t]*<(script|style|svg|pre|table)\b/i
const heading = /^ {0,3}#{1,6}(?:[ \t]|$)/
const underline = /^ {0,3}(?:=+|-+)[ \t]*$/
const rule = /^ {0,3}(?:(?:\*[ \t]*){3,}|(?:-[ \t]*){3,}|(?:_[ \t]*){3,})$/
const definition = /^ {0,3}\[[^[\]]+\]:/
const listItem = /^[ \t]*(?:[-*+]|\d{1,9}[.)])[ \t]+(?:\[[ xX]\][ \t]+)?/
const indented = /^(?: {4}|\t)/

/** The line between the head and the rows of a table. */
const isTableRule = (line: string): boolean => /^[ \t|:-]+$/.test(line) && line.includes("|") && line.includes("-")

/** Tells whether a line is the last of what is being skipped. */
type Closes = (line: string) => boolean

/** What a line opens that is to be skipped, up to the line that closes it; HTML that ends where it began is prose. */
const opens = (line: string, index: number): Closes | undefined => {
  if (index === 0 && /^(?:---|\+\+\+)[ \t]*$/.test(line)) return (next) => next.trimEnd() === line.trimEnd()
  const marks = fence.exec(line)?.[1]
  if (marks !== undefined) return (next) => next.includes(marks) && next.trim().replaceAll(marks[0]!, "") === ""
  const name = element.exec(line)?.[1]?.toLowerCase()
  const end = name !== undefined ? `</${name}` : line.trimStart().startsWith("<!--") ? "-->" : undefined
  if (end === undefined) return undefined
  const closes = (next: string) => next.toLowerCase().includes(end)
  return closes(line) ? undefined : closes
}

/** Reads a document line by line, and gathers its prose into blocks. */
class Scanner {
  private readonly found: Array<string> = []
  private paragraph: Array<string> = []
  private closes: Closes | undefined
  private inTable = false
  private inList = false

  read(line: string, index: number): void {
    const text = line.replace(quote, "")
    if (this.closes !== undefined) {
      if (this.closes(text)) this.closes = undefined
      return
    }
    this.closes = opens(text, index)
    if (this.closes === undefined) this.prose(text)
    else this.flush()
  }

  end(): ReadonlyArray<string> {
    this.flush()
    return this.found
  }

  private prose(text: string): void {
    if (text.trim() === "") return this.flush()
    if (this.inTable) return
    if (isTableRule(text) && this.paragraph.length > 0) return this.table()
    if (underline.test(text) && this.paragraph.length > 0) return this.title()
    if (heading.test(text) || rule.test(text) || definition.test(text)) return this.flush({ inList: false })
    const item = listItem.exec(text)
    if (item !== null) return this.item(text.slice(item[0].length))
    if (this.paragraph.length === 0) {
      if (indented.test(text) && !this.inList) return
      this.inList &&= /^\s/.test(text)
    }
    this.paragraph.push(text)
  }

  /** The line before this one was the head of a table. */
  private table(): void {
    this.paragraph.pop()
    this.flush()
    this.inTable = true
  }

  /** What looked like a paragraph was a heading. */
  private title(): void {
    this.paragraph = []
    this.flush({ inList: false })
  }

  private item(text: string): void {
    this.flush({ inList: true })
    this.paragraph.push(text)
  }

  /** Ends a block. A blank line does not end a list: what is indented below it still belongs to an item. */
  private flush({ inList } = { inList: this.inList }): void {
    const text = inline(this.paragraph.join(" "))
    if (text !== "") this.found.push(text)
    this.paragraph = []
    this.inTable = false
    this.inList = inList
  }
}
