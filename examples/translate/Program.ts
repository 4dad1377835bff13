/**
 * The flow: one text in, its translations out.
 */
import { BatchNode, Flow, Limit, Node } from "effect-parallel"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"

/** The service has more requests than it bears (429), and says how long it wants to be left alone. */
class Busy extends Schema.TaggedError<Busy>("translate/Busy")("Busy", { millis: Schema.Finite }) {}

/** The service refused, or cannot be reached. */
class Refused extends Schema.TaggedError<Refused>("translate/Refused")("Refused", { why: Schema.String }) {}

/** What is to be translated, and by which service. */
export interface Job {
  readonly url: string
  readonly text: string
  readonly languages: ReadonlyArray<string>
}

const Answer = Schema.fromJsonString(Schema.Struct({ translation: Schema.String }))
const decode = Schema.decodeEffect(Answer)

/** Asks the service once. */
const ask = Effect.fnUntraced(
  function*(url: string, text: string, language: string) {
    const client = yield* HttpClient.HttpClient
    const request = HttpClientRequest.post(`${url}/?to=${language}`).pipe(HttpClientRequest.bodyText(text))
    const response = yield* client.execute(request)
    if (response.status === 429) return yield* new Busy({ millis: Number(response.headers["retry-after-ms"] ?? 100) })
    if (response.status !== 200) return yield* new Refused({ why: `${language}: ${response.status}` })
    return (yield* decode(yield* response.text)).translation
  },
  Effect.catchTags({
    HttpClientError: ({ message }) => Effect.fail(new Refused({ why: message })),
    SchemaError: ({ message }) => Effect.fail(new Refused({ why: message }))
  })
)

/** All runs share what the service has told of its load. */
const gentle = Limit.adaptive({ max: 8, overload: (error) => error instanceof Busy ? error.millis : false })

const translate = BatchNode.make("translate", {
  prep: ({ languages, text, url }: Job) => languages.map((language) => ({ language, text, url })),
  exec: ({ language, text, url }) =>
    Effect.map(ask(url, text, language), (translation) => [language, translation] as const),
  concurrency: 8,
  limit: gentle,
  timeout: "5 seconds",
  retry: { times: 20, schedule: Schedule.spaced("5 millis"), while: (error) => error._tag === "Busy" },
  post: (_, pairs) => Node.out("translated", pairs)
})

const write = Node.make("write", {
  exec: (pairs: ReadonlyArray<readonly [language: string, translation: string]>) =>
    pairs.map(([language, translation]) => `${language}  ${translation}`)
})

const flow = Flow.make("translation", {
  start: "translate",
  nodes: { translate, write },
  on: { translate: { translated: "write" }, write: { default: Flow.end } }
})

/** The translations, a line each, in the order of the languages. */
export const run = (job: Job) => Effect.map(Flow.run(flow, job), ({ value }) => value)
