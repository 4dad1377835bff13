import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Duration, Effect, FileSystem, Option, Redacted, Stdio } from "effect"
import { Journal, Outcome } from "effect-parallel"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import * as Model from "../../../examples/summarise/Model.ts"
import * as Patience from "../../../examples/summarise/Patience.ts"
import * as Program from "../../../examples/summarise/Program.ts"
import { Summariser } from "../../../examples/summarise/Summariser.ts"

/** A request that the server received. `at` is in milliseconds. */
interface Call {
  readonly at: number
  readonly url: string
  readonly authorization: string | undefined
  readonly model: string
  readonly text: string
  readonly closed: Promise<void>
}

interface Reply {
  readonly status?: number
  readonly headers?: Record<string, string>
  readonly body: string
}

const completion = (content: string): Reply => ({ body: JSON.stringify({ choices: [{ message: { content } }] }) })

/** Starts a server that answers the n-th request (from 0) for a text. Without a reply it does not answer. */
const serve = (reply: (text: string, n: number) => Reply | undefined) =>
  Effect.gen(function*() {
    const calls: Array<Call> = []
    const answer = async (request: IncomingMessage, response: ServerResponse) => {
      const at = performance.now()
      const closed = new Promise<void>((resolve) => response.on("close", resolve))
      const { messages, model } = JSON.parse((await request.toArray()).join(""))
      const text: string = messages.at(-1).content.split(" ")[0]
      const { authorization } = request.headers
      const n = calls.filter((call) => call.text === text).length
      calls.push({ at, url: request.url!, authorization, model, text, closed })
      const { body, headers, status = 200 } = reply(text, n) ?? {}
      if (body !== undefined) response.writeHead(status, headers).end(body)
    }
    const server = yield* Effect.acquireRelease(
      Effect.callback<ReturnType<typeof createServer>>((resume) => {
        const server = createServer((request, response) => void answer(request, response))
        server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
      }),
      (server) =>
        Effect.sync(() => {
          server.closeAllConnections()
          server.close()
        })
    )
    return { calls, baseUrl: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`) }
  })

const key = "sk-never-to-be-seen"

/** Summarizes texts that begin with these words, with the model at the URL. */
const summarise = (baseUrl: URL, words: ReadonlyArray<string>, settings?: Partial<Program.Settings>) =>
  Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    const folder = yield* fs.makeTempDirectoryScoped()
    const files = words.map((word) => `${folder}/${word}.md`)
    yield* Effect.forEach(
      words,
      (word) =>
        fs.writeFileString(
          `${folder}/${word}.md`,
          `${word} is how this text begins. ${"It goes on and on. ".repeat(9)}`
        )
    )
    const { report } = yield* Program.summaries(files, Infinity, {
      paths: [],
      concurrency: 4,
      timeout: "10 seconds",
      backoff: "1 millis",
      all: false,
      watch: false,
      packages: "",
      ...settings
    })
    return report
  }).pipe(
    Effect.provide(Summariser.layerModel({ baseUrl, key: Option.some(Redacted.make(key)), model: "small" })),
    Effect.provide([NodeFileSystem.layer, Stdio.layerTest({}), Journal.layerMemory])
  )

const errorOf = (outcome: Outcome.Outcome<string, unknown, unknown> | undefined): any =>
  outcome !== undefined && Outcome.isFailure(outcome) ? Cause.squash(outcome.cause) : undefined

describe("Model", () => {
  it("retryAfter reads seconds and dates, and nothing else", () => {
    const now = Date.parse("Wed, 21 Oct 2015 07:28:00 GMT")

    const waits = ["3", "Wed, 21 Oct 2015 07:28:02 GMT", "Wed, 21 Oct 2015 07:27:00 GMT", "soon", undefined].map((
      header
    ) => Model.retryAfter(header, now))

    assert.deepStrictEqual(waits, [Duration.seconds(3), Duration.seconds(2), Duration.zero, undefined, undefined])
  })

  it.live("a text is sent to the model with the key, and its answer is the summary", () =>
    Effect.gen(function*() {
      const { baseUrl, calls } = yield* serve((text) => completion(` About\n${text}. `))

      const report = yield* summarise(baseUrl, ["Foxes"])

      assert.deepStrictEqual(report.values, [{ words: 51, sentence: "About Foxes." }])
      assert.strictEqual(calls.length, 1)
      assert.deepInclude(calls[0], { url: "/v1/chat/completions", model: "small", authorization: `Bearer ${key}` })
    }))

  it.live("after a 429 no request is sent for as long as it says, then everything succeeds", () =>
    Effect.gen(function*() {
      const { baseUrl, calls } = yield* serve((text, n) =>
        text === "First" && n === 0 ? { status: 429, headers: { "retry-after": "1" }, body: "{}" } : completion("Done.")
      )

      const report = yield* summarise(baseUrl, ["First", "Second", "Third"], { concurrency: 1 })

      const [refused, ...others] = calls
      assert.strictEqual(refused!.text, "First")
      assert.deepStrictEqual(others.map(({ text }) => text).toSorted(), ["First", "Second", "Third"])
      for (const call of others) assert.isAtLeast(call.at - refused!.at, 990)
      assert.deepStrictEqual(report.outcomes.map(({ attempts }) => attempts), [2, 1, 1])
      assert.strictEqual(report.failures.length, 0)
    }))

  it.live("a 429 that asks to wait more than two minutes fails immediately, with that time", () =>
    Effect.gen(function*() {
      const { baseUrl, calls } = yield* serve(() => ({ status: 429, headers: { "retry-after": "3600" }, body: "" }))

      const report = yield* summarise(baseUrl, ["One", "Two"])

      assert.strictEqual(calls.length, 2)
      assert.deepInclude(errorOf(report.outcomes[0]), { _tag: "Overloaded", retryAfter: Duration.hours(1) })
    }))

  it.live("a 5xx is tried again at most three times", () =>
    Effect.gen(function*() {
      const { baseUrl, calls } = yield* serve((text, n) =>
        text === "Often" || n < 2 ? { status: 503, body: "busy" } : completion("Done.")
      )

      const report = yield* summarise(baseUrl, ["Often", "Twice"])

      assert.deepStrictEqual(report.outcomes.map(({ attempts }) => attempts), [4, 3])
      assert.deepInclude(errorOf(report.outcomes[0]), { _tag: "ServerFailed", status: 503, said: "busy" })
      assert.strictEqual(calls.length, 7)
    }))

  it.live("a model that does not answer times out, is not asked again, and its request is aborted", () =>
    Effect.gen(function*() {
      const { baseUrl, calls } = yield* serve((text) => text === "Slow" ? undefined : completion("Done."))

      const report = yield* summarise(baseUrl, ["Quick", "Slow"], { timeout: "1 second" })

      assert.strictEqual(report.outcomes[0]!._tag, "Success")
      assert.strictEqual(errorOf(report.outcomes[1])._tag, "TimeoutError")
      const slow = calls.filter(({ text }) => text === "Slow")
      assert.strictEqual(slow.length, 1)
      yield* Effect.promise(() => slow[0]!.closed)
    }))

  it.live("an answer that is not a chat completion is a typed failure, and is not tried again", () =>
    Effect.gen(function*() {
      const bodies: Record<string, string> = {
        Html: "<html>login</html>",
        Shape: `{"choices":[]}`,
        Blank: completion(" \n").body,
        Null: `{"choices":[{"message":{"content":null}}]}`
      }
      const { baseUrl, calls } = yield* serve((text) => ({ body: bodies[text]! }))

      const report = yield* summarise(baseUrl, Object.keys(bodies))

      for (const outcome of report.outcomes) assert.instanceOf(errorOf(outcome), Model.Garbled)
      assert.strictEqual(errorOf(report.outcomes[0]).said, "<html>login</html>")
      assert.strictEqual(calls.length, 4)
    }))

  it.live("a refusal is a typed failure that does not show the key, even if the server does", () =>
    Effect.gen(function*() {
      const { baseUrl, calls } = yield* serve(() => ({ status: 401, body: `no such\nkey: ${key}` }))

      const report = yield* summarise(baseUrl, ["One"])

      assert.instanceOf(errorOf(report.outcomes[0]), Model.Refused)
      assert.deepInclude(errorOf(report.outcomes[0]), { status: 401, said: "no such key: <redacted>" })
      assert.strictEqual(calls.length, 1)
    }))

  it.live("a server that cannot be reached is a typed failure with the reason", () =>
    Effect.gen(function*() {
      const { baseUrl } = yield* Effect.scoped(serve(() => undefined))

      const report = yield* summarise(baseUrl, ["One"])

      assert.strictEqual(report.outcomes[0]!.attempts, 4)
      assert.match(errorOf(report.outcomes[0]).message, /^the model cannot be reached: connect ECONNREFUSED/)
    }))
})

describe("Patience", () => {
  it.effect("each 429 lowers the concurrency, other failures do not", () =>
    Effect.gen(function*() {
      const limit = Patience.limit(8)

      yield* Effect.exit(limit.around(Effect.fail(new Model.ServerFailed({ status: 500, said: "" })), undefined))
      const before = yield* limit.current
      yield* Effect.exit(limit.around(Effect.fail(new Model.Overloaded({})), undefined))

      assert.isBelow(yield* limit.current, before)
    }))
})
