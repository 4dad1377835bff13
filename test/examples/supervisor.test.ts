import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Model } from "../../examples/supervisor/Model.ts"
import * as Program from "../../examples/supervisor/Program.ts"

describe("supervisor", () => {
  it.effect("accepts an answer that names what was read, and gives up on one that never does", () =>
    Effect.gen(function*() {
      const lines = yield* Program.run(["How high is Mont Blanc?", "How far is the Moon?", "Who will win?"])

      assert.deepStrictEqual(lines, [
        "accepted: Mont Blanc is 4,805.59 metres high. [Survey of 2023] (sent back 2 times)",
        "accepted: The Moon is 384,400 kilometres away. [Lunar Fact Sheet] (sent back 2 times)",
        "gaveUp: no answer to \"Who will win?\": it names no source; nobody has read Annals of Guessing; " +
        "it names no source; it names no source"
      ])
    }).pipe(Effect.provide(Model.layerStub)))

  it("objects to answers without a source, and to sources that nobody has read", () => {
    const notes = [{ source: "A", text: "x" }]

    assert.strictEqual(Program.objection({ answer: "x", notes }), "it names no source")
    assert.strictEqual(Program.objection({ answer: "x [B]", notes }), "nobody has read B")
    assert.strictEqual(Program.objection({ answer: "x [A]", notes }), undefined)
  })
})
