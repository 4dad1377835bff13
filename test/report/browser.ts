/** A real Chromium, if it is installed. */
import { Context, Effect, Layer } from "effect"
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { type Browser, type CDPSession, chromium, type Page } from "playwright-core"

const executablePath = "/usr/bin/chromium"

export const hasBrowser = existsSync(executablePath)

/** True if the long tests run too, as in `npm run check -- screens`: large reports, and accessibility. */
export const isThorough = process.env["SCREENS"] === "1"

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

/** The conditions under which a page is read. */
export interface Reader {
  readonly width?: number
  readonly height?: number
  readonly dark?: boolean
  /** The fragment of the address. */
  readonly hash?: string
}

/** A page in the browser, with its console output and requests. */
interface Opened {
  readonly page: Page
  readonly url: string
  readonly complaints: ReadonlyArray<string>
  readonly requests: ReadonlyArray<string>
  /** Processor time of the page until it was visible, in milliseconds. Other programs do not count. */
  readonly worked: number
  /** Measures the processor time of the page from now until the result of an action is visible, in milliseconds. */
  readonly measure: (act: () => Promise<void>) => Promise<number>
}

/** Waits until the browser has drawn the current state of the page. */
export const drawn = (page: Page): Promise<unknown> =>
  page.evaluate("new Promise((seen) => requestAnimationFrame(() => requestAnimationFrame(seen)))")

const workOf = async (session: CDPSession): Promise<number> => {
  const { metrics } = await session.send("Performance.getMetrics")
  return 1000 * metrics.find(({ name }) => name === "TaskDuration")!.value
}

/** An empty page that closes with its scope. */
export const blank = ({ dark = false, height = 900, width = 1280 }: Reader = {}) =>
  Effect.gen(function*() {
    const browser = yield* Chromium
    return yield* Effect.acquireRelease(
      Effect.promise(() =>
        browser.newPage({ viewport: { width, height }, colorScheme: dark ? "dark" : "light", acceptDownloads: true })
      ),
      (page) => Effect.promise(() => page.close())
    )
  })

/** Collects the errors of a page. */
export const listen = (page: Page): ReadonlyArray<string> => {
  const complaints: Array<string> = []
  page.on("console", (message) => complaints.push(message.text()))
  page.on("pageerror", (error) => complaints.push(String(error)))
  return complaints
}

/** Opens a page from a file, as readers do. */
export const open = (html: string, reader: Reader = {}) =>
  Effect.gen(function*() {
    const page = yield* blank(reader)
    const file = join(yield* folder, "report.html")
    writeFileSync(file, html)
    const url = `${pathToFileURL(file).href}${reader.hash ?? ""}`
    const complaints = listen(page)
    const requests: Array<string> = []
    page.on("request", (request) => requests.push(request.url()))
    const session = yield* Effect.promise(() => page.context().newCDPSession(page))
    yield* Effect.promise(() => session.send("Performance.enable", { timeDomain: "threadTicks" }))
    yield* Effect.promise(async () => {
      await page.goto(url)
      await page.waitForSelector("#tally-total")
      await drawn(page)
    })
    const worked = yield* Effect.promise(() => workOf(session))
    const measure = async (act: () => Promise<void>) => {
      const before = await workOf(session)
      await act()
      await drawn(page)
      return await workOf(session) - before
    }
    return { page, url, complaints, requests, worked, measure } satisfies Opened
  })
