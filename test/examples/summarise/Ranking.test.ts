import { assert, describe, it } from "@effect/vitest"
import * as Ranking from "../../../examples/summarise/Ranking.ts"

describe("Ranking", () => {
  const bags = (...sentences: ReadonlyArray<string>) => sentences.map((sentence) => sentence.split(" "))

  it("the ranks sum to 1, and a sentence that shares rare words has a higher one", () => {
    const ranks = Ranking.centrality(bags("x y", "red green blue", "red green", "blue green", "z"))

    assert.approximately(ranks.reduce((sum, rank) => sum + rank), 1, 1e-9)
    assert.isAbove(ranks[1]!, ranks[2]!)
    assert.isAbove(ranks[2]!, ranks[4]!)
  })

  it("sentences without a common word are ranked by their position", () => {
    const ranks = [...Ranking.centrality(bags("a", "b", "c"))]

    assert.deepStrictEqual(ranks, ranks.toSorted((a, b) => b - a))
  })

  it("a sentence of the preferred length comes before a central one, and an eligible one before both", () => {
    const sentences = bags("a b", "a b c", "p q r s t u", "v w")

    assert.strictEqual(Ranking.best(sentences, () => false), 2)
    assert.strictEqual(Ranking.best(sentences, (index) => index === 3), 3)
  })
})
