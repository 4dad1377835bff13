import { assert, describe, it } from "@effect/vitest"
import { Cause, Redacted } from "effect"
import { showCause, warn } from "../src/primitives/causes.ts"
import { prefix, printable } from "../src/primitives/printable.ts"
import { shorten, shortenInput, shortenMessage } from "../src/primitives/shorten.ts"
import { worked } from "./helpers.ts"
import { chain, marked, marks, marksIn, values } from "./hostile.ts"

/** Time that nothing here may take, in milliseconds of work: what is bounded takes less than one. */
const soon = 500

describe("printable", () => {
  it("makes every control character, direction mark and half of a pair visible, but line breaks and tabs", () => {
    for (const mark of marks.filter((mark) => mark !== "\n" && mark !== "\t")) {
      const text = printable(`a${mark}b`)

      assert.match(text, /^a\\(x[0-9a-f]{2}|u[0-9a-f]{4})b$/)
      assert.strictEqual(JSON.parse(`"${text.replace("\\x", "\\u00")}"`), `a${mark}b`)
    }
    assert.strictEqual(printable("a\r\nb\n\tc"), "a\nb\n\tc")
    assert.strictEqual(printable("\u{e0041}"), "\\u{e0041}")
  })

  it("leaves everything else as it is", () => {
    for (const text of ["", "plain", "größe", "日本語", "🙂", "مرحبا", "\u00a0"]) {
      assert.strictEqual(printable(text), text)
    }
  })

  it("is not needed where a text is cut between the halves of a pair", () => {
    assert.strictEqual(prefix("🙂🙂", 3), "🙂")
    assert.strictEqual(prefix("🙂🙂", 4), "🙂🙂")
    assert.strictEqual(shortenMessage("🙂".repeat(100)), `${"🙂".repeat(39)}…`)
    assert.strictEqual(shorten("🙂".repeat(100)), `"${"🙂".repeat(39)}…`)
  })
})

describe("any value", () => {
  for (const [name, value] of values) {
    it(`is one short line: ${name}`, () => {
      const before = worked()

      for (const text of [shorten(value), shortenMessage(value), shorten({ value }), shorten([value])]) {
        assert.isAtMost(text.length, 80)
        assert.deepStrictEqual(marksIn(text), [])
      }
      assert.isAbove(shorten(value).length, 0)
      assert.isBelow(worked() - before, soon)
    })

    it(`is text of a cause: ${name}`, () => {
      const before = worked()

      for (const cause of [Cause.die(value), Cause.fail(value), Cause.die(new Error("outer", { cause: value }))]) {
        assert.isBelow(showCause(cause).length, 400_000)
        assert.deepStrictEqual(marksIn(showCause(cause), "\n\t"), [])
      }
      assert.isBelow(worked() - before, soon)
    })

    it.effect(`is logged: ${name}`, () => warn("something", Cause.die(value)))
  }

  const shown: ReadonlyArray<[name: string, text: string]> = [
    ["an error whose message throws", "Error: [unreadable]"],
    ["an error whose name throws", "Error: no"],
    ["an error whose name is a symbol", "Error: no"],
    ["an error whose message is an object", "Error: {…}"],
    ["an object whose field throws", "{ a: 1, b: [unreadable] }"],
    ["an object whose constructor throws", "{ a: 1, constructor: [unreadable] }"],
    [
      "an array of length 4 000 000 000",
      "[1, undefined, undefined, undefined, undefined, undefined, … 4000000000 in all]"
    ],
    ["a map whose size throws", "[object Map]"],
    ["no date", "Invalid Date"],
    ["a date whose toISOString throws", "1970-01-01T00:00:00.000Z"],
    ["a proxy whose every trap throws", "[unreadable]"],
    ["a revoked proxy", "[unreadable]"],
    ["a large bigint", "[bigint of over 100 digits]"],
    ["half of a surrogate pair", "\"\\ud83d\""]
  ]
  it.each(shown)("is shown as far as it can be read: %s", (name, text) => {
    assert.strictEqual(shorten(values.find(([known]) => known === name)![1]), text)
  })
})

describe("causes", () => {
  it("have the stacks and causes that Effect prints", () => {
    const cause = Cause.die(new TypeError("broken\n  twice", { cause: new RangeError("below") }))

    assert.strictEqual(showCause(cause), Cause.pretty(cause))
    assert.strictEqual(showCause(Cause.fail("odd")), Cause.pretty(Cause.fail("odd")))
    assert.strictEqual(showCause(Cause.interrupt(7)), Cause.pretty(Cause.interrupt(7)))
  })

  it("end after ten causes of causes, and where they go round", () => {
    const around = values.find(([name]) => name === "an error in a circle")![1]

    assert.strictEqual(showCause(Cause.die(chain(20_000))).match(/\[cause\]/g)!.length, 11)
    assert.strictEqual(showCause(Cause.die(around)).match(/\[cause\]/g)!.length, 1)
  })
})

describe("inputs", () => {
  const secret = Redacted.make("hunter2")

  it("that are redacted stay hidden, however deep they are", () => {
    for (
      const value of [
        secret,
        { secret },
        [[secret]],
        Object.assign(new Error("no"), { message: secret }),
        new Map([[secret, secret]])
      ]
    ) {
      assert.notInclude(shorten(value), "hunter2")
    }
    assert.strictEqual(shorten({ secret }), "{ secret: <redacted> }")
    assert.strictEqual(shorten(Redacted.make("hunter2", { label: "key" })), "<redacted:key>")
  })

  it("are shown as they are told to be, and not at all where that fails", () => {
    const shows: ReadonlyArray<unknown> = [
      () => {
        throw new Error("no")
      },
      () => undefined,
      () => 5,
      () => Object("text"),
      () => Promise.reject(new Error("no"))
    ]

    assert.strictEqual(shortenInput({ a: 1 }, undefined), "{ a: 1 }")
    assert.strictEqual(shortenInput(5, (n: number) => `number ${n}`), "number 5")
    assert.deepStrictEqual(marksIn(shortenInput(5, () => marked, 1000)), [])
    assert.isAtMost(shortenInput(5, () => "x".repeat(1e6)).length, 80)
    for (const show of shows) assert.strictEqual(shortenInput(5, show as () => string), "<not shown>")
  })
})
