// Builds the documentation site, and checks its links: `npm run site`; with `-- --serve` it is served then.
import { spawnSync } from "node:child_process"
import { cpSync, globSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { problemsOf } from "../site/check.ts"
import { llms } from "../site/llms.ts"
import { repository } from "../site/project.ts"
import { install, root, run } from "./steps.ts"

const site = join(root, "site")
const dist = join(site, "dist")
const vitepress = join(site, "node_modules", ".bin", "vitepress")

const { values: { serve = false } } = parseArgs({ options: { serve: { type: "boolean" } } })

const from = performance.now()
install("site")
writeFileSync(join(root, "llms.txt"), llms)
run("node", [join(site, "reference", "main.ts")])
run(vitepress, ["build"], { cwd: site })
// what agents read, at the same addresses from each other as in the package, which has the sources too
writeFileSync(join(dist, "llms.txt"), llms.replaceAll("](src/", `](${repository}/blob/main/src/`))
for (const page of globSync("docs/*.md", { cwd: root })) cpSync(join(root, page), join(dist, page))

const problems = problemsOf(dist, root)
if (problems.length > 0) {
  console.error(problems.join("\n"))
  process.exit(1)
}
console.log(`${join(dist, "index.html")} (${((performance.now() - from) / 1000).toFixed(1)} s)`)
if (serve) process.exit(spawnSync(vitepress, ["preview"], { cwd: site, stdio: "inherit" }).status ?? 1)
