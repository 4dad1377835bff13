/** Tests of accessibility: on a phone and a desktop, in dark mode, by keyboard only, and with a screen reader. */
import { assert, type Vitest } from "@effect/vitest"
import axe from "axe-core"
import { Effect } from "effect"
import { Report } from "effect-parallel"
import type { Page } from "playwright-core"
import { type Chromium, drawn, open } from "../browser.ts"
import { sample } from "../sample.ts"
import { richPage } from "./rich.ts"

const views = [390, 1280].flatMap((width) => [false, true].map((dark) => ({ width, dark })))

/** Finds serious accessibility problems. */
export const barriersOf = async (page: Page): Promise<ReadonlyArray<string>> => {
  await page.evaluate(axe.source)
  const { violations } = await page.evaluate<axe.AxeResults>("axe.run({ resultTypes: ['violations'] })")
  return violations.filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 200)).join(" ")}`)
}

/** Returns by how many pixels the page is wider than the window. */
export const overhang = (page: Page): Promise<number> =>
  page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")

export const readers = (it: Vitest.MethodsNonLive<Chromium>) => {
  for (const view of views) {
    const name = `on ${view.width} pixels ${view.dark ? "in the dark" : "in the light"}`
    it.effect(`fits ${name}, and is accessible`, () =>
      Effect.gen(function*() {
        const { page } = yield* open(richPage, view)
        const failing = yield* open(Report.toHtml(sample(2000)), view)
        yield* Effect.promise(async () => {
          assert.strictEqual(await overhang(page), 0)
          assert.strictEqual(await overhang(failing.page), 0)
          for (const summary of await page.locator("main summary").all()) await summary.click()
          assert.strictEqual(await overhang(page), 0)
          assert.deepStrictEqual(await barriersOf(page), [])
          await page.evaluate("location.hash = '#input-17'")
          await page.waitForSelector("dialog")
          assert.strictEqual(await overhang(page), 0)
          assert.deepStrictEqual(await barriersOf(page), [])
          const columns = await page.locator("#inputs thead th:visible").allInnerTexts()
          assert.strictEqual(columns.length, view.width === 390 ? 3 : 8)
        })
      }).pipe(Effect.scoped))
  }

  it.effect("can be used with only the keyboard", () =>
    Effect.gen(function*() {
      const { page } = yield* open(richPage)
      yield* Effect.promise(async () => {
        const reached = new Map<string, boolean>()
        for (let i = 0; i < 120; i++) {
          await page.keyboard.press("Tab")
          const [what, isSeen] = await page.evaluate<readonly [string, boolean]>(`(() => {
            const { activeElement: element } = document
            const { outlineStyle } = getComputedStyle(element)
            const section = element.closest("section, nav, header")?.id ?? ""
            return [section + " " + element.localName + (element.id === "" ? "" : "#" + element.id), outlineStyle !== "none"]
          })()`)
          reached.set(what, isSeen)
          if (what === "failures summary") await page.keyboard.press("Enter")
        }
        for (
          const what of [
            "timeline div",
            "failures summary",
            "time div",
            "inputs input#filter",
            "inputs select#filter-status",
            "inputs button",
            "inputs tr",
            "nested summary",
            "flows summary",
            "about button#download-json"
          ]
        ) {
          assert.isTrue(reached.get(what), what)
        }
        await page.locator("#inputs tbody tr[tabindex='0']").focus()
        await page.keyboard.press("ArrowDown")
        await page.keyboard.press("Enter")
        assert.strictEqual(await page.textContent("#sheet-title"), "Input #1")
        await page.keyboard.press("Escape")
        await drawn(page)
        assert.strictEqual(await page.evaluate("document.activeElement.getAttribute('aria-rowindex')"), "3")
      })
    }).pipe(Effect.scoped))
}
