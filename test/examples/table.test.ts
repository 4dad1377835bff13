import { assert, describe, it } from "@effect/vitest"
import { existsSync, globSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"

const cwd = fileURLToPath(new URL("../../examples/", import.meta.url))

/** The rows of the table of examples: the name of each example, and its stated number of lines. */
const rows = readFileSync(`${cwd}README.md`, "utf8")
  .matchAll(/^\| \[(.+?)\]\(.+?\) \| .+ \| (\d+) \|$/gm)
  .map(([, name, lines]) => ({ name: name!, lines: Number(lines) }))
  .toArray()

const names = rows.map(({ name }) => name)

/** Returns the folder of an example, unless the folder has its own row. */
const folderOf = (name: string): string | undefined => {
  if (name.endsWith("/")) return name
  const folder = `${name.replace(/^\d+-|\.ts$/g, "")}/`
  return existsSync(cwd + folder) && !names.includes(folder) ? folder : undefined
}

const linesOf = (name: string): number => {
  const folder = folderOf(name)
  const files = [
    ...(name.endsWith("/") ? [] : [name]),
    ...(folder === undefined ? [] : globSync(`${folder}**/*.ts`, { cwd }))
  ]
  return files.reduce((sum, file) => sum + readFileSync(cwd + file, "utf8").split("\n").length - 1, 0)
}

describe("the table of examples", () => {
  it("has a row for every example", () => {
    assert.deepStrictEqual(names.filter((name) => !name.endsWith("/")), globSync("*.ts", { cwd }).toSorted())
  })

  it("has every folder except the fixtures, in a row or with an example", () => {
    const folders = globSync("*/", { cwd }).map((folder) => `${folder.replace(/\/$/, "")}/`)

    assert.deepStrictEqual(
      folders.toSorted(),
      ["fixtures/", ...names.map(folderOf).filter((folder) => folder !== undefined)].toSorted()
    )
  })

  it("states at least the number of lines of each example", () => {
    assert.deepStrictEqual(rows.filter(({ lines, name }) => linesOf(name) > lines), [])
  })
})
