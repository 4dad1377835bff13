/** Pages of the API reference: one for each public module, its members by category. */
import { relative } from "node:path"
import { type Comment, type DeclarationReflection, ReferenceReflection, ReflectionKind } from "typedoc"
import { type MarkdownPageEvent, MarkdownTheme, type MarkdownThemeContext } from "typedoc-plugin-markdown"
import type ts from "typescript"
import { repository } from "../project.ts"
import type { Code } from "./code.ts"
import { commentsOf, documentedIn, headOf, tagOf } from "./comments.ts"
import { declaration, member } from "./declarations.ts"
import { effectUrl } from "./effect.ts"
import type { Sources } from "./sources.ts"

/** Categories in the order of a page; those that are not named come before the first that only describes types. */
const first = ["running", "constructors", "layers", "backends", "combinators", "converting", "services"]
const last = ["options", "models", "schemas", "errors", "guards", "type-level"]

const rank = (category: string): number =>
  first.includes(category)
    ? first.indexOf(category)
    : last.includes(category)
    ? first.length + 1 + last.indexOf(category)
    : first.length

const fence = (...lines: ReadonlyArray<string>): string => ["```ts", ...lines, "```"].join("\n")

/** What pages are made of: where the sources are, and how a module is imported. */
export interface Given {
  readonly root: string
  readonly sources: Sources
  readonly importOf: (module: DeclarationReflection) => string
}

class Page {
  readonly given: Given
  readonly context: MarkdownThemeContext
  readonly module: DeclarationReflection

  constructor(given: Given, context: MarkdownThemeContext, module: DeclarationReflection) {
    this.given = given
    this.context = context
    this.module = module
  }

  /** How readers know what a name in code refers to, and its address from this page. */
  private reference(symbol: ts.Symbol, written: string): { readonly name?: string; readonly href: string } | undefined {
    const reflection = this.given.sources.reflectionOf(symbol)
    const { router } = this.context
    if (reflection === undefined) {
      const file = symbol.declarations?.[0]?.getSourceFile().fileName
      const href = file === undefined ? undefined : effectUrl(file, written.split(".").at(-1)!)
      return href === undefined ? undefined : { href }
    }
    if (!router.hasUrl(reflection)) return undefined
    const module = reflection.parent!
    return {
      name: module === this.module ? reflection.name : `${module.name.split("/").at(-1)}.${reflection.name}`,
      href: router.relativeUrl(this.module, reflection).replace(".md", ".html")
    }
  }

  /** A block of code whose last line, which the site takes away, says which parts of it are links. */
  private code({ names, text }: Code): string {
    const links: Array<readonly [start: number, end: number, href: string]> = []
    let code = ""
    let done = 0
    for (const { end, start, symbol } of names) {
      const written = text.slice(start, end)
      const reference = this.reference(symbol, written)
      if (reference === undefined) continue
      const { href, name = written } = reference
      code += text.slice(done, start)
      links.push([code.length, code.length + name.length, href])
      code += name
      done = end
    }
    code += text.slice(done)
    return fence(code, ...links.length === 0 ? [] : [`// links: ${JSON.stringify(links)}`])
  }

  private comment(comment: Comment): string {
    return this.context.partials.comment(comment, { showSummary: true, showTags: false }).trim()
  }

  private source(reflection: DeclarationReflection, node: ts.Node): string {
    const file = node.getSourceFile()
    const line = file.getLineAndCharacterOfPosition(node.getStart()).line + 1
    const since = tagOf(reflection, "@since")
    const source = `[Source](${repository}/blob/main/${relative(this.given.root, file.fileName)}#L${line})`
    return `${source}${since === undefined ? "" : `, since ${since}`} {.member-source}`
  }

  /** A documented property, of an interface, a class or the options of a function. */
  private property(owner: DeclarationReflection, property: DeclarationReflection): ReadonlyArray<string> {
    const { checker, declarationsOf } = this.given.sources
    const [node] = declarationsOf(property)
    const code = node === undefined ? undefined : member(checker, node)
    return [
      `#### ${property.name} {#${this.context.router.getAnchor(owner)}-${property.name}}`,
      ...code === undefined ? [] : [this.code(code)],
      ...commentsOf(property).map((each) => this.comment(each))
    ]
  }

  private member(reflection: DeclarationReflection): ReadonlyArray<string> {
    const { checker, declarationOf, inheritedBy } = this.given.sources
    const node = declarationOf(reflection)
    return [
      `### ${reflection.name} {#${this.context.router.getAnchor(reflection)}}`,
      ...commentsOf(reflection).map((each) => this.comment(each)),
      ...reflection.kindOf([ReflectionKind.Function, ReflectionKind.Variable]) ? ["**Signature**"] : [],
      this.code(declaration(checker, node, inheritedBy(reflection))!),
      ...documentedIn(reflection).flatMap((each) => this.property(reflection, each)),
      this.source(reflection, node)
    ]
  }

  private category(name: string, members: ReadonlyArray<DeclarationReflection>): ReadonlyArray<string> {
    return [
      `## ${name.slice(0, 1).toUpperCase()}${name.slice(1)}`,
      ...members.flatMap((each) => this.member(each))
    ]
  }

  private link(name: string, target: Parameters<MarkdownThemeContext["router"]["relativeUrl"]>[1]): string {
    return `[${name}](${this.context.router.relativeUrl(this.module, target)})`
  }

  /** Names that other modules declare. */
  private exportedToo(references: ReadonlyArray<ReferenceReflection>): ReadonlyArray<string> {
    const links = references.map((each) => this.link(`\`${each.name}\``, each.getTargetReflectionDeep()))
    return links.length === 0 ? [] : ["## From other modules", links.join(", ")]
  }

  render(): string {
    const { declarationsOf, exportsOf } = this.given.sources
    const order = exportsOf(this.module)
    const members = (this.module.children ?? []).toSorted((a, b) => order.indexOf(a.name) - order.indexOf(b.name))
    const { namespaces = [], references = [], shown = [] } = Object.groupBy(
      members,
      (each) =>
        each.kindOf(ReflectionKind.Namespace)
          ? "namespaces"
          : each instanceof ReferenceReflection
          ? "references"
          : "shown"
    )
    const categories = [...Map.groupBy(shown, (each) => tagOf(each, "@category") ?? "other")]
    return [
      `# ${this.module.name}`,
      fence(this.given.importOf(this.module)),
      ...declarationsOf(this.module).map((file) => headOf(file.getSourceFile().text)),
      ...namespaces.map((each) => `- ${this.link(each.name, each)}`),
      ...categories.toSorted(([a], [b]) => rank(a) - rank(b)).flatMap(([name, members]) =>
        this.category(name, members)
      ),
      ...this.exportedToo(references.filter((each) => each instanceof ReferenceReflection))
    ].join("\n\n").concat("\n")
  }
}

/** Makes the theme that renders such pages. */
export const themeOf = (given: Given): typeof MarkdownTheme =>
  class extends MarkdownTheme {
    override render(page: MarkdownPageEvent): string {
      return new Page(given, this.getRenderContext(page as never), page.model as DeclarationReflection).render()
    }
  }
