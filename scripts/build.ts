// Builds `dist`: one ES module, one declaration file and their maps for each file of `src`, and the viewer of reports.
import { execFileSync } from "node:child_process"
import { rmSync } from "node:fs"
import { fileURLToPath } from "node:url"
import buildViewer from "./viewer.ts"

const root = fileURLToPath(new URL("..", import.meta.url))
rmSync(`${root}/dist`, { force: true, recursive: true })
await buildViewer()
execFileSync("tsc", ["-p", "tsconfig.build.json"], {
  cwd: root,
  stdio: "inherit"
})
