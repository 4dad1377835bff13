import { assert, describe, it } from "@effect/vitest"
import { existsSync, globSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { page } from "../../bench/page.ts"
import { checkFigure, figure, type Result, spread, targetFigure, verdict } from "../../bench/results.ts"
import { readResults } from "../../bench/store.ts"
import { escaped } from "../../bench/tables.ts"

const root = fileURLToPath(new URL("../..", import.meta.url))

const made = (overrides: Partial<Result> = {}): Result => ({
  topic: "forEach",
  title: "forEach",
  date: "2026-01-02T03:04:05.000Z",
  seconds: 10,
  rounds: 3,
  commit: "abc1234",
  hasChanges: false,
  node: "24.0.0",
  cpu: "A | B",
  cores: 2,
  os: "Linux 6.1 x64",
  peers: { "p-map": "7.0.0", "effect": "4.1.0" },
  groups: [{
    name: "resolved promises",
    readings: [
      { case: "ours", inputs: 100, unit: "µs", values: [1, 2, 3] },
      { case: "ours", inputs: 1000, unit: "µs", values: [1.5, 1.5, 1.5] },
      { case: "p-map", inputs: 100, unit: "µs", values: [2, 2, 2] },
      { case: "memory", unit: "MB", values: [4, 5, 6] }
    ],
    checks: [
      { case: "ours", beside: "p-map", inputs: 100, unit: "x", target: 0.9, values: [0.5, 1, 1.5] },
      { case: "ours", beside: "p-map", inputs: 1000, unit: "x", target: 0.9, values: [0.7, 0.75, 0.7] },
      { case: "ours", beside: "none", inputs: 100, unit: "µs", values: [-1, 2, 3] },
      { case: "memory", unit: "MB", target: 5.2, values: [4, 5, 6] }
    ]
  }],
  ...overrides
})

/** The lines of a text that contain all the parts. */
const linesWith = (text: string, ...parts: ReadonlyArray<string>): ReadonlyArray<string> =>
  text.split("\n").filter((line) => parts.every((part) => line.includes(part)))

describe("the page of benchmarks", () => {
  it("is what `npm run bench -- --page` writes from the stored results", () => {
    const written = readFileSync(join(root, "docs", "benchmarks.md"), "utf8")

    assert.isTrue(written === page(readResults()), "run `npm run bench -- --page`")
  })

  it("has its charts", () => {
    const images = [...page(readResults()).matchAll(/!\[[^\]]+\]\((\.\/[^)]+)\)/g)].map(([, file]) => file!)

    assert.isAtLeast(images.length, 3)
    for (const image of images) assert.isTrue(existsSync(join(root, "docs", image)), image)
  })

  it("shows everything that is stored", () => {
    const text = page(readResults())

    for (const { date, groups, topic } of Object.values(readResults())) {
      assert.isAbove(linesWith(text, `\`bench/${topic}.ts\``, date.slice(0, 10)).length, 0, topic)
      for (const { checks, readings } of groups) {
        for (const each of readings) assert.include(text, spread(each.values, each.unit))
        for (const check of checks) assert.include(text, checkFigure(check))
      }
    }
  })

  it("says what was measured when, on what and beside what", () => {
    const text = page({ forEach: made({ hasChanges: true }) }).replaceAll("\n", " ")

    assert.include(
      text,
      "*`bench/forEach.ts`, measured on 2026-01-02 in 3 rounds at commit `abc1234` with changes, with Node.js 24.0.0 on "
        + "2 cores of A \\| B, Linux 6.1 x64. Compared with p-map 7.0.0 and effect 4.1.0.*"
    )
  })

  it("shows each figure of a check, its target and what came of it", () => {
    const text = page({ forEach: made() })

    assert.deepStrictEqual(linesWith(text, "| ours | p-map |"), [
      "| resolved promises | ours | p-map | 1.0 (0.50 to 1.5) | 0.70 (0.70 to 0.75) | | ≤ 0.9 | "
      + "100: **missed**; 1,000: met |"
    ])
    assert.deepStrictEqual(linesWith(text, "| ours | none |"), [
      "| | ours | none | +2.00 µs (-1.00 to +3.00) | | | | |"
    ])
    assert.deepStrictEqual(linesWith(text, "| memory |", "met, narrowly"), [
      "| | memory | | | | 5.00 MB (4.00 to 6.00) | ≤ 5.2 MB | met, narrowly |"
    ])
  })

  it("lists the targets that are missed, and no others", () => {
    const text = page({ forEach: made() })
    const list = text.slice(text.indexOf("## Missed targets"), text.indexOf("## On fibers"))

    assert.include(list, "Of 3 targets, 1 is missed and 1 is met narrowly")
    assert.deepStrictEqual(linesWith(list, "**missed**"), [
      "| [`forEach`](#foreach) | resolved promises: ours / p-map, 100 | 1.0 (0.50 to 1.5) | ≤ 0.9 | **missed** |"
    ])
  })

  it("has no list where all targets are met", () => {
    const readings = [{ case: "ours", unit: "µs", values: [1] }] as const
    const checks = [{ case: "ours", unit: "µs", target: 2, values: [1] }] as const
    const text = page({ forEach: made({ groups: [{ name: "one", readings, checks }] }) })

    assert.include(text, "Of 1 targets, 0 are missed and 0 are met narrowly")
    assert.notInclude(text, "**missed**")
  })

  it("has a section for a topic that it does not know", () => {
    const text = page({ other: made({ topic: "other", title: "Something <new>" }) })

    assert.deepStrictEqual(linesWith(text, "## Something"), ["## Something &lt;new&gt;"])
    assert.include(text, "`bench/other.ts`")
    assert.isAbove(linesWith(text, "| ours | p-map |").length, 0)
  })

  it("has all sections where nothing is measured", () => {
    const text = page({})

    assert.include(text, "Of 0 targets")
    assert.isAbove(linesWith(text, "*Not measured yet.*").length, 10)
    assert.notMatch(text, /undefined|NaN/)
  })

  it("escapes what would be Markdown, HTML or code of a site", () => {
    const name = "a|b <i> *c* _d_ `e` {{f}} [g](h)\nnext & \\"

    assert.strictEqual(
      escaped(name),
      "a\\|b &lt;i&gt; \\*c\\* \\_d\\_ \\`e\\` {<!-- -->{f}} \\[g\\](h) next &amp; \\\\"
    )
    const readings = [{ case: name, unit: "µs", values: [1] }] as const
    assert.include(page({ x: made({ topic: "x", groups: [{ name, readings, checks: [] }] }) }), `| ${escaped(name)} |`)
  })

  it("does not need a plotting library", () => {
    const files = ["page", "tables", "results", "chartData"].map((name) => join(root, "bench", `${name}.ts`))
    const imports = files.flatMap((file) =>
      [...readFileSync(file, "utf8").matchAll(/from "([^"]+)"/g)].map(([, from]) => from!)
    )

    assert.deepStrictEqual([...new Set(imports)].toSorted(), ["./chartData.ts", "./results.ts", "./tables.ts"])
  })

  it("keeps the sections to which other pages link", () => {
    const headings = [...page(readResults()).matchAll(/^#+ (.+)$/gm)].map(([, title]) =>
      title!.toLowerCase().replace(/[^\w\s-]/g, "").replace(/\s/g, "-")
    )
    const linked = globSync(["*.md", "docs/**/*.md"], { cwd: root }).flatMap((file) =>
      [...readFileSync(join(root, file), "utf8").matchAll(/benchmarks\.md#([\w-]+)/g)].map(([, anchor]) => anchor!)
    )

    for (const anchor of linked) assert.include(headings, anchor)
  })
})

describe("figures of benchmarks", () => {
  it("have two significant digits if they are ratios or rates, and three otherwise", () => {
    const ratios = [0.00414, 0.0996, 0.999, 1.284, 9.96, 12.4, 1234].map((value) => figure(value, "x"))

    assert.deepStrictEqual(ratios, ["0.0041", "0.10", "1.0", "1.3", "10", "12", "1,200"])
    assert.strictEqual(figure(15_384_615, "per second"), "15,000,000 per second")
    assert.strictEqual(figure(99.94, "%"), "99.9 %")
    assert.strictEqual(figure(0, "MB"), "0 MB")
    assert.strictEqual(figure(181.4, "MB"), "181 MB")
  })

  it("are times in the unit that fits", () => {
    const micros = [0.4213, 12.34, 1234.5].map((value) => figure(value, "µs"))
    const times = [...micros, figure(0.3, "ms"), figure(115, "s")]

    assert.deepStrictEqual(times, ["0.421 µs", "12.3 µs", "1.23 ms", "300 µs", "115 s"])
  })

  it("are targets that are not rounded", () => {
    const targets = [targetFigure(1.15, "x"), targetFigure(2, "x"), targetFigure(25, "ms"), targetFigure(0.15, "µs")]

    assert.deepStrictEqual(targets, ["1.15", "2", "25 ms", "0.15 µs"])
  })

  it("meet a target up to its value, narrowly in its last twentieth", () => {
    const found = [0.9, 0.96, 1, 1.01].map((value) => verdict([value], 1))

    assert.deepStrictEqual(found, ["met", "met, narrowly", "met, narrowly", "missed"])
    assert.strictEqual(verdict([0], 0), "met")
    assert.isUndefined(verdict([1], undefined))
  })
})
