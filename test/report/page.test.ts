import { assert, describe, it, layer } from "@effect/vitest"
import { Effect } from "effect"
import { Parallel, Report } from "effect-parallel"
import { Chromium, drawn, hasBrowser, isThorough, open } from "./browser.ts"
import { live } from "./page/live.ts"
import { parts } from "./page/parts.ts"
import { readers } from "./page/readers.ts"
import { table } from "./page/table.ts"
import { sample } from "./sample.ts"

const hostile = `<script>window.owned = true</script><img src=x onerror="window.owned = true"></script><!--`

describe("Report.toHtml", () => {
  it("escapes inputs, errors and names", () => {
    const report = sample(20, { input: (index) => `${hostile}${index}` })

    const html = Report.toHtml({ ...report, ...sides(report), name: hostile })

    assert.strictEqual(html.match(/<script/g)?.length, 2)
    assert.notInclude(html, "<img")
    assert.include(html, "<title>&lt;script&gt;")
  })
})

/** Counts the pixels of each canvas that are neither gray nor empty. */
const colouredPixels = `[...document.querySelectorAll("canvas")].map((canvas) => {
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height)
  let count = 0
  for (let i = 0; i < data.length; i += 4) if (data[i + 3] > 30 && Math.abs(data[i] - data[i + 2]) > 40) count++
  return count
})`

const instantly = Parallel.run([1, 2, 3], Effect.succeed)

/** A copy of a report by spread loses its computed properties. */
const sides = <I, A, E>({ failures, values }: Report.Report<I, A, E>) => ({ failures, values })

const title = `the page of a report${hasBrowser ? "" : " (skipped: there is no Chromium)"}`

describe.skipIf(!hasBrowser)(title, () => {
  layer(Chromium.layer, { excludeTestServices: true })((it) => {
    it.effect("shows the numbers of the report, without errors or requests", () =>
      Effect.gen(function*() {
        const report = sample(1000)
        const tally = Report.tally(report)

        const { complaints, page, requests, url } = yield* open(Report.toHtml(report))
        const shown = (id: string) => Effect.promise(() => page.textContent(`#tally-${id}`))

        assert.deepStrictEqual(complaints, [])
        assert.deepStrictEqual(requests, [url])
        assert.strictEqual(yield* shown("total"), "1,000")
        assert.strictEqual(yield* shown("succeeded"), String(tally.succeeded))
        assert.strictEqual(yield* shown("failed"), String(tally.failed))
        assert.strictEqual(yield* shown("retried"), String(tally.retried))
        assert.strictEqual(yield* shown("attempts"), tally.attempts.toLocaleString("en"))
        assert.strictEqual(
          yield* Effect.promise(() => page.textContent("#verdict")),
          `✗ ${tally.failed} of 1,000 inputs failed in ${yield* shown("elapsed")}`
        )
      }).pipe(Effect.scoped))

    it.effect("shows a script in an input as plain text", () =>
      Effect.gen(function*() {
        const { complaints, page } = yield* open(
          Report.toHtml(sample(20, { input: (index) => `${hostile}${index}` }), { causes: 1 })
        )
        const texts = yield* Effect.promise(async () => {
          await page.locator("#failures .link").first().click()
          return [
            await page.locator("#inputs td.input").nth(3).textContent(),
            await page.locator("#failures .link").first().textContent(),
            await page.locator("dialog .code").first().textContent()
          ]
        })

        assert.deepStrictEqual(complaints, [])
        assert.isFalse(yield* Effect.promise(() => page.evaluate("'owned' in window")))
        assert.deepStrictEqual(texts, [`${hostile}3`, `#17 ${hostile}17`, `${hostile}17`])
      }).pipe(Effect.scoped))

    it.effect("shows control characters as escapes", () =>
      Effect.gen(function*() {
        const { page } = yield* open(Report.toHtml(sample(3, { input: (index) => `a\u0000b\u001b[31m${index}` })))
        const input = yield* Effect.promise(() => page.locator("#inputs td.input").first().textContent())

        // eslint-disable-next-line no-control-regex
        assert.notMatch(input!, /[\u0000-\u001f]/)
        assert.match(input!, /^a.+b.+0$/)
      }).pipe(Effect.scoped))

    it.effect("draws something in every chart", () =>
      Effect.gen(function*() {
        const { page } = yield* open(Report.toHtml(sample(1000)))

        const drawn = yield* Effect.promise(() => page.evaluate<Array<number>>(colouredPixels))

        assert.strictEqual(drawn.length, 4)
        for (const pixels of drawn) assert.isAbove(pixels, 1000)
      }).pipe(Effect.scoped))

    it.effect("describes the attempt below the pointer, opens it, and zooms into the marked range", () =>
      Effect.gen(function*() {
        const { page } = yield* open(Report.toHtml(sample(60, { workers: 1 })))
        const { height, width, x, y } = (yield* Effect.promise(() => page.locator("#timeline .u-over").boundingBox()))!
        const middle = y + height / 2
        const ticks = () => page.locator("#timeline canvas").screenshot()
        const before = yield* Effect.promise(ticks)
        yield* Effect.promise(async () => {
          await page.mouse.move(x + 1.5, middle)
          await drawn(page)
        })
        const tip = yield* Effect.promise(() => page.textContent("#timeline .tip"))
        const title = yield* Effect.promise(async () => {
          await page.mouse.click(x + 1.5, middle)
          const title = await page.textContent("#sheet-title")
          await page.keyboard.press("Escape")
          return title
        })
        yield* Effect.promise(async () => {
          await page.mouse.move(x + 0.4 * width, middle)
          await page.mouse.down()
          await page.mouse.move(x + 0.6 * width, middle, { steps: 4 })
          await page.mouse.up()
          await drawn(page)
        })

        assert.match(tip!, /^#0 texts\/0\.md✓ succeeded/)
        assert.strictEqual(title, "Input #0")
        assert.strictEqual(yield* Effect.promise(() => page.locator("dialog").count()), 0)
        assert.isFalse(before.equals(yield* Effect.promise(ticks)))
      }).pipe(Effect.scoped))

    it.effect("shows a report without inputs, and one of inputs that took no time", () =>
      Effect.gen(function*() {
        const none = yield* open(Report.toHtml(sample(0)))
        const instant = yield* open(Report.toHtml(yield* instantly))

        assert.deepStrictEqual([none.complaints, instant.complaints], [[], []])
        assert.strictEqual(yield* Effect.promise(() => none.page.textContent("#verdict")), "– The run had no inputs")
        assert.strictEqual(yield* Effect.promise(() => instant.page.textContent("#tally-total")), "3")
      }).pipe(Effect.scoped))

    it.effect("opens in less than two seconds for 100 000 outcomes", () =>
      Effect.gen(function*() {
        const html = Report.toHtml(sample(100_000, { workers: 32 }))

        const { complaints, page, worked } = yield* open(html)
        const again = yield* open(html)

        assert.deepStrictEqual(complaints, [])
        assert.strictEqual(yield* Effect.promise(() => page.textContent("#tally-total")), "100,000")
        assert.isBelow(Math.min(worked, again.worked), 2000, `of ${(html.length / 1e6).toFixed(1)} MB`)
      }).pipe(Effect.scoped))

    parts(it)
    table(it)
    if (isThorough) readers(it)
    live(it)
  })
})
