/**
 * Runs every bench, prints the cost of one input in each, and at the end all checks that have a target.
 *
 * Baselines are named at the top of each file. `npm run bench -- --rounds 3` takes fewer readings.
 */
import { spawnSync } from "node:child_process"
import { existsSync } from "node:fs"
import { cpus } from "node:os"
import { fileURLToPath } from "node:url"
import { type Checked, checkTable, measure, type Topic } from "./measure.ts"

const folder = fileURLToPath(new URL(".", import.meta.url))
const topics = [
  "forEach",
  "partition",
  "failures",
  "stream",
  "eventLoop",
  "options",
  "progress",
  "journal",
  "flow",
  "threads",
  "pools",
  "joblib"
]

/** Installs the peers. They have a `package.json` of their own, so that the library does not depend on them. */
const install = (): void => {
  if (existsSync(`${folder}/node_modules/p-map`)) return
  const { status } = spawnSync("npm", ["install", "--no-package-lock"], { cwd: folder, stdio: "inherit" })
  if (status !== 0) throw new Error("run `npm install --no-package-lock` in bench/")
}

install()
console.log(`Node ${process.version}, ${cpus().length} cores (${cpus()[0]?.model.trim()})`)

const all: Array<Checked> = []
for (const name of topics) {
  const { topic }: { readonly topic: Topic } = await import(`./${name}.ts`)
  all.push(...await measure(topic))
}

spawnSync(process.execPath, [`${folder}/cores.ts`], { stdio: "inherit" })

const targets = all.filter(({ check }) => check.target !== undefined)
console.log(`\n## Targets\n\n${checkTable(targets, ({ check, where }) => `${where}: ${check.label}`)}`)
