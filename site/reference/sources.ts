/** What the sources say of a reflection: its declarations, and what names in them refer to. */
import { type Context, type DeclarationReflection, type Reflection, ReflectionKind } from "typedoc"
import type ts from "typescript"
import { declaration } from "./declarations.ts"

export interface Sources {
  readonly checker: ts.TypeChecker
  readonly declarationsOf: (reflection: Reflection) => ReadonlyArray<ts.Declaration>
  /** The declaration of a reflection, of those of types or those of values, which may share a name. */
  readonly declarationOf: (reflection: DeclarationReflection) => ts.Declaration
  /** Members of an interface that it has from interfaces without a page of their own. */
  readonly inheritedBy: (reflection: DeclarationReflection) => ReadonlyArray<ts.Declaration>
  /** The names that a module exports, in their order. */
  readonly exportsOf: (module: DeclarationReflection) => ReadonlyArray<string>
  readonly reflectionOf: (symbol: ts.Symbol) => Reflection | undefined
}

/** Reads the sources that were converted in a context. */
export const sourcesOf = (context: Context): Sources => {
  const [program] = context.programs
  const checker = program!.getTypeChecker()
  const declarationsOf = (reflection: Reflection) => context.getSymbolFromReflection(reflection)?.declarations ?? []
  return {
    checker,
    declarationsOf,
    declarationOf: (reflection) => {
      const isType = reflection.kindOf([ReflectionKind.Interface, ReflectionKind.TypeAlias])
      const found = declarationsOf(reflection).find((node) => {
        const code = declaration(checker, node)?.text
        return code !== undefined && /^(?:interface|type) /.test(code) === isType
      })
      if (found === undefined) {
        throw new Error(`${reflection.getFullName()} is declared in a way that is not known here`)
      }
      return found
    },
    inheritedBy: (reflection) =>
      reflection.kindOf(ReflectionKind.Interface)
        ? (reflection.children ?? [])
          .filter(({ inheritedFrom }) => inheritedFrom !== undefined && inheritedFrom.reflection === undefined)
          .flatMap((child) => declarationsOf(child).slice(0, 1))
        : [],
    exportsOf: (module) => {
      const [file] = declarationsOf(module)
      const symbol = file === undefined ? undefined : checker.getSymbolAtLocation(file)
      return symbol === undefined ? [] : checker.getExportsOfModule(symbol).map(({ name }) => name)
    },
    reflectionOf: (symbol) => context.project.getReflectionFromSymbolId(context.createSymbolId(symbol))
  }
}
