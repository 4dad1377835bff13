import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { JournalFile } from "../../../src/journal/sqlite/file.ts"
import { GrowingKeyTable, hashOf, KeyTable, type RecordPlace } from "../../../src/journal/sqlite/keyTable.ts"
import { range } from "../../helpers.ts"

const place = (row: number): RecordPlace => ({ row, offset: row * 3 % 1000, failed: row % 5 === 0 })

describe("a table of keys", () => {
  it("finds every key at its place, in any number", () => {
    const table = new KeyTable()
    const keys = range(20_000).map((n) => `key ${n}`)
    for (const [k, key] of keys.entries()) table.add(hashOf(key), place(k + 1))

    for (const [k, key] of keys.entries()) {
      const found: Array<RecordPlace> = []
      table.find(hashOf(key), found)
      assert.deepStrictEqual(found, [place(k + 1)])
      assert.isTrue(table.has(hashOf(key)))
    }
    assert.isFalse(table.has(hashOf("another")))
  })

  it("separates keys with the same hash, and replaces one of them", () => {
    const table = new KeyTable()
    const hash = { low: 7, high: 7 }
    for (const row of [1, 2, 3]) table.add(hash, place(row))
    table.replace(hash, place(2), place(9))
    const found: Array<RecordPlace> = []
    table.find(hash, found)

    assert.deepStrictEqual(found, [place(1), place(9), place(3)])
  })

  it.prop(
    "that grows returns the latest place of a key, across all its parts",
    [Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 50 }))).check(Schema.isMaxLength(200))],
    ([numbers]) => {
      const table = new GrowingKeyTable(new KeyTable(new Uint32Array(16 * 4)))
      const model = new Map<number, RecordPlace>()
      for (const [k, number] of numbers.entries()) {
        table.put(hashOf(`${number}`), place(k + 1))
        model.set(number, place(k + 1))
      }
      for (const number of range(51)) {
        const known = model.get(number)
        assert.deepStrictEqual(table.find(hashOf(`${number}`)), known === undefined ? [] : [known])
        assert.strictEqual(table.has(hashOf(`${number}`)), model.has(number))
      }
    }
  )

  it("of a file compares whole keys: two keys with one hash are different", () => {
    const folder = mkdtempSync(join(tmpdir(), "effect-parallel-keys-"))
    const file = new JournalFile(join(folder, "run.db"))
    const { number } = file.begin({ name: "run", version: "", schemas: "none" })
    const { offsets, rows } = file.append(
      number,
      ["a", "b"].map((key) => ({ key, text: `text of ${key}`, failed: false }))
    )
    const places = [1, 0].map((k) => ({ row: rows[k]!, offset: offsets[k]! }))

    assert.strictEqual(file.read("a", places), "text of a")
    assert.strictEqual(file.read("b", places), "text of b")
    assert.strictEqual(file.read("c", places), undefined)
    file.close()
    rmSync(folder, { recursive: true })
  })
})
