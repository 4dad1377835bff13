/** Tests of the table of all inputs: its order, filters, speed, and the zoom that it follows. */
import { assert, type Vitest } from "@effect/vitest"
import { Effect } from "effect"
import { Report } from "effect-parallel"
import type { Page } from "playwright-core"
import { type Chromium, drawn, isThorough, open } from "../browser.ts"
import { sample } from "../sample.ts"
import { rich, richPage } from "./rich.ts"

const shown = async (page: Page): Promise<number> => {
  await drawn(page)
  return Number(/^[\d,]+/.exec((await page.textContent("#inputs-shown"))!)![0].replaceAll(",", ""))
}

const column = (page: Page, name: string): Promise<ReadonlyArray<string>> =>
  page.locator(`#inputs tbody td.${name}`).allTextContents()

const sortBy = async (page: Page, name: string): Promise<void> => {
  await page.click(`#inputs th.${name} button`)
  await drawn(page)
}

export const table = (it: Vitest.MethodsNonLive<Chromium>) => {
  it.effect("has a table that sorts by each column, in both directions", () =>
    Effect.gen(function*() {
      const { page } = yield* open(Report.toHtml(sample(1000)))
      yield* Effect.promise(async () => {
        const head = page.locator("#inputs th.elapsed")
        assert.strictEqual(await page.getAttribute("#inputs th.index", "aria-sort"), "ascending")
        await sortBy(page, "elapsed")
        assert.strictEqual(await head.getAttribute("aria-sort"), "ascending")
        await sortBy(page, "elapsed")
        assert.strictEqual(await head.getAttribute("aria-sort"), "descending")
        const longest = await page.textContent("#quantiles li:last-child b")
        assert.strictEqual((await column(page, "elapsed"))[0], longest)
        await sortBy(page, "status")
        assert.strictEqual((await column(page, "status"))[0], "✗ failed")
        await sortBy(page, "input")
        assert.deepStrictEqual((await column(page, "input")).slice(0, 3), ["texts/0.md", "texts/1.md", "texts/2.md"])
        await sortBy(page, "input")
        assert.strictEqual((await column(page, "input"))[0], "texts/999.md")
        await sortBy(page, "message")
        assert.include((await column(page, "message"))[0], "Unreachable")
        await sortBy(page, "attempts")
        await sortBy(page, "attempts")
        assert.strictEqual((await column(page, "attempts"))[0], "2")
        await sortBy(page, "worker")
        assert.strictEqual((await column(page, "worker"))[0], "0")
        await sortBy(page, "startedAt")
        assert.strictEqual((await column(page, "startedAt"))[0], "0")
      })
    }).pipe(Effect.scoped))

  it.effect("has a table that filters by text, status and worker", () =>
    Effect.gen(function*() {
      const report = sample(2000)
      const { page } = yield* open(Report.toHtml(report))
      const recalled = yield* open(richPage)
      yield* Effect.promise(async () => {
        const { failed, retried } = Report.tally(report)
        assert.strictEqual(await shown(page), 2000)
        await page.fill("#filter", "TEXTS/117.MD")
        assert.strictEqual(await shown(page), 1)
        await page.fill("#filter", "no answer for")
        assert.strictEqual(await shown(page), failed)
        // stacks are not searched
        await page.fill("#filter", "sample.ts")
        assert.strictEqual(await shown(page), 0)
        await page.click("#inputs-shown >> text=show all")
        assert.strictEqual(await shown(page), 2000)
        assert.strictEqual(await page.inputValue("#filter"), "")
        await page.selectOption("#filter-status", "failed")
        assert.strictEqual(await shown(page), failed)
        await page.selectOption("#filter-status", "retried")
        assert.strictEqual(await shown(page), retried)
        await page.selectOption("#filter-status", "succeeded")
        assert.strictEqual(await shown(page), 2000 - failed)
        await page.selectOption("#filter-worker", "3")
        const ofWorker = report.outcomes.filter(({ _tag, worker }) => _tag === "Success" && worker === 3).length
        assert.strictEqual(await shown(page), ofWorker)
        await recalled.page.selectOption("#filter-status", "recalled")
        assert.strictEqual(await shown(recalled.page), 1)
        assert.deepStrictEqual(await column(recalled.page, "status"), ["⟲ recalled"])
        await recalled.page.selectOption("#filter-status", "all")
        const names = new Set(await column(recalled.page, "worker"))
        assert.includeMembers([...names], ["0 on elm", "1 on oak", "–"])
      })
    }).pipe(Effect.scoped))

  it.effect("has a table that follows the zoom, like the charts; a chip resets it", () =>
    Effect.gen(function*() {
      const { page } = yield* open(richPage)
      yield* Effect.promise(async () => {
        const until = Math.max(...rich.outcomes.map(({ elapsed, startedAt }) => startedAt + elapsed), rich.elapsed)
        const within = ([from, to]: readonly [number, number]) =>
          rich.outcomes.filter(({ attempts, elapsed, startedAt }) =>
            attempts > 0 && startedAt <= to && startedAt + elapsed >= from
          ).length
        const quantiles = await page.innerText("#quantiles")
        await page.focus("#timeline .chart")
        await page.keyboard.press("+")
        assert.strictEqual(await shown(page), within([until / 4, 3 * until / 4]))
        assert.match(await page.innerText("#time .chip"), /^from .+ to .+ ×/)
        assert.notStrictEqual(await page.innerText("#quantiles"), quantiles)
        await page.keyboard.press("ArrowRight")
        assert.strictEqual(await shown(page), within([0.35 * until, 0.85 * until]))
        await page.keyboard.press("-")
        assert.strictEqual(await shown(page), 60)
        // the range that is marked in another chart is shown in all charts
        const box = (await page.locator("#time .u-over").nth(1).boundingBox())!
        await page.mouse.move(box.x + 0.5 * box.width, box.y + 40)
        await page.mouse.down()
        await page.mouse.move(box.x + 0.7 * box.width, box.y + 40, { steps: 4 })
        await page.mouse.up()
        assert.isBelow(await shown(page), 40)
        await page.click("#inputs-shown .chip")
        assert.strictEqual(await shown(page), 60)
        assert.strictEqual(await page.locator(".chip").count(), 0)
        await page.focus("#timeline .chart")
        await page.keyboard.press("+")
        await page.dblclick("#timeline .u-over", { position: { x: 5, y: 2 } })
        assert.strictEqual(await shown(page), 60)
      })
    }).pipe(Effect.scoped))

  if (isThorough) large(it)
}

