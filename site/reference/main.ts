/** Writes the pages of the API reference, from the doc comments of all that the package exports. */
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import {
  Application,
  type Context,
  Converter,
  type DeclarationReflection,
  ReflectionKind,
  TSConfigReader
} from "typedoc"
import { load } from "typedoc-plugin-markdown"
import { modules } from "../pages.ts"
import { effectUrl } from "./effect.ts"
import { Router } from "./router.ts"
import { sourcesOf } from "./sources.ts"
import { themeOf } from "./theme.ts"

const root = fileURLToPath(new URL("../..", import.meta.url))
const folder = join(root, "site", "api")

const { exports } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
  readonly exports: Readonly<Record<string, string | { readonly "@effect-parallel/source": string }>>
}
/** The source of each sub-path; what the root exports are these modules. */
const sources = Object.entries(exports).flatMap(([path, target]) =>
  path === "." || typeof target === "string" ? [] : join(root, target["@effect-parallel/source"])
)

const index = readFileSync(join(root, "src", "index.ts"), "utf8")

const importOf = ({ children = [], name, parent }: DeclarationReflection): string => {
  const last = name.split("/").at(-1)!
  if (parent?.kindOf(ReflectionKind.Module) === true) return `import { ${name} } from "effect-parallel/${parent.name}"`
  if (index.includes(`export * as ${name} from`)) return `import { ${name} } from "effect-parallel"`
  if (/^[A-Z]/.test(last)) return `import * as ${last} from "effect-parallel/${name}"`
  const values = children.filter((child) => !child.kindOf([ReflectionKind.Interface, ReflectionKind.TypeAlias]))
  return `import { ${values.map((value) => value.name).join(", ")} } from "effect-parallel/${name}"`
}

const app = await Application.bootstrapWithPlugins({
  plugin: [load],
  name: "effect-parallel",
  entryPoints: sources,
  displayBasePath: join(root, "src"),
  tsconfig: join(root, "tsconfig.json"),
  readme: "none",
  sort: ["source-order"],
  disableGit: true,
  disableSources: true,
  excludeInternal: true,
  excludeExternals: true,
  excludePrivate: true,
  skipErrorChecking: true,
  validation: { invalidLink: true, notExported: false },
  router: "reference",
  logLevel: "Warn"
}, [new TSConfigReader()])

// where a comment links to something of Effect
app.converter.addUnknownSymbolResolver(({ symbolReference }, _reflection, _part, symbol) =>
  symbol?.fileName === undefined ? undefined : effectUrl(symbol.fileName, symbolReference?.path?.at(-1)?.path ?? "")
)

let context: Context | undefined
app.converter.on(Converter.EVENT_END, (ended) => {
  context = ended
})
const project = await app.convert()
if (project === undefined || context === undefined) throw new Error("the sources could not be read")
app.validate(project)
app.renderer.defineRouter("reference", Router)
app.renderer.defineTheme("reference", themeOf({ root, sources: sourcesOf(context), importOf }))
app.options.setValue("theme", "reference")
await app.outputs.writeOutput({ name: "markdown", path: folder }, project)

const list = modules.map(({ pages, title }) =>
  `## ${title}\n\n${pages.map(({ about, title }) => `- [${title}](${title}.md): ${about}\n`).join("")}`
)
writeFileSync(
  join(folder, "index.md"),
  `# API\n\nThe modules of \`effect-parallel\`, each of which is also a sub-path of the package.\n\n${list.join("\n")}`
)
if (app.logger.hasErrors() || app.logger.hasWarnings()) process.exitCode = 1
