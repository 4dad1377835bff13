import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { spawnSync } from "node:child_process"
import { existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"
import { slugOf } from "../site/.vitepress/markdown.ts"
import { repository } from "../site/project.ts"

const root = fileURLToPath(new URL("..", import.meta.url))
const sources = globSync("src/**/*.ts", { cwd: root }).toSorted()
const pages = globSync(["*.md", "docs/**/*.md", "site/*.md"], { cwd: root }).toSorted()
const textOf = (file: string): string => readFileSync(join(root, file), "utf8")

interface Example {
  readonly title: string
  readonly code: string
  /**
   * The name of a block that begins with one, as in `// tasks.ts`. It becomes a file for the later blocks of its page.
   */
  readonly file: string | undefined
}

/** The examples in the doc comments of a file, and in the fenced blocks of a Markdown page. */
const examplesOf = (file: string): ReadonlyArray<Example> => {
  const text = textOf(file)
  return file.endsWith(".md")
    ? [...text.matchAll(/^```ts\n([^]*?)^```/gm)].map(([, code], n) => ({
      title: `${file} block ${n + 1}`,
      code: code!,
      file: /^\/\/ (\w+(?:\.test)?\.ts)\n/.exec(code!)?.[1]
    }))
    : [...text.matchAll(/\*\*Example\*\* \((.+)\)\n *\*\n *\* ```ts\n([^]*?) *\* ```/g)]
      .map(([, title, code]) => ({
        title: `${file}: ${title}`,
        code: code!.replace(/^ *\* ?/gm, ""),
        file: undefined
      }))
}

const count = (text: string, part: RegExp): number => [...text.matchAll(part)].length

/** Turns each `console.log(x) // => y` into an entry of `seen`: the value and the expected value. */
const instrumented = (code: string): string =>
  `const seen: Array<readonly [unknown, unknown]> = []\n${
    code.replace(
      /^console\.log\((.*)\) \/\/ => (.*)$/gm,
      (_, actual, expected) => `seen.push([${actual}, ${expected}])`
    )
  }\nexport { seen }\n`

/** The network of the examples: addresses under `.invalid` do not exist, and others answer, but those of this machine are asked. */
const realFetch = globalThis.fetch
const offline: typeof fetch = async (input, init) => {
  const { hostname, protocol } = new URL(input instanceof Request ? input.url : input)
  if (protocol === "data:" || hostname === "127.0.0.1" || hostname === "localhost") return realFetch(input, init)
  if (hostname.endsWith(".invalid")) throw new TypeError("fetch failed")
  return new Response(`<title>${hostname}</title>`)
}

const folder = mkdtempSync(join(root, "test", "examples-"))
const started = process.cwd()
beforeAll(() => {
  process.chdir(folder)
  globalThis.fetch = offline
})
afterAll(() => {
  globalThis.fetch = realFetch
  process.chdir(started)
  rmSync(folder, { recursive: true })
})

/** Each example in its own folder, with the files that its page shows above it. */
const written = [...sources, ...pages].flatMap((page, p) => {
  const shown = new Map<string, string>()
  return examplesOf(page).map(({ code, file, title }, n) => {
    const module = join(folder, `${p}-${n}`, file ?? "example.ts")
    mkdirSync(dirname(module))
    for (const [name, text] of shown) writeFileSync(join(dirname(module), name), text)
    writeFileSync(module, file === undefined ? instrumented(code) : code)
    if (file !== undefined) shown.set(file, code)
    return { code, file, module, title }
  })
})

describe("the examples of", () => {
  const examples = written.filter(({ file }) => file === undefined)

  for (const { code, module, title } of examples) {
    it(title, async () => {
      const { seen } = await import(pathToFileURL(module).href) as { seen: Array<[unknown, unknown]> }

      assert.isAbove(seen.length, 0, "an example shows what it prints")
      assert.strictEqual(seen.length, count(code, /\/\/ =>/g), "what an example prints stands on one line")
      for (const [actual, expected] of seen) assert.deepStrictEqual(actual, expected)
    })
  }

  it("docs/recipes.md have at most twenty lines each, blank ones not counted", () => {
    const recipes = examplesOf("docs/recipes.md").map(({ code, title }) => ({
      title,
      lines: code.split("\n").filter((line) => line.trim() !== "").length
    }))

    assert.isAbove(recipes.length, 5)
    assert.deepStrictEqual(recipes.filter(({ lines }) => lines > 20), [])
  })

  it("all files are found, with any surrounding text", () => {
    const missed = [...sources, ...pages].filter((file) =>
      count(textOf(file), /```ts/g) + (file.endsWith(".md") ? 0 : count(textOf(file), /\*\*Example\*\*/g))
        !== examplesOf(file).length * (file.endsWith(".md") ? 1 : 2)
    )

    assert.deepStrictEqual(missed, [])
  })

  it("all files have the types they should", () => {
    const config = { extends: "../../tsconfig.json", include: ["*/*.ts"] }
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(config))
    const { status, stdout } = spawnSync(join(root, "node_modules", ".bin", "tsc"), ["-p", folder], {
      encoding: "utf8"
    })

    assert.strictEqual(status, 0, stdout)
  })
})

describe("the files in pages", () => {
  const files = written.filter((each) => each.file !== undefined)
  const imported = (name: string) => written.some(({ code }) => code.includes(` from "./${name}"`))

  it("are tests, or are imported by later blocks", () => {
    const idle = files.filter(({ file }) => !file!.endsWith(".test.ts") && !imported(file!)).map(({ title }) => title)

    assert.deepStrictEqual(idle, [])
  })
})

/** Registers the tests in pages, so that they run with the others. */
for (const { file, module } of written) {
  if (file?.endsWith(".test.ts")) await import(pathToFileURL(module).href)
}

describe("the doc comments of", () => {
  const isPublic = (file: string) =>
    !/^src\/(?!testing\/)[a-z]+\/(?:.*\/)?[a-z]\w*\.ts$|^src\/testing\/(?:attempts|elastic|files|protocol|range)\.ts$/
      .test(file)
  /** The names that public modules re-export from other files, by file. */
  const handedOn = new Map<string, ReadonlyArray<string>>()
  for (const file of sources.filter(isPublic)) {
    for (const [, names, from] of textOf(file).matchAll(/^export (?:type )?\{([^}]*)\} from "(\..*)"/gm)) {
      const target = join(dirname(file), from!)
      handedOn.set(target, [...handedOn.get(target) ?? [], ...names!.match(/\b(?!type\b)\w+/g) ?? []])
    }
  }
  handedOn.set("src/testing/tasks.ts", [])
  for (const file of sources.filter((file) => isPublic(file) || handedOn.has(file))) {
    const text = textOf(file)
    // a function with several signatures has its sections at the first of them, where TypeScript 5.9 shows them
    const exports = [
      ...text.matchAll(
        /(?:^\/\*\*\n((?: \*.*\n)+?) \*\/\n)?^export (?:const|class|interface|type) (\w+)(?:: \{\n  \/\*\*\n((?:   \*.*\n)+?)   \*\/)?/gm
      )
    ].filter(([, , name]) => handedOn.get(file)?.includes(name!) ?? true)
    if (exports.length === 0) continue

    it(`${file}: a sentence, a category and a version for each public name`, () => {
      const lacking = exports
        .filter(([, doc = ""]) =>
          !/^ \* [A-Z`][^]*?[.:]\n/.test(doc) || !/ \* @category \w/.test(doc) || !/ \* @since \d/.test(doc)
        )
        .map(([, , name]) => name)

      assert.deepStrictEqual(lacking, [])
    })

    it(`${file}: sections in one order`, () => {
      const order = ["When to use", "Details", "Gotchas", "Example"]
      for (const [, doc = "", name, inner = ""] of exports) {
        const sections = [...(doc + inner).matchAll(/\*\*(When to use|Details|Gotchas|Example)\*\*/g)].map((
          [, section]
        ) => section!)
        assert.deepStrictEqual(sections, sections.toSorted((a, b) => order.indexOf(a) - order.indexOf(b)), name)
      }
    })
  }
})

/** The anchors of the headings of a page, as on GitHub. */
const anchorsOf = (file: string): ReadonlyArray<string> =>
  [...textOf(file).replaceAll(/^```[^]*?^```/gm, "").matchAll(/^#+ (.*)$/gm)].map(([, heading]) => slugOf(heading!))

describe("the links of", () => {
  for (const page of pages) {
    it(`${page} lead somewhere`, () => {
      // pages that are also read elsewhere, such as the README, have complete addresses
      const links = [
        ...textOf(page).replaceAll(`${repository}/blob/main/`, "/").matchAll(
          /\]\((?!https?:)([^)#\s]*)(?:#([^)\s]*))?\)/g
        )
      ]
      const broken = links.filter(([, target, anchor]) => {
        const file = target === "" ? page : target!.startsWith("/") ? target!.slice(1) : join(dirname(page), target!)
        // the site makes its reference when it is built, and then checks the links to it
        if (file.startsWith("site/api/")) return false
        return !existsSync(join(root, file)) || (anchor !== undefined && !anchorsOf(file).includes(anchor))
      })

      assert.deepStrictEqual(broken.map(([link]) => link), [])
    })
  }
})
