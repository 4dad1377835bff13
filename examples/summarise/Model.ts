/**
 * A language model behind an OpenAI-compatible endpoint: `POST {base}/chat/completions`.
 */
import * as Clock from "effect/Clock"
import * as Config from "effect/Config"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { identity } from "effect/Function"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import type * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"

/** The URL of a server, the key for it if it needs one, and the name of the model. */
export interface Endpoint {
  readonly baseUrl: URL
  readonly key: Option.Option<Redacted.Redacted>
  readonly model: string
}

const HttpUrl = Schema.URL.check(
  Schema.makeFilter(({ protocol }) =>
    /^https?:$/.test(protocol) || "Expected a URL that starts with http:// or https://"
  )
)

/**
 * Reads the endpoint from the environment. Returns none unless `OPENAI_BASE_URL` is set and not empty.
 *
 * **Details**
 *
 * `OPENAI_API_KEY` is optional, for servers that need no key. `OPENAI_MODEL` is `gpt-4.1-mini` by default. Fails with
 * `ConfigError` if `OPENAI_BASE_URL` is not an HTTP or HTTPS URL.
 */
export const endpoint: Config.Config<Option.Option<Endpoint>> = Config.unwrap({
  baseUrl: Config.schema(HttpUrl, "OPENAI_BASE_URL"),
  key: Config.option(Config.Redacted("OPENAI_API_KEY")),
  model: Config.NonEmptyString("OPENAI_MODEL").pipe(Config.withDefault("gpt-4.1-mini"))
}).pipe(Config.option)

/** The model has too many requests (429). `retryAfter` is how long it asks to wait, if it says so. */
export class Overloaded extends Schema.TaggedError<Overloaded>("summarise/Model/Overloaded")("Overloaded", {
  retryAfter: Schema.optionalKey(Schema.Duration)
}) {
  override get message(): string {
    const { retryAfter } = this
    return `the model has too many requests${
      retryAfter === undefined ? "" : ` and asks to wait ${Duration.format(retryAfter)}`
    }`
  }
}

/** The server failed (5xx). */
export class ServerFailed extends Schema.TaggedError<ServerFailed>("summarise/Model/ServerFailed")("ServerFailed", {
  status: Schema.Int,
  said: Schema.String
}) {
  override get message(): string {
    return `the model's server failed with ${this.status}: ${this.said}`
  }
}

/** The server refuses the request, with a status that is not 2xx, 429 or 5xx. A second attempt would not help. */
export class Refused extends Schema.TaggedError<Refused>("summarise/Model/Refused")("Refused", {
  status: Schema.Int,
  said: Schema.String
}) {
  override get message(): string {
    return `the model refused the request with ${this.status}: ${this.said}`
  }
}

/** No answer arrived: the connection failed or ended early. */
export class Unreachable extends Schema.TaggedError<Unreachable>("summarise/Model/Unreachable")("Unreachable", {
  problem: Schema.String,
  cause: Schema.Defect()
}) {
  override get message(): string {
    return `the model cannot be reached: ${this.problem}`
  }
}

/** The answer is not JSON, or not a chat completion. */
export class Garbled extends Schema.TaggedError<Garbled>("summarise/Model/Garbled")("Garbled", {
  issue: Schema.String,
  said: Schema.String
}) {
  override get message(): string {
    return `the model's answer is not a chat completion: ${this.issue}, in ${this.said}`
  }
}

/** The reasons for which a model does not summarize a text. */
export const Failure = Schema.Union([Overloaded, ServerFailed, Refused, Unreachable, Garbled])
export type Failure = typeof Failure.Type

/** The most characters of a text that are sent: about 6,000 tokens, which every model in use accepts. */
const mostCharacters = 24_000

/**
 * Makes the function that asks the model for a summary in one sentence.
 *
 * **Details**
 *
 * Sends one request for each call and retries nothing. Sends at most the first 24,000 characters of a text. Fails with
 * `Failure`. Interruption aborts the request. The key is sent only in the header of the request; if the server quotes
 * it, messages show `<redacted>` instead.
 */
export const make = Effect.fnUntraced(function*(endpoint: Endpoint) {
  const client = yield* HttpClient.HttpClient
  const post = HttpClientRequest.post(`${endpoint.baseUrl.href.replace(/\/+$/, "")}/chat/completions`).pipe(
    HttpClientRequest.acceptJson,
    Option.isSome(endpoint.key) ? HttpClientRequest.bearerToken(endpoint.key.value) : identity
  )
  const quote = quoting(endpoint.key)
  return (text: string): Effect.Effect<string, Failure> =>
    client.execute(HttpClientRequest.bodyJsonUnsafe(post, conversation(endpoint.model, text))).pipe(
      Effect.flatMap((response) => answer(response, quote)),
      Effect.catchTag("HttpClientError", (cause) => Effect.fail(new Unreachable({ problem: root(cause), cause })))
    )
})

/**
 * Reads how long a `retry-after` header asks to wait: in seconds, or until an HTTP date (RFC 9110, section 10.2.3).
 * Returns `undefined` if it is neither, and zero if the date has passed. `now` is in milliseconds since 1970.
 */
export const retryAfter = (header: string | undefined, now: number): Duration.Duration | undefined => {
  if (header === undefined) return undefined
  if (/^\s*\d+\s*$/.test(header)) return Duration.seconds(Number(header))
  const date = Date.parse(header)
  return Number.isNaN(date) ? undefined : Duration.millis(Math.max(0, date - now))
}

const conversation = (model: string, text: string) => ({
  model,
  messages: [
    {
      role: "system",
      content: "Summarize the document in one sentence of at most 30 words, in its own language. " +
        "Answer with that sentence and nothing else."
    },
    { role: "user", content: text.slice(0, mostCharacters) }
  ]
})

const Completion = Schema.fromJsonString(Schema.Struct({
  choices: Schema.NonEmptyArray(Schema.Struct({
    message: Schema.Struct({ content: Schema.Trim.check(Schema.isNonEmpty()) })
  }))
}))

const decode = Schema.decodeEffect(Completion)

const answer = Effect.fnUntraced(function*(response: HttpClientResponse.HttpClientResponse, quote: Quote) {
  const { headers, status } = response
  const body = yield* response.text
  if (status === 429) {
    const wait = retryAfter(headers["retry-after"], yield* Clock.currentTimeMillis)
    return yield* new Overloaded(wait === undefined ? {} : { retryAfter: wait })
  }
  if (status >= 500) return yield* new ServerFailed({ status, said: quote(body) })
  if (status < 200 || status >= 300) return yield* new Refused({ status, said: quote(body) })
  const { choices } = yield* Effect.mapError(
    decode(body),
    (error) => new Garbled({ issue: quote(error.message), said: quote(body) })
  )
  return choices[0].message.content
})

type Quote = (text: string) => string

/** Makes a function that quotes an answer of the server as one line of at most 120 characters, without the key. */
const quoting = (key: Endpoint["key"]): Quote => {
  const secret = Option.isSome(key) ? Redacted.value(key.value) : ""
  return (text) => {
    const clean = secret === "" ? text : text.replaceAll(secret, "<redacted>")
    const line = clean.replace(/\s+/g, " ").trim()
    return line === "" ? "nothing" : line.length > 120 ? `${line.slice(0, 119)}…` : line
  }
}

/**
 * Returns the message of the innermost cause, since "fetch failed" says nothing; of several errors it takes the first.
 */
const root = (error: Error): string => {
  const below: unknown = error instanceof AggregateError ? error.errors[0] : error.cause
  return below instanceof Error ? root(below) : error.message
}
