/** How public declarations are shown: what a reader of the source would see of them, without bodies. */
import ts from "typescript"
import { type Code, codeOf, from, indent, join } from "./code.ts"

const lines = (parts: ReadonlyArray<Code>): Code => join(parts.map((part) => indent(part, "  ")), "\n  ")

const typeText = (checker: ts.TypeChecker, type: ts.Type, at: ts.Node): string =>
  checker.typeToString(type, at, ts.TypeFormatFlags.NoTruncation)

/** Members of a private kind, such as brands and type ids, have names that are no identifiers. */
const isPrivate = (node: ts.ClassElement | ts.TypeElement | ts.ObjectLiteralElementLike): boolean =>
  (node.name !== undefined && ts.isComputedPropertyName(node.name))
  || (ts.canHaveModifiers(node) &&
    (ts.getModifiers(node) ?? []).some(({ kind }) =>
      kind === ts.SyntaxKind.PrivateKeyword || kind === ts.SyntaxKind.OverrideKeyword
    ))

/** Overloads that never apply: they are there for the messages of the compiler. */
const isForMessages = (node: ts.Node): boolean =>
  ts.isCallSignatureDeclaration(node) && node.type?.kind === ts.SyntaxKind.UnknownKeyword

const parameter = (checker: ts.TypeChecker, node: ts.ParameterDeclaration): Code => {
  const name = ts.isIdentifier(node.name) ? node.name.text : "options"
  const mark = node.questionToken === undefined && node.initializer === undefined ? "" : "?"
  const type = node.type === undefined
    ? typeText(checker, checker.getTypeAtLocation(node), node)
    : codeOf(checker, node.type)
  return join([node.dotDotDotToken === undefined ? "" : "...", name, mark, ": ", type])
}

/** The type of a function that is written as an arrow. */
const arrow = (checker: ts.TypeChecker, node: ts.ArrowFunction): Code => {
  const { parameters, type, typeParameters = [] } = node
  const signature = checker.getSignatureFromDeclaration(node)!
  const types = typeParameters.length === 0 ? "" : list("<", typeParameters.map((each) => codeOf(checker, each)), ">")
  const returned = join([
    " => ",
    type === undefined ? typeText(checker, signature.getReturnType(), node) : codeOf(checker, type)
  ])
  const beside = join([types, returned]).text.split("\n").at(-1)!.length
  return join([types, list("(", parameters.map((each) => parameter(checker, each)), ")", beside), returned])
}

/** A list on one line, or on a line for each part where that would be a long one, with what is `beside` it. */
const list = (open: string, parts: ReadonlyArray<Code>, close: string, beside = 0): Code => {
  const short = join([open, join(parts, ", "), close])
  if (parts.length < 2 || short.text.length + beside <= 90) return short
  return join([open, "\n  ", lines(parts.map((each, n) => join([each, n < parts.length - 1 ? "," : ""]))), "\n", close])
}

const variable = (checker: ts.TypeChecker, node: ts.VariableDeclaration): Code => {
  const { initializer, type } = node
  const shown = type !== undefined
    ? codeOf(checker, type, { omitted: ts.isTypeLiteralNode(type) ? type.members.filter(isForMessages) : [] })
    : initializer !== undefined && ts.isArrowFunction(initializer)
    ? arrow(checker, initializer)
    : typeText(checker, checker.getTypeAtLocation(node), node)
  return join(["const ", node.name.getText(), ": ", shown])
}

const members = (head: Code, inside: ReadonlyArray<Code>): Code =>
  inside.length === 0 ? join([head, " {}"]) : join([head, " {\n  ", lines(inside), "\n}"])

/** The text before the body of a class or interface, from its own keyword on. */
const head = (
  checker: ts.TypeChecker,
  node: ts.ClassDeclaration | ts.InterfaceDeclaration,
  omitted: ReadonlyArray<ts.Node> = []
): Code => {
  const keyword = node.getChildren().find(({ kind }) =>
    kind === ts.SyntaxKind.ClassKeyword || kind === ts.SyntaxKind.InterfaceKeyword
  )!
  const brace = node.getChildren().find(({ kind }) => kind === ts.SyntaxKind.OpenBraceToken)!
  const whole = codeOf(checker, node, { end: brace.getStart(), omitted })
  return from(whole, whole.text.indexOf(keyword.getText()))
}

/** A member of a class or interface, without its body. */
export const member = (checker: ts.TypeChecker, node: ts.Declaration): Code | undefined => {
  if (ts.isPropertySignature(node) || ts.isMethodSignature(node)) return codeOf(checker, node)
  if (ts.isCallSignatureDeclaration(node) || ts.isIndexSignatureDeclaration(node)) return codeOf(checker, node)
  if (ts.isPropertyDeclaration(node)) {
    const type = node.type === undefined
      ? typeText(checker, checker.getTypeAtLocation(node), node)
      : codeOf(checker, node.type)
    const modifiers = (ts.getModifiers(node) ?? []).map((each) => `${each.getText()} `)
    return join([...modifiers, node.name.getText(), ": ", type])
  }
  return undefined
}

const interfaceOf = (
  checker: ts.TypeChecker,
  node: ts.InterfaceDeclaration,
  inherited: ReadonlyArray<ts.Declaration>
): Code =>
  members(
    // where members are from interfaces that are not public, those are not named
    head(checker, node, inherited.length === 0 ? [] : node.heritageClauses),
    [...inherited, ...node.members].flatMap((each) =>
      isPrivate(each as ts.TypeElement) ? [] : member(checker, each) ?? []
    )
  )

const classOf = (checker: ts.TypeChecker, node: ts.ClassDeclaration): Code => {
  const inside = node.members.flatMap((each) => isPrivate(each) ? [] : member(checker, each) ?? [])
  return inside.length === 0 ? head(checker, node) : members(head(checker, node), inside)
}

/** A declaration as readers see it; `inherited` are members of interfaces that are not public themselves. */
export const declaration = (
  checker: ts.TypeChecker,
  node: ts.Declaration,
  inherited: ReadonlyArray<ts.Declaration> = []
): Code | undefined =>
  ts.isVariableDeclaration(node)
    ? variable(checker, node)
    : ts.isInterfaceDeclaration(node)
    ? interfaceOf(checker, node, inherited)
    : ts.isClassDeclaration(node)
    ? classOf(checker, node)
    : ts.isTypeAliasDeclaration(node)
    ? withoutExport(codeOf(checker, node))
    : undefined

const withoutExport = (code: Code): Code => code.text.startsWith("export ") ? from(code, "export ".length) : code
