import { assert, describe, it } from "@effect/vitest"
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"

const root = fileURLToPath(new URL("..", import.meta.url))

interface Example {
  readonly title: string
  readonly code: string
}

/** The examples in the doc comments of a file, and in the fenced blocks of a Markdown page that print something. */
const examplesOf = (file: string): ReadonlyArray<Example> => {
  const text = readFileSync(join(root, file), "utf8")
  if (file.endsWith(".md")) {
    return [...text.matchAll(/```ts\n([^]*?)```/g)]
      .map(([, code], n) => ({ title: `${file} block ${n + 1}`, code: code! }))
      .filter(({ code }) => code.includes("// =>"))
  }
  return [...text.matchAll(/\*\*Example\*\* \((.+)\)\n \*\n \* ```ts\n([^]*?) \* ```/g)]
    .map(([, title, code]) => ({ title: `${file}: ${title}`, code: code!.replace(/^ \* ?/gm, "") }))
}

/** Each `console.log(x) // => y` as an entry of `seen` beside what it should be. */
const instrumented = (code: string): string =>
  `const seen: Array<readonly [unknown, unknown]> = []\n${
    code.replace(
      /^console\.log\((.*)\) \/\/ => (.*)$/gm,
      (_, actual, expected) => `seen.push([${actual}, ${expected}])`
    )
  }\nexport { seen }\n`

describe("the examples of", () => {
  const files = [...globSync("src/**/*.ts", { cwd: root }), "README.md", ...globSync("docs/**/*.md", { cwd: root })]
  for (const file of files.toSorted()) {
    for (const { code, title } of examplesOf(file)) {
      it(title, async () => {
        assert.match(code, /\/\/ =>/, "an example shows what it prints")
        const folder = mkdtempSync(join(root, "test", "example-"))
        const module = join(folder, "example.ts")
        try {
          writeFileSync(module, instrumented(code))
          const { seen } = await import(pathToFileURL(module).href) as { seen: Array<[unknown, unknown]> }

          assert.isAbove(seen.length, 0)
          for (const [actual, expected] of seen) assert.deepStrictEqual(actual, expected)
        } finally {
          rmSync(folder, { recursive: true })
        }
      })
    }
  }
})
