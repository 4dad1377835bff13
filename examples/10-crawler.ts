// A crawler with a limit for each host: at most two requests at a time, without delaying requests to other hosts.
//
//   node examples/10-crawler.ts
//
// The example serves the three sites itself (fixtures/sites.ts). Dead links are printed.
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Limit, Outcome, Parallel } from "effect-parallel"
import * as Cause from "effect/Cause"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpClient from "effect/http/HttpClient"
import * as Schema from "effect/Schema"
import { parse } from "node-html-parser"
import { sites } from "./fixtures/sites.ts"

/** The page of a link cannot be fetched, or its status is not 200. */
class DeadLink extends Schema.TaggedError<DeadLink>()("DeadLink", { message: Schema.String }) {}

/** Fetches a page and returns the URLs of its links. */
const linksOf = Effect.fnUntraced(function*(url: string) {
  const response = yield* HttpClient.get(url)
  if (response.status !== 200) return yield* new DeadLink({ message: `status ${response.status}` })
  const links = parse(yield* response.text).querySelectorAll("a[href]")
  return links.map((link) => new URL(link.getAttribute("href")!, url).href)
}, Effect.catchTag("HttpClientError", ({ message }) => Effect.fail(new DeadLink({ message }))))

const perHost = Limit.keyed((url: string) => new URL(url).host, () => Limit.concurrency(2))

/** Visits every page that can be reached from the first, one level of links at a time. */
const crawl = Effect.fnUntraced(function*(start: string) {
  const outcomes = new Map<string, Outcome.Outcome<string, ReadonlyArray<string>, DeadLink>>()
  let level = new Set([start])
  while (level.size > 0) {
    const report = yield* Parallel.run(level, linksOf, { concurrency: 16, limit: perHost })
    for (const outcome of report.outcomes) outcomes.set(outcome.input, outcome)
    level = new Set(report.values.flat().filter((url) => !outcomes.has(url)))
  }
  return [...outcomes.values()]
})

Effect.gen(function*() {
  const served = yield* sites
  const outcomes = yield* crawl(served[0]!.url)
  for (const { name, peak, url } of served) {
    const visits = outcomes.filter(({ input }) => new URL(input).host === new URL(url).host)
    yield* Console.log(
      `${name}: ${visits.filter(Outcome.isSuccess).length} pages, at most ${peak()} requests at a time`
    )
    for (const { cause, input } of visits.filter(Outcome.isFailure)) {
      yield* Console.log(`  ${new URL(input).pathname}: ${String(Cause.squash(cause))}`)
    }
  }
}).pipe(Effect.scoped, Effect.provide(FetchHttpClient.layer), NodeRuntime.runMain)
