import { assert, describe, it } from "@effect/vitest"
import { grouped, kindsLine } from "../../viewer/groups.ts"
import { nameOfKind } from "../../viewer/text.ts"

const failed = (message: string, count: number) => ({ message, count, places: [] })

describe("failures by kind", () => {
  it("are grouped by the text before the first colon, the most frequent first, each message once", () => {
    const groups = grouped([failed("A: one", 1), failed("B: two", 5), failed("A: three", 2), failed("B: two", 1)])

    assert.deepStrictEqual(
      groups.map(({ count, kind, messages }) => [kind, count, messages.map(({ count, message }) => [message, count])]),
      [["B", 6, [["B: two", 6]]], ["A", 3, [["A: three", 2], ["A: one", 1]]]]
    )
    assert.strictEqual(kindsLine(groups), "B × 6, A × 3")
  })

  it.each([
    ["app/tasks/TooShort", "TooShort"],
    ["effect-parallel/Backend/BackendError", "BackendError"],
    ["no such file: /etc/passwd", "no such file: /etc/passwd"],
    ["GET https://a.b/c", "GET https://a.b/c"],
    ["Error", "Error"]
  ])("%s is called %s", (kind, name) => {
    assert.strictEqual(nameOfKind(kind), name)
  })
})
