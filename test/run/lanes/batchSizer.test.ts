import { assert, describe, it } from "@effect/vitest"
import { BatchSizer } from "../../../src/run/lanes/batchSizer.ts"

/** Makes a sizer for some lanes, on a backend whose messages cost some milliseconds. */
const sizerOf = (batchSize: number | "auto", concurrency: number, window: number, messageMillis?: number) =>
  new BatchSizer(batchSize, { concurrency }, window, { messageMillis })

/** Returns the sizes of batches for some inputs, on alternating lanes, if each input takes some milliseconds. */
const sizes = (sizer: BatchSizer, inputs: number, millis: (input: number) => number): Array<number> => {
  const taken: Array<number> = []
  for (let at = 0; at < inputs;) {
    const size = Math.min(sizer.next(inputs - at), inputs - at)
    let took = 0
    for (let input = at; input < at + size; input++) took += millis(input)
    sizer.learn(size, took)
    taken.push(size)
    at += size
  }
  return taken
}

describe("BatchSizer", () => {
  it("keeps to a fixed size, whatever it learns, even near the end", () => {
    const sizer = sizerOf(100, 2, Infinity)
    sizer.learn(100, 10_000)

    assert.isFalse(sizer.automatic)
    assert.deepStrictEqual([sizer.next(1000), sizer.next(7), sizer.next(Infinity)], [100, 100, 100])
  })

  it("starts with one input, and grows no faster than eightfold", () => {
    const sizer = sizerOf("auto", 2, Infinity)
    const taken = sizes(sizer, 1_000_000, () => 0.0001)

    assert.isTrue(sizer.automatic)
    assert.strictEqual(taken[0], 1)
    assert.isTrue(taken.every((size, k) => k === 0 || size <= 8 * taken[k - 1]!))
    assert.isAtMost(Math.max(...taken), 16_384)
    assert.isBelow(taken.length, 1_000_000 / 16_384 + 60)
  })

  it("arrives at batches of about 25 milliseconds", () => {
    const taken = sizes(sizerOf("auto", 2, Infinity), 100_000, () => 0.1)

    assert.isTrue(taken.slice(4, 100).every((size) => size === 249 || size === 250))
  })

  it("makes batches longer if a message costs more, up to two seconds", () => {
    const target = (messageMillis: number) => sizerOf("auto", 2, Infinity, messageMillis).target
    const taken = sizes(sizerOf("auto", 2, Infinity, 2), 100_000, () => 0.1)

    assert.deepStrictEqual([0, 0.02, 0.5, 2, 20, 1000].map(target), [25, 25, 25, 100, 1000, 2000])
    assert.isTrue(taken.slice(4, 20).every((size) => size === 999 || size === 1000))
  })

  it("adapts within a few batches when inputs become slow or fast", () => {
    const slows = sizes(sizerOf("auto", 2, Infinity), 20_000, (input) => input < 10_000 ? 0.01 : 20)
    const large = slows.lastIndexOf(Math.max(...slows))
    const hastens = sizes(sizerOf("auto", 2, Infinity), 20_000, (input) => input < 20 ? 20 : 0.01)

    assert.isBelow(slows.findIndex((size, k) => k > large && size === 1) - large, 6)
    assert.isAtLeast(Math.max(...hastens.slice(20, 25)), 500)
  })

  it("stays at one for inputs that take longer than a batch should", () => {
    assert.deepStrictEqual(new Set(sizes(sizerOf("auto", 2, Infinity), 100, () => 50)), new Set([1]))
  })

  it("shrinks towards the end, so that all lanes end together", () => {
    const taken = sizes(sizerOf("auto", 4, Infinity), 5000, () => 0.01)
    const after = taken.slice(taken.indexOf(Math.max(...taken)))

    assert.isTrue(after.every((size, k) => k === 0 || size <= after[k - 1]!))
    assert.isBelow(after.at(-1)!, 200)
  })

  it("leaves each lane its share of the window, at least one input", () => {
    const sizer = sizerOf("auto", 4, 40)
    for (let round = 0; round < 10; round++) sizer.learn(sizer.next(Infinity), 0.001)

    assert.strictEqual(sizer.next(Infinity), 10)
    assert.strictEqual(sizerOf("auto", 8, 4).next(Infinity), 1)
    assert.strictEqual(sizerOf("auto", Infinity, Infinity).next(100), 1)
  })

  it("learns nothing from a batch without runs, and does not take a batch that was cut as slow", () => {
    const sizer = sizerOf("auto", 1, Infinity)
    for (let round = 0; round < 5; round++) sizer.learn(sizer.next(Infinity), sizer.next(Infinity) * 0.01)
    const before = sizer.next(Infinity)
    sizer.learn(0, 100)
    sizer.learn(3, 0.03)

    assert.strictEqual(sizer.next(Infinity), before)
    assert.strictEqual(sizer.budget, 50)
  })
})
