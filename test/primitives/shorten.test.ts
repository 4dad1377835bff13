import { assert, describe, it } from "@effect/vitest"
import { shorten, shortenMessage } from "../../src/primitives/shorten.ts"

describe("shorten", () => {
  const shown: ReadonlyArray<[value: unknown, text: string]> = [
    ["a\nb", "\"a\\nb\""],
    ["x".repeat(200), `"${"x".repeat(78)}…`],
    [12n, "12n"],
    [undefined, "undefined"],
    [Symbol("s"), "Symbol(s)"],
    [function named() {}, "[function named]"],
    [new TypeError("no"), "TypeError: no"],
    [new Date(0), "1970-01-01T00:00:00.000Z"],
    [new Uint8Array(3), "Uint8Array(3 bytes)"],
    [[1, 2, 3, 4, 5, 6, 7], "[1, 2, 3, 4, 5, 6, … 7 in all]"],
    [{ a: 1, b: { c: [{ d: 1 }] } }, "{ a: 1, b: { c: [{…}] } }"],
    [new Map([[1, 2]]), "Map(1)"],
    [new Set("ab"), "Set(2)"],
    [Object.create(null), "{}"],
    [new Proxy({}, { ownKeys: () => assert.fail("asked") }), "[object Object]"]
  ]
  for (const [value, text] of shown) {
    it(`shows ${text}`, () => assert.strictEqual(shorten(value), text))
  }

  it("visits only the elements that it shows", () => {
    let visited = 0
    const items = Array.from({ length: 1000 }, (_, n) => ({
      get n() {
        visited++
        return n
      }
    }))

    assert.match(shorten(items), /^\[\{ n: 0 \}, .* … 1000 in all\]$/)
    assert.strictEqual(visited, 6)
  })

  it("reads only the fields that it shows", () => {
    let read = 0
    const wide: Record<string, number> = {}
    for (let n = 0; n < 1000; n++) Object.defineProperty(wide, `k${n}`, { enumerable: true, get: () => ++read })

    assert.strictEqual(shorten(wide), "{ k0: 1, k1: 2, k2: 3, k3: 4, k4: 5, k5: 6, … }")
    assert.strictEqual(read, 6)
  })
})

describe("shortenMessage", () => {
  it("shows a text unchanged, on one line", () => {
    assert.strictEqual(shortenMessage("a\n  b"), "a b")
    assert.strictEqual(shortenMessage("x".repeat(1000)).length, 80)
    assert.strictEqual(shortenMessage(new Error("no")), "Error: no")
  })

  it("shows both ends of a path that is too long", () => {
    const folder = `/home/${"somebody's 'folder'/with/".repeat(40)}`
    const missing = (folder: string) => `Cannot find module '${folder}nowhere.js' imported from ${folder}lacks.js`

    assert.strictEqual(shortenMessage(missing("/a/b/")), missing("/a/b/"))
    assert.strictEqual(
      shortenMessage(missing(folder), 120),
      "Cannot find module '/home/…/with/nowhere.js' imported from /home/…/with/lacks.js"
    )
    assert.strictEqual(
      shortenMessage(new Error(missing(`file://${folder}`)), 120),
      "Error: Cannot find module 'file:///home/…/with/nowhere.js' imported from file:///home/…/with/lacks.js"
    )
  })

  it("does not treat other long texts as paths", () => {
    assert.strictEqual(shortenMessage(`3 / 4 ${"or ".repeat(40)}`), `3 / 4 ${"or ".repeat(24)}o…`)
    assert.strictEqual(shortenMessage("/".repeat(100_000)), `${"/".repeat(79)}…`)
    assert.strictEqual(shortenMessage(`/${"a b ".repeat(100_000)}`).length, 80)
  })
})
