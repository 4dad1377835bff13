/** Tests of single inputs, nested runs, flows and downloads on the page. */
import { assert, type Vitest } from "@effect/vitest"
import { Effect } from "effect"
import { Report } from "effect-parallel"
import { readFileSync } from "node:fs"
import type { Page } from "playwright-core"
import { make } from "../../../src/report/page.ts"
import { type Chromium, open } from "../browser.ts"
import { sample } from "../sample.ts"
import { rich, richPage } from "./rich.ts"

const again = <A>(value: A): A => JSON.parse(JSON.stringify(value))

const downloaded = async (page: Page, button: string): Promise<readonly [name: string, content: unknown]> => {
  const [download] = await Promise.all([page.waitForEvent("download"), page.click(button)])
  return [download.suggestedFilename(), JSON.parse(readFileSync(await download.path(), "utf8"))]
}

export const parts = (it: Vitest.MethodsNonLive<Chromium>) => {
  it.effect("opens an input with all its data, and links to it", () =>
    Effect.gen(function*() {
      const { complaints, page } = yield* open(richPage, { hash: "#input-17" })
      yield* Effect.promise(async () => {
        const text = await page.locator("dialog").innerText()

        for (const part of ["Input #17", "✗ failed", "texts/17.md", "Unreachable: no answer for texts/17.md"]) {
          assert.include(text, part)
        }
        assert.include(text, "queued 1 ms")
        assert.match(text, /sample\.ts/)
        assert.match(text, /14 ms · attempt 1 · chapters ERROR no answer yet/)
        assert.notInclude(text, "of another input")
        assert.notInclude(await page.locator("dialog pre").innerText(), "node:internal")
        await page.click("text=show all frames")
        assert.include(await page.locator("dialog pre").innerText(), "node:internal")

        await page.click("dialog >> text=next")
        assert.match(page.url(), /#input-18$/)
        assert.match(await page.locator("dialog").innerText(), /value\s+\{ "words": 18 \}/)
        await page.keyboard.press("Escape")
        // a dialog reports later that it is closed
        await page.locator("dialog").waitFor({ state: "detached" })
        assert.strictEqual(await page.locator("dialog").count(), 0)
        assert.notInclude(page.url(), "#input")

        await page.evaluate("location.hash = '#input-3'")
        const retried = await page.locator("dialog .attempts").innerText()
        assert.match(retried, /✗ failed after [^]*Unreachable: no answer[^]*✓ succeeded[^]*after the previous attempt/)
        await page.evaluate("location.hash = '#input-5'")
        assert.match(
          await page.locator("dialog").innerText(),
          /recorded on 31 May 2025[^]*after 2 attempts and 1\.2 s/
        )
      })
      assert.deepStrictEqual(complaints, [])
    }).pipe(Effect.scoped))

  it.effect("names nested runs, their failures, and the inputs that started them", () =>
    Effect.gen(function*() {
      const { page } = yield* open(richPage)
      yield* Effect.promise(async () => {
        assert.match((await page.textContent("#verdict"))!, /; 8 of 96 inputs of nested runs failed$/)
        const rows = await page.locator("#nested tbody tr").allInnerTexts()
        assert.deepStrictEqual(rows.map((row) => row.split(/\s*\t/).slice(1, 5)), [
          ["3", "48", "44", "✗ 4: TooShort × 3, TooLarge × 1"],
          ["3", "48", "44", "✗ 4: TooShort × 3, TooLarge × 1"]
        ])
        assert.include(await page.innerText("#nested"), "9 runs")
        await page.click("#nested summary")
        // the list is made after the browser has reported that it is open
        await page.locator("#nested li").first().waitFor()
        assert.strictEqual(await page.locator("#nested li").count(), 6)
        // the run inside a run inside input 2 leads to input 2
        await page.locator("#nested li", { hasText: "paragraphs" }).nth(1).locator("button").click()
        const text = await page.innerText("dialog")
        assert.match(text, /Input #2[^]*Nested runs[^]*chapters: ✗ 4 of 16 inputs failed[^]*paragraphs: ✓ 16 inputs/)
        assert.include(text, "TooShort: 3 words × 3, for example chapter 1")
      })
    }).pipe(Effect.scoped))

  it.effect("draws flows as a graph, and shows the same in tables", () =>
    Effect.gen(function*() {
      const { page } = yield* open(richPage)
      yield* Effect.promise(async () => {
        const texts = await page.locator("#flows svg text").allTextContents()
        for (const text of ["read", "entered 60×", "✗ failed 2×", "done", "default 58×", "again 12×", "unsure 0×"]) {
          assert.include(texts, text)
        }
        assert.strictEqual(texts.filter((text) => text.includes("failed")).length, 1)
        assert.strictEqual(await page.locator("#flows .arrow.never").count(), 1)
        assert.include(await page.getAttribute("#flows svg", "aria-label"), "summarize: 60 runs through 3 nodes")
        await page.click("#flows summary")
        assert.match(await page.innerText("#flows"), /write\s+good\s+exit done\s+56/)
      })
    }).pipe(Effect.scoped))

  it.effect("shows the settings of the run, and offers the results of toJson and toTrace", () =>
    Effect.gen(function*() {
      const report = sample(200)
      const { page } = yield* open(Report.toHtml(report))
      const about = yield* open(richPage)
      yield* Effect.promise(async () => {
        assert.deepStrictEqual(await downloaded(page, "#download-json"), [
          "summaries.json",
          again(Report.toJson(report))
        ])
        assert.deepStrictEqual(
          await downloaded(page, "#download-trace"),
          ["summaries.trace.json", again(Report.toTrace(report))]
        )
        const text = await about.page.innerText("#about")
        for (const [name, value] of Object.entries({ ...rich.options, ...rich.host, backend: "threads" })) {
          assert.match(text, new RegExp(`${name}\\s+${value}`))
        }
        assert.deepStrictEqual((await downloaded(about.page, "#download-json"))[1], again(rich))
      })
    }).pipe(Effect.scoped))

  it.effect("groups failures by kind, the most frequent first", () =>
    Effect.gen(function*() {
      const json = Report.toJson(sample(2000))
      const failed = new Set(json.outcomes.filter(({ _tag }) => _tag === "Failure").map(({ index }) => index))
      const outcomes = json.outcomes.map((outcome) =>
        failed.has(outcome.index)
          ? Object.assign(outcome, { error: { message: outcome.index < 200 ? "TooLarge: 9 MB" : "TooShort: 3 words" } })
          : outcome
      )
      const { page } = yield* open(make(Object.assign(json, { outcomes })))
      const good = yield* open(Report.toHtml(sample(10)))
      yield* Effect.promise(async () => {
        assert.strictEqual(await page.textContent("#verdict"), "✗ 40 of 2,000 inputs failed in 3.71 s")
        assert.deepStrictEqual(await page.locator("#failures summary").allInnerTexts(), [
          "✗ TooShort × 36",
          "✗ TooLarge × 4"
        ])
        const first = page.locator("#failures details").first()
        assert.match(await first.innerText(), /3 words × 36/)
        assert.strictEqual(await first.locator(".link").count(), 20)
        await first.locator("text=show in the table").click()
        assert.match((await page.textContent("#inputs-shown"))!, /^36 of 2,000 inputs/)
        await first.locator(".link").first().click()
        assert.match((await page.textContent("#sheet-title"))!, /^Input #217$/)
        assert.match((await good.page.textContent("#verdict"))!, /^✓ All 10 inputs succeeded in /)
        assert.match(await good.page.innerText("#failures"), /No input failed/)
        assert.strictEqual(await good.page.locator(".tally .is-failed").count(), 0)
      })
    }).pipe(Effect.scoped))
}
