/** Tests of the dashboard: the page with events instead of a report. */
import { hash, script } from "#viewer"
import { assert, type Vitest } from "@effect/vitest"
import { Effect } from "effect"
import { Report } from "effect-parallel"
import type { Page } from "playwright-core"
import type { LiveOutcome, LiveRun, Update } from "../../../src/dashboard/messages.ts"
import { toColumns } from "../../../src/report/columns.ts"
import { blank, type Chromium, drawn, isThorough, listen, type Reader } from "../browser.ts"
import { sample } from "../sample.ts"
import { barriersOf, overhang } from "./readers.ts"
import { flows } from "./rich.ts"

const policy = `default-src 'none'; script-src '${hash}'; style-src 'unsafe-inline'; connect-src 'self'`

const html =
  `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="${policy}"><title>Dashboard</title></head><body>
<script type="application/json" id="live">{"token":"a b"}</script><script>${script}</script></body></html>`

const address = "http://dashboard.test/"

/** An event source whose events come from the test. */
const fake = `
window.sources = []
window.EventSource = class extends EventTarget {
  static CLOSED = 2
  readyState = 1
  constructor(url) {
    super()
    this.url = url
    window.sources.push(this)
  }
  close() { this.readyState = 2 }
}
window.say = (name, data) => window.sources.at(-1).dispatchEvent(new MessageEvent(name, { data }))`

interface Dashboard {
  readonly page: Page
  readonly complaints: ReadonlyArray<string>
  /** The paths that the page has requested. */
  readonly asked: ReadonlyArray<string>
}

const dashboard = (reader?: Reader) =>
  Effect.gen(function*() {
    const page = yield* blank(reader)
    const complaints = listen(page)
    const asked: Array<string> = []
    const report = Report.toJson(sample(50))
    yield* Effect.promise(async () => {
      await page.addInitScript(fake)
      await page.route(`${address}**`, (route) => {
        const path = route.request().url().slice(address.length)
        if (path.startsWith("reports/")) asked.push(path)
        // a report may arrive as JSON or as columns
        return path.startsWith("reports/")
          ? route.fulfill({ json: path.startsWith("reports/0") ? toColumns(report) : report })
          : route.fulfill({ contentType: "text/html", body: html })
      })
      await page.goto(address)
    })
    return { page, complaints, asked } satisfies Dashboard
  })

const run = (id: number, others: Partial<LiveRun> = {}): LiveRun => ({
  id,
  depth: 0,
  name: `run ${id}`,
  state: "running",
  startedAt: "2025-06-01T12:00:00Z",
  elapsed: 4200,
  total: 2000,
  done: 1200,
  failed: 24,
  retried: 60,
  recalled: 0,
  running: 8,
  waiting: 16,
  limited: [{ name: "model", waiting: 3 }],
  rate: 285,
  left: 2800,
  options: {},
  failures: [
    { message: "Unreachable: no answer", count: 20, input: "texts/17.md" },
    { message: "TooLarge: 9 MB", count: 1, input: "texts/18.md" }
  ],
  failuresLeft: 3,
  hasReport: false,
  ...others
})

const outcome = (seq: number): LiveOutcome => ({
  seq,
  run: seq % 2,
  index: seq,
  _tag: seq % 50 === 17 ? "Failure" : "Success",
  input: `texts/${seq}.md`,
  attempts: 1,
  startedAt: seq,
  elapsed: 12,
  worker: seq % 8,
  ...(seq % 50 === 17 && { error: { message: "Unreachable: no answer" } })
})

const update = (others: Partial<Update> = {}): Update => ({
  runs: [run(0), run(1, { parent: 0, depth: 1, name: "inside", failed: 0, failures: [], failuresLeft: 0 })],
  runsLeft: 0,
  outcomes: Array.from({ length: 100 }, (_, seq) => outcome(seq)),
  settled: 100,
  inputs: Array.from(
    { length: 30 },
    (_, n) => ({ run: n % 2, index: 200 + n, input: `texts/${200 + n}.md`, worker: n % 8, since: 900 - 30 * n })
  ),
  flows,
  over: false,
  ...others
})

const say = async (page: Page, name: string, event?: Update): Promise<void> => {
  await page.evaluate(
    ([name, data]) => (globalThis as never as { say: (...parts: Array<unknown>) => void }).say(name, data),
    [
      name,
      JSON.stringify(event)
    ]
  )
  await drawn(page)
}

