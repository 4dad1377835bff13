import { assert, beforeAll, describe, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import { messagesOf, oldMessagesOf } from "./compiler.ts"

/** Common mistakes, and the message of the compiler for each: its first and its last line. */
const mistakes: ReadonlyArray<[name: string, code: string, says: ReadonlyArray<RegExp>]> = [
  [
    "an option that is misspelt",
    "Parallel.forEach([1], half, { concurency: 3 })",
    [/'concurency' does not exist in type 'Options<string, .*Did you mean to write 'concurrency'\?/]
  ],
  [
    "an option that is misspelt, with the inputs last",
    "Effect.succeed([1]).pipe(Effect.flatMap(Parallel.forEach(half, { concurency: 3 })))",
    [/'concurency' does not exist in type 'Options<string, .*Did you mean to write 'concurrency'\?/]
  ],
  [
    "an invalid duration",
    "Parallel.run([1], half, { timeout: \"1 sec\" })",
    [/Type '"1 sec"' is not assignable to type 'Timeout<"5 seconds">'/]
  ],
  [
    "an invalid duration, with the inputs last",
    "Parallel.run(half, { timeout: \"1 sec\" })",
    [/Type '"1 sec"' is not assignable to type 'Timeout<"5 seconds">'/]
  ],
  [
    "an invalid duration, deeper in the options",
    "Parallel.run([1], half, { stragglers: { after: \"1 sec\" } })",
    [/Type '"1 sec"' is not assignable to type 'DurationInput<"5 seconds">'/]
  ],
  [
    "an invalid window",
    "Limit.rate({ limit: 1, window: \"1 min\" })",
    [/Type '"1 min"' is not assignable to type 'DurationInput<"1 minute">'/]
  ],
  [
    "work that takes other inputs",
    "Parallel.forEach([\"a\"], half)",
    [
      /not assignable to parameter of type '\(\(input: string, index: number\)/,
      /'string' is not assignable to type 'number'/
    ]
  ],
  [
    "work that returns a promise",
    "Parallel.forEach([1], async (n) => n)",
    [/Type 'Promise<number>' is not assignable to type '.*wrap a promise with Effect\.tryPromise/]
  ],
  [
    "work that returns a promise, with the inputs last",
    "Effect.succeed([1]).pipe(Effect.flatMap(Parallel.forEach(async (n: number) => n)))",
    [/Type 'Promise<number>' is not assignable to type '.*wrap a promise with Effect\.tryPromise/]
  ],
  [
    "work that returns a promise, with the inputs last, after options",
    "Parallel.forEach(async (n: number) => n, { concurrency: 3 })",
    [/Type 'Promise<number>' is not assignable to type '.*wrap a promise with Effect\.tryPromise/]
  ],
  [
    "work that returns a value",
    "Parallel.forEach([1], (n) => n)",
    [/Type 'number' is not assignable to type '.*work has to return an Effect/]
  ],
  [
    "an effect as inputs",
    "Parallel.forEach(Effect.succeed([1]), half)",
    [/Argument of type 'Effect<number\[\], never, never>' is not assignable.*Inputs cannot be an Effect.*Effect\.flatMap/]
  ],
  [
    "a module where its layer is meant",
    "Effect.provide(Parallel.forEach([1], half), Threads)",
    [/'typeof import\(".*backend\/Threads"/]
  ],
  [
    "a layer that was not made",
    "Effect.provide(Parallel.forEach([1], half), Threads.layer)",
    [/Argument of type '\(options\?: .*\) => .*Layer<never/]
  ],
  [
    "a schedule for other errors",
    "Parallel.forEach([1], half, { retry: Schedule.recurs(1).pipe(Schedule.setInputType<Error>()) })",
    [/'Schedule<number, Error, never, never>' is not assignable to type 'RetryOption<string> \| undefined'/]
  ],
  [
    "a missing service",
    "Effect.runPromise(Parallel.forEach([\"a\"], (text) => Model.use((model) => model.ask(text))))",
    [/Effect<string\[\], never, Model>' is not assignable/, /Type 'Model' is not assignable to type 'never'/]
  ],
  [
    "an order where there is no stream",
    "Parallel.run([1], half, { order: \"input\" })",
    [/'order' does not exist in type 'Options</]
  ]
]

const prelude = `import { Context, Effect, Schedule } from "effect"
import { Limit, Node, Parallel } from "effect-parallel"
import * as Threads from "effect-parallel/backend/Threads"
export class Model extends Context.Service<Model, {
  readonly ask: (prompt: string) => Effect.Effect<string>
}>()("test/Model") {}
export const half = (n: number) => n % 2 === 0 ? Effect.succeed(n / 2) : Effect.fail("odd")
export const used = [Effect, Schedule, Parallel, Limit, Node, Threads]`

describe.each([["TypeScript 7", messagesOf], ["TypeScript 5.9", oldMessagesOf]])(
  "the message of %s for",
  (_, ofSource) => {
    const first = prelude.split("\n").length + 1
    let messages: ReadonlyMap<number, string>

    beforeAll(() => {
      messages = ofSource([prelude, ...mistakes.map(([, code]) => `void ${code}`)].join("\n"))
    })

    mistakes.forEach(([name, , says], n) => {
      it(`${name} names it`, () => {
        for (const said of says) assert.match(messages.get(first + n) ?? "", said)
      })
    })
  }
)

describe("code that does not compile", () => {
  const directive = /\/\/ @ts-expect-error (.*)$/
  const source = readFileSync(new URL("Flow.test-d.ts", import.meta.url), "utf8")
  const reasons = source.split("\n").flatMap((line, i) => {
    const reason = directive.exec(line)?.[1]
    return reason === undefined ? [] : [{ line: i + 1, reason }]
  })

  it("is refused for the stated reason", () => {
    const messages = messagesOf(source.replaceAll("@ts-expect-error", "expected:"))
    const below = (line: number) => messages.get(line + 1) ?? messages.get(line + 2) ?? "nothing"
    const others = reasons.filter(({ line, reason }) => !below(line).includes(reason))

    assert.isAbove(reasons.length, 25)
    assert.deepStrictEqual(others.map(({ line, reason }) => ({ line, reason, said: below(line) })), [])
    assert.strictEqual(messages.size, reasons.length, [...messages.values()].join("\n"))
  })
})
