// Takes the picture in the README, which is the page of a real run of `npm start`: `npm run picture [-- file]`.
import * as Effect from "effect/Effect"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Chromium, open } from "../test/report/browser.ts"
import { root, run } from "./steps.ts"

const picture = process.argv[2] ?? join(root, "docs", "report.png")
const folder = mkdtempSync(join(tmpdir(), "effect-parallel-picture-"))

const taken = Effect.gen(function*() {
  const { complaints, page } = yield* open(readFileSync(join(folder, "report.html"), "utf8"))
  const inputs = yield* Effect.promise(() => page.textContent("#tally-total"))
  if (complaints.length > 0) throw new Error(complaints.join("\n"))
  yield* Effect.promise(() => page.screenshot({ path: picture }))
  return inputs
}).pipe(Effect.scoped, Effect.provide(Chromium.layer))

try {
  run("npm", ["start", "--", "--report", join(folder, "report.html")])
  console.log(`${picture}: a run over ${await Effect.runPromise(taken)} texts`)
} finally {
  rmSync(folder, { recursive: true })
}
