import { assert, describe, it } from "@effect/vitest"
import { existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { linkFrom, slugOf } from "../../site/.vitepress/markdown.ts"
import { problemsOf } from "../../site/check.ts"
import { llms } from "../../site/llms.ts"
import { guides, modules } from "../../site/pages.ts"

const root = fileURLToPath(new URL("../..", import.meta.url))
const textOf = (file: string): string => readFileSync(join(root, file), "utf8")
const pages = (groups: typeof guides) => groups.flatMap(({ pages }) => pages)

const { exports, files } = JSON.parse(textOf("package.json")) as {
  readonly exports: Readonly<Record<string, string | Readonly<Record<string, string>>>>
  readonly files: ReadonlyArray<string>
}

describe("the sidebar", () => {
  it("has the pages of docs and the examples, and no others", () => {
    const files = globSync(["docs/*.md", "examples/README.md"], { cwd: root }).toSorted()

    assert.deepStrictEqual(pages(guides).map(({ file }) => file).toSorted(), files)
  })

  it("has the sub-paths of the package, and no others", () => {
    const sources = Object.values(exports).flatMap((target) =>
      typeof target === "string" ? [] : Object.values(target)[0]!
    )

    assert.deepStrictEqual(pages(modules).map(({ file }) => `./${file}`).toSorted(), sources.slice(1).toSorted())
  })
})

describe("llms.txt", () => {
  it("lists the pages of the sidebar; `npm run site` writes it", () => {
    assert.strictEqual(textOf("llms.txt"), llms)
  })

  it("names files that the package has", () => {
    const names = [...llms.matchAll(/\]\((?!https:)([^)]+)\)/g)].map(([, name]) => name!)

    assert.isAbove(names.length, 20)
    assert.deepStrictEqual(names.filter((name) => !existsSync(join(root, name))), [])
    assert.includeMembers([...files], ["docs", "src", "llms.txt", "AGENTS.md"])
  })
})

describe("the folder of pages", () => {
  it("has no file but pages and their pictures, since all of it is in the package", () => {
    const pages = globSync("docs/*.md", { cwd: root })
    const pictures = pages.flatMap((page) =>
      [...textOf(page).matchAll(/!\[[^\]]*\]\((?!https?:)([^)]+)\)/g)].map(([, file]) => join(dirname(page), file!))
    )
    const used = new Set([...pages, ...pictures])
    const files = globSync("docs/**", { cwd: root }).filter((file) => statSync(join(root, file)).isFile())

    assert.deepStrictEqual(files.filter((file) => !used.has(file)), [])
  })
})

describe("a link of a page", () => {
  const pageOf = (file: string) => file === "docs/limits.md" ? "limits" : undefined
  const link = (href: string) => linkFrom(root, pageOf, join(root, "docs", "resume.md"), href)

  it("to a page leads to that of the site", () => {
    assert.strictEqual(link("limits.md"), "/limits")
    assert.strictEqual(link("./limits.md#pause"), "/limits#pause")
  })

  it("to a file or a folder leads to the repository", () => {
    assert.match(link("../src/Task.ts#L3"), /^https:.*\/blob\/main\/src\/Task\.ts#L3$/)
    assert.match(link("../bench"), /^https:.*\/tree\/main\/bench$/)
    assert.match(link("../CONTRIBUTING.md"), /^https:.*\/blob\/main\/CONTRIBUTING\.md$/)
  })

  it("to something else stays as it is", () => {
    for (const href of ["https://effect.website", "#below", "mailto:a@b.test"]) assert.strictEqual(link(href), href)
  })

  it("to nothing is an error", () => {
    assert.throws(() => link("../nowhere.ts"), "docs/resume.md links to ../nowhere.ts, which does not exist")
  })
})

describe("the anchor of a heading", () => {
  it("is that of GitHub", () => {
    assert.strictEqual(slugOf("Crashes, and who is to blame"), "crashes-and-who-is-to-blame")
    assert.strictEqual(slugOf("`Effect.forEach` and p-map's own"), "effectforeach-and-p-maps-own")
    assert.strictEqual(slugOf("Über 3 ms"), "über-3-ms")
  })
})

describe("the check of the built site", () => {
  const problemsIn = (pages: Readonly<Record<string, string>>): ReadonlyArray<string> => {
    const folder = mkdtempSync(join(tmpdir(), "effect-parallel-site-"))
    try {
      for (const [name, html] of Object.entries(pages)) {
        mkdirSync(dirname(join(folder, name)), { recursive: true })
        writeFileSync(join(folder, name), html)
      }
      return problemsOf(folder, root).map((problem) => problem.replace(/^.*effect-parallel-site-[^/]*\//, ""))
    } finally {
      rmSync(folder, { recursive: true })
    }
  }

  it("finds nothing where links lead somewhere", () => {
    const problems = problemsIn({
      "index.html":
        `<a href="/">a</a> <a href="api/x.html#A.b">b</a> <a class="c" href="./api/">c</a> <a href="https://x.test">d</a>`,
      "api/index.html": `<a href="../index.html">a</a>`,
      "api/x.html": `<h3 id="A.b"><a href="#A.b">a</a></h3>`
    })

    assert.deepStrictEqual(problems, [])
  })

  it("finds pages, parts and files that are not there", () => {
    const problems = problemsIn({
      "index.html":
        `<a href="/gone.html">a</a> <a href="/x.html#gone">b</a> <img src="/gone.png"> <a href="#gone">c</a>`
        + `<a href="https://github.com/effect-parallel/effect-parallel/blob/main/gone.ts#L1">d</a>`,
      "x.html": `<h2 id="there">x</h2>`
    })

    assert.deepStrictEqual(problems, [
      "index.html: /gone.html: no such page",
      "index.html: /x.html#gone: no such part of the page",
      "index.html: /gone.png: no such page",
      "index.html: #gone: no such part of the page",
      "index.html: https://github.com/effect-parallel/effect-parallel/blob/main/gone.ts#L1: no such file in the repository"
    ])
  })
})
