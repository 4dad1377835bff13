/** Source text of declarations, without comments, in which names of types are links. */
import ts from "typescript"

/** A name in a piece of code, from its start to its end, and what it names. */
interface Name {
  readonly start: number
  readonly end: number
  readonly symbol: ts.Symbol
}

export interface Code {
  readonly text: string
  readonly names: ReadonlyArray<Name>
}

/** Joins texts and pieces of code. */
export const join = (parts: ReadonlyArray<string | Code>, separator = ""): Code => {
  const names: Array<Name> = []
  let text = ""
  for (const [n, part] of parts.entries()) {
    if (n > 0) text += separator
    if (typeof part !== "string") names.push(...part.names.map((name) => moved(name, text.length)))
    text += typeof part === "string" ? part : part.text
  }
  return { text, names }
}

const moved = ({ end, start, symbol }: Name, by: number): Name => ({ start: start + by, end: end + by, symbol })

/** Takes away what is before a place. */
export const from = ({ names, text }: Code, start: number): Code => ({
  text: text.slice(start),
  names: names.map((name) => moved(name, -start))
})

/** Indents every line but the first. */
export const indent = ({ names, text }: Code, by: string): Code => {
  const before = (at: number): number => by.length * (text.slice(0, at).split("\n").length - 1)
  return {
    text: text.replaceAll("\n", `\n${by}`),
    names: names.map(({ end, start, symbol }) => ({ start: start + before(start), end: end + before(end), symbol }))
  }
}

/** Nodes that are one name together: `Effect.Effect`. */
const isName = (node: ts.Node): node is ts.Identifier | ts.QualifiedName | ts.PropertyAccessExpression =>
  ts.isIdentifier(node) || ts.isQualifiedName(node) ||
  (ts.isPropertyAccessExpression(node) && ts.isIdentifier(node.expression))

const symbolOf = (checker: ts.TypeChecker, node: ts.Node): ts.Symbol | undefined => {
  const symbol = checker.getSymbolAtLocation(
    ts.isQualifiedName(node) ? node.right : ts.isPropertyAccessExpression(node) ? node.name : node
  )
  return symbol !== undefined && (symbol.flags & ts.SymbolFlags.Alias) !== 0 ? checker.getAliasedSymbol(symbol) : symbol
}

/** The source text from the start of a node to its end, or to the start of another, without what is omitted. */
export const codeOf = (checker: ts.TypeChecker, node: ts.Node, options: {
  readonly end?: number | undefined
  readonly omitted?: ReadonlyArray<ts.Node> | undefined
} = {}): Code => {
  const file = node.getSourceFile()
  const from = node.getStart()
  const to = options.end ?? node.end
  const { holes, names } = found(checker, node, options.omitted ?? [])
  const column = /^ */.exec(file.text.slice(file.text.lastIndexOf("\n", from) + 1))![0]
  // characters that stay, as places in the source
  const kept: Array<number> = []
  for (let at = from; at < to; at++) {
    const hole = holes.find(({ end, start }) => start <= at && at < end)
    if (hole !== undefined) at = hole.end - 1
    else {
      kept.push(at)
      if (file.text[at] === "\n" && file.text.startsWith(column, at + 1)) at += column.length
    }
  }
  const text = kept.map((at) => file.text[at]).join("")
  const place = (at: number): number => kept.findIndex((source) => source >= at)
  return {
    text: text.trimEnd(),
    names: names.filter(({ end }) => end <= to).map(({ end, start, symbol }) => ({
      start: place(start),
      end: place(end - 1) + 1,
      symbol
    }))
  }
}

/** The comments in a node with the space before them, what is to be omitted, and the names that refer to something. */
const found = (checker: ts.TypeChecker, root: ts.Node, omitted: ReadonlyArray<ts.Node>) => {
  const { text } = root.getSourceFile()
  const holes: Array<{ readonly start: number; readonly end: number }> = []
  const names: Array<Name> = []
  const visit = (node: ts.Node): void => {
    if (omitted.includes(node)) {
      holes.push({ start: node.getFullStart(), end: node.end })
      return
    }
    if (node.getFullStart() >= root.getStart()) {
      const comments = ts.getLeadingCommentRanges(text, node.getFullStart()) ?? []
      for (const { end, pos } of comments) {
        holes.push({ start: pos - /\s*$/.exec(text.slice(0, pos))![0].length, end })
      }
    }
    if (isName(node)) {
      const symbol = symbolOf(checker, node)
      const isDeclared = symbol?.declarations?.some((declaration) =>
        (declaration as ts.NamedDeclaration).name === node || declaration.getStart() >= root.getStart()
          && declaration.end <= root.end && declaration.getSourceFile() === root.getSourceFile()
      )
      if (symbol !== undefined && isDeclared !== true) names.push({ start: node.getStart(), end: node.end, symbol })
    } else node.forEachChild(visit)
  }
  visit(root)
  return { holes, names }
}
