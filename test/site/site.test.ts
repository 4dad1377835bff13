/** The built site in a browser: a part of `npm run check -- site`, which builds it. */
import { assert, describe, it, layer } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { existsSync, globSync, readFileSync } from "node:fs"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { extname, join } from "node:path"
import { fileURLToPath } from "node:url"
import type { Page } from "playwright-core"
import { blank, Chromium, drawn, listen, type Reader } from "../report/browser.ts"
import { barriersOf, overhang } from "../report/page/readers.ts"

const root = fileURLToPath(new URL("../..", import.meta.url))
const dist = join(root, "site", "dist")

const types: Readonly<Record<string, string>> = {
  ".css": "text/css",
  ".html": "text/html",
  ".js": "text/javascript",
  ".png": "image/png",
  ".svg": "image/svg+xml"
}

/** The address at which the built site is served. */
class Site extends Context.Service<Site, string>()("test/Site") {
  static readonly layer = Layer.effect(
    Site,
    Effect.acquireRelease(
      Effect.callback<{ readonly url: string; readonly close: () => void }>((resume) => {
        const server = createServer(({ url = "/" }, response) => {
          const path = decodeURIComponent(new URL(url, "http://site.test").pathname)
          const file = join(dist, path.endsWith("/") ? `${path}index.html` : path)
          const type = types[extname(file)]
          if (type === undefined || !existsSync(file)) response.writeHead(404).end()
          else response.writeHead(200, { "content-type": type }).end(readFileSync(file))
        })
        server.listen(0, "127.0.0.1", () => {
          const { port } = server.address() as AddressInfo
          resume(Effect.succeed({ url: `http://127.0.0.1:${port}`, close: () => server.close() }))
        })
      }),
      ({ close }) => Effect.sync(close)
    ).pipe(Effect.map(({ url }) => url))
  )
}

/** Shows a page of the site, and waits until it answers to keys and clicks. */
const show = (page: Page, url: string) =>
  Effect.promise(async () => {
    await page.goto(url)
    await page.waitForFunction(`document.querySelector("#app")?.__vue_app__ !== undefined`)
    await drawn(page)
  })

const opened = (path: string, reader: Reader) =>
  Effect.gen(function*() {
    const page = yield* blank(reader)
    const complaints = listen(page)
    yield* show(page, `${yield* Site}${path}`)
    return { page, complaints }
  })

const isWanted = process.env["SITE"] === "1"
const title = `the site${isWanted ? "" : " (skipped: it is a part of `npm run check -- site`)"}`

/** The titles of examples in files, in order. */
const examplesIn = (files: string): ReadonlyArray<string> =>
  globSync(files, { cwd: root }).flatMap((file) =>
    readFileSync(join(root, file), "utf8").match(/\*\*Example\*\* \(.+\)$/gm) ?? []
  ).toSorted()

describe.skipIf(!isWanted)(title, () => {
  it("has every example of the doc comments in its reference", () => {
    const examples = examplesIn("src/**/*.ts")

    assert.isAbove(examples.length, 80)
    assert.deepStrictEqual(examplesIn("site/api/**/*.md"), examples)
  })

  layer(Layer.mergeAll(Chromium.layer, Site.layer), { excludeTestServices: true })((it) => {
    for (const width of [390, 1280]) {
      for (const words of ["timeout", "tokens a minute", "resume"]) {
        it.effect(`finds "${words}" by its search, with the keyboard alone, at ${width} px`, () =>
          Effect.gen(function*() {
            const { complaints, page } = yield* opened("/", { width })
            const { first, reached, text } = yield* Effect.promise(async () => {
              await page.keyboard.press("Control+k")
              await page.locator(".VPLocalSearchBox input").waitFor()
              await page.keyboard.insertText(words)
              const first = await page.locator(".VPLocalSearchBox .result").first().getAttribute("href")
              await page.keyboard.press("Enter")
              await page.locator(".home").waitFor({ state: "detached" })
              const { hash, pathname } = new URL(page.url())
              return { first, reached: pathname + hash, text: (await page.locator("main").innerText()).toLowerCase() }
            })

            assert.strictEqual(decodeURI(reached), first)
            for (const word of words.split(" ")) assert.include(text, word)
            assert.deepStrictEqual(complaints, [])
          }).pipe(Effect.scoped))
      }
    }

    it.effect("has no page that scrolls sideways at 390 px, or complains", () =>
      Effect.gen(function*() {
        const paths = globSync("**/*.html", { cwd: dist }).filter((path) => path !== "404.html")
        const page = yield* blank({ width: 390 })
        const complaints = listen(page)
        const wide: Array<string> = []
        for (const path of paths) {
          yield* show(page, `${yield* Site}/${path}`)
          if ((yield* Effect.promise(() => overhang(page))) > 0) wide.push(path)
        }

        assert.isAbove(paths.length, 40)
        assert.deepStrictEqual(wide, [])
        assert.deepStrictEqual(complaints, [])
      }).pipe(Effect.scoped), { timeout: 120_000 })

    for (const path of ["/", "/limits.html", "/api/backend/Threads.html"]) {
      for (const dark of [false, true]) {
        it.effect(`hinders no reader: ${path}, ${dark ? "dark" : "light"}`, () =>
          Effect.gen(function*() {
            const { page } = yield* opened(path, { dark })
            const barriers = yield* Effect.promise(() => barriersOf(page))

            // the button of VitePress has the name "Search", and shows its key too
            assert.deepStrictEqual(barriers.filter((barrier) => !barrier.includes("DocSearch-Button")), [])
          }).pipe(Effect.scoped))
      }
    }
  })
})
