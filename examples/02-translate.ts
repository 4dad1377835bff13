// A limit that adapts to refusals (429). A service that takes three requests at a time translates a text into eight
// languages; threads render the translations.
//
//   node examples/02-translate.ts
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Limit, Parallel } from "effect-parallel"
import * as Threads from "effect-parallel/backend/Threads"
import * as Cause from "effect/Cause"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpBody from "effect/http/HttpBody"
import * as HttpClient from "effect/http/HttpClient"
import * as Schema from "effect/Schema"
import { languages, text, translator } from "./fixtures/translator.ts"
import { toHtml } from "./translate/toHtml.ts"

/** The service has too many requests and says how long to wait. */
class Busy extends Schema.TaggedError<Busy>()("Busy", { millis: Schema.Finite }) {}

/** The service refuses the request for another reason, or cannot be reached. */
class Refused extends Schema.TaggedError<Refused>()("Refused", { message: Schema.String }) {}

const translate = Effect.fnUntraced(function*({ language, url }: { readonly language: string; readonly url: string }) {
  const response = yield* HttpClient.post(`${url}?to=${language}`, { body: HttpBody.text(text) })
  const body = yield* response.text
  if (response.status === 429) return yield* new Busy({ millis: Number(response.headers["retry-after-ms"]) })
  if (response.status !== 200) return yield* new Refused({ message: body })
  return yield* toHtml(body)
}, Effect.catchTag("HttpClientError", ({ message }) => Effect.fail(new Refused({ message }))))

const service = Limit.adaptive({ max: 8, overload: (error) => error instanceof Busy ? error.millis : false })

Effect.gen(function*() {
  const { refusals, url } = yield* translator
  const jobs = [...languages, "xx"].map((language) => ({ language, url }))
  const [pages, failures] = yield* Parallel.partition(jobs, translate, {
    limit: service,
    timeout: "10 seconds",
    retry: { times: 20, while: (error) => error._tag === "Busy" }
  })
  for (const page of pages) yield* Console.log(page.trim().replaceAll("\n", " "))
  for (const { cause, input } of failures) yield* Console.log(`${input.language}: ${String(Cause.squash(cause))}`)
  yield* Console.log(`requests refused before the limit adapted: ${refusals()}`)
}).pipe(Effect.scoped, Effect.provide([Threads.layer(), FetchHttpClient.layer]), NodeRuntime.runMain)
