/** The text of `llms.txt`, in the form of llmstxt.org: each page of the documentation in one line. */
import { type Group, guides, modules, type Page } from "./pages.ts"
import { description, repository } from "./project.ts"

/** A page, at its place in the package, which has no examples. */
const line = ({ about, file, title }: Page): string =>
  `- [${title}](${file.startsWith("examples/") ? `${repository}/blob/main/${file}` : file}): ${about}\n`

const section = ({ pages, title }: Group): string => `## ${title}\n\n${pages.map(line).join("")}`

export const llms = `# effect-parallel

> ${description} For Effect 4.1 on Node.js.

Paths are those of the npm package. \`AGENTS.md\` beside this file has short rules for code that uses the library.

${[...guides, { title: "API", pages: modules.flatMap(({ pages }) => pages) }].map(section).join("\n")}`
