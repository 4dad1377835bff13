/** The dashboard in a browser, while this program runs something. */
import { assert, describe, layer } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Layer, Logger, Scope } from "effect"
import { Parallel, Report } from "effect-parallel"
import * as Dashboard from "effect-parallel/Dashboard"
import { range } from "../helpers.ts"
import { blank, Chromium, hasBrowser, listen } from "../report/browser.ts"

const title = `a dashboard in a browser${hasBrowser ? "" : " (skipped: there is no Chromium)"}`

/** Opens the page of the dashboard that is provided. */
const opened = Effect.gen(function*() {
  const { url } = yield* Dashboard.Dashboard
  const page = yield* blank()
  const complaints = listen(page)
  yield* Effect.promise(() => page.goto(url))
  return { page, complaints }
})

/** Waits until the page shows a text in an element. */
const shows = (page: Effect.Success<typeof opened>["page"], selector: string, text: string) =>
  Effect.promise(() => page.locator(selector).getByText(text, { exact: false }).first().waitFor())

describe.skipIf(!hasBrowser)(title, () => {
  layer(Chromium.layer, { excludeTestServices: true })((it) => {
    it.effect("follows a run, ends with the numbers of its report, and shows when its program ends", () =>
      Effect.gen(function*() {
        const scope = yield* Scope.make()
        const context = yield* Layer.buildWithScope(Dashboard.layer(), scope)
        yield* Effect.gen(function*() {
          const gates = yield* Effect.forEach(range(3), () => Deferred.make<void>())
          const work = (n: number) =>
            Effect.andThen(
              Deferred.await(gates[n % 3]!),
              n % 10 === 1 ? Effect.fail("one too many") : Effect.succeed(n)
            )
          const run = Parallel.run(range(60), work, { name: "sixty", concurrency: "unbounded" })
          const { complaints, page } = yield* opened
          yield* shows(page, "#connection", "live")
          const fiber = yield* Effect.forkChild(run)
          yield* shows(page, "#runs", "0 of 60 inputs")
          yield* shows(page, "#under-way", "#0")
          yield* Deferred.succeed(gates[0]!, undefined)
          yield* shows(page, "#runs", "20 of 60 inputs")
          yield* Deferred.succeed(gates[1]!, undefined)
          yield* shows(page, "#runs", "40 of 60 inputs")
          yield* shows(page, "#failures", "one too many")
          yield* Deferred.succeed(gates[2]!, undefined)
          const report = yield* Fiber.join(fiber)
          const { failed, succeeded, total } = Report.tally(report)
          yield* Effect.promise(() => page.waitForSelector("#tally-total"))
          const [shownTotal, shownSucceeded, shownFailed] = yield* Effect.promise(() =>
            Promise.all(["total", "succeeded", "failed"].map((id) => page.textContent(`#tally-${id}`)))
          )

          assert.deepStrictEqual([shownTotal, shownSucceeded, shownFailed], [total, succeeded, failed].map(String))
          yield* Scope.close(scope, Exit.void)
          yield* shows(page, "#connection", "the program has ended")
          assert.deepStrictEqual(complaints, [])
        }).pipe(Effect.provide(context))
      }).pipe(Effect.scoped, Effect.provide(Logger.layer([]))))

    it.effect("shows inputs and errors as plain text", () =>
      Effect.gen(function*() {
        const hostile = `<img src=x onerror="window.owned = true"><script>window.owned = true</script>\u202e`
        const { complaints, page } = yield* opened
        yield* Parallel.partition([hostile], () => Effect.fail(hostile), { name: hostile })
        yield* shows(page, "#inputs", "<img src=x")

        assert.isFalse(yield* Effect.promise(() => page.evaluate("'owned' in window")))
        assert.deepStrictEqual(complaints, [])
      }).pipe(Effect.scoped, Effect.provide(Layer.provide(Dashboard.layer(), Logger.layer([])))))
  })
})
