import { assert, describe, it } from "@effect/vitest"
import { Effect, Option, Schema, Stream } from "effect"
import { Example, Outcome, Parallel } from "effect-parallel"

const Qa = Example.make({
  inputs: { question: Schema.String, hint: Schema.optionalKey(Schema.String) },
  labels: { answer: Schema.FiniteFromString }
})

const text = [
  "{\"question\": \"one\", \"answer\": \"1\", \"extra\": true}",
  "",
  "not json",
  "{\"question\": \"three\"}",
  "  {\"question\": \"four\", \"answer\": \"4\", \"hint\": \"even\"}  "
].join("\n")

describe("Example", () => {
  it("make gives a row with separate inputs and labels", () => {
    const row = Qa.make({ question: "one", answer: 1 })

    assert.deepStrictEqual([row.inputs, row.labels], [{ question: "one" }, { answer: 1 }])
    assert.isTrue(Example.isExample(row))
    assert.isFalse(Example.isExample({ inputs: {}, labels: {} }))
  })

  it("make refuses values that do not fit, and a field that is input and label", () => {
    assert.throws(() => Qa.make({ question: "one", answer: "1" as unknown as number }))
    assert.throws(
      () => Example.make({ inputs: { a: Schema.String }, labels: { a: Schema.String } }),
      "expected `labels` to be fields that are not inputs as well, got \"a\""
    )
  })

  it("make takes rows without labels, and names that objects have already", () => {
    const rows = Example.make({ inputs: { toString: Schema.String } })

    assert.deepStrictEqual(rows.make({ toString: "x" }).inputs, { toString: "x" })
  })

  it("lines numbers the lines of a text and leaves out empty ones", () => {
    const lines = Example.lines("\uFEFFa\r\n\r\n b \nc")

    assert.deepStrictEqual([...lines], [{ number: 1, text: "a" }, { number: 3, text: "b" }, { number: 4, text: "c" }])
    assert.deepStrictEqual([...lines].length, 3)
    assert.deepStrictEqual([...Example.lines("")], [])
    assert.throws(
      () => Example.lines(3 as unknown as string),
      "expected `text` to be a string or a Stream of strings, got 3"
    )
  })

  it.effect("lines of a stream are the same, however its text is chunked", () =>
    Effect.gen(function*() {
      for (const size of [1, 2, 3, 7, 1000]) {
        const pieces = text.match(new RegExp(`[^]{1,${size}}`, "g")) ?? []
        const lines = yield* Stream.runCollect(Example.lines(Stream.fromIterable(pieces)))

        assert.deepStrictEqual(lines, [...Example.lines(text)])
      }
    }))

  it.effect("lines end at any line break, in a string and in a stream with any chunks", () =>
    Effect.gen(function*() {
      const texts = [
        "a\rb",
        "a\r\nb",
        "a\n\rb",
        "a\r\r\nb\r",
        "\r",
        "\r\n\r\n",
        "a\n\nb\r\rc\r\n",
        "\na",
        "a\u2028b\u0085c"
      ]
      for (const text of texts) {
        const whole = [...Example.lines(text)]
        for (let cut = 0; cut <= text.length; cut++) {
          const pieces = [text.slice(0, cut), "", text.slice(cut)]
          assert.deepStrictEqual(yield* Stream.runCollect(Example.lines(Stream.fromIterable(pieces))), whole)
          assert.deepStrictEqual(
            yield* Stream.runCollect(Example.lines(Stream.rechunk(Stream.fromIterable(pieces), 1))),
            whole
          )
        }
      }

      assert.deepStrictEqual([...Example.lines("a\rb\r\n\r\nc\n\rd")], [
        { number: 1, text: "a" },
        { number: 2, text: "b" },
        { number: 4, text: "c" },
        { number: 6, text: "d" }
      ])
    }))

  it.effect("fromLine reads a row and drops unknown keys", () =>
    Effect.gen(function*() {
      const [first] = Example.lines(text)
      const row = yield* Example.fromLine(Qa, first!)

      assert.deepStrictEqual([row.inputs, row.labels], [{ question: "one" }, { answer: 1 }])
    }))

  it.effect("a line that is not a row is a failed input with its number, and the run continues", () =>
    Effect.gen(function*() {
      for (const lines of [Example.lines(text), Example.lines(Stream.make(text))] as const) {
        const work = Example.onLine(Qa, (row) => Effect.succeed([row.inputs, row.labels]))
        const [values, failures] = yield* Parallel.partition(lines as Iterable<Example.Line>, work)
        const errors = failures.map((failure) => Option.getOrThrow(Outcome.error(failure)))

        assert.deepStrictEqual(values, [
          [{ question: "one" }, { answer: 1 }],
          [{ question: "four", hint: "even" }, { answer: 4 }]
        ])
        assert.deepStrictEqual(errors.map((error) => [error.line, error.reason._tag]), [[3, "NotJson"], [4, "NotARow"]])
        assert.match(errors[0]!.message, /^line 3 is not JSON \(.*\): "not json"$/)
        assert.match(errors[1]!.message, /^line 4 is not a row: .*answer.*: "\{\\"question\\": \\"three\\"\}"$/)
      }
    }))

  it.effect("a failed line shows only the beginning of its text", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Example.fromLine(Qa, { number: 1, text: "x".repeat(1_000_000) }))

      assert.isBelow(error.message.length, 400)
    }))

  it.effect("work gets the whole example, or only its inputs", () =>
    Effect.gen(function*() {
      const rows = [Qa.make({ question: "one", answer: 1 }), Qa.make({ question: "two", answer: 2 })]
      const upper = ({ question }: { readonly question: string }, index: number) =>
        Effect.succeed(`${index} ${question.toUpperCase()}`)
      const check = (row: typeof rows[number]) => Effect.succeed(row.labels.answer)

      assert.deepStrictEqual(yield* Parallel.forEach(rows, Example.onInputs(upper)), ["0 ONE", "1 TWO"])
      assert.deepStrictEqual(yield* Parallel.forEach(rows, check), [1, 2])
      assert.deepStrictEqual(
        yield* Parallel.pairs([[Example.onInputs(upper), rows[0]!], [check, rows[1]!]]),
        ["0 ONE", 2]
      )
    }))

  it.effect("takes the rows first or last", () =>
    Effect.gen(function*() {
      const work = (row: Effect.Success<ReturnType<typeof Qa.decode>>) => Effect.succeed(row.labels.answer)
      const [first] = Example.lines(text)

      assert.strictEqual(yield* Example.onLine(work)(Qa)(first!, 0), 1)
    }))
})
