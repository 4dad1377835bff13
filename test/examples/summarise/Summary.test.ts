import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { assert, describe, it } from "@effect/vitest"
import { Effect, FileSystem, Layer } from "effect"
import { Summariser } from "../../../examples/summarise/Summariser.ts"
import * as Summary from "../../../examples/summarise/Summary.ts"

const lines = (...all: ReadonlyArray<string>): string => all.join("\n")

describe("Summary", () => {
  it.layer(Layer.merge(NodeFileSystem.layer, Summariser.layerExtractive))((it) => {
    it.effect("a file is summarized by its most central sentence", () =>
      Effect.gen(function*() {
        const fs = yield* FileSystem.FileSystem
        const file = yield* fs.makeTempFileScoped({ suffix: ".md" })
        const sentence = "The harbour seal is a small seal that lives along the northern coasts."
        const others = [
          "You will need a boat.",
          "Most coasts have a harbour where a small boat can wait for the tide.",
          "A northern seal rests on the sand when the tide is low."
        ]
        yield* fs.writeFileString(file, lines("# Seals", "", others[0]!, `${sentence} ${others[1]} ${others[2]}`))

        const summary = yield* Summary.make(file)

        assert.deepStrictEqual(summary, { words: 44, sentence })
      }))
  })
})
