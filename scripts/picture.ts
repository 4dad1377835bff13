// Takes the picture in the README: the page of a real run of `npm start`. `npm run picture [-- file]`.
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { chromium } from "playwright-core"
import { root, run } from "./steps.ts"

const picture = process.argv[2] ?? join(root, "docs", "report.png")
const folder = mkdtempSync(join(tmpdir(), "effect-parallel-picture-"))

try {
  const report = join(folder, "report.html")
  run("npm", ["start", "--", "--report", report])
  const browser = await chromium.launch({
    executablePath: "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
  })
  try {
    const page = await browser.newPage({ viewport: { width: 1280, height: 900 }, colorScheme: "light" })
    const complaints: Array<string> = []
    page.on("console", (message) => complaints.push(message.text()))
    page.on("pageerror", (error) => complaints.push(String(error)))
    await page.goto(pathToFileURL(report).href)
    await page.waitForSelector("#timeline canvas")
    await page.evaluate("new Promise((seen) => requestAnimationFrame(() => requestAnimationFrame(seen)))")
    const inputs = Number((await page.textContent("#tally-total"))?.replaceAll(",", ""))
    await page.screenshot({ path: picture })
    if (complaints.length > 0) throw new Error(complaints.join("\n"))
    if (!(inputs > 100)) throw new Error(`the run had ${inputs} inputs`)
    console.log(`${picture}: a run over ${inputs} texts, ${readFileSync(picture).length} bytes`)
  } finally {
    await browser.close()
  }
} finally {
  rmSync(folder, { recursive: true })
}
