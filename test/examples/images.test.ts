import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { assert, describe, it } from "@effect/vitest"
import { Effect, FileSystem } from "effect"
import { createHash } from "node:crypto"
import { filters } from "../../examples/images/Filters.ts"
import { at, fromPpm, paint, toPpm } from "../../examples/images/Image.ts"
import * as Program from "../../examples/images/Program.ts"

const digest = (file: Uint8Array): string => createHash("sha256").update(file).digest("hex").slice(0, 16)

describe("images", () => {
  it.live("saves nine pictures, every pixel where it belongs", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const folder = yield* fs.makeTempDirectoryScoped()
      const files = yield* Program.run(folder)
      const saved = yield* Effect.forEach(files, (file) =>
        Effect.map(fs.readFile(`${folder}/${file}`), (bytes) => [file, digest(bytes)] as const))

      assert.deepStrictEqual(saved, [
        ["dusk-gray.ppm", "2db7ac9a4d135b75"],
        ["dusk-sepia.ppm", "55ccdbc601821db2"],
        ["dusk-blur.ppm", "1c3a019aad81a0dc"],
        ["board-gray.ppm", "c350104427ff53ea"],
        ["board-sepia.ppm", "42e3e61855defb72"],
        ["board-blur.ppm", "f8d16100f6f0dd90"],
        ["rings-gray.ppm", "78aebe6bd18565a2"],
        ["rings-sepia.ppm", "c2147a29e36970be"],
        ["rings-blur.ppm", "9e76ad725ef56586"]
      ])
      // of (40, 80, 200)
      assert.deepStrictEqual(at(fromPpm(yield* fs.readFile(`${folder}/dusk-gray.ppm`))!, 10, 20), [82, 82, 82])
    }).pipe(Effect.scoped, Effect.provide(NodeFileSystem.layer)))

  it("filters do what their formulas say", () => {
    const [x, y] = [7, 7]
    const { board } = Program.pictures

    assert.deepStrictEqual(at(filters.gray(board!), x, y), [45, 45, 45])
    assert.deepStrictEqual(at(filters.sepia(board!), x, y), [60, 53, 42])
    // four dark pixels, and five light ones beyond the corner
    assert.deepStrictEqual(at(filters.blur(board!), x, y), [140, 120, 97])
  })

  it("a file is the picture it was made of, and what is no picture is none", () => {
    const picture = paint(2, 2, (x, y) => [x, y, 300])

    assert.deepStrictEqual(fromPpm(toPpm(picture)), picture)
    assert.strictEqual(fromPpm(new TextEncoder().encode("P6\n2 2\n255\n...")), undefined)
    assert.strictEqual(fromPpm(new Uint8Array()), undefined)
  })
})
