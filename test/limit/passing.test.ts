import { assert, describe, it } from "@effect/vitest"
import { Context } from "effect"
import { Passed } from "../../src/limit/passing.ts"
import { TokenBucket } from "../../src/limit/rate.ts"

describe("Passed", () => {
  it("puts back everything that was taken for an attempt that does not start", () => {
    const bucket = new TokenBucket({ name: "tokens", burst: 100, millisPerToken: 1000, cost: () => 60, key: undefined })
    const passed = new Passed()
    passed.take(bucket.request({ input: 1, inputs: 1, context: Context.empty(), around: new Map() }), 0)
    assert.strictEqual(bucket.stateAt(0).free, 40)
    passed.cancel(0)

    assert.strictEqual(bucket.stateAt(0).free, 100)
  })
})