const rowsOf = (page: Page): Promise<ReadonlyArray<string>> => page.locator("#inputs td.input").allTextContents()

export const live = (it: Vitest.MethodsNonLive<Chromium>) => {
  it.effect("of a dashboard shows runs, running inputs, failures, outcomes and flows as events arrive", () =>
    Effect.gen(function*() {
      const { complaints, page } = yield* dashboard()
      yield* Effect.promise(async () => {
        assert.strictEqual(await page.textContent("#connection"), "○ connecting")
        assert.strictEqual(await page.evaluate("sources[0].url"), "events?token=a%20b")
        await say(page, "open")
        await say(page, "message", update())

        assert.strictEqual(await page.textContent("#connection"), "● live")
        assert.strictEqual(await page.textContent("#live-verdict"), "✗ run 0 is running; some inputs failed")
        assert.match(
          await page.locator(".runs li").first().innerText(),
          /run 0\s+1,200 of 2,000 inputs, ✗ 24 failed 60 retried[^]*285\/s[^]*2\.8 s left[^]*▸ running/
        )
        const bar = page.locator("[role=progressbar]").first()
        assert.strictEqual(await bar.getAttribute("aria-valuenow"), "1200")
        assert.strictEqual(await page.locator("#under-way tbody tr").count(), 20)
        assert.match(await page.innerText("#failures"), /Unreachable × 20[^]*TooLarge × 1[^]*and 3 other failures/)
        assert.strictEqual((await rowsOf(page))[0], "texts/99.md")
        assert.strictEqual(await page.locator("#flows svg").count(), 1)

        const next = update({ runs: [run(0, { done: 1201 })], outcomes: [outcome(100)], settled: 101 })
        await say(page, "message", next)
        assert.strictEqual(await bar.getAttribute("aria-valuenow"), "1201")
        assert.strictEqual((await rowsOf(page))[0], "texts/100.md")
        assert.match((await page.textContent("#inputs-shown"))!, /^101 of 101 outcomes/)

        await page.click("#inputs tbody tr[tabindex='0']")
        assert.match(await page.innerText("dialog"), /Input #100[^]*texts\/100\.md/)
        await page.keyboard.press("Escape")
        assert.deepStrictEqual(await page.locator("[aria-live]").evaluateAll((all) => all.map(({ id }) => id)), [
          "live-verdict"
        ])
      })
      assert.deepStrictEqual(complaints, [])
    }).pipe(Effect.scoped))

  it.effect("of a dashboard selects a run", () =>
    Effect.gen(function*() {
      const { page } = yield* dashboard()
      yield* Effect.promise(async () => {
        await say(page, "message", update())
        await page.click(".runs >> text=inside")
        await drawn(page)
        assert.match((await page.textContent("#inputs-shown"))!, /^50 of 100 outcomes/)
        assert.match(await page.innerText("#failures"), /No input has failed/)
        assert.strictEqual(await page.locator("#under-way tbody tr").count(), 15)
        await page.click(".runs >> text=inside")
        await drawn(page)
        assert.match((await page.textContent("#inputs-shown"))!, /^100 of 100 outcomes/)
      })
    }).pipe(Effect.scoped))

  it.effect("of a dashboard shows a lost connection, reconnects, and shows when the program has ended", () =>
    Effect.gen(function*() {
      const { page } = yield* dashboard()
      yield* Effect.promise(async () => {
        await say(page, "open")
        await say(page, "message", update())
        await say(page, "error")
        assert.strictEqual(await page.textContent("#connection"), "○ connection lost, reconnecting")
        await say(page, "open")
        // the first event of a connection has everything
        await say(page, "message", update({ outcomes: [outcome(3)], settled: 4 }))
        assert.strictEqual(await page.textContent("#connection"), "● live")
        assert.deepStrictEqual(await rowsOf(page), ["texts/3.md"])
        await say(page, "message", update({ over: true }))
        assert.strictEqual(await page.textContent("#connection"), "■ the program has ended")
        assert.strictEqual(await page.evaluate("sources[0].readyState"), 2)
      })
    }).pipe(Effect.scoped))

  it.effect("of a dashboard reconnects after the browser has given up", () =>
    Effect.gen(function*() {
      const { page } = yield* dashboard()
      yield* Effect.promise(async () => {
        await page.clock.install()
        await page.evaluate("sources[0].close()")
        await say(page, "error").catch(() => undefined)
        await page.clock.runFor(3000)
        assert.strictEqual(await page.evaluate("sources.length"), 2)
      })
    }).pipe(Effect.scoped))

  it.effect("of a dashboard opens the report of an ended run, with a way back", () =>
    Effect.gen(function*() {
      const { asked, complaints, page } = yield* dashboard()
      yield* Effect.promise(async () => {
        await say(page, "message", update({ runs: [run(0), run(7, { state: "done", hasReport: true })] }))
        await page.click("text=Open the full report")
        await page.waitForSelector("#tally-total")
        assert.strictEqual(await page.textContent("#tally-total"), "50")
        assert.deepStrictEqual(asked, ["reports/7?token=a%20b"])
        await page.click("#back")
        assert.strictEqual(await page.locator("#tally-total").count(), 0)
        assert.strictEqual(await page.textContent("h1"), "Dashboard")
      })
      assert.deepStrictEqual(complaints, [])
    }).pipe(Effect.scoped))

  it.effect("of a dashboard shows the report of a single run below it when the run has ended", () =>
    Effect.gen(function*() {
      const { asked, page } = yield* dashboard()
      yield* Effect.promise(async () => {
        await say(page, "message", update({ runs: [run(0, { state: "done", hasReport: true })] }))
        await page.waitForSelector("#tally-total")
        assert.strictEqual(await page.textContent("#tally-total"), "50")
        assert.deepStrictEqual(asked, ["reports/0?token=a%20b"])
        assert.strictEqual(await page.locator("h1").count(), 1)
        assert.strictEqual(await page.locator("main").count(), 1)
        assert.deepStrictEqual(await barriersOf(page), [])
        const ids = await page.locator("[id]").evaluateAll((all) => all.map(({ id }) => id))
        assert.strictEqual(new Set(ids).size, ids.length)
      })
    }).pipe(Effect.scoped))

  if (isThorough) thorough(it)
}

/** Long tests of a dashboard. */
const thorough = (it: Vitest.MethodsNonLive<Chromium>) => {
  it.effect("of a dashboard keeps a thousand of a million outcomes, and draws at most once per frame", () =>
    Effect.gen(function*() {
      const { page } = yield* dashboard()
      yield* Effect.promise(async () => {
        const session = await page.context().newCDPSession(page)
        const heap = async () => {
          await session.send("HeapProfiler.collectGarbage")
          return (await session.send("Runtime.getHeapUsage")).usedSize
        }
        await say(page, "message", update())
        await page.evaluate("window.template = undefined")
        const flood = (from: number, to: number) =>
          page.evaluate(`(async () => {
            const event = ${JSON.stringify(update({ outcomes: [], inputs: [] }))}
            const outcome = ${JSON.stringify(outcome(1))}
            let frames = 0
            const request = window.requestAnimationFrame
            window.requestAnimationFrame = (act) => (frames++, request(act))
            for (let n = ${from}; n < ${to}; n++) {
              event.outcomes = Array.from({ length: 1000 }, (_, i) => ({ ...outcome, seq: 1000 * n + i, index: 1000 * n + i }))
              event.settled = 1000 * (n + 1)
              window.say("message", JSON.stringify(event))
            }
            window.requestAnimationFrame = request
            return frames
          })()`)
        await flood(1, 100)
        await drawn(page)
        const before = await heap()
        const frames = await flood(100, 1000)
        await drawn(page)

        assert.isAtMost(frames as number, 1)
        assert.strictEqual(await page.getAttribute("#inputs table", "aria-rowcount"), "1001")
        assert.match((await page.textContent("#inputs-shown"))!, /^1,000 of 1,000,000 outcomes/)
        assert.isBelow(await heap() - before, 2_000_000)
      })
    }).pipe(Effect.scoped))

  it.effect("of a dashboard fits a phone and a desktop, and is accessible", () =>
    Effect.gen(function*() {
      for (const reader of [{ width: 390, dark: true }, { width: 1280 }]) {
        const { page } = yield* dashboard(reader)
        yield* Effect.promise(async () => {
          await say(page, "message", update({ runs: [run(0), run(7, { state: "done", hasReport: true })] }))
          assert.strictEqual(await overhang(page), 0)
          assert.deepStrictEqual(await barriersOf(page), [])
        })
      }
    }).pipe(Effect.scoped))
}
