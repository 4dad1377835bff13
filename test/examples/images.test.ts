import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { assert, it } from "@effect/vitest"
import { Effect, FileSystem } from "effect"
import { PNG } from "pngjs"
import { run } from "./run.ts"

it.live("the example of images saves every picture with every filter, and shows the file that is not a picture", () =>
  Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    const directory = yield* fs.makeTempDirectoryScoped()
    const lines = yield* run("03-images.ts", directory)
    const pixel = (name: string) =>
      Effect.map(
        fs.readFile(`${directory}/${name}.png`),
        (bytes) => [...PNG.sync.read(Buffer.from(bytes)).data.subarray(0, 4)]
      )

    assert.deepStrictEqual(lines, [
      "saved dusk-gray.png",
      "saved dusk-invert.png",
      "saved board-gray.png",
      "saved board-invert.png",
      "saved rings-gray.png",
      "saved rings-invert.png",
      "broken.png, gray: NotPng: Error: unrecognised content at end of stream",
      "broken.png, invert: NotPng: Error: unrecognised content at end of stream"
    ])
    assert.deepStrictEqual(yield* pixel("board"), [60, 40, 30, 255])
    assert.deepStrictEqual(yield* pixel("board-gray"), [44, 44, 44, 255])
    assert.deepStrictEqual(yield* pixel("board-invert"), [195, 215, 225, 255])
  }).pipe(Effect.scoped, Effect.provide(NodeFileSystem.layer)))
