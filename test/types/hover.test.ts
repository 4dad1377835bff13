import { assert, beforeAll, describe, it } from "@effect/vitest"
import { ts } from "@ts-morph/common"
import { readFileSync } from "node:fs"
import { oldProgram, root } from "./compiler.ts"

/** Public modules by the path that users import: the root's by their names, the others by their sub-paths. */
const modules: ReadonlyArray<readonly [path: string, file: string]> = Object.entries(
  (JSON.parse(readFileSync(`${root}package.json`, "utf8")) as {
    readonly exports: Readonly<Record<string, string | { readonly "@effect-parallel/source": string }>>
  }).exports
).flatMap(([path, target]) =>
  typeof target === "string" || path === "."
    ? []
    : [[path.slice(2), `${root}${target["@effect-parallel/source"].slice(2)}`]]
)

/** What an editor with TypeScript 5.9 shows of a public name. */
interface Hover {
  readonly name: string
  /** The documentation where the name is hovered, and, for a function, where it is called. */
  readonly texts: ReadonlyArray<string>
  readonly isFunction: boolean
}

/** Reads the documentation of every public name and of every property of public interfaces. */
const hovers = (): ReadonlyArray<Hover> => {
  const program = oldProgram(modules.map(([, file]) => file))
  const checker = program.getTypeChecker()
  const textOf = (symbol: ts.Symbol | ts.Signature): string =>
    ts.displayPartsToString(symbol.getDocumentationComment(checker))

  const propertiesOf = (name: string, symbol: ts.Symbol): ReadonlyArray<Hover> =>
    [...symbol.members ?? []].flatMap(([key, member]) =>
      member.flags & (ts.SymbolFlags.Property | ts.SymbolFlags.Method) && !String(key).startsWith("__")
        ? [{ name: `${name}.${member.name}`, texts: [textOf(member)], isFunction: false }]
        : []
    )

  const hoverOf = (module: string, exported: ts.Symbol): ReadonlyArray<Hover> => {
    const symbol = exported.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported
    // TypeScript 5.9 shows nothing of `export * as name`
    if (symbol.flags & ts.SymbolFlags.ValueModule) return []
    const name = `${module}.${exported.name}`
    const isValue = (symbol.flags & (ts.SymbolFlags.Variable | ts.SymbolFlags.Function)) !== 0
    const calls = isValue ? checker.getTypeOfSymbol(symbol).getCallSignatures() : []
    return [
      { name, texts: [textOf(symbol), ...calls.slice(0, 1).map(textOf)], isFunction: calls.length > 0 },
      ...symbol.flags & ts.SymbolFlags.Interface ? propertiesOf(name, symbol) : []
    ]
  }

  return modules.flatMap(([module, file]) =>
    checker.getExportsOfModule(checker.getSymbolAtLocation(program.getSourceFile(file)!)!).flatMap((exported) =>
      hoverOf(module, exported)
    )
  )
}

describe("hovering in TypeScript 5.9 over", () => {
  let all: ReadonlyArray<Hover>
  beforeAll(() => {
    all = hovers()
  })

  it("any public name or option shows its documentation", () => {
    assert.match(ts.version, /^5\.9/)
    assert.isAbove(all.length, 200)
    assert.deepStrictEqual(all.filter(({ texts }) => texts.some((text) => text === "")).map(({ name }) => name), [])
  })

  it("a function shows the same sentence wherever it is hovered", () => {
    const first = (text: string) => /^[^]*?[.:](?=\s|$)/.exec(text)?.[0]
    const others = all.filter(({ texts: [name, call] }) => call !== undefined && first(name!) !== first(call))

    assert.deepStrictEqual(others.map(({ name, texts }) => [name].concat(texts.map((text) => first(text) ?? ""))), [])
  })

  it("a call of any public function shows an example", () => {
    const functions = all.filter(({ isFunction }) => isFunction)

    assert.isAbove(functions.length, 60)
    assert.deepStrictEqual(
      functions.filter(({ texts }) => !texts.at(-1)!.includes("**Example**")).map(({ name }) => name),
      []
    )
  })
})
