/** How the site reads Markdown files that also read well beside the code. */
import { existsSync, statSync } from "node:fs"
import { dirname, relative, resolve } from "node:path"
import { repository } from "../project.ts"

interface Token {
  readonly type: string
  readonly children: ReadonlyArray<Token> | null
  attrGet(name: string): string | null
  attrSet(name: string, value: string): void
}

type Rule = (...args: ReadonlyArray<never>) => string

interface Markdown {
  readonly renderer: { readonly rules: { code_inline?: Rule } }
  readonly core: {
    readonly ruler: {
      push(name: string, rule: (state: { readonly tokens: ReadonlyArray<Token>; readonly env: unknown }) => void): void
    }
  }
}

/** The anchor that GitHub gives a heading, so that links to it work there and here. */
export const slugOf = (heading: string): string =>
  heading.trim().toLowerCase().replaceAll(/[^\p{Letter}\p{Mark}\p{Number}\p{Connector_Punctuation} -]/gu, "")
    .replaceAll(" ", "-")

/** Where a link of a file leads on the site; `pages` are the files that are pages, with their addresses. */
export const linkFrom = (
  root: string,
  pages: (file: string) => string | undefined,
  file: string,
  href: string
): string => {
  if (/^(?:[a-z]+:|#|\/)/i.test(href)) return href
  const [, path = "", rest = ""] = /^([^?#]*)(.*)$/.exec(href) ?? []
  const target = resolve(dirname(file), decodeURI(path))
  const inside = relative(root, target)
  const page = pages(inside)
  if (page !== undefined) return `/${page}${rest}`
  if (!existsSync(target)) throw new Error(`${relative(root, file)} links to ${path}, which does not exist`)
  return `${repository}/${statSync(target).isDirectory() ? "tree" : "blob"}/main/${inside}${rest}`
}

/** Lets code in a line break after a dot or a bracket, which narrow tables need. */
export const breaks = (markdown: Markdown): void => {
  const { rules } = markdown.renderer
  const rule = rules.code_inline!
  rules.code_inline = (...args) =>
    rule(...args).replace(/(?<=>)[^<]+/, (code) => code.replaceAll(/[._(=,/](?=[\w&])/g, "$&<wbr>"))
}

/** Makes a plugin of the Markdown renderer that turns links of pages into those of the site. */
export const links = (root: string, pages: (file: string) => string | undefined) => (markdown: Markdown): void => {
  markdown.core.ruler.push("site-links", ({ env, tokens }) => {
    const { path, realPath = path } = env as { readonly path: string; readonly realPath?: string }
    for (const token of tokens.flatMap(({ children }) => children ?? [])) {
      const href = token.type === "link_open" ? token.attrGet("href") : null
      if (href !== null) token.attrSet("href", linkFrom(root, pages, realPath, href))
    }
  })
}
