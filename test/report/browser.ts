/** A real Chromium, where the machine has one. */
import { Context, Effect, Layer } from "effect"
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { type Browser, chromium, type Page } from "playwright-core"

const executablePath = "/usr/bin/chromium"

export const hasBrowser = existsSync(executablePath)

const flags = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync"
]

/** The browser that all tests of a file share. */
export class Chromium extends Context.Service<Chromium, Browser>()("test/Chromium") {
  static readonly layer = Layer.effect(
    Chromium,
    Effect.acquireRelease(
      Effect.promise((): Promise<Browser> => chromium.launch({ executablePath, args: flags })),
      (browser) => Effect.promise(() => browser.close())
    )
  )
}

const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "effect-parallel-page-"))),
  (folder) => Effect.sync(() => rmSync(folder, { recursive: true }))
)

/** A page as it stands in the browser, with all that it said and asked for. */
interface Opened {
  readonly page: Page
  readonly url: string
  readonly complaints: ReadonlyArray<string>
  readonly requests: ReadonlyArray<string>
  /** How long the page itself worked until it was there to see, in milliseconds: other programs do not count. */
  readonly worked: number
}

/** Opens a page from a file, as a reader does. */
export const open = (html: string) =>
  Effect.gen(function*() {
    const browser = yield* Chromium
    const page = yield* Effect.acquireRelease(
      Effect.promise(() => browser.newPage({ viewport: { width: 1280, height: 900 } })),
      (page) => Effect.promise(() => page.close())
    )
    const file = join(yield* folder, "report.html")
    writeFileSync(file, html)
    const url = pathToFileURL(file).href
    const complaints: Array<string> = []
    const requests: Array<string> = []
    page.on("console", (message) => complaints.push(message.text()))
    page.on("pageerror", (error) => complaints.push(String(error)))
    page.on("request", (request) => requests.push(request.url()))
    const session = yield* Effect.promise(() => page.context().newCDPSession(page))
    yield* Effect.promise(() => session.send("Performance.enable", { timeDomain: "threadTicks" }))
    yield* Effect.promise(async () => {
      await page.goto(url)
      await page.waitForSelector("#timeline canvas")
      await page.evaluate("new Promise((seen) => requestAnimationFrame(() => requestAnimationFrame(seen)))")
    })
    const { metrics } = yield* Effect.promise(() => session.send("Performance.getMetrics"))
    const worked = 1000 * metrics.find(({ name }) => name === "TaskDuration")!.value
    return { page, url, complaints, requests, worked } satisfies Opened
  })
