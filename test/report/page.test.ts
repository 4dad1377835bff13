import { assert, describe, it, layer } from "@effect/vitest"
import { Effect } from "effect"
import { Parallel, Report } from "effect-parallel"
import { Chromium, hasBrowser, open } from "./browser.ts"
import { sample } from "./sample.ts"

const hostile = `<script>window.owned = true</script><img src=x onerror="window.owned = true"></script><!--`

describe("Report.toHtml", () => {
  it("lets nothing of an input, an error or a name become markup", () => {
    const report = sample(20, { input: (index) => `${hostile}${index}` })

    const html = Report.toHtml({ ...report, ...sides(report), name: hostile })

    assert.strictEqual(html.match(/<script/g)?.length, 2)
    assert.notInclude(html, "<img")
    assert.include(html, "<title>&lt;script&gt;")
  })
})

/** How many pixels of each canvas are neither grey nor empty. */
const colouredPixels = `[...document.querySelectorAll("canvas")].map((canvas) => {
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height)
  let count = 0
  for (let i = 0; i < data.length; i += 4) if (data[i + 3] > 30 && Math.abs(data[i] - data[i + 2]) > 40) count++
  return count
})`

const instantly = Parallel.run([1, 2, 3], Effect.succeed)

/** A report by spread loses what it works out. */
const sides = <I, A, E>({ failures, values }: Report.Report<I, A, E>) => ({ failures, values })

const title = `the page of a report${hasBrowser ? "" : " (skipped: there is no Chromium)"}`

describe.skipIf(!hasBrowser)(title, () => {
  layer(Chromium.layer, { excludeTestServices: true })((it) => {
    it.effect("shows the numbers of the report, complains of nothing and asks for nothing", () =>
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
        assert.strictEqual(yield* Effect.promise(() => page.locator("details").count()), tally.failed)
        assert.strictEqual(yield* Effect.promise(() => page.locator("canvas").count()), 4)
      }).pipe(Effect.scoped))

    it.effect("shows a script in an input as the text that it is", () =>
      Effect.gen(function*() {
        const { complaints, page } = yield* open(
          Report.toHtml(sample(20, { input: (index) => `${hostile}${index}` }))
        )

        assert.deepStrictEqual(complaints, [])
        assert.isFalse(yield* Effect.promise(() => page.evaluate("'owned' in window")))
        assert.strictEqual(
          yield* Effect.promise(() => page.locator("summary b").first().textContent()),
          `${hostile}17`
        )
      }).pipe(Effect.scoped))

    it.effect("draws something in every chart", () =>
      Effect.gen(function*() {
        const { page } = yield* open(Report.toHtml(sample(1000)))

        const drawn = yield* Effect.promise(() => page.evaluate<Array<number>>(colouredPixels))

        assert.strictEqual(drawn.length, 4)
        for (const pixels of drawn) assert.isAbove(pixels, 1000)
      }).pipe(Effect.scoped))

    it.effect("finds failed inputs, and shows the cause of one with its stack", () =>
      Effect.gen(function*() {
        const { page } = yield* open(Report.toHtml(sample(2000)))
        const failed = page.locator("details")
        yield* Effect.promise(() => page.fill("#filter", "texts/117.md"))
        const [one, said] = yield* Effect.promise(() =>
          Promise.all([failed.count(), page.textContent("#failed-shown")])
        )
        yield* Effect.promise(() => page.click("summary"))

        assert.strictEqual(one, 1)
        assert.strictEqual(said, "1 of 40 failed inputs")
        assert.match(
          (yield* Effect.promise(() => page.locator("details pre").textContent()))!,
          /Unreachable: no answer for texts\/117\.md[^]*sample\.ts/
        )
      }).pipe(Effect.scoped))

    it.effect("tells of the attempt below the pointer, and zooms into what is marked", () =>
      Effect.gen(function*() {
        const { page } = yield* open(Report.toHtml(sample(60, { workers: 1 })))
        const { height, width, x, y } = (yield* Effect.promise(() => page.locator("#timeline .u-over").boundingBox()))!
        const middle = y + height / 2
        const ticks = () => page.locator("#timeline canvas").screenshot()
        const before = yield* Effect.promise(ticks)
        yield* Effect.promise(() => page.mouse.move(x + 4, middle))
        const tip = yield* Effect.promise(() => page.textContent("#timeline .tip"))
        yield* Effect.promise(async () => {
          await page.mouse.move(x + 0.4 * width, middle)
          await page.mouse.down()
          await page.mouse.move(x + 0.6 * width, middle, { steps: 4 })
          await page.mouse.up()
        })

        assert.match(tip!, /^#0 texts\/0\.mdsucceeded/)
        assert.isFalse(before.equals(yield* Effect.promise(ticks)))
      }).pipe(Effect.scoped))

    it.effect("shows a report without inputs, and one of inputs that took no time", () =>
      Effect.gen(function*() {
        const none = yield* open(Report.toHtml(sample(0)))
        const instant = yield* open(Report.toHtml(yield* instantly))

        assert.deepStrictEqual([none.complaints, instant.complaints], [[], []])
        assert.strictEqual(yield* Effect.promise(() => instant.page.textContent("#tally-total")), "3")
      }).pipe(Effect.scoped))

    it.effect("is there in less than two seconds for 100 000 outcomes", () =>
      Effect.gen(function*() {
        const html = Report.toHtml(sample(100_000, { workers: 32 }))

        const { complaints, page, worked } = yield* open(html)
        const again = yield* open(html)

        assert.deepStrictEqual(complaints, [])
        assert.strictEqual(yield* Effect.promise(() => page.textContent("#tally-total")), "100,000")
        assert.isBelow(Math.min(worked, again.worked), 2000, `of ${(html.length / 1e6).toFixed(1)} MB`)
      }).pipe(Effect.scoped))
  })
})
