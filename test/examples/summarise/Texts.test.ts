import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { assert, describe, it } from "@effect/vitest"
import { Effect, FileSystem } from "effect"
import * as Texts from "../../../examples/summarise/Texts.ts"

describe("Texts", () => {
  it.layer(NodeFileSystem.layer)((it) => {
    it.effect("find returns the texts of folders in the order of their names, and files with any name", () =>
      Effect.gen(function*() {
        const fs = yield* FileSystem.FileSystem
        const folder = yield* fs.makeTempDirectoryScoped()
        yield* fs.makeDirectory(`${folder}/b/a.md`, { recursive: true })
        for (const file of ["c.TXT", "b/z.mdx", "b/a.md/x.markdown", "a.md", "d.ts"]) {
          yield* fs.writeFileString(`${folder}/${file}`, "")
        }

        const found = yield* Texts.find([`${folder}/d.ts`, `${folder}/`, `${folder}/./a.md`])

        assert.deepStrictEqual(
          found.map((path) => path.slice(folder.length + 1)),
          ["d.ts", "a.md", "b/a.md/x.markdown", "b/z.mdx", "c.TXT"]
        )
      }))

    it.effect("find fails with all paths that are missing, and with folders without a text", () =>
      Effect.gen(function*() {
        const fs = yield* FileSystem.FileSystem
        const folder = yield* fs.makeTempDirectoryScoped()

        const missing = yield* Effect.flip(Texts.find([`${folder}/a`, folder, `${folder}/b`]))
        const none = yield* Effect.flip(Texts.find([folder]))

        assert.instanceOf(missing, Texts.NoSuchPath)
        assert.deepInclude(missing, { paths: [`${folder}/a`, `${folder}/b`] })
        assert.instanceOf(none, Texts.NoTexts)
      }))

    it.effect("read finds the first byte that is not UTF-8, after a U+FFFD of the text itself", () =>
      Effect.gen(function*() {
        const fs = yield* FileSystem.FileSystem
        const file = yield* fs.makeTempFileScoped()
        yield* fs.writeFile(file, Buffer.concat([Buffer.from("\uFEFFé\uFFFDb"), Buffer.from([0xe9, 0x20])]))

        const error = yield* Effect.flip(Texts.read(file))

        assert.deepInclude(error, { _tag: "NotUtf8", offset: 9 })
      }))

    it.effect("read drops a byte order mark, and refuses white space, large files and folders", () =>
      Effect.gen(function*() {
        const fs = yield* FileSystem.FileSystem
        const folder = yield* fs.makeTempDirectoryScoped()
        yield* fs.writeFileString(`${folder}/bom`, "\uFEFFtext")
        yield* fs.writeFileString(`${folder}/blank`, " \n\t")
        yield* fs.writeFile(`${folder}/large`, new Uint8Array(Texts.mostBytes + 1))
        yield* fs.symlink(`${folder}/nowhere`, `${folder}/link`)

        const text = yield* Texts.read(`${folder}/bom`)
        const errors = yield* Effect.forEach(
          ["blank", "large", "link", "."],
          (name) => Effect.flip(Texts.read(`${folder}/${name}`))
        )

        assert.strictEqual(text, "text")
        assert.deepStrictEqual(errors.map((error) => error.message), [
          "contains only white space (3 bytes)",
          "has 524,289 bytes; the limit is 524,288",
          "cannot be read: no such file or directory",
          "cannot be read: not a regular file (Directory)"
        ])
      }))
  })
})
