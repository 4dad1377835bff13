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

/** Where the model is, and what it is called there. */
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
 * The endpoint that the environment names: none unless `OPENAI_BASE_URL` is set and not empty.
 *
 * **Details**
 *
 * `OPENAI_API_KEY` may be left out for servers that ask for none; `OPENAI_MODEL` is `gpt-4.1-mini` by default.
 * Errors: `ConfigError` when the URL is none, or not of HTTP.
 */
export const endpoint: Config.Config<Option.Option<Endpoint>> = Config.unwrap({
  baseUrl: Config.schema(HttpUrl, "OPENAI_BASE_URL"),
  key: Config.option(Config.Redacted("OPENAI_API_KEY")),
  model: Config.NonEmptyString("OPENAI_MODEL").pipe(Config.withDefault("gpt-4.1-mini"))
}).pipe(Config.option)

/** The model has more requests than it bears (429), and may have said how long it is to be left alone. */
export class Overloaded extends Schema.TaggedError<Overloaded>("summarise/Model/Overloaded")("Overloaded", {
  retryAfter: Schema.optionalKey(Schema.Duration)
}) {
  override get message(): string {
    const { retryAfter } = this
    return `the model has too many requests${
      retryAfter === undefined ? "" : `, and wants to be left alone for ${Duration.format(retryAfter)}`
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

/** The server does not take the request, and will not take it again: any other status than 2xx. */
export class Refused extends Schema.TaggedError<Refused>("summarise/Model/Refused")("Refused", {
  status: Schema.Int,
  said: Schema.String
}) {
  override get message(): string {
    return `the model refused with ${this.status}: ${this.said}`
  }
}

/** There was no answer: the connection failed, or ended early. */
export class Unreachable extends Schema.TaggedError<Unreachable>("summarise/Model/Unreachable")("Unreachable", {
  problem: Schema.String,
  cause: Schema.Defect()
}) {
  override get message(): string {
    return `the model cannot be reached: ${this.problem}`
  }
}

/** The answer is not JSON, or not of the shape of a chat completion. */
export class Garbled extends Schema.TaggedError<Garbled>("summarise/Model/Garbled")("Garbled", {
  issue: Schema.String,
  said: Schema.String
}) {
  override get message(): string {
    return `the model's answer cannot be understood: ${this.issue}, in ${this.said}`
  }
}

/** Why a model did not summarise a text. */
export const Failure = Schema.Union([Overloaded, ServerFailed, Refused, Unreachable, Garbled])
export type Failure = typeof Failure.Type

/** The most characters of a text that are sent: some 6,000 tokens, which every model in use takes. */
const mostCharacters = 24_000

/**
 * Makes the function that asks the model for a summary in one sentence.
 *
 * **Details**
 *
 * One request for each call; nothing is retried here. Of a longer text the first 24,000 characters are sent. Errors:
 * `Failure`. Interruption aborts the request. The key goes into the request's header and nowhere else: where a server
 * quotes it, it is blotted out.
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
 * How long a `retry-after` header asks to wait: seconds or an HTTP date (RFC 9110, section 10.2.3), `undefined` when it
 * is neither. `now` in milliseconds since 1970; a date that has passed asks for no wait.
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
      content: "Summarise the document in one sentence of at most 30 words, in its own language. " +
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

/** What a server said as one short line, without the key. */
const quoting = (key: Endpoint["key"]): Quote => {
  const secret = Option.isSome(key) ? Redacted.value(key.value) : ""
  return (text) => {
    const clean = secret === "" ? text : text.replaceAll(secret, "<redacted>")
    const line = clean.replace(/\s+/g, " ").trim()
    return line === "" ? "nothing" : line.length > 120 ? `${line.slice(0, 119)}…` : line
  }
}

/** What went wrong at the bottom: "fetch failed" says nothing. Of several addresses that failed, the first. */
const root = (error: Error): string => {
  const below: unknown = error instanceof AggregateError ? error.errors[0] : error.cause
  return below instanceof Error ? root(below) : error.message
}