/** Tests of a table of 100 000 rows. */
const large = (it: Vitest.MethodsNonLive<Chromium>) => {
  it.effect("has a table that renders few of 100 000 rows, reaches all by keyboard, and sorts within 200 ms", () =>
    Effect.gen(function*() {
      const html = Report.toHtml(sample(100_000, { workers: 32 }))
      const columns = ["input", "status", "elapsed", "startedAt", "attempts", "worker", "message", "index"]
      const rounds = [yield* open(html), yield* open(html)]
      const times = yield* Effect.promise(async () => {
        const times: Array<ReadonlyArray<number>> = []
        for (const { measure, page } of rounds) {
          // sort keys are computed when the browser is idle
          await page.evaluate("new Promise((idle) => requestIdleCallback(idle))")
          const row: Array<number> = []
          for (const name of columns) row.push(await measure(() => page.click(`#inputs th.${name} button`)))
          times.push(row)
        }
        return times
      })
      const [{ page }] = rounds as [typeof rounds[0]]
      yield* Effect.promise(async () => {
        assert.strictEqual(await page.getAttribute("#inputs table", "aria-rowcount"), "100001")
        assert.isBelow(await page.locator("#inputs tbody tr").count(), 50)
        await page.locator("#inputs tbody tr[tabindex='0']").focus()
        const focused = () => page.evaluate<string>("document.activeElement.getAttribute('aria-rowindex')")
        await page.keyboard.press("End")
        await drawn(page)
        assert.strictEqual(await focused(), "100001")
        await page.keyboard.press("PageUp")
        await drawn(page)
        assert.strictEqual(await focused(), "99987")
        await page.keyboard.press("Home")
        await page.keyboard.press("ArrowDown")
        await drawn(page)
        assert.strictEqual(await focused(), "3")
        await page.keyboard.press("Enter")
        assert.match((await page.textContent("#sheet-title"))!, /^Input #1$/)
      })
      for (const [i, name] of columns.entries()) {
        assert.isBelow(Math.min(...times.map((row) => row[i]!)), 200, `by ${name}`)
      }
    }).pipe(Effect.scoped))
}
