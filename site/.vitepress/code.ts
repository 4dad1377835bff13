/** Links in code: the reference writes them as a last line of a block, `// links: [[start, end, address], …]`. */

interface Decoration {
  readonly start: number
  readonly end: number
  readonly tagName: string
  readonly properties: { readonly href: string; readonly [name: string]: string }
}

const mark = "\n// links: "

/** A transformer of the highlighter that takes the line away and makes links of the names in the block. */
export const linkedCode = {
  name: "links",
  preprocess(code: string, options: { decorations?: Array<Decoration> }): string | undefined {
    const at = code.lastIndexOf(mark)
    if (at < 0) return undefined
    const links = JSON.parse(code.slice(at + mark.length)) as ReadonlyArray<readonly [number, number, string]>
    options.decorations = links.map(([start, end, href]) => ({
      start,
      end,
      tagName: "a",
      properties: href.startsWith("https:") ? { href, target: "_blank", rel: "noreferrer" } : { href }
    }))
    return code.slice(0, at)
  }
}
