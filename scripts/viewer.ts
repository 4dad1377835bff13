// Bundles the viewer of HTML reports into `dist/report/viewer.js`, as a text with the hash that the policy of its page
// allows.
import { build } from "esbuild"
import { createHash } from "node:crypto"
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("..", import.meta.url))

/** Libraries that are in the bundle. */
const bundled = ["uplot", "preact", "@dagrejs/dagre", "@dagrejs/graphlib"]

const licence = (name: string): string =>
  `/*! ${name}\n\n${readFileSync(`${root}/node_modules/${name}/LICENSE`, "utf8")}*/`

/** Builds the viewer for the import `#viewer`. The tests also build it first, so that they use its current sources. */
const buildViewer = async (): Promise<void> => {
  const { outputFiles } = await build({
    entryPoints: [`${root}/viewer/main.ts`],
    bundle: true,
    minify: true,
    write: false,
    format: "iife",
    target: "es2022",
    loader: { ".css": "text" },
    charset: "utf8",
    jsx: "automatic",
    jsxImportSource: "preact",
    banner: { js: bundled.map(licence).join("\n") },
    tsconfig: `${root}/viewer/tsconfig.json`
  })
  const script = outputFiles[0]!.text
  const hash = `sha256-${createHash("sha256").update(script).digest("base64")}`
  mkdirSync(`${root}/dist/report`, { recursive: true })
  const lines = { script, hash }
  const code = Object.entries(lines).map(([name, text]) => `export const ${name} = ${JSON.stringify(text)}\n`)
  const types = Object.keys(lines).map((name) => `export declare const ${name}: string\n`)
  writeFileSync(`${root}/dist/report/viewer.js`, code.join(""))
  writeFileSync(`${root}/dist/report/viewer.d.ts`, types.join(""))
}

if (import.meta.main) await buildViewer()

export default buildViewer
